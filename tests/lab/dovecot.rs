//! One real Dovecot instance: written, started, stopped, frozen, thawed, killed.
//!
//! It owns the process group of the instance and nothing of what the configuration means. The
//! system's own Dovecot is never touched: every instance has its own configuration, folders and
//! addresses, and is ended by the number of the process that was started here.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{kill, killpg, Signal};
use nix::unistd::Pid;

use super::command::{run, Ended};
use super::patience::{show_on_failure, wait_until};
use super::warden::{Ward, Warden};

const START_LIMIT: Duration = Duration::from_secs(40);
/// Dovecot's master lets its processes finish; what is left after this is killed.
const STOP_LIMIT: Duration = Duration::from_secs(3);
const END_LIMIT: Duration = Duration::from_secs(5);
const DOVEADM_LIMIT: Duration = Duration::from_secs(70);

/// What has to accept a connection before an instance counts as started.
#[derive(Clone, Debug)]
pub enum Door {
    Port(SocketAddr),
    Socket(PathBuf),
}

impl Door {
    fn is_open(&self) -> bool {
        match self {
            Door::Port(address) => TcpStream::connect(address).is_ok(),
            Door::Socket(path) => UnixStream::connect(path).is_ok(),
        }
    }
}

pub struct Dovecot {
    folder: PathBuf,
    door: Door,
    /// In the master's environment.
    variables: Vec<(String, String)>,
    running: Option<Running>,
}

/// Whether this line of its log tells of a broken Dovecot. Not where a director dies because its clock was set back: that
/// is Dovecot's own fault (2.3.19, `ioloop.c`), and its master starts another one.
pub fn tells_of_a_defect(line: &str) -> bool {
    let is_of_its_clock = line.contains("(io_loop_get_wait_time): assertion failed");
    (line.contains("Panic") || line.contains("assertion")) && !is_of_its_clock
}

struct Running {
    master: Child,
    _warden: Warden,
}

impl Dovecot {
    /// Writes an instance into a new folder: `settings` and the few that keep instances apart.
    pub fn write(folder: PathBuf, settings: &str, door: Door) -> Dovecot {
        fs::create_dir_all(folder.join("run")).unwrap();
        fs::create_dir_all(folder.join("state")).unwrap();
        let name = folder.file_name().unwrap().to_str().unwrap().to_string();
        let shown = folder.display();
        let head = format!(
            "base_dir = {shown}/run\nstate_dir = {shown}/state\nlog_path = {shown}/log\n\
             instance_name = lab-{name}\nlog_timestamp = \"%Y-%m-%d %H:%M:%S.%{{usecs}} \"\n"
        );
        fs::write(folder.join("dovecot.conf"), head + settings).unwrap();
        show_on_failure(&folder.join("log"));
        Dovecot {
            folder,
            door,
            variables: Vec::new(),
            running: None,
        }
    }

    /// From the next start on. Its processes have it only if `import_environment` names it.
    pub fn set_variable(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_string(), value.to_string()));
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn config(&self) -> PathBuf {
        self.folder.join("dovecot.conf")
    }

    pub fn run_path(&self, name: &str) -> PathBuf {
        self.folder.join("run").join(name)
    }

    pub fn log(&self) -> String {
        let bytes = fs::read(self.folder.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Lines of the log that tell of a broken Dovecot.
    pub fn panics(&self) -> Vec<String> {
        self.log()
            .lines()
            .filter(|line| tells_of_a_defect(line))
            .map(str::to_string)
            .collect()
    }

    /// Starts the instance and waits until its door opens.
    #[track_caller]
    pub fn start(&mut self) {
        self.launch();
        self.wait_until_open();
    }

    /// Starts the instance without waiting, so that several start at the same time.
    pub fn launch(&mut self) {
        assert!(self.running.is_none(), "{:?} runs already", self.folder);
        // One that was killed has left it, and its number may be another process's by now: Dovecot would not start.
        let _ = fs::remove_file(self.run_path("master.pid"));
        let output = File::create(self.folder.join("output")).unwrap();
        // A session of its own is a process group of its own, which signals reach as a whole.
        let master = Command::new("setsid")
            .arg("dovecot")
            .arg("-F")
            .arg("-c")
            .arg(self.config())
            .envs(self.variables.clone())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .expect("setsid and dovecot are installed");
        let warden = Warden::over(Ward::Group(pid_of(&master)));
        self.running = Some(Running {
            master,
            _warden: warden,
        });
    }

    #[track_caller]
    pub fn wait_until_open(&mut self) {
        let door = self.door.clone();
        let output = self.folder.join("output");
        let master = &mut self.running.as_mut().expect("launched").master;
        wait_until(&format!("{door:?} to open"), START_LIMIT, || {
            if let Some(status) = master.try_wait().unwrap() {
                let said = fs::read_to_string(&output).unwrap_or_default();
                panic!("dovecot ended at once, {status}: {said}");
            }
            door.is_open()
        });
    }

    /// Writes this in place of that into the configuration, which counts from the next start or reload.
    #[track_caller]
    pub fn replace_setting(&self, old: &str, new: &str) {
        let settings = fs::read_to_string(self.config()).unwrap();
        assert!(settings.contains(old), "{old:?} is not in {settings}");
        fs::write(self.config(), settings.replace(old, new)).unwrap();
    }

    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Ends the instance in order: sessions are told.
    pub fn stop(&mut self) {
        if let Some(running) = &mut self.running {
            let pid = pid_of(&running.master);
            let _ = kill(pid, Signal::SIGTERM);
            let _ = killpg(pid, Signal::SIGCONT);
            let end = Instant::now() + STOP_LIMIT;
            while Instant::now() < end && running.master.try_wait().unwrap().is_none() {
                // Pause: between two looks.
                sleep(Duration::from_millis(10));
            }
        }
        self.kill();
    }

    /// Ends all processes of the instance at once.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            let pid = pid_of(&running.master);
            let _ = killpg(pid, Signal::SIGKILL);
            let _ = running.master.wait();
            // The children may hold ports until they are gone.
            let end = Instant::now() + END_LIMIT;
            while Instant::now() < end && is_group_alive(pid) {
                // Pause: between two looks.
                sleep(Duration::from_millis(5));
            }
        }
    }

    /// Stops all processes in their tracks: ports accept and nobody answers.
    pub fn freeze(&self) {
        self.signal_group(Signal::SIGSTOP);
    }

    pub fn thaw(&self) {
        self.signal_group(Signal::SIGCONT);
    }

    /// Kills one kind of process, such as `director`, and not the master, which starts a new one.
    #[track_caller]
    pub fn kill_service(&self, name: &str) {
        self.signal_service(name, Signal::SIGKILL);
    }

    /// Stops one kind of process in its tracks, such as `auth`, which checks passwords.
    #[track_caller]
    pub fn freeze_service(&self, name: &str) {
        self.signal_service(name, Signal::SIGSTOP);
    }

    #[track_caller]
    fn signal_service(&self, name: &str, signal: Signal) {
        let running = self.running.as_ref().expect("the instance runs");
        let of_service = processes_of(pid_of(&running.master))
            .into_iter()
            .filter(|process| process.name == name)
            .collect::<Vec<_>>();
        assert!(!of_service.is_empty(), "no process of {name}");
        for process in of_service {
            kill(process.pid, signal).expect("it runs");
        }
    }

    /// Runs doveadm on this instance.
    #[track_caller]
    pub fn doveadm(&self, arguments: &[&str]) -> Ended {
        let mut command = Command::new("doveadm");
        command.arg("-c").arg(self.config()).args(arguments);
        run(&mut command, &self.folder, DOVEADM_LIMIT)
    }

    fn signal_group(&self, signal: Signal) {
        let running = self.running.as_ref().expect("the instance runs");
        killpg(pid_of(&running.master), signal).expect("the instance's processes take the signal");
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        self.kill();
    }
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(child.id() as i32)
}

/// Zombies do not count: init may take its time to bury the children of a dead master, and they hold
/// nothing.
fn is_group_alive(group: Pid) -> bool {
    !processes_of(group).is_empty()
}

struct Process {
    pid: Pid,
    name: String,
}

/// The processes of a group that still run.
fn processes_of(group: Pid) -> Vec<Process> {
    let processes = match fs::read_dir("/proc") {
        Ok(processes) => processes,
        Err(_) => return Vec::new(),
    };
    let of_group = processes.flatten().filter_map(|process| {
        let pid = process.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(process.path().join("stat")).ok()?;
        // Behind the name, which stands in brackets: state, parent, process group.
        let (head, fields) = stat.rsplit_once(')')?;
        let (_, name) = head.split_once('(')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let runs = !matches!(*fields.first()?, "Z" | "X");
        (runs && fields.get(2)? == &group.to_string()).then(|| Process {
            pid: Pid::from_raw(pid),
            name: name.to_string(),
        })
    });
    of_group.collect()
}
