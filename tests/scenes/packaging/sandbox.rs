//! The unit's sandbox over a running monitor, without a running systemd: unshare and setpriv take away what the unit
//! takes away of files and rights, and of what the unit's filters take away of system calls strace tells whether the
//! monitor would have missed it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{kill, killpg, Signal};
use nix::unistd::Pid;

use super::installation::{project, text_of, SOON};
use super::unit::exec_start;
use crate::lab::authority::Authority;
use crate::lab::command;
use crate::lab::fake_backend::{Mood, IMAP};
use crate::lab::fake_pool::{FakePool, PASSWORD, USER};
use crate::lab::monitor::binary;
use crate::lab::patience::{show_on_failure, wait_until};
use crate::lab::ring::{IMAPS, TLS_NAME};
use crate::lab::tls_port::TlsPort;
use crate::lab::warden::{Ward, Warden};

const UNIT: &str = "init/poolmon.service";

/// What the unit says of a setting, the values of all its lines together.
fn setting(name: &str) -> Vec<String> {
    let text = text_of(UNIT);
    let begin = format!("{name}=");
    let lines = text.lines().filter_map(|line| line.strip_prefix(&begin));
    lines
        .flat_map(|line| line.split(' ').map(str::to_owned))
        .collect()
}

/// The sets of system calls that this systemd knows, each with the names of calls and sets in it.
fn sets_of_calls() -> BTreeMap<String, Vec<String>> {
    let mut analyze = Command::new("systemd-analyze");
    analyze.arg("syscall-filter").env("LC_ALL", "C.UTF-8");
    let told = command::run(&mut analyze, Path::new("/"), SOON).success();
    let mut sets = BTreeMap::new();
    let mut set: &mut Vec<String> = &mut Vec::new();
    // Behind them stand those of the kernel that are in none of them.
    for line in told.lines().take_while(|line| !line.starts_with('#')) {
        match line.trim_start() {
            text if text.is_empty() || text.starts_with('#') => {}
            name if name == line => set = sets.entry(name.to_owned()).or_default(),
            name => set.push(name.to_owned()),
        }
    }
    sets
}

/// All calls of a set, and of the sets in it.
fn calls_of(set: &str, sets: &BTreeMap<String, Vec<String>>) -> BTreeSet<String> {
    let names = sets.get(set).unwrap_or_else(|| panic!("no set {set}"));
    let calls = names.iter().flat_map(|name| match name.starts_with('@') {
        true => calls_of(name, sets),
        false => BTreeSet::from([name.clone()]),
    });
    calls.collect()
}

/// What the unit's SystemCallFilter lines leave.
fn allowed_calls() -> BTreeSet<String> {
    let (text, sets) = (text_of(UNIT), sets_of_calls());
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("SystemCallFilter="));
    let mut allowed = BTreeSet::new();
    for line in lines {
        let of = |names: &str| -> BTreeSet<String> {
            let names = names.split(' ');
            names.flat_map(|name| calls_of(name, &sets)).collect()
        };
        match line.strip_prefix('~') {
            Some(names) => allowed = &allowed - &of(names),
            None => allowed.extend(of(line)),
        }
    }
    allowed
}

fn filters(place: &Path) -> Filters {
    Filters {
        calls: allowed_calls(),
        families: setting("RestrictAddressFamilies"),
        place: place.to_owned(),
    }
}

/// The places that the unit leaves to be written to.
fn writable() -> Vec<String> {
    let below = |folder: &str, name: &str| {
        let names = setting(name);
        assert_eq!(names.len(), 1, "{name}");
        format!("{folder}/{}", names[0])
    };
    let mut places = setting("ReadWritePaths");
    places.push(below("/var/lib", "StateDirectory"));
    places.push(below("/run", "RuntimeDirectory"));
    places
}

/// ProtectSystem=strict, with new folders at the places that may be written to; ProtectProc and ProcSubset. $1 is a
/// file with the names of addresses, $2 those places, and behind them stands what is run.
const SURROUNDINGS: &str = r#"set -e
hosts=$1 places=$2
shift 2
mount --make-rprivate /
mount --bind "$hosts" /etc/hosts
mount -t tmpfs none /var/lib
for place in $places; do
    mkdir -p "$place"
    mount -t tmpfs none "$place"
done
cut -d ' ' -f 5 /proc/self/mountinfo | while read -r place; do
    case " $places /proc " in
    *" $place "*) ;;
    *) mount -o remount,bind,ro "$place" 2>&- || : ;;
    esac
done
! touch /var/lib/x /etc/x "${hosts%/*}/x" 2>&-
mount -t proc -o hidepid=invisible,subset=pid proc /proc
exec "$@"
"#;

/// The monitor in the sandbox, and all that it asks of the system in a file.
struct Sandboxed {
    strace: Child,
    log: PathBuf,
    calls: PathBuf,
    _warden: Warden,
}

impl Sandboxed {
    fn start(pool: &FakePool, hosts: &Path, words: &[String]) -> Sandboxed {
        let (log, calls) = (
            pool.place.path("sandboxed.log"),
            pool.place.path("sandboxed.calls"),
        );
        show_on_failure(&log);
        let output = File::create(&log).unwrap();
        // A session of its own is a process group of its own, which the warden ends as a whole. What is read or sent
        // may be a password: none of it is recorded, but names of files are.
        let mut program = Command::new("setsid");
        program
            .args(["strace", "-f", "-qq", "-s0", "-esignal=none", "-o"])
            .arg(&calls)
            .args(["unshare", "--mount", "sh", "-c", SURROUNDINGS, "sh"])
            .arg(hosts)
            .arg(writable().join(" "))
            .args(["setpriv", "--bounding-set=-all", "--inh-caps=-all"])
            .args(["--no-new-privs", "--"])
            .args(words)
            .env("NOTIFY_SOCKET", pool.place.path("notify"))
            // cargo's, which makes the loader look for libraries below a home.
            .env_remove("LD_LIBRARY_PATH")
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output);
        let strace = program.spawn().expect("strace runs");
        let warden = Warden::over(Ward::Group(Pid::from_raw(strace.id() as i32)));
        Sandboxed {
            strace,
            log,
            calls,
            _warden: warden,
        }
    }

    /// The monitor's, once it runs.
    fn pid(&self) -> Option<Pid> {
        let text = fs::read_to_string(&self.calls).ok()?;
        let begin = format!("execve(\"{}\"", binary().display());
        let start = text.lines().find(|line| line.contains(&begin))?;
        start.split(' ').next()?.parse().ok().map(Pid::from_raw)
    }

    fn signal(&self, signal: Signal) {
        kill(self.pid().expect("it runs"), signal).unwrap();
    }

    /// A file as the monitor sees it; without any text while it is not there.
    fn sees(&self, path: &str) -> String {
        let pid = self.pid().expect("it runs");
        fs::read_to_string(format!("/proc/{pid}/root{path}")).unwrap_or_default()
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// What the monitor and its script have asked for, each call as strace shows it, without the process.
    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.calls).unwrap();
        let calls = text.lines().filter_map(|line| line.split_once(' '));
        let calls = calls.map(|(_, call)| call.trim_start().to_owned());
        let begin = format!("execve(\"{}\"", binary().display());
        calls.skip_while(|call| !call.starts_with(&begin)).collect()
    }
}

impl Drop for Sandboxed {
    fn drop(&mut self) {
        let _ = killpg(Pid::from_raw(self.strace.id() as i32), Signal::SIGKILL);
        let _ = self.strace.wait();
    }
}

/// `openat(AT_FDCWD, "/etc/hosts", ...`: its name and the rest. None for what is no call's beginning.
fn parts(call: &str) -> Option<(&str, &str)> {
    let (name, arguments) = call.split_once('(')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().all(is_name).then_some((name, arguments))
}

/// The unit's settings that a call can run into.
struct Filters {
    calls: BTreeSet<String>,
    families: Vec<String>,
    /// The scene's own folder is where no site has its files.
    place: PathBuf,
}

impl Filters {
    /// Which of them would refuse this call, or the file that it opens, or has done so.
    fn refusal(&self, call: &str) -> Option<&'static str> {
        let (name, arguments) = parts(call)?;
        let first = arguments.split(&[',', ')'][..]).next().unwrap_or_default();
        let is_family = self.families.iter().any(|family| family == first);
        let path = Path::new(arguments.split('"').nth(1).unwrap_or_default());
        let is_home = path.starts_with("/home") || path.starts_with("/root");
        let devices = ["null", "zero", "full", "random", "urandom", "tty"];
        let is_left = |name: &str| path == Path::new("/dev").join(name);
        let is_device = path.starts_with("/dev") && !devices.iter().any(|name| is_left(name));
        match name {
            _ if !self.calls.contains(name) => Some("SystemCallFilter"),
            "socket" | "socketpair" if !is_family => Some("RestrictAddressFamilies"),
            "mprotect" if call.contains("PROT_EXEC") => Some("MemoryDenyWriteExecute"),
            "mmap" if call.contains("PROT_WRITE|PROT_EXEC") => Some("MemoryDenyWriteExecute"),
            "clone" | "clone3" if call.contains("CLONE_NEW") => Some("RestrictNamespaces"),
            "unshare" | "setns" => Some("RestrictNamespaces"),
            "personality" => Some("LockPersonality"),
            _ if call.contains(" = -1 EROFS ") => Some("ProtectSystem"),
            _ if call.contains(" = -1 EPERM ") => Some("CapabilityBoundingSet"),
            "openat" if path.starts_with(&self.place) => None,
            "openat" if is_home => Some("ProtectHome"),
            "openat" if is_device => Some("PrivateDevices"),
            _ => None,
        }
    }
}

/// What they do not let through, so that a scene in which all passes says something.
#[test]
fn the_filters_of_the_unit_refuse_what_it_denies() {
    let filters = filters(Path::new("/dev/shm/own"));
    for (call, setting) in [
        ("setrlimit(RLIMIT_NOFILE, {})", Some("SystemCallFilter")),
        ("unshare(CLONE_NEWNS) = 0", Some("RestrictNamespaces")),
        ("prlimit64(0, RLIMIT_NOFILE, NULL, {}) = 0", None),
        (
            "socket(AF_NETLINK, SOCK_RAW) = 3",
            Some("RestrictAddressFamilies"),
        ),
        ("socket(AF_INET6, SOCK_STREAM) = 3", None),
        (
            "mmap(NULL, 1, PROT_READ|PROT_WRITE|PROT_EXEC)",
            Some("MemoryDenyWriteExecute"),
        ),
        ("mmap(NULL, 1, PROT_READ|PROT_EXEC) = 0x7f", None),
        ("clone(flags=CLONE_NEWPID) = 7", Some("RestrictNamespaces")),
        (
            "openat(AT_FDCWD, \"/root/x\", O_RDONLY) = 3",
            Some("ProtectHome"),
        ),
        (
            "openat(AT_FDCWD, \"/dev/sda\", O_RDONLY) = 3",
            Some("PrivateDevices"),
        ),
        ("openat(AT_FDCWD, \"/dev/shm/own/x\", O_RDONLY) = 3", None),
        ("openat(AT_FDCWD, \"/dev/null\", O_RDWR) = 3", None),
        (
            "mkdir(\"/x\", 0777) = -1 EROFS (...)",
            Some("ProtectSystem"),
        ),
        ("<... futex resumed>) = 0", None),
    ] {
        assert_eq!(filters.refusal(call), setting, "{call}");
    }
}

#[test]
fn in_the_units_sandbox_the_monitor_does_all_its_work_and_asks_for_nothing_that_is_denied() {
    let pool = FakePool::start(3);
    let folder = pool.place.folder();
    let addresses = [0, 1, 2].map(|backend| pool.address(backend));
    let authority = Authority::make(folder, "lab-ca");
    let certificate = authority.issue(TLS_NAME, &[]);
    let _ports = addresses.map(|address| TlsPort::start(address, IMAPS, &certificate));
    // So that names are looked up, and found.
    let hosts = addresses.map(|address| format!("{address} {TLS_NAME}\n"));
    fs::write(pool.place.path("hosts"), hosts.concat()).unwrap();
    let script = pool.place.path("changed");
    fs::write(&script, "#!/bin/sh\necho \"$1 $2\" >>/run/changed\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let credentials = pool.monitor().credentials(USER, PASSWORD);
    let options = format!(
        "-d -S {} -i 1 -t 2 --retries=0 -p IMAP:{IMAP} -s {IMAPS} --ca-file {} -c {} --on-change {}",
        pool.director.socket().display(),
        authority.file().display(),
        credentials.credentials_file().display(),
        script.display(),
    );
    let options: Vec<String> = options.split(' ').map(str::to_owned).collect();
    let mut words = exec_start(&project(UNIT), &options);
    words[0] = binary().display().to_string();
    let manager = UnixDatagram::bind(pool.place.path("notify")).unwrap();
    let pause = Duration::from_millis(20);
    manager.set_read_timeout(Some(pause)).unwrap();
    let told = |state: &str| {
        let mut buffer = [0; 1024];
        wait_until(state, SOON, || {
            let length = manager.recv(&mut buffer).unwrap_or(0);
            String::from_utf8_lossy(&buffer[..length]).contains(state)
        });
    };

    let mut monitor = Sandboxed::start(&pool, &pool.place.path("hosts"), &words);
    told("READY=1");
    wait_until("all to pass", SOON, || {
        let log = monitor.log();
        let passes =
            |address: &Ipv4Addr| log.contains(&format!("{address} line+tls:{IMAPS}: healthy"));
        addresses.iter().all(passes)
    });
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_no_users(0);
    let change = |state: &str| {
        let said = format!("{state} {}\n", addresses[0]);
        wait_until(&said, SOON, || monitor.sees("/run/changed").contains(&said));
    };
    change("down");
    monitor.signal(Signal::SIGHUP);
    told("RELOADING=1");
    told("READY=1");
    pool.backends[0].set(Mood::Healthy);
    pool.wait_for_state(0, 'U');
    change("up");
    let pid = monitor.pid().unwrap().to_string();
    assert_eq!(monitor.sees("/run/poolmon.pid").trim(), pid);
    let address = addresses[0].to_string();
    for file in ["/run/poolmon/status.json", "/var/lib/poolmon/state.yml"] {
        assert!(!monitor.sees(file).is_empty(), "{file}");
    }
    assert!(monitor.sees("/run/poolmon/status.json").contains(&address));
    monitor.signal(Signal::SIGTERM);
    assert!(monitor.strace.wait().unwrap().success());
    let log = monitor.log();
    assert!(
        !log.contains("Read-only") && !log.contains("not permitted"),
        "{log}"
    );

    let calls = monitor.calls();
    assert!(calls.len() > 1000, "{} calls", calls.len());
    let filters = filters(folder);
    let refused = |call: &String| Some(format!("{}: {call}", filters.refusal(call)?));
    let refused: BTreeSet<String> = calls.iter().filter_map(refused).collect();
    assert!(refused.is_empty(), "{refused:#?}");
}
