//! Ledgers in folders of their own: read back, damaged, unwritable, and killed at every step.

use std::env;
use std::fs;
use std::os::unix::fs::{symlink, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::*;
use crate::backend::Stamp;
use crate::in_time::once_free;
use crate::monitor::policy::{Drain, OwnDown};
use crate::scratch::Folder;

impl Folder {
    fn state(&self) -> PathBuf {
        self.0.join("state.yml")
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn entry(number: u64) -> Memory {
    Memory {
        down: Some(OwnDown {
            stamp_before: Stamp(number),
            sent: Stamp(number),
            vhosts: 100,
            stamp: None,
        }),
        drain: Drain::Owed,
        drained: None,
        disputes: 0,
    }
}

/// Opens a state file that has nothing to warn of.
fn open(path: &Path) -> StateFile {
    let (state_file, warning) = StateFile::open(path);
    assert!(warning.is_none(), "{}", warning.unwrap());
    state_file
}

/// Opens one that has.
fn open_warned(path: &Path) -> (StateFile, StateFileWarning) {
    let (state_file, warning) = StateFile::open(path);
    assert_eq!(state_file.entries().count(), 0);
    (state_file, warning.expect("a warning"))
}

fn contents(state_file: &StateFile) -> Vec<(IpAddr, Memory)> {
    state_file.entries().collect()
}

fn a() -> IpAddr {
    address("192.0.2.1")
}

fn b() -> IpAddr {
    address("2001:db8::2")
}

impl StateFile {
    fn entry(&self, address: IpAddr) -> Memory {
        let found = self.entries().find(|(other, _)| *other == address);
        found.map_or_else(Memory::default, |(_, entry)| entry)
    }

    fn record(&mut self, address: IpAddr, entry: Memory) -> Result<(), StateFileError> {
        self.record_all([(address, entry)])
    }
}

#[test]
fn what_was_recorded_is_there_after_a_restart() {
    let folder = Folder::new();
    let mut state_file = open(&folder.state());
    let owed = Memory {
        down: None,
        drain: Drain::Owed,
        drained: None,
        disputes: 2,
    };
    let down = Memory {
        down: Some(OwnDown {
            stamp_before: Stamp(0),
            sent: Stamp(i64::MAX as u64),
            vhosts: 100,
            stamp: Some(Stamp(i64::MAX as u64)),
        }),
        drain: Drain::NotOwed,
        drained: Some(Stamp(1795314605)),
        disputes: 0,
    };
    for (text, entry) in [
        ("192.0.2.1", owed),
        ("10.0.0.1", down),
        ("::", owed),
        ("::1", down),
        ("fe80::", owed),
        ("::ffff:192.0.2.1", down),
        ("2001:db8::2", entry(1795314605)),
    ] {
        state_file.record(address(text), entry).unwrap();
        assert_eq!(state_file.entry(address(text)), entry);
    }
    let again = open(&folder.state());
    assert_eq!(contents(&again), contents(&state_file));
    assert_eq!(contents(&again).len(), 7);
    assert_eq!(again.entry(address("192.0.2.99")), Memory::default());
}

#[test]
fn files_of_every_generation_of_the_yaml_library_are_read() {
    for text in [
        "version: 1\nbackends:\n  192.0.2.1:\n    down:\n      stamp_before: 7\n      sent: 7\n      \
         vhosts: 100\n    drain: owed\n...\n",
        "# comment\n---\nversion: 1\nbackends:\n  \"192.0.2.1\":\n    down:\n      \
         stamp_before: 7\n      sent: 7\n      vhosts: 100\n    drain: owed\n...\n",
        "{version: 1, later: [1, 2], backends: {'192.0.2.1': {drain: owed, disputed: {until: 5}, \
         down: {sent: 7, stamp_before: 7, vhosts: 100, stamp_after: 8}}}}\n...\n",
    ] {
        let folder = Folder::new();
        fs::write(folder.state(), text).unwrap();
        let state_file = open(&folder.state());
        assert_eq!(contents(&state_file), [(a(), entry(7))], "{text}");
    }
}

#[test]
fn the_file_is_for_its_owner_only_and_nothing_is_left_beside_it() {
    let folder = Folder::new();
    let mut state_file = open(&folder.state());
    assert_eq!(folder.names(), [""; 0], "reading writes nothing");
    state_file.record(a(), entry(1)).unwrap();
    assert_eq!(folder.names(), ["state.yml"]);
    assert_eq!(fs::metadata(folder.state()).unwrap().mode() & 0o7777, 0o600);
}

#[test]
fn nothing_is_written_if_nothing_has_changed() {
    let folder = Folder::new();
    let mut state_file = open(&folder.state());
    state_file.record(a(), Memory::default()).unwrap();
    assert_eq!(folder.names(), [""; 0]);

    state_file.record(a(), entry(1)).unwrap();
    // Every writing makes a new file while the old one still exists.
    let written = || fs::metadata(folder.state()).unwrap().ino();
    let first = written();
    state_file.record(a(), entry(1)).unwrap();
    state_file.record(b(), Memory::default()).unwrap();
    let mut again = open(&folder.state());
    again.record(a(), entry(1)).unwrap();
    assert_eq!(written(), first);
    again.record(a(), entry(2)).unwrap();
    assert_ne!(written(), first);
}

#[test]
fn an_entry_that_holds_nothing_is_not_in_the_file() {
    let folder = Folder::new();
    let mut state_file = open(&folder.state());
    state_file
        .record_all([(a(), entry(1)), (b(), entry(1))])
        .unwrap();
    state_file.record(a(), Memory::default()).unwrap();
    let text = fs::read_to_string(folder.state()).unwrap();
    assert!(!text.contains("192.0.2.1"), "{text}");
    assert_eq!(contents(&open(&folder.state())), [(b(), entry(1))]);
    state_file.record(b(), Memory::default()).unwrap();
    assert_eq!(contents(&open(&folder.state())), []);
}

#[test]
fn a_state_file_in_memory_remembers_and_writes_nothing() {
    let mut state_file = StateFile::in_memory();
    state_file.record(a(), entry(1)).unwrap();
    assert_eq!(contents(&state_file), [(a(), entry(1))]);
}

#[test]
fn a_missing_folder_is_made_for_its_owner_only() {
    let folder = Folder::new();
    let path = folder.0.join("poolmon/state.yml");
    let mut state_file = open(&path);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&folder.0.join("poolmon")), 0o700);
    fs::remove_dir(folder.0.join("poolmon")).unwrap();
    state_file.record(a(), entry(1)).unwrap();
    assert_eq!(contents(&open(&path)), [(a(), entry(1))]);
}

/// What `open` warns of and `record` says, both without the folder's name, where the file cannot
/// be written; and that all is written once it can.
fn check_unwritable(
    folder: &Folder,
    name: &str,
    warned: Option<&str>,
    told: &str,
    mend: impl Fn(),
) {
    let full = |text: &str| format!("state file: {}/{text}", folder.0.display());
    let path = folder.0.join(name);
    let (mut state_file, warning) = StateFile::open(&path);
    assert_eq!(warning.map(|warning| warning.to_string()), warned.map(full));
    for number in [1, 1, 2] {
        let error = state_file.record(a(), entry(number)).unwrap_err();
        assert_eq!(error.to_string(), full(told));
        assert_eq!(state_file.entry(a()), entry(number), "kept in memory");
    }
    mend();
    state_file.record(b(), Memory::default()).unwrap();
    assert_eq!(contents(&open(&path)), [(a(), entry(2))]);
}

#[test]
fn an_unwritable_state_file_is_kept_in_memory_and_written_when_that_is_possible_again() {
    let folder = Folder::new();
    let in_the_way = folder.0.join("file");
    fs::write(&in_the_way, "").unwrap();
    let exists = "file: its folder cannot be made: File exists (os error 17)";
    check_unwritable(&folder, "file/state.yml", Some(exists), exists, || {
        fs::remove_file(&in_the_way).unwrap();
    });

    let folder = Folder::new();
    let missing = "no/folder: its folder cannot be made: No such file or directory (os error 2)";
    check_unwritable(
        &folder,
        "no/folder/state.yml",
        Some(missing),
        missing,
        || {
            fs::create_dir(folder.0.join("no")).unwrap();
        },
    );

    let folder = Folder::new();
    fs::create_dir(folder.state()).unwrap();
    let is_folder = "state.yml: left alone: not a regular file";
    check_unwritable(&folder, "state.yml", Some(is_folder), is_folder, || {
        fs::remove_dir(folder.state()).unwrap();
    });

    let folder = Folder::new();
    let new = folder.0.join("state.yml.new");
    fs::create_dir(&new).unwrap();
    let no_file = "state.yml.new: it cannot be removed: Is a directory (os error 21)";
    check_unwritable(&folder, "state.yml", None, no_file, || {
        fs::remove_dir(&new).unwrap();
    });
}

#[test]
fn a_device_is_not_replaced_by_a_file() {
    let folder = Folder::new();
    let device = UnixListener::bind(folder.state()).unwrap();
    for path in [&*folder.state(), Path::new("/dev/null")] {
        let (mut state_file, _) = open_warned(path);
        let error = state_file.record(a(), entry(1)).unwrap_err();
        assert!(error.to_string().ends_with("not a regular file"), "{error}");
        assert!(!fs::symlink_metadata(path).unwrap().is_file());
    }
    drop(device);
    assert_eq!(folder.names(), ["state.yml"]);
}

#[test]
fn a_link_in_its_place_is_neither_read_nor_replaced() {
    let folder = Folder::new();
    let target = folder.0.join("elsewhere.yml");
    open(&target).record(b(), entry(2)).unwrap();
    let before = fs::read(&target).unwrap();
    for to in [&*target, Path::new("/dev/null"), Path::new("nowhere")] {
        let _ = fs::remove_file(folder.state());
        symlink(to, folder.state()).unwrap();
        let (mut state_file, warning) = open_warned(&folder.state());
        let expected = format!(
            "state file: {}: left alone: a symbolic link is not followed; name the file itself (--state-file)",
            folder.state().display()
        );
        assert_eq!(warning.to_string(), expected);
        assert_eq!(contents(&state_file), []);
        let error = state_file.record(a(), entry(1)).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(fs::read_link(folder.state()).unwrap(), to);
    }
    assert_eq!(fs::read(&target).unwrap(), before);
    assert_eq!(folder.names(), ["elsewhere.yml", "state.yml"]);
}

#[test]
fn what_could_not_be_read_is_not_written_over() {
    let folder = Folder::new();
    // As long as no name of a file may be.
    let path = folder.0.join("x".repeat(300));
    let (mut state_file, warning) = open_warned(&path);
    assert!(
        warning.to_string().contains("x: it cannot be read: "),
        "{warning}"
    );
    let error = state_file.record(a(), entry(1)).unwrap_err();
    let told = error.to_string();
    assert!(
        told.ends_with("left alone: it could not be read at the start; repair that and restart"),
        "{told}"
    );
    assert_eq!(folder.names(), [] as [&str; 0]);
}

#[test]
fn a_file_of_a_newer_version_is_left_alone() {
    for text in [
        "version: 2\nbackends: [new, ways]\n...\n",
        "version: 9223372036854775807\nno: closing line\n",
        "version: 9\n",
    ] {
        let folder = Folder::new();
        fs::write(folder.state(), text).unwrap();
        let (mut state_file, warning) = open_warned(&folder.state());
        let told = warning.to_string();
        assert!(
            told.contains("left alone: a newer poolmon wrote it (version "),
            "{told}"
        );
        let error = state_file.record(a(), entry(1)).unwrap_err();
        assert_eq!(error.to_string(), told);
        assert_eq!(state_file.entry(a()), entry(1));
        assert_eq!(fs::read_to_string(folder.state()).unwrap(), text);
    }
}

/// A file that is no state file is moved aside with a warning, and the next record makes a new one.
fn check_damaged(bytes: &[u8]) -> String {
    let folder = Folder::new();
    fs::write(folder.state(), bytes).unwrap();
    let (mut state_file, warning) = open_warned(&folder.state());
    assert_eq!(folder.names(), ["state.yml.damaged"]);
    let kept = fs::read(folder.0.join("state.yml.damaged")).unwrap();
    assert_eq!(kept, bytes);
    state_file.record(a(), entry(1)).unwrap();
    assert_eq!(contents(&open(&folder.state())), [(a(), entry(1))]);
    let path = folder.state();
    let start = format!("state file: {}: damaged: ", path.display());
    let end = format!(
        "; kept as {}.damaged; which backends this monitor took down before is not known any more",
        path.display()
    );
    let told = warning.to_string();
    told.strip_prefix(&start)
        .and_then(|told| told.strip_suffix(&end))
        .expect("what, then why, then what follows")
        .to_owned()
}

fn whole_text() -> String {
    let folder = Folder::new();
    let mut state_file = open(&folder.state());
    state_file
        .record_all([(a(), entry(12)), (b(), entry(345))])
        .unwrap();
    fs::read_to_string(folder.state()).unwrap()
}

#[test]
fn a_file_cut_at_any_byte_is_damaged() {
    let whole = whole_text();
    for cut in 0..whole.len() {
        let folder = Folder::new();
        fs::write(folder.state(), &whole[..cut]).unwrap();
        let (_, warning) = open_warned(&folder.state());
        assert!(
            warning.to_string().contains(": damaged: cut off; kept as "),
            "{warning}"
        );
    }
}

#[test]
fn what_is_no_state_file_is_damaged() {
    for (bytes, cause) in [
        (&b"\xff\xfe\x00\x01random"[..], "not utf-8"),
        (&b"\0\0\0\0\0\0\0\0"[..], "cut off"),
        (&b"[1, 2\n...\n"[..], "\""),
        (&b"- version: 1\n...\n"[..], "\""),
        (&b"backends: {}\n...\n"[..], "\""),
        (&b"version: one\n...\n"[..], "\""),
        (&b"version: -1\n...\n"[..], "\""),
        (&b"version: 1\nbackends:\n  mail1: {}\n...\n"[..], "\""),
        (
            &b"version: 1\nbackends:\n  192.0.2.1: {drain: \x1b[2J}\n...\n"[..],
            "\"",
        ),
        (
            &b"version: 1\nbackends:\n  192.0.2.1: {down: {sent: 1}}\n...\n"[..],
            "\"",
        ),
        (
            &b"version: 1\nbackends:\n  192.0.2.1: {drain: perhaps}\n...\n"[..],
            "\"",
        ),
    ] {
        let told = check_damaged(bytes);
        assert!(told.starts_with(cause), "{told}");
        assert!(
            told.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{told}"
        );
    }
}

#[test]
fn damage_anywhere_is_a_warning_and_never_a_stop() {
    let whole = whole_text().into_bytes();
    // Numerical Recipes' generator: the same bytes each time.
    let mut seed = 1_u32;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize % below
    };
    let folder = Folder::new();
    for _ in 0..500 {
        let mut bytes = whole.clone();
        for _ in 0..=random(4) {
            let place = random(bytes.len());
            bytes[place] = random(256) as u8;
        }
        fs::write(folder.state(), &bytes).unwrap();
        let (state_file, warning) = StateFile::open(&folder.state());
        // What can still be read, for example a changed digit, is taken as it is.
        assert_eq!(warning.is_some(), state_file.entries().next().is_none());
    }
}

#[test]
fn the_first_of_two_damaged_files_is_kept_and_of_the_second_it_is_said_that_it_is_not() {
    let folder = Folder::new();
    let kept = folder.0.join("state.yml.damaged");
    let mut told = Vec::new();
    for text in ["first", "second"] {
        fs::write(folder.state(), text).unwrap();
        let (mut state_file, warning) = open_warned(&folder.state());
        told.push(warning.to_string());
        state_file.record(a(), entry(1)).unwrap();
        assert_eq!(contents(&open(&folder.state())), [(a(), entry(1))]);
        assert_eq!(fs::read_to_string(&kept).unwrap(), "first");
    }
    let kept = kept.display();
    assert!(told[0].contains(&format!("; kept as {kept}; ")), "{told:?}");
    let expected = format!(
        "; it cannot be kept: {kept} is there already and stays, move it away to have the next one kept; "
    );
    assert!(told[1].contains(&expected), "{told:?}");
}

#[test]
fn a_damaged_file_that_cannot_be_kept_is_told() {
    let folder = Folder::new();
    fs::write(folder.state(), "junk").unwrap();
    fs::create_dir(folder.0.join("state.yml.damaged")).unwrap();
    let (mut state_file, warning) = open_warned(&folder.state());
    let told = warning.to_string();
    assert!(
        told.contains("damaged: cut off; it cannot be kept: "),
        "{told}"
    );
    state_file.record(a(), entry(1)).unwrap();
    assert_eq!(contents(&open(&folder.state())), [(a(), entry(1))]);
}

#[test]
fn a_link_planted_for_the_new_file_is_not_followed() {
    let folder = Folder::new();
    let victim = folder.0.join("victim");
    fs::write(&victim, "precious").unwrap();
    let mut state_file = open(&folder.state());
    symlink(&victim, folder.0.join("state.yml.new")).unwrap();
    state_file.record(a(), entry(1)).unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert!(fs::symlink_metadata(folder.state()).unwrap().is_file());
    assert_eq!(folder.names(), ["state.yml", "victim"]);
}

/// What a process killed at any step of a writing leaves behind.
#[test]
fn killed_at_any_step_the_state_file_is_the_old_one_or_the_new_one() {
    let old = vec![(a(), entry(1)), (b(), entry(1))];
    let new = vec![(a(), entry(2)), (b(), entry(2))];
    let text = |entries: &[(IpAddr, Memory)]| {
        let folder = Folder::new();
        let mut state_file = open(&folder.state());
        state_file.record_all(entries.iter().copied()).unwrap();
        fs::read(folder.state()).unwrap()
    };
    let (old_text, new_text) = (text(&old), text(&new));

    let leave = |state: Option<&[u8]>, unfinished: &[u8], expected: &[_]| {
        let folder = Folder::new();
        if let Some(bytes) = state {
            fs::write(folder.state(), bytes).unwrap();
        }
        fs::write(folder.0.join("state.yml.new"), unfinished).unwrap();
        let state_file = open(&folder.state());
        assert_eq!(contents(&state_file), expected);
        (folder, state_file)
    };
    for cut in 0..=new_text.len() {
        leave(Some(&old_text), &new_text[..cut], &old);
        leave(None, &new_text[..cut], &[]);
    }
    for cut in [0, new_text.len() / 2, new_text.len()] {
        let (folder, mut state_file) = leave(Some(&old_text), &new_text[..cut], &old);
        state_file.record_all(new.iter().copied()).unwrap();
        assert_eq!(folder.names(), ["state.yml"], "the leftover is gone");
        assert_eq!(contents(&open(&folder.state())), new);
    }
}

/// Set for the child of the next test: where to write until it is killed.
const CHILD: &str = "POOLMON_TEST_STATE_FILE";

#[test]
fn a_process_killed_while_it_writes_leaves_a_whole_state_file() {
    if let Some(path) = env::var_os(CHILD) {
        let mut state_file = open(Path::new(&path));
        let start = seen(&state_file);
        // Not for ever, should the parent not live to kill it.
        for number in start + 1..start + 100_000 {
            let both = [(a(), entry(number)), (b(), entry(number))];
            state_file.record_all(both).unwrap();
        }
        return;
    }

    /// The number that both entries bear.
    fn seen(state_file: &StateFile) -> u64 {
        let number = |address| state_file.entry(address).down.map_or(0, |down| down.sent.0);
        assert_eq!(state_file.entry(a()), state_file.entry(b()));
        number(a())
    }

    let folder = Folder::new();
    let end = Instant::now() + Duration::from_secs(1);
    let mut last = 0;
    let mut kills = 0;
    while Instant::now() < end {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "state_file::tests::a_process_killed_while_it_writes_leaves_a_whole_state_file",
            ])
            .env(CHILD, folder.state())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Its first writing, then a different moment each time.
        let deadline = Instant::now() + Duration::from_secs(20);
        while seen(&open(&folder.state())) == last && Instant::now() < deadline {
            // Pause: between two looks.
            thread::sleep(Duration::from_millis(1));
        }
        // Pause: each kill comes at another moment of the writing.
        thread::sleep(Duration::from_micros(kills * 137 % 3000));
        child.kill().unwrap();
        child.wait().unwrap();
        let now = seen(&open(&folder.state()));
        assert!(now > last, "{now} after {last}");
        last = now;
        kills += 1;
    }
    assert!(kills > 0);
}

#[test]
fn the_first_of_two_running_monitors_keeps_the_file() {
    let folder = Folder::new();
    let path = folder.state();
    let (mut first, warnings) = StateFile::open_alone(&path);
    assert!(warnings.is_empty());
    let (mut second, warnings) = StateFile::open_alone(&path);
    let expected = format!(
        "state file: {}: left alone: another running monitor uses it, so what this one does is forgotten when it \
         ends: give each monitor its own --state-file",
        path.display()
    );
    let told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told, [expected]);
    first.record(a(), entry(1)).unwrap();
    second.record(b(), entry(2)).unwrap();
    assert_eq!(contents(&open(&path)), [(a(), entry(1))]);
    let (_, warnings) = StateFile::open_alone(&folder.0.join("other.yml"));
    assert!(warnings.is_empty(), "each file has a keeper of its own");
    drop(first);
    let third = once_free(|| {
        let (third, warnings) = StateFile::open_alone(&path);
        warnings.is_empty().then_some(third)
    });
    assert_eq!(contents(&third), [(a(), entry(1))]);
}

/// As by `rm -rf /var/lib/poolmon`.
#[test]
fn a_monitor_whose_folder_was_removed_makes_its_lock_anew_with_its_file() {
    let folder = Folder::new();
    let lib = folder.0.join("lib");
    let path = lib.join("state.yml");
    let (mut first, _) = StateFile::open_alone(&path);
    first.record(a(), entry(1)).unwrap();
    fs::remove_dir_all(&lib).unwrap();
    first.record(a(), entry(2)).unwrap();
    let (_, warnings) = StateFile::open_alone(&path);
    let told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("another running monitor uses it"),
        "{told:?}"
    );
}

#[test]
fn whoever_lost_its_file_to_another_monitor_writes_it_once_that_has_ended() {
    let folder = Folder::new();
    let lib = folder.0.join("lib");
    let path = lib.join("state.yml");
    let (mut first, _) = StateFile::open_alone(&path);
    fs::remove_dir_all(&lib).unwrap();
    let (mut second, warnings) = StateFile::open_alone(&path);
    assert!(warnings.is_empty());
    second.record(b(), entry(2)).unwrap();
    let error = first.record(a(), entry(1)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("another running monitor uses it"),
        "{error}"
    );
    assert_eq!(contents(&open(&path)), [(b(), entry(2))]);
    drop(second);
    once_free(|| first.record(a(), entry(3)).ok());
    assert_eq!(contents(&open(&path)), [(a(), entry(3))]);
}

#[test]
fn a_state_file_that_cannot_be_locked_is_told_and_used_all_the_same() {
    let in_its_place: [fn(&Path); 4] = [
        |lock| fs::create_dir(lock).unwrap(),
        |lock| symlink("nowhere", lock).unwrap(),
        |lock| nix::unistd::mkfifo(lock, nix::sys::stat::Mode::S_IRWXU).unwrap(),
        |lock| drop(UnixListener::bind(lock).unwrap()),
    ];
    for occupy in in_its_place {
        let folder = Folder::new();
        let path = folder.state();
        let lock = Beside::Lock.of(&path);
        occupy(&lock);
        for monitor in 1..=2 {
            let (mut state_file, warnings) = StateFile::open_alone(&path);
            let told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
            let expected = format!(
                "state file: {}: used without a lock, so a second monitor that uses it is not noticed, and each \
                 writes over what the other remembers: {} is not a regular file: remove it and restart",
                path.display(),
                lock.display()
            );
            assert_eq!(told, [expected]);
            state_file.record(a(), entry(monitor)).unwrap();
            assert_eq!(contents(&open(&path)), [(a(), entry(monitor))]);
        }
    }
}

#[test]
fn a_lock_that_the_system_refuses_is_told_with_its_cause() {
    let warning = StateFileWarning::Unlocked {
        path: "/var/lib/poolmon/state.yml".into(),
        cause: NoLock::Io(Errno::ENOLCK.into()),
    };
    assert_eq!(
        warning.to_string(),
        "state file: /var/lib/poolmon/state.yml: used without a lock, so a second monitor that uses it is not \
         noticed, and each writes over what the other remembers: /var/lib/poolmon/state.yml.lock cannot be locked: \
         No locks available (os error 37): repair that and restart"
    );
}

#[test]
fn a_state_file_that_cannot_be_written_needs_no_second_line_about_its_lock() {
    let folder = Folder::new();
    let path = folder.0.join("missing").join("missing").join("state.yml");
    let (_, warnings) = StateFile::open_alone(&path);
    let told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("its folder cannot be made: "), "{told:?}");
}

#[test]
fn a_damaged_state_file_and_its_missing_lock_are_both_told() {
    let folder = Folder::new();
    fs::write(folder.state(), "nonsense").unwrap();
    fs::create_dir(Beside::Lock.of(&folder.state())).unwrap();
    let (_, warnings) = StateFile::open_alone(&folder.state());
    let told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains(": damaged: "), "{told:?}");
    assert!(told[1].contains(": used without a lock, "), "{told:?}");
}

/// The file has no checksum: a flipped digit of an address is another backend, which the pool then does not list.
#[test]
fn a_bent_file_is_a_state_file_or_damaged_and_has_no_more_backends() {
    let folder = Folder::new();
    let mut state_file = open(&folder.state());
    state_file.record(a(), entry(1_795_314_605)).unwrap();
    state_file.record(b(), entry(1_795_314_606)).unwrap();
    let text = fs::read(folder.state()).unwrap();
    let mut damaged = 0;
    for text in crate::bent::bent_file(&text) {
        fuzz::state_file(&text);
        match file::parse(&text) {
            Ok(entries) => assert!(entries.len() <= 2, "{:?}", String::from_utf8_lossy(&text)),
            Err(_) => damaged += 1,
        }
    }
    assert!(damaged > 1000, "{damaged}");
}
