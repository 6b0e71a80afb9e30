//! Looks at the lists and at poolmon's log while the demo waits, and prints what is new in them.
//!
//! Each wait has a limit and ends in an error that names what did not come.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::lab::monitor::{binary, Monitor};
use crate::lists::Lists;
use crate::pool::Pool;
use crate::telling::NotSeen;
use crate::terminal::Terminal;

const GLANCE: Duration = Duration::from_millis(50);
/// For poolmon to notice what happened, and for the directors to obey.
const REACTION: Duration = Duration::from_secs(15);
/// The lab runs poolmon with -d; of its many lines these tell the story.
const TELLING: [&str; 6] = [
    " ERR ",
    " disabled",
    " enabled",
    " users moved",
    " users forgotten",
    " is healthy",
];

pub struct Watch<'a> {
    // Before the pool, so that poolmon ends before its director does.
    monitor: Option<Monitor>,
    pub pool: Pool,
    terminal: &'a Terminal,
    status_file: PathBuf,
    printed_lists: Vec<String>,
    printed_lines: usize,
    /// How many lines of the log are of no more interest to waits.
    forgotten_lines: usize,
}

/// Where the page is written: poolmon writes it anew all the time.
fn page() -> PathBuf {
    env::temp_dir().join("page.html")
}

impl<'a> Watch<'a> {
    pub fn new(terminal: &'a Terminal, pool: Pool) -> Watch<'a> {
        Watch {
            monitor: None,
            pool,
            terminal,
            status_file: PathBuf::new(),
            printed_lists: Vec::new(),
            printed_lines: 0,
            forgotten_lines: 0,
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
        self.monitor = Some(plan.start());
        self.status_file = plan.status.clone();
    }

    /// The table of `poolmon status`, once it has these words: the status file follows within a second.
    pub fn until_status_says(&mut self, words: &str) -> Result<String, NotSeen> {
        let end = Instant::now() + REACTION;
        loop {
            self.look();
            let table = self.status()?;
            if table.contains(words) {
                return Ok(table);
            }
            self.go_on_until(end, &format!("\"{words}\" in poolmon status"))?;
        }
    }

    fn status(&self) -> Result<String, NotSeen> {
        let output = Command::new(binary())
            .args(["status", "--status-file"])
            .arg(&self.status_file)
            .stdin(Stdio::null())
            .output();
        match output {
            Ok(output) if output.status.success() => {
                Ok(String::from_utf8_lossy(&output.stdout).into_owned())
            }
            Ok(output) => Err(NotSeen(format!(
                "a table of poolmon status, which said: {}",
                String::from_utf8_lossy(&output.stderr).trim_end()
            ))),
            Err(cause) => Err(NotSeen(format!("poolmon status: {cause}"))),
        }
    }

    /// Ends poolmon as init would, and wants it to end well.
    pub fn stop_monitor(&mut self) -> Result<(), NotSeen> {
        let mut monitor = self.monitor.take().expect("the monitor runs");
        let (status, took) = monitor.stop(REACTION);
        let took = took.as_secs_f64();
        self.terminal
            .demo(&format!("poolmon gets SIGTERM and ends within {took:.1} s"));
        if status.success() {
            Ok(())
        } else {
            Err(NotSeen(format!("poolmon's good end, but {status}")))
        }
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
            self.go_on_until(end, what)?;
        }
    }

    /// Waits from now on only look at later lines.
    pub fn forget_log(&mut self) {
        self.forgotten_lines = self.log().len();
    }

    /// Waits for a line of poolmon's log that has these words.
    pub fn until_logged(&mut self, words: &str) -> Result<(), NotSeen> {
        let end = Instant::now() + REACTION;
        loop {
            self.look();
            let new = &self.log()[self.forgotten_lines..];
            if new.iter().any(|line| line.contains(words)) {
                return Ok(());
            }
            self.go_on_until(end, &format!("\"{words}\" in poolmon's log"))?;
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

    /// Prints what is new. The log comes first: poolmon's words precede the change that they announce.
    fn look(&mut self) -> Lists {
        let lists = Lists(self.pool.lists());
        let lines = self.log();
        for line in &lines[self.printed_lines.min(lines.len())..] {
            if TELLING.iter().any(|word| line.contains(word)) {
                self.terminal.log(line);
            }
        }
        self.printed_lines = lines.len();
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
