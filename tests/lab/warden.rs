//! Sees to it that nothing outlives the test process, not even when that is killed.
//!
//! A warden is a tiny shell that waits on a pipe which only the test process holds. If the pipe
//! ends without a word, the test process is gone, and the warden kills its ward.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
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
        Warden::start(r#"kill -s KILL -- "$0""#, &[OsStr::new(&target)])
    }

    /// Over whatever process the PID file names at that moment, if it runs this program: a daemon
    /// that others start and replace.
    pub fn over_pid_file(file: &Path, program: &Path) -> Warden {
        let deed =
            r#"pid=$(cat "$0"); [ "$(readlink "/proc/$pid/exe")" = "$1" ] && kill -KILL "$pid""#;
        Warden::start(deed, &[file.as_os_str(), program.as_os_str()])
    }

    fn start(deed: &str, arguments: &[&OsStr]) -> Warden {
        let shell = Command::new("sh")
            .arg("-c")
            .arg(format!("trap '' INT TERM HUP; read word || {{ {deed}; }}"))
            .args(arguments)
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
    use std::env;
    use std::fs;
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

    #[test]
    fn a_warden_over_a_pid_file_kills_only_the_program_it_was_told() {
        let file = env::temp_dir().join(format!("pm-warden-{}", std::process::id()));
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        fs::write(&file, format!("{}\n", child.id())).unwrap();
        let program = wait_for("the program", SOON, || {
            let program = fs::read_link(format!("/proc/{}/exe", child.id())).ok()?;
            (program != env::current_exe().unwrap()).then_some(program)
        });
        for (told, ends) in [(Path::new("/another/program"), false), (&program, true)] {
            let mut warden = Warden::over_pid_file(&file, told);
            drop(warden.shell.stdin.take());
            warden.shell.wait().unwrap();
            if ends {
                wait_for("the ward's end", SOON, || child.try_wait().unwrap());
            } else {
                assert_eq!(child.try_wait().unwrap(), None);
            }
        }
        fs::remove_file(file).unwrap();
    }
}
