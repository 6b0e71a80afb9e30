//! A director that lists as many backends as wanted, and notes when it hears of a change.
//!
//! Always synced, obeys at once. What a director does wrong is the lab's business, not this one's.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

pub struct Director {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    hosts: BTreeMap<Ipv4Addr, Host>,
    /// The answer to HOST-LIST, made anew when a host changes.
    list: Arc<String>,
    downs: Vec<(Ipv4Addr, Instant)>,
}

#[derive(Clone, Copy)]
struct Host {
    letter: char,
    changed: u64,
}

impl Director {
    pub fn start(socket: &Path) -> Director {
        let listener = UnixListener::bind(socket).expect("the director's socket can be made");
        let state = Arc::new(Mutex::new(State::default()));
        thread::spawn({
            let state = Arc::clone(&state);
            move || {
                for stream in listener.incoming().flatten() {
                    let state = Arc::clone(&state);
                    // An error is the client's leaving.
                    thread::spawn(move || serve(stream, &state));
                }
            }
        });
        Director { state }
    }

    /// From now on so many are listed, all up.
    pub fn list(&self, first: Ipv4Addr, count: u32) {
        let mut state = self.state.lock().unwrap();
        let addresses = (0..count).map(|number| Ipv4Addr::from(u32::from(first) + number));
        let up = Host {
            letter: 'U',
            changed: 0,
        };
        state.hosts = addresses.map(|address| (address, up)).collect();
        state.downs.clear();
        state.write_list();
    }

    pub fn downs(&self) -> Vec<(Ipv4Addr, Instant)> {
        self.state.lock().unwrap().downs.clone()
    }

    /// When this many backends have been taken down; fewer are given if it takes too long.
    pub fn await_downs(&self, count: usize, patience: Duration) -> Vec<(Ipv4Addr, Instant)> {
        let end = Instant::now() + patience;
        while Instant::now() < end && self.downs().len() < count {
            thread::sleep(Duration::from_millis(20));
        }
        self.downs()
    }
}

impl State {
    fn write_list(&mut self) {
        let mut list = String::new();
        for (address, Host { letter, changed }) in &self.hosts {
            writeln!(list, "{address}\t100\t0\t\t{letter}\t{changed}").expect("a String takes all");
        }
        list.push('\n');
        self.list = Arc::new(list);
    }

    fn change(&mut self, address: &str, letter: char) -> &'static str {
        let address = address.parse().expect("an address");
        let host = match self.hosts.get_mut(&address) {
            Some(host) => host,
            None => return "NOTFOUND\n",
        };
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
        *host = Host {
            letter,
            changed: since.map_or(0, |since| since.as_secs()),
        };
        if letter == 'D' {
            self.downs.push((address, Instant::now()));
        }
        self.write_list();
        "OK\n"
    }
}

fn serve(mut stream: UnixStream, state: &Mutex<State>) -> io::Result<()> {
    stream.write_all(b"VERSION\tdirector-doveadm\t1\t0\n")?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    lines.next();
    for line in lines {
        let line = line?;
        let mut words = line.split('\t');
        let command = words.next().unwrap_or_default();
        let address = words.next().unwrap_or_default();
        match command {
            "HOST-LIST" => {
                let list = Arc::clone(&state.lock().unwrap().list);
                stream.write_all(list.as_bytes())?;
            }
            "DIRECTOR-LIST" => {
                stream.write_all(b"127.0.0.1\t9090\tself\t0\tring synced\n\n")?;
            }
            "HOST-DOWN" => {
                let answer = state.lock().unwrap().change(address, 'D');
                stream.write_all(answer.as_bytes())?;
            }
            "HOST-UP" => {
                let answer = state.lock().unwrap().change(address, 'U');
                stream.write_all(answer.as_bytes())?;
            }
            "HOST-RESET-USERS" | "HOST-FLUSH" => stream.write_all(b"OK\n")?,
            _ => return Ok(()),
        }
    }
    Ok(())
}
