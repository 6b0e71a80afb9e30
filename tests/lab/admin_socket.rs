//! Asks a director, real or fake, over its admin socket, and reads its host list for the tests.
//!
//! One connection a question, as a careful client does it.

use std::io::{self, BufRead, BufReader, Write};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

pub const VERSION: &str = "VERSION\tdirector-doveadm\t1\t0\n";
/// A director's own waits for the ring end after 30 s each.
const LIMIT: Duration = Duration::from_secs(35);

/// A line of HOST-LIST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostLine {
    pub address: IpAddr,
    pub vhosts: u32,
    pub users: u64,
    pub tag: String,
    /// `U` or `D`.
    pub state: char,
    pub stamp: u64,
}

/// The one line that answers a command.
pub fn ask(socket: &Path, command: &str) -> io::Result<String> {
    let mut reader = open(socket, command, LIMIT)?;
    read_line(&mut reader)
}

/// The lines up to the empty one that ends a list.
pub fn ask_list(socket: &Path, command: &str) -> io::Result<Vec<String>> {
    read_list(&mut open(socket, command, LIMIT)?)
}

fn read_list(reader: &mut impl BufRead) -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let line = read_line(reader)?;
        if line.is_empty() {
            return Ok(lines);
        }
        lines.push(line);
    }
}

pub fn host_list(socket: &Path) -> io::Result<Vec<HostLine>> {
    parse_hosts(&ask_list(socket, "HOST-LIST")?)
}

fn parse_hosts(lines: &[String]) -> io::Result<Vec<HostLine>> {
    let malformed = |line: &str| io::Error::new(io::ErrorKind::InvalidData, line.to_string());
    lines
        .iter()
        .map(|line| parse(line).ok_or_else(|| malformed(line)))
        .collect()
}

/// The host list and the ring's status, one after the other on one connection, each line within `limit`.
pub fn both_lists(socket: &Path, limit: Duration) -> io::Result<(Vec<HostLine>, String)> {
    let mut reader = open(socket, "HOST-LIST", limit)?;
    let hosts = read_list(&mut reader)?;
    reader.get_mut().write_all(b"DIRECTOR-LIST\n")?;
    let directors = read_list(&mut reader)?;
    Ok((parse_hosts(&hosts)?, own_status(&directors)?))
}

/// What the director says about the ring on its own line of DIRECTOR-LIST.
pub fn ring_status(socket: &Path) -> io::Result<String> {
    own_status(&ask_list(socket, "DIRECTOR-LIST")?)
}

fn own_status(directors: &[String]) -> io::Result<String> {
    for line in directors {
        let fields: Vec<&str> = line.split('\t').collect();
        if fields.get(2) == Some(&"self") {
            return Ok(fields.get(4).copied().unwrap_or_default().to_string());
        }
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        "no line of its own",
    ))
}

fn open(socket: &Path, command: &str, limit: Duration) -> io::Result<BufReader<UnixStream>> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(format!("{VERSION}{command}\n").as_bytes())?;
    let mut reader = BufReader::new(stream);
    read_line(&mut reader)?;
    Ok(reader)
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    match line.strip_suffix('\n') {
        Some(whole) => Ok(whole.to_string()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn parse(line: &str) -> Option<HostLine> {
    let fields: Vec<&str> = line.split('\t').collect();
    Some(HostLine {
        address: fields.first()?.parse().ok()?,
        vhosts: fields.get(1)?.parse().ok()?,
        users: fields.get(2)?.parse().ok()?,
        tag: fields.get(3)?.to_string(),
        state: fields.get(4)?.chars().next()?,
        stamp: fields.get(5)?.parse().ok()?,
    })
}
