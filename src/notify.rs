//! What the service manager is told over `$NOTIFY_SOCKET` (sd_notify(3)): ready, reloading,
//! stopping, a status line, and that the main thread is alive.
//!
//! Nothing here waits: a message that cannot be sent at once is dropped. Without a service manager
//! nothing is sent.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::{Duration, Instant};

use nix::time::{clock_gettime, ClockId};
use socket2::{Domain, SockAddr, Socket, Type};

/// It is never told more often that the process is alive, whatever limit it names.
const SHORTEST_KEEP_ALIVE: Duration = Duration::from_millis(10);

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    Ready,
    Reloading,
    Stopping,
    /// It does not start: why, and the system's number for that, if it has one.
    Failed {
        cause: &'a str,
        errno: Option<i32>,
    },
    /// One line for `systemctl status`.
    Status(&'a str),
    Alive,
}

impl Message<'_> {
    fn text(&self) -> String {
        match self {
            Message::Ready => "READY=1".to_owned(),
            // systemd takes a reload for one that it asked for itself (Type=notify-reload) only if
            // the time stands in the same message.
            Message::Reloading => match monotonic_microseconds() {
                Some(now) => format!("RELOADING=1\nMONOTONIC_USEC={now}"),
                None => "RELOADING=1".to_owned(),
            },
            Message::Stopping => "STOPPING=1".to_owned(),
            Message::Failed { cause, errno } => {
                let errno = errno.map_or(String::new(), |errno| format!("\nERRNO={errno}"));
                format!("{}{errno}", Message::Status(cause).text())
            }
            Message::Status(text) => format!("STATUS={}", text.replace('\n', " ")),
            Message::Alive => "WATCHDOG=1".to_owned(),
        }
    }
}

/// The time as systemd has it.
fn monotonic_microseconds() -> Option<i128> {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).ok()?;
    Some(i128::from(now.tv_sec()) * 1_000_000 + i128::from(now.tv_nsec()) / 1_000)
}

/// The service manager that started this process, if one did.
#[derive(Debug)]
pub struct ServiceManager {
    link: Option<(Socket, SockAddr)>,
    watchdog: Option<Watchdog>,
    status: String,
}

/// It wants to hear from the process that often.
#[derive(Debug)]
struct Watchdog {
    every: Duration,
    due: Instant,
}

impl ServiceManager {
    pub fn none() -> ServiceManager {
        ServiceManager {
            link: None,
            watchdog: None,
            status: String::new(),
        }
    }

    /// From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
    pub fn from_environment(now: Instant) -> io::Result<ServiceManager> {
        let socket = match env::var_os("NOTIFY_SOCKET") {
            Some(socket) if !socket.is_empty() => socket,
            _ => return Ok(ServiceManager::none()),
        };
        let ours =
            env::var("WATCHDOG_PID").map_or(true, |pid| pid.parse() == Ok(std::process::id()));
        let limit = env::var("WATCHDOG_USEC").ok().filter(|_| ours);
        let limit = limit.as_deref().and_then(watchdog_limit);
        ServiceManager::at(socket, limit, now)
    }

    /// `limit`: the process counts as hung when it has said nothing for so long.
    fn at(socket: OsString, limit: Option<Duration>, now: Instant) -> io::Result<ServiceManager> {
        let link = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
        link.set_nonblocking(true)?;
        Ok(ServiceManager {
            link: Some((link, SockAddr::unix(address(socket))?)),
            // sd_watchdog_enabled(3): half of it.
            watchdog: limit.map(|limit| Watchdog {
                every: (limit / 2).max(SHORTEST_KEEP_ALIVE),
                due: now,
            }),
            status: String::new(),
        })
    }

    pub fn tell(&self, message: &Message<'_>) {
        if let Some((link, address)) = &self.link {
            let _ = link.send_to(message.text().as_bytes(), address);
        }
    }

    /// Tells a status that differs from the last one.
    pub fn tell_status(&mut self, status: String) {
        if status != self.status {
            self.tell(&Message::Status(&status));
            self.status = status;
        }
    }

    /// When it next wants to hear that the process is alive, if it wants to.
    pub fn next_keep_alive(&self) -> Option<Instant> {
        self.watchdog.as_ref().map(|watchdog| watchdog.due)
    }

    /// Says that the process is alive when that is due.
    pub fn keep_alive(&mut self, now: Instant) {
        match &mut self.watchdog {
            Some(watchdog) if now >= watchdog.due => watchdog.due = now + watchdog.every,
            _ => return,
        }
        self.tell(&Message::Alive);
    }
}

/// As sd_watchdog_enabled(3) reads WATCHDOG_USEC: zero and the largest number mean no watchdog.
fn watchdog_limit(text: &str) -> Option<Duration> {
    let microseconds = text.parse().ok()?;
    match microseconds {
        0 | u64::MAX => None,
        _ => Some(Duration::from_micros(microseconds)),
    }
}

/// A leading `@` stands for the NUL byte of an abstract address.
fn address(socket: OsString) -> OsString {
    match socket.as_bytes().split_first() {
        Some((b'@', name)) => OsString::from_vec([b"\0", name].concat()),
        _ => socket,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;

    fn received(inbox: &UnixDatagram) -> Vec<String> {
        inbox.set_nonblocking(true).unwrap();
        let mut messages = Vec::new();
        let mut buffer = [0; 512];
        while let Ok(length) = inbox.recv(&mut buffer) {
            messages.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
        messages
    }

    /// At an abstract address, which leaves no file.
    fn manager(limit: Option<Duration>, start: Instant) -> (ServiceManager, UnixDatagram) {
        let name = format!(
            "@poolmon-notify-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        );
        let inbox = Socket::new(Domain::UNIX, Type::DGRAM, None).unwrap();
        inbox
            .bind(&SockAddr::unix(address(name.clone().into())).unwrap())
            .unwrap();
        let manager = ServiceManager::at(name.into(), limit, start).unwrap();
        (manager, UnixDatagram::from(inbox))
    }

    #[test]
    fn each_message_is_one_message_of_one_line() {
        let (mut manager, inbox) = manager(None, Instant::now());
        manager.tell(&Message::Ready);
        manager.tell(&Message::Reloading);
        manager.tell_status("2 of 3\nup".to_owned());
        manager.tell_status("2 of 3\nup".to_owned());
        manager.tell(&Message::Stopping);
        manager.keep_alive(Instant::now());
        let messages = received(&inbox);
        let lines = messages.iter().map(|message| message.lines().next());
        assert_eq!(
            lines.flatten().collect::<Vec<_>>(),
            ["READY=1", "RELOADING=1", "STATUS=2 of 3 up", "STOPPING=1"]
        );
    }

    #[test]
    fn a_start_that_fails_tells_why_with_the_system_s_number() {
        let (manager, inbox) = manager(None, Instant::now());
        for errno in [Some(13), None] {
            manager.tell(&Message::Failed {
                cause: "lock file:\npermission denied",
                errno,
            });
        }
        assert_eq!(
            received(&inbox),
            [
                "STATUS=lock file: permission denied\nERRNO=13",
                "STATUS=lock file: permission denied"
            ]
        );
    }

    #[test]
    fn a_reload_tells_the_time_in_the_same_message() {
        let (manager, inbox) = manager(None, Instant::now());
        let before = monotonic_microseconds().unwrap();
        manager.tell(&Message::Reloading);
        let after = monotonic_microseconds().unwrap();
        let messages = received(&inbox);
        let told = match &messages[..] {
            [message] => message.strip_prefix("RELOADING=1\nMONOTONIC_USEC="),
            _ => None,
        };
        let told: i128 = told.expect("one message").parse().expect("a number alone");
        assert!((before..=after).contains(&told), "{before} {told} {after}");
        // The clock of /proc/uptime, which starts with the machine as well.
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        assert!(told as f64 <= (uptime + 1.0) * 1e6, "{told} {uptime}");
    }

    #[test]
    fn only_a_limit_that_can_be_kept_asks_for_signs_of_life() {
        for (text, limit) in [
            ("30000000", Some(Duration::from_secs(30))),
            ("1", Some(Duration::from_micros(1))),
            ("0", None),
            ("18446744073709551615", None),
            ("18446744073709551616", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(watchdog_limit(text), limit, "{text:?}");
        }
    }

    #[test]
    fn a_limit_that_is_too_short_does_not_keep_the_process_busy() {
        let start = Instant::now();
        for limit in [0, 1, 19_000] {
            let (mut manager, _inbox) = manager(Some(Duration::from_micros(limit)), start);
            manager.keep_alive(start);
            let next = manager.next_keep_alive().unwrap();
            assert!(next >= start + SHORTEST_KEEP_ALIVE, "{limit}");
        }
    }

    #[test]
    fn the_watchdog_hears_at_half_its_limit() {
        let start = Instant::now();
        let (mut manager, inbox) = manager(Some(Duration::from_secs(30)), start);
        let told: Vec<u64> = (0..60)
            .filter(|second| {
                manager.keep_alive(start + Duration::from_secs(*second));
                received(&inbox) == ["WATCHDOG=1"]
            })
            .collect();
        assert_eq!(told, [0, 15, 30, 45]);
    }

    #[test]
    fn a_manager_that_does_not_read_is_not_waited_for() {
        let (manager, _inbox) = manager(None, Instant::now());
        for _ in 0..10_000 {
            manager.tell(&Message::Alive);
        }
    }

    #[test]
    fn an_at_sign_names_an_abstract_socket() {
        assert_eq!(address("@x/y".into()).as_bytes(), b"\0x/y");
        assert_eq!(address("/run/x".into()).as_bytes(), b"/run/x");
    }
}
