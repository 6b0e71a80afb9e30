//! Looks at HAProxy's list and at poolmon's log while the demo waits, and prints what is new in them.
//!
//! Each wait has a limit and ends in an error that names what did not come.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::daemon::{Daemon, GLANCE};
use crate::lab::haproxy::ServerLine;
use crate::lab::logins::{Logins, PATIENCE};
use crate::site::{Site, SERVERS};
use crate::telling::NotSeen;
use crate::terminal::Terminal;

const REACTION: Duration = Duration::from_secs(20);

pub struct Watch<'a> {
    terminal: &'a Terminal,
    daemon: Daemon,
    printed_list: String,
}

impl<'a> Watch<'a> {
    pub fn new(terminal: &'a Terminal) -> Watch<'a> {
        Watch {
            terminal,
            daemon: Daemon::default(),
            printed_list: String::new(),
        }
    }

    pub fn start_monitor(&mut self, site: &Site) {
        let (plan, shown) = site.monitor();
        self.terminal.demo(&shown);
        self.daemon.start(plan);
    }

    /// Ends poolmon as init would, and wants it to end well.
    pub fn stop_monitor(&mut self) -> Result<(), NotSeen> {
        self.daemon.stop(self.terminal, REACTION)
    }

    /// The table of `poolmon status`, once it has these words: the status file follows within a second.
    pub fn until_status_says(&mut self, site: &Site, words: &str) -> Result<String, NotSeen> {
        let end = Instant::now() + REACTION;
        loop {
            self.look(site);
            let table = self.daemon.status()?;
            if table.contains(words) {
                return Ok(table);
            }
            self.daemon
                .go_on_until(end, &format!("\"{words}\" in poolmon status"))?;
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
            self.daemon
                .go_on_until(end, &format!("{} {what}", site.name(index)))?;
        }
    }

    /// Waits until all logins of the last two seconds have succeeded. Earlier logins have ended by then, too.
    pub fn until_all_get_in(&mut self, site: &Site, logins: &Logins) -> Result<(), NotSeen> {
        let end = Instant::now() + REACTION;
        loop {
            self.pause(site, PATIENCE);
            let now = Instant::now();
            if logins.between(now - PATIENCE, now).failed == 0 {
                return Ok(());
            }
            self.daemon.go_on_until(end, "all logins to succeed")?;
        }
    }

    /// Waits from now on only look at later lines.
    pub fn forget_log(&mut self) {
        self.daemon.forget_log();
    }

    /// Waits for a line of poolmon's log that has these words.
    pub fn until_logged(&mut self, site: &Site, words: &str) -> Result<(), NotSeen> {
        let end = Instant::now() + REACTION;
        loop {
            self.look(site);
            if self.daemon.has_logged(words) {
                return Ok(());
            }
            self.daemon
                .go_on_until(end, &format!("\"{words}\" in poolmon's log"))?;
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
        self.daemon.print_log(self.terminal);
        let list = list_in_words(site);
        if self.printed_list != list {
            self.terminal.list(&list);
            self.printed_list = list;
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
