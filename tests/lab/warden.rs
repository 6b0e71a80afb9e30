//! Sees to it that nothing outlives the test process, not even when that is killed.
//!
//! A warden is a tiny shell that waits on a pipe which only the test process holds. If the pipe
//! ends without a word, the test process is gone, and the warden kills its ward.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use nix::unistd::Pid;

/// What a warden kills.
#[derive(Clone, Copy, Debug)]
pub enum Ward {
    Process(Pid),
    /// All processes of the group that this process leads.
    Group(Pid),
}

pub struct Warden {
    shell: Child,
}

impl Warden {
    pub fn over(ward: Ward) -> Warden {
        let target = match ward {
            Ward::Process(pid) => pid.to_string(),
            Ward::Group(pid) => format!("-{pid}"),
        };
        let shell = Command::new("sh")
            .arg("-c")
            .arg(r#"trap '' INT TERM HUP; read word || kill -s KILL -- "$0""#)
            .arg(target)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh runs");
        Warden { shell }
    }
}

impl Drop for Warden {
    /// To be dropped after the ward's end: the warden must not kill a stranger with the same number.
    fn drop(&mut self) {
        if let Some(mut pipe) = self.shell.stdin.take() {
            let _ = pipe.write_all(b"released\n");
        }
        let _ = self.shell.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::time::Duration;

    use nix::sys::signal::{killpg, Signal};

    use super::*;
    use crate::lab::patience::{wait_for, wait_until};

    const SOON: Duration = Duration::from_secs(5);

    #[test]
    fn a_warden_whose_pipe_ends_without_a_word_kills_its_ward() {
        for ward in [Ward::Process, Ward::Group] {
            let mut child = Command::new("setsid")
                .args(["sleep", "60"])
                .spawn()
                .unwrap();
            let pid = Pid::from_raw(child.id() as i32);
            wait_until("a group of its own", SOON, || killpg(pid, None).is_ok());
            let mut warden = Warden::over(ward(pid));
            drop(warden.shell.stdin.take());
            let status = wait_for("the ward's end", SOON, || child.try_wait().unwrap());
            assert_eq!(status.signal(), Some(Signal::SIGKILL as i32));
        }
    }
}
