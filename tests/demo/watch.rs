//! Looks at the lists and at poolmon's log while the demo waits, and prints what is new in them.
//!
//! Each wait has a limit and ends in an error that names what did not come.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::daemon::{Daemon, GLANCE};
use crate::lists::Lists;
use crate::pool::Pool;
use crate::telling::NotSeen;
use crate::terminal::Terminal;

/// For poolmon to notice what happened, and for the directors to obey.
const REACTION: Duration = Duration::from_secs(15);
pub struct Watch<'a> {
    // Before the pool, so that poolmon ends before its director does.
    daemon: Daemon,
    pub pool: Pool,
    terminal: &'a Terminal,
    printed_lists: Vec<String>,
}

/// Where the page is written: poolmon writes it anew all the time.
fn page() -> PathBuf {
    env::temp_dir().join("page.html")
}

impl<'a> Watch<'a> {
    pub fn new(terminal: &'a Terminal, pool: Pool) -> Watch<'a> {
        Watch {
            daemon: Daemon::default(),
            pool,
            terminal,
            printed_lists: Vec::new(),
        }
    }

    pub fn start_monitor(&mut self) {
        let (plan, shown) = self.pool.monitor();
        let page = page();
        let plan = plan.flag("--html-file").flag(&page);
        let shown = format!("{shown} --html-file {}", page.display());
        self.terminal
            .demo("poolmon starts beside director 1, to log in on each backend every second:");
        self.terminal.demo(&shown);
        self.daemon.start(plan);
    }

    /// The table of `poolmon status`, once it has these words: the status file follows within a second.
    pub fn until_status_says(&mut self, words: &str) -> Result<String, NotSeen> {
        let end = Instant::now() + REACTION;
        loop {
            self.look();
            let table = self.daemon.status()?;
            if table.contains(words) {
                return Ok(table);
            }
            self.daemon
                .go_on_until(end, &format!("\"{words}\" in poolmon status"))?;
        }
    }

    /// Ends poolmon as init would, and wants it to end well.
    pub fn stop_monitor(&mut self) -> Result<(), NotSeen> {
        self.daemon.stop(self.terminal, REACTION)
    }

    /// Waits for what the directors' lists say.
    pub fn until_listed(
        &mut self,
        what: &str,
        condition: impl Fn(&Lists) -> bool,
    ) -> Result<(), NotSeen> {
        let end = Instant::now() + REACTION;
        loop {
            if condition(&self.look()) {
                return Ok(());
            }
            self.daemon.go_on_until(end, what)?;
        }
    }

    /// Waits from now on only look at later lines.
    pub fn forget_log(&mut self) {
        self.daemon.forget_log();
    }

    /// Waits for a line of poolmon's log that has these words.
    pub fn until_logged(&mut self, words: &str) -> Result<(), NotSeen> {
        let end = Instant::now() + REACTION;
        loop {
            self.look();
            if self.daemon.has_logged(words) {
                return Ok(());
            }
            self.daemon
                .go_on_until(end, &format!("\"{words}\" in poolmon's log"))?;
        }
    }

    pub fn pause(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.look();
            sleep(GLANCE);
        }
    }

    /// Puts the page of this moment where the visitor finds it after the demo.
    pub fn keep_page(&self, place: &Path) -> Result<(), NotSeen> {
        fs::copy(page(), place)
            .map(|_| ())
            .map_err(|cause| NotSeen(format!("the page: {cause}")))
    }

    /// Prints what is new. The log comes first: poolmon's words precede the change that they announce.
    fn look(&mut self) -> Lists {
        let lists = Lists(self.pool.lists());
        self.daemon.print_log(self.terminal);
        let words = lists.in_words();
        self.printed_lists.resize(words.len(), String::new());
        for (printed, new) in self.printed_lists.iter_mut().zip(words) {
            if *printed != new {
                self.terminal.list(&new);
                *printed = new;
            }
        }
        lists
    }
}
