//! A real HAProxy in the foreground, in front of backends, with its stats sockets in a folder of the test.
//!
//! It owns the configuration and the process, and gives a test what an operator has: the stats socket.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{kill, killpg, Signal};
use nix::unistd::Pid;

use super::patience::{wait_for, wait_until};
use super::place::Place;
use super::warden::{Ward, Warden};

/// Long enough for a very busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// How long a reply may take.
const REPLY: Duration = Duration::from_secs(10);

pub struct HaProxy {
    folder: PathBuf,
    address: Ipv4Addr,
    running: Option<Running>,
}

struct Running {
    master: Child,
    // After the process's end.
    _warden: Warden,
}

/// One section `listen` with its servers: `name address:port options`.
#[derive(Clone, Debug)]
pub struct Section {
    pub name: &'static str,
    pub port: u16,
    /// Lines before the servers: how they are checked, for instance.
    pub options: &'static [&'static str],
    pub servers: Vec<String>,
}

/// HAProxy's own check at its best without a password: the server has to greet.
pub const GREETING_CHECK: &[&str] = &["option tcp-check", "tcp-check expect string \"* OK\""];

/// What HAProxy's list shows of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerLine {
    pub admin: u32,
    pub is_running: bool,
}

impl ServerLine {
    /// Whether HAProxy sends users there.
    pub fn takes_users(&self) -> bool {
        self.admin == 0 && self.is_running
    }
}

pub fn program() -> &'static str {
    let places = [
        "/usr/sbin/haproxy",
        "/usr/local/sbin/haproxy",
        "/usr/bin/haproxy",
    ];
    let mut places = places.into_iter();
    let program = places.find(|path| fs::metadata(path).is_ok());
    program.expect("haproxy is installed: tests/setup/packages.sh test")
}

impl HaProxy {
    /// Listens on the place's address of this number.
    pub fn start(place: &Place, address: u8, sections: &[Section]) -> HaProxy {
        let mut haproxy = HaProxy {
            folder: place.path("haproxy"),
            address: place.address(address),
            running: None,
        };
        fs::create_dir(&haproxy.folder).unwrap();
        haproxy.write(sections);
        haproxy.launch();
        haproxy
    }

    /// What the next start or reload reads.
    pub fn write(&self, sections: &[Section]) {
        let mut text = String::from("global\n");
        for level in ["admin", "operator", "user"] {
            let socket = self.socket_of(level);
            let line = format!(
                "  stats socket {} mode 600 level {level}\n",
                socket.display()
            );
            text.push_str(&line);
        }
        text.push_str(
            "defaults\n  mode tcp\n  timeout connect 1s\n  timeout client 1m\n  timeout server 1m\n",
        );
        for section in sections {
            let bind = SocketAddr::from((self.address, section.port));
            text.push_str(&format!("listen {}\n  bind {bind}\n", section.name));
            for option in section.options {
                text.push_str(&format!("  {option}\n"));
            }
            for server in &section.servers {
                text.push_str(&format!("  server {server}\n"));
            }
        }
        fs::write(self.folder.join("haproxy.cfg"), text).unwrap();
    }

    /// In master-worker mode, as Debian's unit has it.
    pub fn launch(&mut self) {
        assert!(self.running.is_none(), "it runs already");
        let output = File::create(self.folder.join("output")).unwrap();
        let master = Command::new("setsid")
            .arg(program())
            .args(["-W", "-f"])
            .arg(self.folder.join("haproxy.cfg"))
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .expect("setsid is installed");
        let warden = Warden::over(Ward::Group(Pid::from_raw(master.id() as i32)));
        self.running = Some(Running {
            master,
            _warden: warden,
        });
        wait_until("HAProxy to answer", LIMIT, || self.worker().is_ok());
    }

    fn signal(&self, signal: Signal) {
        let running = self.running.as_ref().expect("it runs");
        kill(Pid::from_raw(running.master.id() as i32), signal).unwrap();
    }

    /// All of its processes.
    pub fn freeze(&self) {
        self.signal_all(Signal::SIGSTOP);
    }

    pub fn thaw(&self) {
        self.signal_all(Signal::SIGCONT);
    }

    fn signal_all(&self, signal: Signal) {
        let running = self.running.as_ref().expect("it runs");
        killpg(Pid::from_raw(running.master.id() as i32), signal).unwrap();
    }

    /// What `systemctl reload haproxy` does: a new worker with all forgotten.
    pub fn reload(&self) {
        let before = self.worker().unwrap();
        // A master that has just started may not hear it.
        const HEARD: Duration = Duration::from_secs(2);
        let mut sent: Option<Instant> = None;
        wait_until("a new worker", LIMIT, || {
            if sent.map_or(true, |sent| sent.elapsed() > HEARD) {
                self.signal(Signal::SIGUSR2);
                sent = Some(Instant::now());
            }
            self.worker().map_or(false, |now| now != before)
        });
    }

    /// Ends it with all sessions.
    pub fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let group = Pid::from_raw(-(running.master.id() as i32));
            let _ = kill(group, Signal::SIGKILL);
            let _ = running.master.wait();
        }
    }

    pub fn socket(&self) -> PathBuf {
        self.socket_of("admin")
    }

    pub fn socket_of(&self, level: &str) -> PathBuf {
        self.folder.join(format!("{level}.sock"))
    }

    pub fn door(&self, port: u16) -> SocketAddr {
        SocketAddr::from((self.address, port))
    }

    fn ask(&self, command: &str) -> io::Result<String> {
        let mut stream = UnixStream::connect(self.socket())?;
        stream.set_read_timeout(Some(REPLY))?;
        writeln!(stream, "{command}")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    }

    /// What an operator types; it has to be done.
    #[track_caller]
    pub fn tell(&self, command: &str) {
        assert_eq!(self.ask(command).unwrap(), "\n", "{command}");
    }

    fn worker(&self) -> io::Result<u32> {
        let text = self.ask("show info")?;
        let pid = text.lines().find_map(|line| line.strip_prefix("Pid: "));
        pid.and_then(|pid| pid.parse().ok())
            .ok_or_else(|| io::Error::new(io::ErrorKind::Other, "no pid"))
    }

    /// `imap/mail1`, as it is listed now.
    pub fn server(&self, name: &str) -> Option<ServerLine> {
        let text = self.ask("show servers state").ok()?;
        text.lines().find_map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            if words.len() < 10 || format!("{}/{}", words[1], words[3]) != name {
                return None;
            }
            Some(ServerLine {
                is_running: words[5] == "2",
                admin: words[6].parse().ok()?,
            })
        })
    }

    /// The admin state of the server: 0 ready, 1 maint, 8 drain.
    pub fn admin(&self, name: &str) -> Option<u32> {
        self.server(name).map(|server| server.admin)
    }

    #[track_caller]
    pub fn wait_for(&self, names: &[&str], admin: u32, limit: Duration) {
        let what = format!("{names:?} to be {admin}");
        wait_for(&what, limit, || {
            let mut names = names.iter();
            names
                .all(|name| self.admin(name) == Some(admin))
                .then_some(())
        });
    }
}

impl Drop for HaProxy {
    fn drop(&mut self) {
        self.stop();
    }
}
