//! The lock against other processes, among them a real Perl where there is one.

use std::io::BufRead;
use std::io::BufReader;
use std::os::unix::fs::{symlink, MetadataExt};
use std::process::{Child, Command, Stdio};

use super::*;
use crate::scratch::Folder;

impl Folder {
    fn file(&self) -> PathBuf {
        self.0.join("poolmon.pid")
    }
}

/// A lock file as a running daemon has it.
fn take(path: &Path) -> Result<LockFile, LockError> {
    let mut lock = LockFile::take(path)?;
    lock.record()?;
    Ok(lock)
}

fn own_pid() -> String {
    format!("{}\n", std::process::id())
}

/// A Perl that holds the lock as poolmon does, until it is killed; None without a Perl.
struct Perl(Child);

impl Perl {
    fn hold(path: &Path, writes: &str) -> Option<Perl> {
        let script = "use Fcntl qw(:flock); \
             open my $file, '+>>', $ARGV[0] or die; \
             flock $file, LOCK_EX | LOCK_NB or die; \
             truncate $file, 0; select $file; $| = 1; print $ARGV[1] eq 'pid' ? $$ : ''; \
             syswrite STDOUT, \"locked\\n\"; sleep 60;";
        let mut child = Command::new("perl")
            .args(["-e", script])
            .arg(path)
            .arg(writes)
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "locked\n");
        Some(Perl(child))
    }
}

impl Drop for Perl {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_fresh_lock_file_holds_the_pid_and_goes_at_the_end() {
    let folder = Folder::new();
    let lock = take(&folder.file()).unwrap();
    assert_eq!(fs::read_to_string(folder.file()).unwrap(), own_pid());
    let mode = fs::metadata(folder.file()).unwrap().mode() & 0o777;
    assert_eq!(mode & !0o644, 0, "{mode:o}");
    lock.release().unwrap();
    assert!(!folder.file().exists());
}

#[test]
fn no_pid_stands_in_the_file_before_it_is_recorded() {
    for before in ["", "77\n"] {
        let folder = Folder::new();
        fs::write(folder.file(), before).unwrap();
        let mut lock = LockFile::take(&folder.file()).unwrap();
        assert_eq!(fs::read_to_string(folder.file()).unwrap(), "");
        let refused = LockFile::take(&folder.file()).unwrap_err();
        assert_eq!(refused.to_string(), "Already running");
        lock.record().unwrap();
        assert_eq!(fs::read_to_string(folder.file()).unwrap(), own_pid());
    }
}

#[test]
fn a_second_instance_is_told_the_pid_of_the_first() {
    let folder = Folder::new();
    let _lock = take(&folder.file()).unwrap();
    // flock knows open files, not processes: a second open in this one is another instance.
    let error = take(&folder.file()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("Already running as pid {}", std::process::id())
    );
    assert_eq!(fs::read_to_string(folder.file()).unwrap(), own_pid());
}

#[test]
fn a_perl_poolmon_and_ours_exclude_each_other() {
    let folder = Folder::new();
    if let Some(perl) = Perl::hold(&folder.file(), "pid") {
        let error = take(&folder.file()).unwrap_err();
        let expected = format!("Already running as pid {}", perl.0.id());
        assert_eq!(error.to_string(), expected);
        drop(perl);
        let _lock = take(&folder.file()).unwrap();
        let refused = Command::new("perl")
            .args(["-e", "use Fcntl qw(:flock); open my $f, '<', $ARGV[0] or exit 2; exit(flock($f, LOCK_EX | LOCK_NB) ? 0 : 1)"])
            .arg(folder.file())
            .status()
            .unwrap();
        assert_eq!(refused.code(), Some(1));
    }
}

/// What anybody may do who can read the file.
fn lock_as_a_stranger(path: &Path) -> File {
    let file = File::open(path).unwrap();
    file.lock_exclusive().unwrap();
    file
}

/// One that has ended may have left its PID, and another process may have that number by now.
#[test]
fn who_has_locked_the_file_and_is_no_monitor_named_in_it_keeps_nobody_from_starting() {
    let mut other = Command::new("sleep").arg("60").spawn().unwrap();
    for content in [
        String::new(),
        "4194304\n".into(),
        format!("{}\n", other.id()),
    ] {
        let folder = Folder::new();
        fs::write(folder.file(), content).unwrap();
        let _stranger = lock_as_a_stranger(&folder.file());
        let lock = take(&folder.file()).unwrap();
        assert_eq!(fs::read_to_string(folder.file()).unwrap(), own_pid());
        let mode = fs::metadata(folder.file()).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o644);
        let remark = lock.remark().unwrap();
        let expected = format!(
            "was locked by process {}, user {}, which is no monitor",
            std::process::id(),
            nix::unistd::geteuid()
        );
        assert!(remark.contains(&expected), "{remark}");
        // Also where the new one is locked at once.
        assert_eq!(
            take(&folder.file()).unwrap_err().to_string(),
            format!("Already running as pid {}", std::process::id())
        );
        lock.release().unwrap();
        assert_eq!(folder.names(), [] as [&str; 0]);
    }
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_stranger_who_locks_the_file_of_a_running_monitor_makes_no_second_one() {
    let folder = Folder::new();
    let lock = take(&folder.file()).unwrap();
    fs::remove_file(folder.file()).unwrap();
    fs::write(folder.file(), "4194304\n").unwrap();
    let _stranger = lock_as_a_stranger(&folder.file());
    let refused = take(&folder.file()).unwrap_err();
    assert!(matches!(refused, LockError::Held { .. }), "{refused}");
    drop(lock);
}

#[test]
fn nobody_else_can_open_what_keeps_a_second_monitor_away() {
    let folder = Folder::new();
    let lock = take(&folder.file()).unwrap();
    assert_eq!(folder.names(), ["poolmon.pid", "poolmon.pid.lock"]);
    let mode = fs::metadata(folder.0.join("poolmon.pid.lock"))
        .unwrap()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    lock.release().unwrap();
    assert_eq!(folder.names(), [] as [&str; 0]);
}

/// As a Perl poolmon, which is there for a moment before its PID is.
#[test]
fn a_holder_that_is_about_to_write_its_pid_is_waited_for() {
    let folder = Folder::new();
    let file = open(&folder.file()).unwrap();
    file.lock_exclusive().unwrap();
    let mut holder = Command::new("sleep")
        .arg("60")
        .stdout(file.try_clone().unwrap())
        .spawn()
        .unwrap();
    let refused = thread::scope(|scope| {
        let starting = scope.spawn(|| take(&folder.file()).unwrap_err());
        // Pause: the start is to find the file without a PID.
        thread::sleep(Duration::from_millis(200));
        fs::write(folder.file(), format!("{}\n", holder.id())).unwrap();
        starting.join().unwrap()
    });
    let expected = format!("Already running as pid {}", holder.id());
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(refused.to_string(), expected);
    assert_eq!(folder.names(), ["poolmon.pid"]);
}

#[test]
fn a_stale_file_is_taken_over() {
    for stale in ["4194304\n", "1", " 77 \n", "", "\n"] {
        let folder = Folder::new();
        fs::write(folder.file(), stale).unwrap();
        let _lock = take(&folder.file()).unwrap();
        assert_eq!(fs::read_to_string(folder.file()).unwrap(), own_pid());
    }
}

#[test]
fn a_file_of_others_is_refused_and_left_as_it_is() {
    for foreign in [
        "root:x:0:0\n",
        "12 34\n",
        "-1\n",
        "99999999999\n",
        "1\nand more",
        "\u{0}",
    ] {
        let folder = Folder::new();
        fs::write(folder.file(), foreign).unwrap();
        let error = take(&folder.file()).unwrap_err();
        assert!(matches!(error, LockError::NotAPidFile { .. }), "{error}");
        assert_eq!(fs::read_to_string(folder.file()).unwrap(), foreign);
    }
}

#[test]
fn a_symbolic_link_is_not_followed() {
    let folder = Folder::new();
    let target = folder.0.join("target");
    for there in [true, false] {
        let _ = fs::remove_file(folder.file());
        let _ = fs::remove_file(&target);
        if there {
            fs::write(&target, "").unwrap();
        }
        symlink(&target, folder.file()).unwrap();
        let error = take(&folder.file()).unwrap_err();
        assert!(matches!(error, LockError::SymbolicLink { .. }), "{error}");
        assert_eq!(target.exists(), there);
    }
}

#[test]
fn folders_devices_and_fifos_are_no_pid_files() {
    let folder = Folder::new();
    let fifo = folder.0.join("fifo");
    assert!(Command::new("mkfifo")
        .arg(&fifo)
        .status()
        .unwrap()
        .success());
    for path in [&folder.0, Path::new("/dev/null"), &fifo] {
        let error = LockFile::take(path).unwrap_err();
        assert!(matches!(error, LockError::NotAPidFile { .. }), "{error}");
    }
    let error = LockFile::take(&folder.0.join("no/such/folder")).unwrap_err();
    assert!(
        matches!(error, LockError::Io { doing: "open", .. }),
        "{error}"
    );
}

#[test]
fn a_file_that_took_our_files_place_is_not_removed() {
    let folder = Folder::new();
    let lock = take(&folder.file()).unwrap();
    fs::remove_file(folder.file()).unwrap();
    fs::write(folder.file(), "77\n").unwrap();
    lock.release().unwrap();
    assert_eq!(folder.names(), ["poolmon.pid"]);
}

#[test]
fn whoever_removes_the_pid_file_of_a_running_monitor_makes_no_second_one() {
    let folder = Folder::new();
    let lock = take(&folder.file()).unwrap();
    fs::remove_file(folder.file()).unwrap();
    let refused = take(&folder.file()).unwrap_err();
    assert_eq!(refused.to_string(), "Already running");
    lock.release().unwrap();
    take(&folder.file()).unwrap().release().unwrap();
}

#[test]
fn instances_that_come_and_go_at_once_never_both_hold_it() {
    let folder = Folder::new();
    let holders = std::sync::atomic::AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                use std::sync::atomic::Ordering::SeqCst;
                for _ in 0..200 {
                    // Errors are "held" and, when the file goes all the time, "unsteady".
                    if let Ok(lock) = take(&folder.file()) {
                        assert_eq!(holders.fetch_add(1, SeqCst), 0);
                        holders.fetch_sub(1, SeqCst);
                        lock.release().unwrap();
                    }
                }
            });
        }
    });
}

#[test]
fn a_folder_that_others_could_change_is_told_with_its_owner() {
    let folder = Folder::new();
    let told = |mode, user| {
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(mode)).unwrap();
        remark_on_folder(&folder.file(), user)
    };
    assert_eq!(told(0o755, None), None);
    // As /run/lock is: what is there belongs to whoever made it.
    assert_eq!(told(0o1777, None), None);
    for mode in [0o777, 0o757] {
        let remark = told(mode, None).unwrap();
        assert!(remark.contains(&format!("mode {mode:o}")), "{remark}");
        assert!(remark.contains("chmod 755"), "{remark}");
    }
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let chown = |user, group| {
        let number = nix::unistd::Uid::from_raw(user);
        nix::unistd::chown(
            &folder.0,
            Some(number),
            Some(nix::unistd::Gid::from_raw(group)),
        )
        .unwrap();
        number
    };
    chown(0, 0);
    assert_eq!(told(0o775, None), None, "root's own group");
    chown(0, 60);
    assert!(told(0o775, None).unwrap().contains("group 60"));
    let user = chown(65534, 60);
    for mode in [0o755, 0o1777] {
        let remark = told(mode, None).unwrap();
        assert!(remark.contains("belongs to user 65534"), "{remark}");
        assert_eq!(told(mode, Some(user)), None, "the monitor's own user");
    }
}

/// As a Perl poolmon that an init script has started is for the monitor of the unit: root without a capability may
/// not see what root's other processes have open.
#[test]
fn a_perl_poolmon_with_more_rights_than_ours_is_no_stranger() {
    const FILE: &str = "POOLMON_TEST_LOCK_WITHOUT_CAPABILITIES";
    if let Some(path) = std::env::var_os(FILE) {
        let refused = take(Path::new(&path)).unwrap_err();
        let is_held = matches!(refused, LockError::Held { pid: Some(_) });
        assert!(is_held, "{refused}");
        return;
    }
    if !nix::unistd::geteuid().is_root() {
        println!("not tried: only root has rights to give up");
        return;
    }
    let folder = Folder::new();
    if let Some(perl) = Perl::hold(&folder.file(), "pid") {
        let test = "daemon::lock::tests::a_perl_poolmon_with_more_rights_than_ours_is_no_stranger";
        let ended = Command::new("setpriv")
            .args(["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", test])
            .env(FILE, folder.file())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stdout);
        assert!(ended.status.success(), "{said}");
        let pid = perl.0.id().to_string();
        assert_eq!(fs::read_to_string(folder.file()).unwrap().trim(), pid);
    }
}
