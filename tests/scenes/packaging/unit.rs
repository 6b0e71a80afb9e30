//! The systemd unit and its drop-in: judged by systemd-analyze, and run as far as that goes without
//! a running systemd. What the sandbox takes away is taken away by setpriv and unshare.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{kill, Signal};
use nix::unistd::{chown, Group, Pid, User};

use super::installation::{text_of, Installation, SOON};
use crate::lab::command::{self, Ended};
use crate::lab::fake_backend::{Mood, IMAP};
use crate::lab::fake_pool::{FakePool, PASSWORD, USER};
use crate::lab::patience::{pause, promised, show_on_failure, wait_until};
use crate::lab::place::Place;
use crate::lab::warden::{Ward, Warden};

/// A folder of units with this one in it, and with the drop-in if there is to be one.
fn units(place: &Place, there: &Installation, drop_in: Option<&str>) -> PathBuf {
    let name = drop_in.map_or("units-bare".to_string(), |name| format!("units-{name}"));
    let folder = place.path(&name);
    let drop_ins = folder.join("poolmon.service.d");
    fs::create_dir_all(&drop_ins).unwrap();
    fs::copy(there.unit(), folder.join("poolmon.service")).unwrap();
    if let Some(name) = drop_in {
        let from = there.document(&format!("init/{name}"));
        fs::copy(from, drop_ins.join(name)).unwrap();
    }
    folder.join("poolmon.service")
}

fn analyze(place: &Place, words: &[&str], unit: &Path) -> Ended {
    let mut analyze = Command::new("systemd-analyze");
    analyze.args(words).arg(unit).env("LC_ALL", "C.UTF-8");
    command::run(&mut analyze, place.folder(), SOON)
}

fn analyze_version(place: &Place) -> String {
    let mut version = Command::new("systemd-analyze");
    command::run(version.arg("--version"), place.folder(), SOON).success()
}

#[test]
fn systemd_finds_nothing_to_remark_and_little_exposed() {
    let place = Place::new();
    let there = Installation::new(&place);
    for (drop_in, most) in [(None, 2.0), (Some("unprivileged.conf"), 1.7)] {
        let unit = units(&place, &there, drop_in);
        // Whether a reader's man finds the page is no matter of the unit.
        let verified = analyze(&place, &["verify", "--man=no"], &unit);
        assert_eq!(verified.success(), "", "{drop_in:?}");

        let review = analyze(&place, &["security", "--offline=yes"], &unit).success();
        let exposure: f64 = review
            .lines()
            .find(|line| line.contains("Overall exposure level"))
            .and_then(|line| line.rsplit(": ").next()?.split(' ').next()?.parse().ok())
            .unwrap_or_else(|| panic!("no exposure: {review}"));
        assert!(exposure <= most, "{drop_in:?}: {review}");
        // As SECURITY.md says it, of the systemd that it names.
        if analyze_version(&place).starts_with("systemd 252") {
            let stated = match drop_in {
                None => format!("`systemd-analyze security` is {exposure:.1} (systemd 252), "),
                Some(name) => format!("(systemd 252), and {exposure:.1} with `{name}`, "),
            };
            let page = text_of("SECURITY.md");
            let page = page.split_whitespace().collect::<Vec<&str>>().join(" ");
            assert_eq!(page.matches(&stated).count(), 1, "{stated}: {page}");
        }
        let as_root = review.contains("Service runs as root user");
        assert_eq!(as_root, drop_in.is_none(), "{review}");
    }
    // It can complain: a word that is none.
    let broken = place.path("broken.service");
    fs::write(
        &broken,
        text_of("init/poolmon.service") + "\n[Service]\nProtektSystem=1\n",
    )
    .unwrap();
    assert_ne!(analyze(&place, &["verify", "--man=no"], &broken).text, "");
}

/// Otherwise a wrong option is tried 43,000 times a day, and the unit is never `failed`.
#[test]
fn systemd_does_not_try_again_what_cannot_succeed_and_tries_again_what_may_be_over_soon() {
    let unit = text_of("init/poolmon.service");
    let prevented = unit
        .lines()
        .find_map(|line| line.strip_prefix("RestartPreventExitStatus="))
        .expect("codes after which systemd does not try again");
    let is_final = |code: i32| prevented.split(' ').any(|one| one == code.to_string());
    let place = Place::new();
    let there = Installation::new(&place);
    let config = place.path("dovemon.config.yml");
    fs::write(&config, "timeout: [\n").unwrap();
    let config = format!("--config={}", config.display());
    for words in [
        ["-f", "--no-such-option"],
        ["-f", "--credfile=/nonexistent"],
        ["-f", config.as_str()],
    ] {
        let mut program = Command::new(there.program());
        let ended = command::run(program.args(words), place.folder(), SOON);
        let code = ended.status.code().unwrap();
        assert!(is_final(code), "{words:?} {code}: {}", ended.text);
    }
    let socket = place.path("no-haproxy").display().to_string();
    let words = ["-f", "--pool=haproxy", "-S", &socket];
    let mut program = Command::new(there.program());
    let ended = command::run(program.args(words), place.folder(), SOON);
    let code = ended.status.code().unwrap();
    assert!(!is_final(code) && code != 0, "{code}: {}", ended.text);
}

#[test]
fn it_is_started_after_a_pool_on_the_same_machine() {
    for (file, line) in [
        ("init/poolmon.service", "After="),
        ("init/poolmon.debian", "# Should-Start:"),
        ("init/poolmon.redhat", "# Should-Start:"),
    ] {
        let text = text_of(file);
        let line = text.lines().find(|one| one.starts_with(line)).unwrap();
        assert!(
            line.contains("dovecot") && line.contains("haproxy"),
            "{line}"
        );
    }
    // An init script is none of upstart's jobs: all have been run after `rc`.
    let job = text_of("init/poolmon.upstart");
    assert!(job.contains(" or stopped rc RUNLEVEL=[2345]\n"));
}

/// What systemd's own reader of such files makes of OPTIONS.
fn read_by_systemd(place: &Place, text: &str) -> String {
    let folder = place.path("environment.d");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("poolmon.conf"), text).unwrap();
    let generator =
        "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator";
    let mut generator = Command::new(generator);
    generator.env("XDG_CONFIG_HOME", place.folder());
    let said = command::run(&mut generator, place.folder(), SOON).success();
    let line = said.lines().find_map(|line| line.strip_prefix("OPTIONS="));
    let line = line.unwrap_or_else(|| panic!("no OPTIONS: {said}"));
    // Its output is C-escaped, which bash undoes.
    let mut bash = Command::new("bash");
    bash.args(["-c", &format!("printf %s {}", quoted_for_bash(line))]);
    command::run(&mut bash, place.folder(), SOON).success()
}

/// `"..."` or a bare word, as `$'...'`.
fn quoted_for_bash(value: &str) -> String {
    let bare = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    format!("$'{}'", bare.unwrap_or(value).replace('\'', "\\'"))
}

#[test]
fn systemd_and_the_shell_read_the_same_options() {
    let place = Place::new();
    let readme = "OPTIONS=\"--socket /var/run/dovecot/director-admin \\\n  --interval 30 \\\n  \
                  --port IMAP:143 \\\n  --credfile /etc/dovecot/poolmon.creds\"\n";
    for text in [
        &text_of("etc/poolmon.conf"),
        readme,
        "OPTIONS=\"-p 143\n  -l 'a  b'\n -f\"\n",
        "# first\nOPTIONS='-p 143 -s \"993\"'\n",
        "OPTIONS=-dfn\n",
    ] {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{text}\nprintf %s \"$OPTIONS\"")]);
        let by_shell = command::run(&mut shell, place.folder(), SOON).success();
        assert!(by_shell.starts_with('-'), "{by_shell}");
        assert_eq!(read_by_systemd(&place, text), by_shell);
    }
}

#[test]
fn systemd_takes_options_without_quotes_as_they_are_meant() {
    let place = Place::new();
    let read = read_by_systemd(&place, "OPTIONS=--port=110 --ssl=993\n");
    assert_eq!(read, "--port=110 --ssl=993");
}

/// Whether systemd would start the unit with the files that are there.
fn would_start(place: &Place, unit: &Path) -> bool {
    let text = fs::read_to_string(unit).unwrap();
    let conditions: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("Condition"))
        .collect();
    assert!(!conditions.is_empty());
    let mut analyze = Command::new("systemd-analyze");
    analyze.arg("condition").args(conditions);
    let ended = command::run(&mut analyze, place.folder(), SOON);
    assert!(ended.text.contains("Conditions "), "{}", ended.text);
    ended.status.success()
}

#[test]
fn it_is_started_only_where_one_of_the_files_of_options_is_there() {
    let place = Place::new();
    let there = Installation::new(&place);
    assert!(!would_start(&place, &there.unit()));
    let text = fs::read_to_string(there.unit()).unwrap();
    for name in [
        "dovecot/poolmon.conf",
        "default/poolmon",
        "sysconfig/poolmon",
    ] {
        let read = format!(
            "EnvironmentFile=-{}",
            there.path("etc").join(name).display()
        );
        assert!(text.contains(&read), "{read}");
        // It may leave the options to the defaults.
        there.configure(name, "#OPTIONS=\n");
        assert!(would_start(&place, &there.unit()), "{name}");
        fs::remove_file(there.path("etc").join(name)).unwrap();
        assert!(!would_start(&place, &there.unit()));
    }
}

/// The last ExecStart with the words of OPTIONS in place of `$OPTIONS`, as systemd has it.
pub fn exec_start(unit: &Path, options: &[String]) -> Vec<String> {
    let text = fs::read_to_string(unit).unwrap();
    let line = text
        .lines()
        .filter_map(|line| line.strip_prefix("ExecStart="))
        .next_back()
        .expect("an ExecStart");
    line.split(' ')
        .flat_map(|word| match word {
            "$OPTIONS" => options.to_vec(),
            word => vec![word.to_string()],
        })
        .collect()
}

/// OPTIONS for this pool, with files in a folder.
fn options(pool: &FakePool, folder: &Path) -> Vec<String> {
    let text = format!(
        "-S {} -i 1 -t 1 --retries=0 -p IMAP:{IMAP} --state-file {}/state.yml \
         --status-file {}/status.json",
        pool.director.socket().display(),
        folder.display(),
        folder.display()
    );
    text.split(' ').map(str::to_string).collect()
}

pub struct Service {
    pub child: Child,
    log: PathBuf,
    _warden: Warden,
}

impl Service {
    pub fn start(command: &mut Command, log: PathBuf) -> Service {
        show_on_failure(&log);
        let output = fs::File::create(&log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let warden = Warden::over(Ward::Process(Pid::from_raw(child.id() as i32)));
        Service {
            child,
            log,
            _warden: warden,
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn status(&self, field: &str) -> String {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(field));
        line.unwrap().trim_start_matches(':').trim().to_string()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_the_unit_starts_tells_systemd_how_it_is() {
    let pool = FakePool::start(2);
    let there = Installation::new(&pool.place);
    let path = pool.place.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    let mut words = exec_start(&there.unit(), &options(&pool, pool.place.folder()));
    words.extend(["-k".to_string(), there.lock().display().to_string()]);
    let mut program = Command::new(&words[0]);
    program
        .args(&words[1..])
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "1000000");
    let mut service = Service::start(&mut program, pool.place.path("service.log"));

    let mut heard = Vec::new();
    let mut wait_for_states = |states: &[&str]| {
        let mut states = states.iter();
        let mut awaited = states.next();
        wait_until(&format!("{awaited:?}"), SOON, || {
            let mut buffer = [0; 1024];
            while let Ok(length) = socket.recv(&mut buffer) {
                for line in String::from_utf8_lossy(&buffer[..length]).lines() {
                    heard.push(line.to_string());
                    if awaited.map_or(false, |state| line.starts_with(state)) {
                        awaited = states.next();
                    }
                }
            }
            awaited.is_none()
        });
        heard.clone()
    };
    wait_for_states(&["READY=1"]);
    assert!(there.lock().exists(), "ready before the lock was held");
    wait_for_states(&["WATCHDOG=1", "WATCHDOG=1"]);
    // ExecReload.
    let text = fs::read_to_string(there.unit()).unwrap();
    assert!(text.contains("\nExecReload=/bin/kill -HUP $MAINPID\n"));
    service.signal(Signal::SIGHUP);
    wait_for_states(&["RELOADING=1", "MONOTONIC_USEC=", "READY=1"]);
    service.signal(Signal::SIGTERM);
    let heard = wait_for_states(&["STOPPING=1"]);
    assert!(
        heard.iter().any(|line| line.starts_with("STATUS=")),
        "{heard:?}"
    );
    assert!(service.child.wait().unwrap().success());
}

#[test]
fn what_the_unit_starts_tells_systemd_in_one_line_which_backend_is_down_and_why() {
    let pool = FakePool::start(3);
    let there = Installation::new(&pool.place);
    let path = pool.place.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let pause = Duration::from_millis(20);
    socket.set_read_timeout(Some(pause)).unwrap();
    let next = || {
        let mut buffer = [0; 1024];
        let length = socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    };
    let start = |lock: &str| {
        let mut words = exec_start(&there.unit(), &options(&pool, pool.place.folder()));
        words.extend(["-k".to_string(), lock.to_string()]);
        let mut program = Command::new(&words[0]);
        program.args(&words[1..]).env("NOTIFY_SOCKET", &path);
        Service::start(&mut program, pool.place.path("service.log"))
    };
    let mut service = start(&there.lock().display().to_string());
    pool.wait_for_visits();
    pool.backends[1].set(Mood::Refusing);
    let expected = format!(
        "STATUS=2 of 3 backends are up; {} down: imap:{IMAP} connect: connection refused",
        pool.address(1)
    );
    let is_said = |expected: &str| {
        wait_until(expected, SOON, || next().as_deref() == Some(expected));
    };
    is_said(&expected);
    pool.backends[1].set(Mood::Healthy);
    is_said("STATUS=3 of 3 backends are up");
    service.signal(Signal::SIGTERM);
    service.child.wait().unwrap();

    fs::write(pool.place.path("file"), "").unwrap();
    let lock = pool.place.path("file/pid").display().to_string();
    let mut service = start(&lock);
    let not_a_directory = nix::errno::Errno::ENOTDIR as i32;
    wait_until("why it does not start", SOON, || {
        let said = next().unwrap_or_default();
        said.starts_with("STATUS=lock file ")
            && said.ends_with(&format!("\nERRNO={not_a_directory}"))
    });
    assert!(!service.child.wait().unwrap().success());
}

/// How long it has kept a processor busy.
fn busy(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    // Fields 14 and 15 of all, in hundredths of a second.
    let ticks = |field: &str| field.parse::<u64>().unwrap();
    Duration::from_millis(10 * (ticks(fields[11]) + ticks(fields[12])))
}

#[test]
fn no_watchdog_limit_keeps_the_program_busy() {
    let pool = FakePool::start(1);
    let there = Installation::new(&pool.place);
    let path = pool.place.path("notify");
    let _socket = UnixDatagram::bind(&path).unwrap();
    let mut words = exec_start(&there.unit(), &options(&pool, pool.place.folder()));
    words.extend(["-k".to_string(), there.lock().display().to_string()]);
    for limit in ["0", "1", "18446744073709551615"] {
        let mut program = Command::new(&words[0]);
        program
            .args(&words[1..])
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", limit);
        let log = pool.place.path(&format!("service{limit}.log"));
        let service = Service::start(&mut program, log);
        pool.wait_for_visits();
        let before = busy(service.child.id());
        // Pause: the time over which it is measured.
        pause(Duration::from_secs(1));
        let taken = busy(service.child.id()) - before;
        let most = promised(Duration::from_millis(150));
        assert!(taken < most, "{limit}: {taken:?}");
    }
}

#[test]
fn root_without_any_capability_is_enough() {
    let pool = FakePool::start(2);
    let there = Installation::new(&pool.place);
    let credentials = pool
        .monitor()
        .credentials(USER, PASSWORD)
        .credentials_file();
    let mut words = exec_start(&there.unit(), &options(&pool, pool.place.folder()));
    words.extend(["-k".to_string(), there.lock().display().to_string()]);
    words.extend(["-c".to_string(), credentials.display().to_string()]);
    let mut program = Command::new("setpriv");
    program
        .args(["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"])
        .args(&words);
    let service = Service::start(&mut program, pool.place.path("service.log"));
    pool.wait_for_visits();
    assert_eq!(service.status("CapEff"), "0000000000000000");
    assert_eq!(service.status("CapBnd"), "0000000000000000");
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_no_users(0);
    assert!(pool.place.path("state.yml").exists());
    assert!(there.lock().exists());
    wait_until("the change in the log", SOON, || {
        service.log().contains("disabled")
    });
}

#[test]
fn a_user_of_its_own_is_enough_where_a_group_may_use_the_socket() {
    let pool = FakePool::start(2);
    let there = Installation::new(&pool.place);
    let unit = there.document("init/unprivileged.conf");
    let own = pool.place.path("own");
    fs::create_dir(&own).unwrap();
    // Any user and group that is not root's and that every system has.
    let (user, group) = (
        User::from_name("mail").unwrap().expect("a user"),
        Group::from_name("mail").unwrap().expect("a group"),
    );
    chown(&own, Some(user.uid), Some(group.gid)).unwrap();
    let socket = pool.director.socket();
    chown(&socket, None, Some(group.gid)).unwrap();
    let mut chmod = Command::new("chmod");
    chmod.arg("0660").arg(&socket);
    command::run(&mut chmod, pool.place.folder(), SOON).success();

    let words: Vec<String> = exec_start(&unit, &options(&pool, &own))
        .iter()
        .map(|word| word.replace("/run/poolmon", &own.display().to_string()))
        .collect();
    let lock = own.join("poolmon.pid").display().to_string();
    assert!(words.contains(&lock), "{words:?}");
    let mut program = Command::new("setpriv");
    program
        .arg(format!("--reuid={}", user.uid))
        .arg(format!("--regid={}", group.gid))
        .args(["--clear-groups", "--bounding-set=-all", "--no-new-privs"])
        .args(&words);
    let service = Service::start(&mut program, pool.place.path("service.log"));
    pool.wait_for_visits();
    assert_eq!(service.status("CapEff"), "0000000000000000");
    let uid = user.uid.to_string();
    assert!(service.status("Uid").split_whitespace().all(|id| id == uid));
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_no_users(0);
    assert!(own.join("state.yml").exists() && own.join("status.json").exists());
    assert!(!service.log().contains(" ERR state"), "{}", service.log());
}

#[test]
fn a_path_that_the_sandbox_makes_read_only_ends_with_the_drop_in_to_write() {
    let pool = FakePool::start(1);
    let there = Installation::new(&pool.place);
    let outside = pool.place.path("outside");
    fs::create_dir(&outside).unwrap();
    let run = |words: &[String]| {
        // As ProtectSystem=strict does it: a mount namespace with a read-only mount.
        let script = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\"";
        let mut unshare = Command::new("unshare");
        unshare
            .args(["--mount", "--propagation=private", "sh", "-c", script])
            .arg(&outside)
            .args(words);
        command::run(&mut unshare, pool.place.folder(), SOON)
    };
    let file = |name: &str| outside.join(name).display().to_string();
    let advice = format!("ReadWritePaths=\"{}\"", outside.display());

    let mut words = exec_start(&there.unit(), &options(&pool, pool.place.folder()));
    words.extend(["-k".to_string(), file("poolmon.pid")]);
    let in_background = [
        there.program().display().to_string(),
        "-k".to_string(),
        there.lock().display().to_string(),
        "-l".to_string(),
        file("poolmon.log"),
    ];
    for words in [&words[..], &in_background[..]] {
        let ended = run(words);
        assert_eq!(ended.status.code(), Some(1), "{}", ended.text);
        let errors: Vec<&str> = ended
            .text
            .lines()
            .filter(|line| line.starts_with("poolmon: "))
            .collect();
        assert_eq!(errors.len(), 1, "{}", ended.text);
        assert!(errors[0].contains("Read-only file system"), "{errors:?}");
        assert!(errors[0].contains(&advice), "{errors:?}");
    }

    // The state file is an error line, and not worth a stop.
    let mut words = exec_start(&there.unit(), &options(&pool, &outside));
    words.extend(["-k".to_string(), there.lock().display().to_string()]);
    words.insert(0, "2".to_string());
    words.insert(0, "timeout".to_string());
    let ended = run(&words);
    assert!(ended.text.contains(&advice), "{}", ended.text);
    assert!(ended.text.contains("poolmon stops"), "{}", ended.text);
}
