//! Runs a short command with a limit, its output in a file: no pipe that a daemon could keep open.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::passwords;
use super::slowness::stretched;

static RUNS: AtomicUsize = AtomicUsize::new(0);

/// How a command ended, and standard output and error together.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub text: String,
}

impl Ended {
    /// The text of a command that has to succeed.
    #[track_caller]
    pub fn success(self) -> String {
        assert!(self.status.success(), "{}: {}", self.status, self.text);
        self.text
    }
}

/// Runs the command in `folder`; kills it and panics after `limit`.
#[track_caller]
pub fn run(command: &mut Command, folder: &Path, limit: Duration) -> Ended {
    let number = RUNS.fetch_add(1, Ordering::Relaxed);
    let file = folder.join(format!("output-{number}"));
    let output = File::create(&file).unwrap();
    let mut child = command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let limit = stretched(limit);
    let end = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() >= end {
            let _ = child.kill();
            let _ = child.wait();
            let text = read(&file);
            panic!("{command:?}: not done after {limit:?}: {text}");
        }
        // Pause: between two looks.
        sleep(Duration::from_millis(3));
    };
    let text = read(&file);
    let _ = fs::remove_file(&file);
    passwords::assert_none(&format!("{command:?}"), text.as_bytes());
    Ended { status, text }
}

fn read(file: &Path) -> String {
    String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).into_owned()
}
