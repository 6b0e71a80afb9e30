//! Looks at HAProxy's list and at poolmon's log while the demo waits, and prints what is new in them.
//!
//! Each wait has a limit and ends in an error that names what did not come.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::lab::haproxy::ServerLine;
use crate::lab::logins::{Logins, PATIENCE};
use crate::lab::monitor::{binary, Monitor};
use crate::site::{Site, SERVERS};
use crate::telling::NotSeen;
use crate::terminal::Terminal;

const GLANCE: Duration = Duration::from_millis(50);
const REACTION: Duration = Duration::from_secs(20);
/// The lab runs poolmon with -d; of its many lines these tell the story.
const TELLING: [&str; 5] = [
    " ERR ",
    " disabled",
    " enabled",
    " users moved",
    " is healthy",
];

pub struct Watch<'a> {
    terminal: &'a Terminal,
    monitor: Option<Monitor>,
    status_file: PathBuf,
    printed_list: String,
    printed_lines: usize,
    /// How many lines of the log are of no more interest to waits.
    forgotten_lines: usize,
}

impl<'a> Watch<'a> {
    pub fn new(terminal: &'a Terminal) -> Watch<'a> {
        Watch {
            terminal,
            monitor: None,
            status_file: PathBuf::new(),
            printed_list: String::new(),
            printed_lines: 0,
            forgotten_lines: 0,
        }
    }

    pub fn start_monitor(&mut self, site: &Site) {
        let (plan, shown) = site.monitor();
        self.terminal.demo(&shown);
        self.monitor = Some(plan.start());
        self.status_file = plan.status;
    }

    /// Ends poolmon as init would, and wants it to end well.
    pub fn stop_monitor(&mut self) -> Result<(), NotSeen> {
        let mut monitor = self.monitor.take().expect("the monitor runs");
        let (status, took) = monitor.stop(REACTION);
        let took = took.as_secs_f64();
        self.terminal
            .demo(&format!("poolmon gets SIGTERM and ends within {took:.1} s"));
        match status.success() {
            true => Ok(()),
            false => Err(NotSeen(format!("poolmon's good end, but {status}"))),
        }
    }

    /// The table of `poolmon status`, once it has these words: the status file follows within a second.
    pub fn until_status_says(&mut self, site: &Site, words: &str) -> Result<String, NotSeen> {
        let end = Instant::now() + REACTION;
        loop {
            self.look(site);
            let output = Command::new(binary())
                .args(["status", "--status-file"])
                .arg(&self.status_file)
                .stdin(Stdio::null())
                .output()
                .map_err(|cause| NotSeen(format!("poolmon status: {cause}")))?;
            let table = String::from_utf8_lossy(&output.stdout).into_owned();
            if table.contains(words) {
                return Ok(table);
            }
            self.go_on_until(end, &format!("\"{words}\" in poolmon status"))?;
        }
    }

    /// Waits for what HAProxy's list says of this server.
    pub fn until_listed(
        &mut self,
        site: &Site,
        index: usize,
        what: &str,
        condition: impl Fn(&ServerLine) -> bool,
    ) -> Result<(), NotSeen> {
        let end = Instant::now() + REACTION;
        loop {
            self.look(site);
            let line = site.haproxy.server(&site.name(index));
            if line.map_or(false, |line| condition(&line)) {
                return Ok(());
            }
            self.go_on_until(end, &format!("{} {what}", site.name(index)))?;
        }
    }

    /// Waits until all logins of two seconds have succeeded: those of before have ended by then, too.
    pub fn until_all_get_in(&mut self, site: &Site, logins: &Logins) -> Result<(), NotSeen> {
        let end = Instant::now() + REACTION;
        loop {
            self.pause(site, PATIENCE);
            let now = Instant::now();
            if logins.between(now - PATIENCE, now).failed == 0 {
                return Ok(());
            }
            self.go_on_until(end, "all logins to succeed")?;
        }
    }

    /// Waits from now on only look at later lines.
    pub fn forget_log(&mut self) {
        self.forgotten_lines = self.log().len();
    }

    /// Waits for a line of poolmon's log that has these words.
    pub fn until_logged(&mut self, site: &Site, words: &str) -> Result<(), NotSeen> {
        let end = Instant::now() + REACTION;
        loop {
            self.look(site);
            let new = &self.log()[self.forgotten_lines..];
            if new.iter().any(|line| line.contains(words)) {
                return Ok(());
            }
            self.go_on_until(end, &format!("\"{words}\" in poolmon's log"))?;
        }
    }

    pub fn pause(&mut self, site: &Site, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.look(site);
            sleep(GLANCE);
        }
    }

    /// Prints what is new. The log comes first: poolmon's words precede the change that they announce.
    pub fn look(&mut self, site: &Site) {
        let lines = self.log();
        for line in &lines[self.printed_lines.min(lines.len())..] {
            if TELLING.iter().any(|word| line.contains(word)) {
                self.terminal.log(line);
            }
        }
        self.printed_lines = lines.len();
        let list = list_in_words(site);
        if self.printed_list != list {
            self.terminal.list(&list);
            self.printed_list = list;
        }
    }

    fn go_on_until(&mut self, end: Instant, what: &str) -> Result<(), NotSeen> {
        if let Some(status) = self.monitor.as_mut().and_then(Monitor::has_ended) {
            let log = self.log();
            let last = log.last().map_or("nothing", String::as_str);
            return Err(NotSeen(format!(
                "{what}; poolmon ended by itself, {status}, and said: {last}"
            )));
        }
        if Instant::now() >= end {
            return Err(NotSeen(what.to_string()));
        }
        sleep(GLANCE);
        Ok(())
    }

    fn log(&self) -> Vec<String> {
        match &self.monitor {
            Some(monitor) => monitor.lines(),
            None => Vec::new(),
        }
    }
}

/// In HAProxy's own words.
fn list_in_words(site: &Site) -> String {
    let servers = (0..usize::from(SERVERS)).map(|index| {
        let name = site.name(index);
        let state = match site.haproxy.server(&name) {
            None => "not listed",
            Some(line) => match (line.admin, line.is_running) {
                (0, true) => "up",
                (0, false) => "DOWN (its own check)",
                (1, _) => "MAINT",
                (8, _) => "drain",
                _ => "?",
            },
        };
        format!("{name} {state}")
    });
    let servers: Vec<String> = servers.collect();
    servers.join("   ")
}
