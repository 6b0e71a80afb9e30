//! An installation in a folder of the test's own: every path that the installed files name lies in
//! it, so the scripts run as they are.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;

use crate::lab::command::{self, Ended};
use crate::lab::fake_backend::IMAP;
use crate::lab::fake_pool::FakePool;
use crate::lab::monitor::binary;
use crate::lab::patience::show_on_failure;
use crate::lab::place::Place;
use crate::lab::warden::Warden;

pub const SOON: Duration = Duration::from_secs(40);

/// A file of the project.
pub fn project(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

pub fn text_of(name: &str) -> String {
    let path = project(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `make TARGET`, as a packager runs it.
#[track_caller]
pub fn make(place: &Place, target: &str, variables: &[(&str, String)]) -> Ended {
    let mut make = Command::new("make");
    make.arg("-C")
        .arg(project(""))
        .arg(target)
        .arg(format!("BINARY={}", binary().display()))
        // The tests may themselves have been started by a make.
        .env_remove("MAKEFLAGS")
        .env_remove("MFLAGS")
        .env_remove("MAKELEVEL");
    for (name, value) in variables {
        make.arg(format!("{name}={value}"));
    }
    command::run(&mut make, place.folder(), SOON)
}

pub struct Installation {
    folder: PathBuf,
    /// Over the daemon, should the test process be killed.
    _warden: Warden,
}

impl Installation {
    #[track_caller]
    pub fn new(place: &Place) -> Installation {
        let folder = place.path("root");
        let below = |name: &str| folder.join(name).display().to_string();
        let variables = [
            ("PREFIX", below("usr")),
            ("SYSCONFDIR", below("etc")),
            ("RUNSTATEDIR", below("run")),
            ("LOGDIR", below("log")),
            ("SUBSYSDIR", below("subsys")),
        ];
        make(place, "install", &variables).success();
        for name in [
            "etc/dovecot",
            "etc/default",
            "etc/sysconfig",
            "etc/init.d",
            "run",
            "log",
            "subsys",
        ] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        show_on_failure(&folder.join("log/poolmon.log"));
        let warden = Warden::over_pid_file(
            &folder.join("run/poolmon.pid"),
            &folder.join("usr/sbin/poolmon"),
        );
        Installation {
            folder,
            _warden: warden,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn program(&self) -> PathBuf {
        self.path("usr/sbin/poolmon")
    }

    pub fn unit(&self) -> PathBuf {
        self.path("usr/lib/systemd/system/poolmon.service")
    }

    /// An init script or another file of the documentation.
    pub fn document(&self, name: &str) -> PathBuf {
        self.path("usr/share/doc/poolmon").join(name)
    }

    pub fn lock(&self) -> PathBuf {
        self.path("run/poolmon.pid")
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log/poolmon.log")).unwrap_or_default()
    }

    /// `NAME` below etc: `dovecot/poolmon.conf`.
    pub fn configure(&self, name: &str, text: &str) {
        fs::write(self.path("etc").join(name), text).unwrap();
    }

    /// An OPTIONS of several lines, as poolmon's README has it, that watches this pool.
    pub fn several_lines_of_options(&self, pool: &FakePool) -> String {
        format!(
            "OPTIONS=\"--socket {} \\\n  --interval 1 --timeout 1 \\\n  --retries=0 \\\n  \
             --port IMAP:{IMAP}\n  --logfile {} --state-file '{}' \
             --status-file {}\"\n",
            pool.director.socket().display(),
            self.path("log/poolmon.log").display(),
            self.odd_state_file()
                .display()
                .to_string()
                .replace('$', "\\$"),
            self.path("run/status.json").display(),
        )
    }

    /// A name that comes out wrong if OPTIONS is split or expanded once too often.
    pub fn odd_state_file(&self) -> PathBuf {
        self.path("my  $HOME;*.state")
    }

    /// The PID that the daemon wrote.
    pub fn pid(&self) -> Option<Pid> {
        let text = fs::read_to_string(self.lock()).ok()?;
        text.trim().parse().ok().map(Pid::from_raw)
    }
}

impl Drop for Installation {
    /// Ends a daemon that a failed test left behind.
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            let program = fs::read_link(format!("/proc/{pid}/exe"));
            if program.map_or(false, |program| program == self.program()) {
                let _ = kill(pid, Signal::SIGKILL);
            }
        }
    }
}

/// Not for a process that has ended and that nobody has waited for yet: it has no program any more.
pub fn is_running(pid: Pid) -> bool {
    match fs::read_link(format!("/proc/{pid}/exe")) {
        Ok(_) => true,
        // Of a process that gives nothing away: where this one may not look inside all others.
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    }
}

pub fn mode_of(path: &Path) -> u32 {
    let metadata = fs::symlink_metadata(path);
    let metadata = metadata.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    metadata.permissions().mode() & 0o7777
}

/// Files of options that a shell cannot read as they are meant, and what it says of them.
pub const MISREAD: [(&str, &str); 12] = [
    ("OPTIONS=--port=110 --ssl=993\n", "--ssl=993"),
    (
        "# c\n\nOPTIONS=-d --ssl=993\n# c\nPIDFILE=/nowhere\n",
        "--ssl=993",
    ),
    ("export OPTIONS\nOPTIONS=--debug false\n", ""),
    ("OPTIONS=\"--port=110\n", ""),
    ("OPTIONS = --port=110\n", "OPTIONS"),
    ("--port=110\n", "--port=110"),
    // Whatever the second word comes to.
    ("OPTIONS=--on-change /bin/true\n", "/bin/true"),
    ("  OPTIONS=--debug true --ssl=993\n", "true --ssl=993"),
    ("export OPTIONS=-l syslog\n", "syslog"),
    ("OPTIONS=--port=110 \\\n--ssl=993\n", "OPTIONS"),
    // It would end the script that reads it as well.
    ("exit 0\nOPTIONS=--port=110\n", "an exit"),
    ("OPTIONS=--port=110\nfalse\n", "a line of it fails"),
];
