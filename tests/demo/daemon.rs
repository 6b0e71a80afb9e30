//! The poolmon of a demo: started, read, asked for its status, and ended.
//!
//! It knows neither the pool nor the story.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::lab::monitor::{binary, Monitor, MonitorPlan};
use crate::telling::NotSeen;
use crate::terminal::Terminal;

pub const GLANCE: Duration = Duration::from_millis(50);

/// The lab runs poolmon with -d; of its many lines these tell the story.
const TELLING: [&str; 6] = [
    " ERR ",
    " disabled",
    " enabled",
    " users moved",
    " users forgotten",
    " is healthy",
];

#[derive(Default)]
pub struct Daemon {
    monitor: Option<Monitor>,
    status_file: PathBuf,
    printed_lines: usize,
    /// How many lines of the log are of no more interest to waits.
    forgotten_lines: usize,
}

impl Daemon {
    pub fn start(&mut self, plan: MonitorPlan) {
        self.monitor = Some(plan.start());
        self.status_file = plan.status;
    }

    /// Ends it as init would, and wants it to end well.
    pub fn stop(&mut self, terminal: &Terminal, within: Duration) -> Result<(), NotSeen> {
        let mut monitor = self.monitor.take().expect("the monitor runs");
        let (status, took) = monitor.stop(within);
        let took = took.as_secs_f64();
        terminal.demo(&format!("poolmon gets SIGTERM and ends within {took:.1} s"));
        match status.success() {
            true => Ok(()),
            false => Err(NotSeen(format!("poolmon's good end, but {status}"))),
        }
    }

    /// The table of `poolmon status`.
    pub fn status(&self) -> Result<String, NotSeen> {
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

    /// A moment more of a wait, if it is not over and poolmon runs; else what did not come.
    pub fn go_on_until(&mut self, end: Instant, what: &str) -> Result<(), NotSeen> {
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

    /// Waits from now on only look at later lines.
    pub fn forget_log(&mut self) {
        self.forgotten_lines = self.log().len();
    }

    /// Whether a line that is not forgotten has these words.
    pub fn has_logged(&self, words: &str) -> bool {
        let new = &self.log()[self.forgotten_lines..];
        new.iter().any(|line| line.contains(words))
    }

    /// Prints what of the log is new and tells the story.
    pub fn print_log(&mut self, terminal: &Terminal) {
        let lines = self.log();
        for line in &lines[self.printed_lines.min(lines.len())..] {
            if TELLING.iter().any(|word| line.contains(word)) {
                terminal.log(line);
            }
        }
        self.printed_lines = lines.len();
    }

    fn log(&self) -> Vec<String> {
        match &self.monitor {
            Some(monitor) => monitor.lines(),
            None => Vec::new(),
        }
    }
}
