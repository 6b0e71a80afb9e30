//! The log among targets that hang or are not there: no decision and no signal waits for it.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::io::AsRawFd;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::fcntl::{fcntl, FcntlArg, OFlag};
use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;

use crate::lab::fake_backend::Mood;
use crate::lab::fake_pool::{FakePool, REACTION};
use crate::lab::patience::{check_in_time, in_order, less_than, pause, wait_until};
use crate::lab::tampering::HungDisk;
use crate::lab::warden::{Ward, Warden};

/// A pipe of 4096 bytes, full, that nobody reads until the test does.
struct FullPipe {
    /// For a monitor: to write there blocks.
    end: File,
    nonblocking: File,
    read: String,
}

impl FullPipe {
    fn at(path: &Path) -> FullPipe {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        let open = |flags: OFlag| {
            let mut options = OpenOptions::new();
            options.read(true).write(true).custom_flags(flags.bits());
            options.open(path).unwrap()
        };
        let end = open(OFlag::empty());
        fcntl(end.as_raw_fd(), FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
        let mut pipe = FullPipe {
            end,
            nonblocking: open(OFlag::O_NONBLOCK),
            read: String::new(),
        };
        pipe.fill();
        pipe
    }

    fn fill(&mut self) {
        while self.nonblocking.write(b"#\n").is_ok() {}
    }

    fn end(&self) -> File {
        self.end.try_clone().unwrap()
    }

    /// All that has come through so far, without what it was filled with.
    fn text(&mut self) -> &str {
        let mut buffer = [0; 4096];
        while let Ok(length) = self.nonblocking.read(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            self.read.push_str(&text.replace("#\n", ""));
        }
        &self.read
    }
}

#[test]
fn a_full_pipe_that_nobody_reads_stops_nobody_and_gets_all_lines_when_read() {
    let pool = FakePool::start(3);
    let plan = pool.monitor();
    let mut pipe = FullPipe::at(&pool.place.path("pipe"));
    let monitor = plan.start_into(pipe.end(), pipe.end());
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    // The director's answer is in: without that, a signal may be the first to be told.
    let address = pool.backends[0].address.to_string();
    monitor.wait_for_status("its users to be moved", REACTION, |shown| {
        let mut backends = shown["backends"].as_array().into_iter().flatten();
        backends.any(|backend| backend["address"] == *address && backend["drain"] == "done")
    });
    monitor.signal(Signal::SIGUSR1);
    monitor.signal(Signal::SIGHUP);
    pool.backends[0].set(Mood::Healthy);
    pool.wait_for_state(0, 'U');
    let changes = [" starts", " disabled: ", " users moved: ", " enabled: "];
    // Files are read again while probes go on.
    let asked_for = [" users moved: ", " last polls: ", "reloaded"];
    wait_until("all lines, in order", REACTION, || {
        let text = pipe.text();
        in_order(text, &changes) && in_order(text, &asked_for)
    });
    assert!(!pipe.text().contains("lost"), "{}", pipe.read);
}

#[test]
fn a_stop_waits_for_a_full_pipe_only_for_a_moment() {
    check_in_time(|| {
        let pool = FakePool::start(2);
        let plan = pool.monitor();
        let pipe = FullPipe::at(&pool.place.path("pipe"));
        let mut monitor = plan.start_into(pipe.end(), pipe.end());
        pool.wait_for_visits();
        let (status, taken) = monitor.stop(REACTION);
        assert_eq!(status.code(), Some(0));
        assert!(!plan.lock.exists());
        less_than(Duration::from_secs(1), taken)
    });
}

#[test]
fn a_log_file_on_a_disk_that_hangs_stops_nobody() {
    let pool = FakePool::start(3);
    let plan = pool.monitor();
    let ended = plan.run("-d", REACTION);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.text);
    let text = fs::read_to_string(&plan.lock).unwrap();
    let process = Pid::from_raw(text.trim().parse().unwrap());
    let _warden = Warden::over(Ward::Process(process));
    let hang = || HungDisk::under(&plan.log_file(), process.as_raw() as u32);
    let log = || fs::read_to_string(plan.log_file()).unwrap_or_default();
    pool.wait_for_visits();

    // Writing hangs, and then the file's opening too.
    let disk = hang();
    kill(process, Signal::SIGHUP).unwrap();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    pool.wait_for_no_users(0);
    drop(disk);
    wait_until("all lines, in order", REACTION, || {
        in_order(&log(), &[" starts", "reloaded", " disabled: "])
    });

    let disk = hang();
    pool.backends[0].set(Mood::Healthy);
    pool.wait_for_state(0, 'U');
    kill(process, Signal::SIGTERM).unwrap();
    // Twice the second of the manual: strace stops each of its calls.
    wait_until("the PID file to go", Duration::from_secs(2), || {
        !plan.lock.exists()
    });
    // No process ends while one of its threads waits for a disk.
    drop(disk);
    wait_until("the end", REACTION, || kill(process, None).is_err());
}

#[test]
fn lines_lost_to_a_pipe_that_hangs_are_counted_and_told_when_it_is_read() {
    let pool = FakePool::start(60);
    let mut pipe = FullPipe::at(&pool.place.path("pipe"));
    let monitor = pool.monitor().start_into(pipe.end(), pipe.end());
    pool.wait_for_visits();
    // A line for each backend each time: more than the 4 MB that may wait.
    for _ in 0..1000 {
        monitor.signal(Signal::SIGUSR1);
        // Pause: signals of a kind that wait are one, and nothing shows that one was taken.
        pause(Duration::from_millis(4));
    }
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    let lost = " log lines lost: the log did not take them in time\n";
    wait_until("the loss", REACTION, || pipe.text().contains(lost));
    assert_eq!(pipe.read.matches(lost).count(), 1);
    monitor.signal(Signal::SIGHUP);
    wait_until("a line after it", REACTION, || {
        in_order(pipe.text(), &[" starts", lost, "reloaded"])
    });
}

#[test]
fn the_journal_gets_priorities_and_no_time_and_nobody_else_does() {
    let pool = FakePool::start(2);
    let journal = pool.place.path("journal");
    let open = || File::create(&journal).unwrap();
    let stream = |file: &File| {
        let data = file.metadata().unwrap();
        format!("{}:{}", data.dev(), data.ino())
    };
    let text = || fs::read_to_string(&journal).unwrap();

    let file = open();
    let plan = pool.monitor().variable("JOURNAL_STREAM", stream(&file));
    let mut monitor = plan.start_into(file.try_clone().unwrap(), file);
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    let address = pool.address(0);
    let failed = format!("\n<3>{address} has failed: ");
    let disabled = format!("\n<6>{address} disabled: up -> down ");
    let probed = format!("\n<7>{} imap:", pool.address(1));
    wait_until("the change in the journal", REACTION, || {
        let text = text();
        text.contains(&failed) && text.contains(&disabled) && text.contains(&probed)
    });
    monitor.stop(REACTION);
    for line in text().lines() {
        assert!(line.starts_with('<'), "{line}");
    }

    // The variable is inherited, but the streams are others: standard error, or both.
    let (file, other) = (open(), File::create(pool.place.path("other")).unwrap());
    let plan = pool.monitor().variable("JOURNAL_STREAM", stream(&other));
    let mut monitor = plan.start_into(other.try_clone().unwrap(), file);
    wait_until("the error", REACTION, || text().contains("has failed: "));
    monitor.stop(REACTION);
    assert!(text().contains(" ERR "), "{}", text());
    let output = fs::read_to_string(pool.place.path("other")).unwrap();
    assert!(output.contains("<6>"), "{output}");
    assert!(!output.contains(" LOG "), "{output}");
}
