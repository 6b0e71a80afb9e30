//! What every demo is made of: it ends in time, finds the program, and says what was not seen.
//!
//! It knows no story.

use std::env;
use std::fmt;
use std::process::{self, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use crate::terminal::Terminal;

/// What had to be seen and was not.
#[derive(Debug)]
pub struct NotSeen(pub String);

impl fmt::Display for NotSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not seen: {}", self.0)
    }
}

/// Tells the story. The demo ends within this time even if something hangs; the lab's wardens end what it has
/// started.
pub fn tell(within: Duration, story: fn(&Terminal) -> Result<(), NotSeen>) -> ExitCode {
    thread::spawn(move || {
        thread::sleep(within);
        eprintln!("\ndemo FAILED: not over after {} s", within.as_secs());
        process::exit(1);
    });
    name_the_program();
    match story(&Terminal::new(Instant::now())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(not_seen) => {
            eprintln!("\ndemo FAILED: {not_seen}");
            ExitCode::FAILURE
        }
    }
}

/// Cargo tells tests where the program is, but not examples: it lies in the folder above theirs.
fn name_the_program() {
    let beside = env::current_exe()
        .ok()
        .and_then(|path| Some(path.parent()?.parent()?.join("poolmon")));
    if let (None, Some(program)) = (env::var_os("POOLMON_BIN"), beside) {
        env::set_var("POOLMON_BIN", program);
    }
}
