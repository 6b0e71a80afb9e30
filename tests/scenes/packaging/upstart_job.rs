//! The upstart job: its syntax alone, and its script as far as that goes without upstart.

use std::process::Command;

use super::installation::{text_of, Installation, MISREAD, SOON};
use crate::lab::command;
use crate::lab::fake_pool::FakePool;

/// Those of upstart 1.x, as init(5) lists them, that take one line.
const STANZAS: [&str; 22] = [
    "description",
    "author",
    "version",
    "emits",
    "start on",
    "stop on",
    "respawn",
    "expect",
    "console",
    "umask",
    "nice",
    "oom",
    "chroot",
    "chdir",
    "limit",
    "kill",
    "normal",
    "env",
    "export",
    "task",
    "manual",
    "usage",
];

/// The lines outside of the script, and the script.
fn parts() -> (Vec<String>, String) {
    let text = text_of("init/poolmon.upstart");
    let (before, rest) = text.split_once("\nscript\n").expect("a script");
    let (script, after) = rest.split_once("\nend script\n").expect("its end");
    let stanzas = before.lines().chain(after.lines());
    let stanzas = stanzas.filter(|line| !line.is_empty() && !line.starts_with('#'));
    (stanzas.map(str::to_string).collect(), script.to_string())
}

#[test]
fn its_stanzas_are_known_and_its_script_is_a_shells() {
    let (stanzas, script) = parts();
    assert!(stanzas.len() > 4);
    for line in stanzas {
        let known = |name: &&str| {
            let rest = line.strip_prefix(*name);
            rest.map_or(false, |rest| rest.is_empty() || rest.starts_with(' '))
        };
        assert!(STANZAS.iter().any(known), "{line}");
        assert_eq!(line.matches('"').count() % 2, 0, "{line}");
        assert_eq!(line.matches('(').count(), line.matches(')').count());
    }
    let pool = FakePool::start(1);
    let mut shell = Command::new("sh");
    shell.args(["-n", "-c", &script]);
    assert_eq!(
        command::run(&mut shell, pool.place.folder(), SOON).success(),
        ""
    );
}

#[test]
fn its_script_becomes_the_program_with_the_words_of_options() {
    let pool = FakePool::start(1);
    let there = Installation::new(&pool.place);
    let job = std::fs::read_to_string(there.document("init/poolmon.upstart")).unwrap();
    let script = job.split_once("\nscript\n").unwrap().1;
    let script = script.split_once("\nend script\n").unwrap().0;
    // upstart runs it with -e.
    let run = || {
        let mut shell = Command::new("sh");
        shell.args(["-e", "-c", script]);
        command::run(&mut shell, pool.place.folder(), SOON)
    };
    let refused = |words: &str| {
        let ended = run();
        assert_eq!(ended.status.code(), Some(6), "{words}: {}", ended.text);
        assert!(ended.text.starts_with("poolmon: "), "{}", ended.text);
        assert!(ended.text.contains(words), "{words}: {}", ended.text);
    };
    // It is not started again for that.
    assert!(job.contains("\nnormal exit 0 6\n"));
    refused("not configured: write OPTIONS=");
    for (text, words) in MISREAD {
        there.configure("default/poolmon", text);
        refused(words);
    }
    there.configure("default/poolmon", "OPTIONS=\"-l 'unfinished\"\n");
    refused("quote");
    there.configure("dovecot/poolmon.conf", "[Service]\n");
    there.configure(
        "default/poolmon",
        "OPTIONS=\"--once \\\n  -S 'no  such;\\$socket'\n -t 1\"\n",
    );
    let ended = run();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.text);
    assert!(ended.text.contains("no  such;$socket"), "{}", ended.text);
}
