//! Files that cannot be used: a message that an administrator can act on, and dovemon's exit codes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::files::Files;
use crate::lab::command::{self, Ended};
use crate::lab::fake_pool::{FakePool, PASSWORD, REACTION};
use crate::lab::monitor::binary;
use crate::lab::patience::wait_until;
use crate::lab::place::Place;
use crate::scenes::packaging::installation::text_of;

/// Runs it, which has to end with the code; what it said.
#[track_caller]
fn refused(files: &Files, pool: &FakePool, words: &str, code: i32) -> String {
    let ended = files.plan(&pool.place).run(words, REACTION);
    assert_eq!(ended.status.code(), Some(code), "{}", ended.text);
    assert!(!files.lock.exists(), "{}", ended.text);
    assert!(!ended.text.contains(PASSWORD), "{}", ended.text);
    ended.text
}

#[test]
fn a_bad_configuration_is_refused_with_file_line_key_and_expectation() {
    let pool = FakePool::start(1);
    let files = Files::of_pool(&pool);
    let file = files.config.display().to_string();
    for (text, expected) in [
        (
            "# c\ninterval: soon\n",
            ":2: interval: \"soon\": expected seconds, at least 1",
        ),
        (
            "poll_imap: 2\n",
            ":1: poll_imap: \"2\": expected True or False",
        ),
        ("- poll_imap\n", ":1: expected a map of keys and values"),
        (
            "poll_imap: [True]\n",
            ":1: poll_imap: expected a single value",
        ),
        (
            "poll_imap: yes\n\tinterval: 3\n",
            ":2: expected spaces before the key",
        ),
        ("interval: 'x\n", ": expected YAML: "),
        ("poll_imap: no\n", ": nothing is polled: expected poll_imap"),
    ] {
        files.write_bare(text);
        for words in ["", "--check-config", "--once"] {
            let said = refused(&files, &pool, words, 3);
            assert!(said.starts_with(&format!("dovemon: {file}")), "{said}");
            assert!(said.contains(expected), "{text:?}: {said}");
        }
    }
}

#[test]
fn keys_that_haproxy_does_not_go_with_are_a_configuration_that_cannot_be_used() {
    let pool = FakePool::start(1);
    let files = Files::of_pool(&pool);
    for (text, expected) in [
        ("restore: any\n", "restore: any is not for HAProxy"),
        ("record: yes\n", "record: only a director's pool"),
    ] {
        files.write(&format!("pool: haproxy\n{text}"));
        let said = refused(&files, &pool, "", 3);
        assert!(said.contains(expected), "{text:?}: {said}");
    }
}

#[test]
fn a_bad_file_of_accounts_is_refused_and_no_password_is_shown() {
    let pool = FakePool::start(1);
    let files = Files::of_pool(&pool);
    let address = pool.address(0).to_string();
    for (text, expected) in [
        (
            format!("# c\n{address}:\n  username: u\n"),
            format!(":2: {address}: expected a password beside the username"),
        ),
        (
            format!("- {address}\n- {PASSWORD}\n"),
            ":1: expected a map of keys and values".to_owned(),
        ),
        (
            format!("{address}: {PASSWORD}\n"),
            format!(":1: {address}: expected a map of keys and values below this one"),
        ),
        (
            format!("{address}:\n  username: u\n  password: [{PASSWORD}]\n"),
            format!(":3: {address}: password: expected a single value"),
        ),
        (
            format!("{address}:\n  username: u\n  password: '{PASSWORD}\n"),
            ": expected YAML: ".to_owned(),
        ),
        (
            format!("{address}: {{username: u, password: {PASSWORD}}}\n").repeat(2),
            format!(":2: {address}: expected once, this backend is already above"),
        ),
    ] {
        files.write_accounts(&text);
        let said = refused(&files, &pool, "", 3);
        assert!(said.contains(&expected), "{text:?}: {said}");
    }
    files.write_accounts("");
    fs::set_permissions(&files.accounts, fs::Permissions::from_mode(0o644)).unwrap();
    let said = refused(&files, &pool, "", 3);
    assert!(said.contains("mode 0644 lets group or others in"), "{said}");
    fs::remove_file(&files.accounts).unwrap();
    let said = refused(&files, &pool, "", 3);
    assert!(said.contains("No such file"), "{said}");
    files.write_accounts("");
    files.write("poll_unknown_backends: no\n");
    let said = refused(&files, &pool, "", 3);
    assert!(said.contains("no backend would be polled"), "{said}");
}

#[test]
fn without_a_configuration_the_code_is_4_and_one_that_cannot_be_written_is_2() {
    let pool = FakePool::start(1);
    let mut files = Files::of_pool(&pool);
    fs::remove_file(&files.config).unwrap();
    let said = refused(&files, &pool, "", 4);
    assert!(said.contains("--write-missing-config"), "{said}");
    assert!(!files.config.exists());

    let said = refused(&files, &pool, "--bogus", 1);
    assert!(said.starts_with("dovemon: unknown option"), "{said}");
    assert!(said.contains("try dovemon --help"), "{said}");

    files.config = pool.place.path("nowhere/config.yml");
    let said = refused(&files, &pool, "--write-missing-config", 2);
    assert!(said.contains("cannot be written"), "{said}");
}

#[test]
fn a_mistyped_command_starts_no_monitor_and_other_operands_are_ignored() {
    let place = Place::new();
    let run = |words: &[&str]| {
        let mut poolmon = Command::new(binary());
        // Should it be obeyed, it watches nothing.
        poolmon.args(words).args(["--check-config", "-p", "143"]);
        command::run(&mut poolmon, place.folder(), REACTION)
    };
    let commands = "The commands are status, explain, check and replay.\n\
                    try poolmon --help for the common options";
    for (word, meant) in [
        ("stat", "; is \"status\" meant?"),
        ("STATUS", "; is \"status\" meant?"),
        ("chekc", "; is \"check\" meant?"),
        ("stop", "."),
        ("reload", "."),
    ] {
        let ended = run(&[word]);
        assert_eq!(ended.status.code(), Some(1), "{word}: {}", ended.text);
        let said = format!("poolmon: unknown command \"{word}\"{meant} {commands}");
        assert!(ended.text.starts_with(&said), "{}", ended.text);
    }
    for words in [
        &["-n", "stat"][..],
        &["/stat"],
        &["stat7"],
        &["192.0.2.7"],
        &["stat=us"],
        &[""],
    ] {
        let text = run(words).success();
        assert!(text.contains("imap:143: greeting"), "{words:?}: {text}");
    }
}

#[test]
fn a_missing_configuration_is_written_with_the_defaults_and_followed() {
    let pool = FakePool::start(1);
    let files = Files::of_pool(&pool);
    fs::remove_file(&files.config).unwrap();
    let ended = files
        .plan(&pool.place)
        .run("--write-missing-config --check-config", REACTION);
    let text = ended.success();
    assert!(text.contains("written with the defaults"), "{text}");
    assert!(text.contains("imap:143: greeting"), "{text}");
    let written = fs::read_to_string(&files.config).unwrap();
    assert_eq!(written, text_of("etc/dovemon.config.yml"));

    // One that is there is left as it is.
    fs::write(&files.config, "interval: 77\n").unwrap();
    let plan = files.plan(&pool.place);
    let text = plan.run("--write-missing-config --check-config", REACTION);
    assert!(text.success().contains("77 s from the start"));
    assert_eq!(fs::read_to_string(&files.config).unwrap(), "interval: 77\n");
}

#[test]
fn a_lock_that_is_held_ends_with_255_and_one_that_cannot_be_had_with_1() {
    let pool = FakePool::start(1);
    let files = Files::of_pool(&pool);
    let plan = files.plan(&pool.place);
    let first = plan.start();
    wait_until("the lock file", REACTION, || files.lock.exists());
    pool.wait_for_visits();
    let ended = plan.run("", REACTION);
    assert_eq!(ended.status.code(), Some(255), "{}", ended.text);
    let expected = format!("Already running as pid {}", first.pid());
    assert!(ended.text.contains(&expected), "{}", ended.text);
    drop(first);
    fs::remove_file(&files.lock).unwrap();

    let folder = pool.place.path("folder");
    fs::create_dir(&folder).unwrap();
    let words = format!("-k {}", folder.display());
    refused(&files, &pool, &words, 1);
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_known_one_and_ignored() {
    let pool = FakePool::start(1);
    let files = Files::of_pool(&pool);
    files.write("poll_iamp_select: True\n");
    let monitor = files.plan(&pool.place).start();
    let words = [
        " ERR ",
        "\"poll_iamp_select\"",
        "is poll_imap_select meant?",
    ];
    monitor.wait_for_line(&words, REACTION);
    pool.wait_for_visits();
}

/// Runs dovemon with these words where /etc/dovecot is empty but for what `prepare` makes in it.
fn in_an_empty_etc_dovecot(pool: &FakePool, prepare: &str, words: &str) -> Ended {
    let files = Files::of_pool(pool);
    let mut unshare = Command::new("unshare");
    unshare
        .args(["--mount", "sh", "-ec"])
        .arg(format!(
            "mount -t tmpfs tmpfs /etc/dovecot; cd /etc/dovecot; {prepare}; exec \"$@\""
        ))
        .arg("sh")
        .arg(files.plan(&pool.place).program())
        .args(words.split_whitespace());
    command::run(&mut unshare, pool.place.folder(), REACTION)
}

#[test]
fn without_words_dovemons_own_places_are_looked_at_the_newer_ones_first() {
    let pool = FakePool::start(1);
    let older = "mkdir dovemon; echo 'interval: 77' >dovemon/config.yml; \
                 touch dovemon/test.accounts.yml; chmod 600 dovemon/test.accounts.yml";
    let newer = "echo 'interval: 66' >dovemon.config.yml; touch dovemon.testaccounts.yml; \
                 chmod 600 dovemon.testaccounts.yml";
    for (prepare, code, expected) in [
        (
            older,
            0,
            &["dovemon/config.yml", "77 s", "/dovemon/test.accounts.yml"][..],
        ),
        (
            &format!("{older}; {newer}"),
            0,
            &["dovemon.config.yml", "66 s", "/dovemon.testaccounts.yml"],
        ),
        (
            ":",
            4,
            &["no configuration", "/etc/dovecot/dovemon.config.yml"],
        ),
    ] {
        let ended = in_an_empty_etc_dovecot(&pool, prepare, "--check-config");
        assert_eq!(ended.status.code(), Some(code), "{}", ended.text);
        for said in expected {
            assert!(ended.text.contains(said), "{said}: {}", ended.text);
        }
    }
    let words = "--write-missing-config --check-config";
    let written = in_an_empty_etc_dovecot(&pool, ":", words).success();
    for said in [
        "/etc/dovecot/dovemon.config.yml: written with the defaults",
        "/etc/dovecot/dovemon.testaccounts.yml: no file of accounts is there",
        "10 s from the start",
    ] {
        assert!(written.contains(said), "{said}: {written}");
    }
}

#[test]
fn a_configuration_is_written_only_where_a_place_is_named() {
    let pool = FakePool::start(1);
    let ended = pool.bare_monitor().run("--write-missing-config", REACTION);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.text);
    assert!(ended.text.contains("expected --config"), "{}", ended.text);
}
