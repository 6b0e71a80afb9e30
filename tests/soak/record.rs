//! Threads that write down what there is to see from outside: every director's lists, every monitor's log
//! as it grows, its process and its status file.
//!
//! Each file is lines with the time in milliseconds since the start and fields between tabs; `history`
//! reads them.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{self, sleep, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use super::journal::Journal;
use super::monitors::running_pid;
use crate::lab::admin_socket::both_lists;

const LISTS_EACH: Duration = Duration::from_millis(250);
/// A director that is frozen answers nothing.
const LIST_LIMIT: Duration = Duration::from_secs(2);
const LOG_EACH: Duration = Duration::from_millis(100);
const PROCESS_EACH: Duration = Duration::from_secs(1);

pub struct Recorder {
    journal: Arc<Journal>,
    folder: PathBuf,
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Recorder {
    pub fn new(journal: Arc<Journal>, folder: &Path) -> Recorder {
        Recorder {
            journal,
            folder: folder.to_path_buf(),
            is_over: Arc::new(AtomicBool::new(false)),
            threads: Vec::new(),
        }
    }

    /// `lists-N.tsv`: the ring's status, then for each backend its state, users and stamp.
    pub fn watch_director(&mut self, number: usize, socket: PathBuf, backends: Vec<IpAddr>) {
        self.spawn("lists", number, LISTS_EACH, move |say| {
            match both_lists(&socket, LIST_LIMIT) {
                Err(error) => say(&format!("-\t{error}")),
                Ok((hosts, status)) => {
                    let of =
                        |address: &IpAddr| match hosts.iter().find(|host| host.address == *address)
                        {
                            Some(host) => format!("{}/{}/{}", host.state, host.users, host.stamp),
                            None => "-/0/0".to_owned(),
                        };
                    let hosts: Vec<String> = backends.iter().map(of).collect();
                    say(&format!("{status}\t{}", hosts.join("\t")));
                }
            }
        });
    }

    /// `log-N.tsv`: each line of the log when it came; also of a log that was renamed, for as long as it is
    /// still written to.
    pub fn watch_log(&mut self, number: usize, log: PathBuf) {
        let mut followed: Vec<Followed> = Vec::new();
        self.spawn("log", number, LOG_EACH, move |say| {
            if let Ok(file) = File::open(&log) {
                let inode = file.metadata().map_or(0, |data| data.ino());
                if !followed.iter().any(|known| known.inode == inode) {
                    followed.push(Followed {
                        inode,
                        file,
                        rest: Vec::new(),
                    });
                }
            }
            for log in &mut followed {
                log.follow(say);
            }
        });
    }

    /// `process-N.tsv`: process number, open descriptors, threads, kilobytes in memory, CPU ticks.
    /// `status-N.tsv`: see `digest`.
    pub fn watch_process(&mut self, number: usize, lock: PathBuf, status: PathBuf) {
        self.spawn(
            "process",
            number,
            PROCESS_EACH,
            move |say| match running_pid(&lock).map(|pid| (pid, usage(pid.as_raw()))) {
                Some((pid, Ok(usage))) => say(&format!("{pid}\t{usage}")),
                _ => say("-"),
            },
        );
        self.spawn(
            "status",
            number,
            PROCESS_EACH,
            move |say| match read_status(&status) {
                Some(digest) => say(&digest),
                None => say("-"),
            },
        );
    }

    /// Ends the threads, after a last look.
    pub fn finish(mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            thread.join().expect("the recording is whole");
        }
    }

    fn spawn(
        &mut self,
        name: &str,
        number: usize,
        each: Duration,
        mut look: impl FnMut(&mut dyn FnMut(&str)) + Send + 'static,
    ) {
        let path = self.folder.join(format!("{name}-{}.tsv", number + 1));
        let mut file = BufWriter::new(File::create(path).expect("the folder takes a file"));
        let (journal, is_over) = (self.journal.clone(), self.is_over.clone());
        self.threads.push(thread::spawn(move || loop {
            let was_over = is_over.load(Ordering::SeqCst);
            look(&mut |line| {
                writeln!(file, "{}\t{}", journal.now(), line.replace('\n', " "))
                    .expect("the disk takes the recording");
            });
            file.flush().expect("the disk takes the recording");
            if was_over {
                return;
            }
            // Pause: the pace of the recording.
            sleep(each);
        }));
    }
}

/// A log and what of it has been read.
struct Followed {
    inode: u64,
    file: File,
    /// A line that has not ended yet.
    rest: Vec<u8>,
}

impl Followed {
    fn follow(&mut self, say: &mut dyn FnMut(&str)) {
        let _ = self.file.read_to_end(&mut self.rest);
        while let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            say(String::from_utf8_lossy(&line[..end]).as_ref());
        }
    }
}

fn usage(pid: i32) -> io::Result<String> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd"))?.count();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let number = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let word = line.and_then(|line| line.split_whitespace().next());
        word.unwrap_or("0").to_owned()
    };
    // Behind the name: utime and stime are the 14th and 15th field of all.
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map_or(Vec::new(), |(_, rest)| rest.split_whitespace().collect());
    let ticks = |place: usize| {
        fields
            .get(place)
            .and_then(|word| word.parse().ok())
            .unwrap_or(0u64)
    };
    Ok(format!(
        "{descriptors}\t{}\t{}\t{}",
        number("Threads:"),
        number("VmRSS:"),
        ticks(11) + ticks(12)
    ))
}

fn read_status(file: &Path) -> Option<String> {
    digest(&serde_json::from_slice(&fs::read(file).ok()?).ok()?)
}

/// Process number, when it started and when the file was written by its own clock, alarms between commas, then for
/// each backend `listed/verdict/drain/rule that holds`.
fn digest(status: &Value) -> Option<String> {
    let alarms = status["alarms"].as_array()?.iter();
    let alarms: Vec<&str> = alarms.filter_map(|alarm| alarm["alarm"].as_str()).collect();
    let monitor = &status["poolmon"];
    let mut line = format!(
        "{}\t{}\t{}\t{}",
        monitor["pid"],
        monitor["started"],
        monitor["written"],
        alarms.join(",")
    );
    for backend in status["backends"].as_array()? {
        let word = |key: &str| backend[key].as_str().unwrap_or("?");
        let rules = backend["wanted"]["rules"].as_array();
        let holding = rules.and_then(|rules| rules.iter().find(|rule| rule["answer"] == "holds"));
        let rule = holding
            .and_then(|rule| rule["rule"].as_str())
            .unwrap_or("-");
        line.push_str(&format!(
            "\t{}/{}/{}/{rule}",
            word("listed"),
            word("verdict"),
            word("drain"),
        ));
    }
    Some(line)
}
