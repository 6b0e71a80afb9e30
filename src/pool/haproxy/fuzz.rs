//! Fuzz target: what HAProxy says. The first byte chooses what the rest is: the answer to our question, or, where
//! it is a digit, to a line of so many commands.
//!
//! The properties:
//! - An answer that is cut off anywhere is none. Written as HAProxy writes it and read again, it is the same.
//! - No line gets lost, and no name of a server can end the command that it is put into.
//! - A line of commands is done only if there is an empty line for each of them and nothing else.

use std::time::Instant;

use super::reading::{reading, Watched};
use super::wire::{line, parse_reply, Answer, Told};
use crate::backend::{HostState, Stamp};
use crate::pool::Reply;

pub(crate) fn haproxy(data: &[u8]) {
    match data.split_first() {
        Some((b'a', text)) => answer(text),
        Some((digit @ b'0'..=b'9', text)) => replies(text, usize::from(digit - b'0')),
        _ => {}
    }
}

fn replies(text: &[u8], commands: usize) {
    let reply = parse_reply(text, commands);
    if reply == Ok(Reply::Ok) {
        assert_eq!(text, vec![b'\n'; commands], "not one answer for each");
    }
    assert!(
        parse_reply(&[text, b"x"].concat(), commands).is_err(),
        "a cut line"
    );
}

fn answer(text: &[u8]) {
    let answer = match Answer::parse(text) {
        Ok(answer) => answer,
        Err(why) => {
            assert!(why.to_string().len() < 1000);
            return;
        }
    };
    let end = text
        .iter()
        .rposition(|&byte| byte != b'\n')
        .map_or(0, |at| at + 1);
    for cut in [end + 1, end, end * 7 / 8, end / 2, end / 8] {
        assert!(Answer::parse(&text[..cut]).is_err(), "cut at {cut}");
    }
    let lines = text.iter().filter(|&&byte| byte == b'\n').count();
    assert!(answer.servers.len() + answer.malformed.count <= lines);
    for server in &answer.servers {
        let name = server.name.to_string();
        let is_fit = |c: char| c.is_ascii_alphanumeric() || "-_.:/".contains(c);
        assert!(name.chars().all(is_fit), "{name}");
        for told in [Told::Maint, Told::Ready, Told::ShutdownSessions] {
            let line = line(told, std::slice::from_ref(&server.name));
            assert_eq!(line.matches(&[';', '\n'][..]).count(), 1, "{line}");
        }
    }
    let mut sound = answer.clone();
    sound.malformed = Default::default();
    // A name that is there twice has the sessions of the last line.
    assert_eq!(Answer::parse(&written(&answer)), Ok(sound));
    for watched in [
        Watched::Ports(answer.servers.iter().map(|server| server.port).collect()),
        Watched::Proxies(
            answer
                .servers
                .iter()
                .map(|s| s.name.proxy.to_string())
                .collect(),
        ),
    ] {
        let all = reading(
            answer.clone(),
            &watched,
            Instant::now(),
            Stamp(1_800_000_000),
        );
        assert!(all
            .members
            .windows(2)
            .all(|two| two[0].address < two[1].address));
        for member in &all.members {
            let own: Vec<_> = answer
                .servers
                .iter()
                .filter(|server| server.address == member.address)
                .collect();
            let is_ready = own.iter().any(|server| server.admin.is_ready());
            assert_eq!(member.state == HostState::Up, is_ready);
            let takes_users = own.iter().all(|s| s.admin.is_ready() && s.is_running);
            assert!(member.state == HostState::Down || member.vhosts == 0 || takes_users);
        }
    }
}

fn written(answer: &Answer) -> Vec<u8> {
    let mut text = format!(
        "{}\n\nName: HAProxy\nPid: {}\nUptime_sec: {}\n\n1\n# srv_name be_name srv_addr srv_port \
         srv_op_state srv_admin_state srv_uweight srv_time_since_last_change\n",
        answer.level,
        answer.process.id,
        answer.process.uptime.as_secs()
    );
    let mut statistics = String::from("# pxname,svname,scur\n");
    for server in &answer.servers {
        text.push_str(&format!(
            "{} {} {} {} {} {} {} {}\n",
            server.name.server,
            server.name.proxy,
            server.address,
            server.port,
            if server.is_running { 2 } else { 0 },
            server.admin.0,
            server.weight,
            server.unchanged_for.as_secs()
        ));
        let name = &server.name;
        let row = format!("{},{},{}\n", name.proxy, name.server, server.sessions);
        statistics.push_str(&row);
    }
    format!("{text}\n{statistics}\n").into_bytes()
}
