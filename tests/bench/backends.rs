//! The server process of all backends (backends.c), and its commands.

use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{channel, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use crate::programs::{taskset, Sessions};

const PATIENCE: Duration = Duration::from_secs(60);

/// Dropped, the process ends: its commands do.
pub struct Backends {
    child: Child,
    commands: Option<ChildStdin>,
    /// Its lines, with the time of their coming.
    said: Receiver<(String, Instant)>,
}

impl Backends {
    pub fn start(program: &Path, certificate: &Path, key: &Path) -> Backends {
        let mut child = taskset(0)
            .args([program, certificate, key])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the backends' program runs");
        let lines = BufReader::new(child.stdout.take().expect("stdout is a pipe")).lines();
        let (sender, said) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if sender.send((line, Instant::now())).is_err() {
                    return;
                }
            }
        });
        Backends {
            commands: child.stdin.take(),
            child,
            said,
        }
    }

    /// All of 127/8 on this port.
    pub fn serve_any(&mut self, port: u16) {
        self.order(&format!("any {port}"));
    }

    pub fn serve_any_tls(&mut self, port: u16, sessions: Sessions) {
        let command = match sessions {
            Sessions::EachNew => "any-tls",
            Sessions::Resumed => "any-tls-resuming",
        };
        self.order(&format!("{command} {port}"));
    }

    /// So many addresses with a listening socket each, which can fail one by one.
    pub fn serve_each(&mut self, port: u16, first: Ipv4Addr, count: u32) {
        self.order(&format!("each {port} {first} {count}"));
    }

    /// `refuse`, `freeze`, `half` or `serve`, of those with a socket each, by number.
    pub fn make(&mut self, what: &str, from: u32, to: u32) -> Instant {
        self.order(&format!("{what} {from} {to}"))
    }

    pub fn finished(&mut self) -> u64 {
        self.tell("count");
        let (count, _) = self.hear();
        count.parse().expect("a number")
    }

    pub fn await_first_connection(&mut self) {
        self.order("first");
    }

    pub fn await_sessions(&mut self, count: u32) {
        self.order(&format!("reach {count}"));
    }

    /// When what was waited for happened.
    pub fn hear_of(&mut self, what: &str) -> Instant {
        let (line, when) = self.hear();
        assert_eq!(line, what);
        when
    }

    fn order(&mut self, command: &str) -> Instant {
        self.tell(command);
        self.hear_of("ok")
    }

    fn tell(&mut self, command: &str) {
        let commands = self.commands.as_mut().expect("open until dropped");
        // In one piece, as the other side reads.
        let line = format!("{command}\n");
        let written = commands.write_all(line.as_bytes());
        written.expect("the backends' process lives");
    }

    fn hear(&mut self) -> (String, Instant) {
        let said = self.said.recv_timeout(PATIENCE);
        said.expect("the backends' process answers")
    }
}

impl Drop for Backends {
    fn drop(&mut self) {
        drop(self.commands.take());
        let _ = self.child.wait();
    }
}
