//! The passwords of the lab: each bears a mark that nothing else has, and the monitor must not leave the
//! mark anywhere. `Monitor`, `MonitorPlan::run`, `command::run` and `Place` look for it by themselves, so no scene
//! can forget to.
//!
//! Looked at are: the output of every program that a scene runs, command line and environment of every
//! monitor while it lives, and at the end of a scene every file in its folder but those that are made to
//! hold passwords.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread;

/// What every password begins with.
pub const MARK: &str = "Zq7Xv9pW";

/// The mark in base64, as SASL PLAIN carries it, from each of its three places in a group of three bytes.
/// Letters that depend on what stands beside it are left out.
const IN_BASE64: [&str; 3] = ["WnE3WHY5cF", "pxN1h2OXBX", "acTdYdjlwV"];

/// With the mark. No password at all stays none.
pub fn marked(word: &str) -> String {
    match word.is_empty() || word.starts_with(MARK) {
        true => word.to_owned(),
        false => format!("{MARK}-{word}"),
    }
}

pub fn shows_password(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let [first, second, third] = IN_BASE64;
    let marks = [MARK, first, second, third];
    let is_shown = ends(&text, &marks).next().is_some();
    is_shown || shows_numbers(&text)
}

/// Where any of them ends in the text.
fn ends<'t>(text: &'t str, of: &'t [&'t str]) -> impl Iterator<Item = usize> + 't {
    of.iter().flat_map(move |of| {
        // Megabytes are looked through: the library finds the last letter, a rare one in a mark, quickly.
        let last = of.chars().last().expect("a mark has letters");
        let ends = text.match_indices(last).map(|(at, _)| at);
        ends.filter(move |at| text[..=*at].ends_with(of))
    })
}

/// The mark as a list of its bytes, on one line or several, as `{:?}` and `{:#?}` print bytes that nobody has hidden.
fn shows_numbers(text: &str) -> bool {
    let numbers: Vec<String> = MARK.bytes().map(|byte| byte.to_string()).collect();
    let (first, others) = numbers.split_first().expect("a mark has letters");
    // Commas are rarer than digits.
    text.match_indices(',')
        .filter(|(at, _)| text[..*at].ends_with(first))
        .any(|(at, _)| {
            let mut rest = &text[at..];
            others.iter().all(|number| {
                let next = rest.strip_prefix(',').map(str::trim_start);
                let next = next.and_then(|next| next.strip_prefix(&**number));
                rest = next.unwrap_or("");
                next.is_some()
            })
        })
}

/// A password in there fails the scene. A scene that fails already is not made to fail twice, which would
/// end the whole test process.
#[track_caller]
pub fn assert_none(what: &str, bytes: &[u8]) {
    if thread::panicking() || !shows_password(bytes) {
        return;
    }
    panic!(
        "a password is shown in {what}: {}",
        String::from_utf8_lossy(&bytes[..bytes.len().min(20_000)])
    );
}

/// The command line and the environment of a process, which others can read. One that has ended has none.
#[track_caller]
pub fn assert_none_in_process(pid: u32) {
    for name in ["cmdline", "environ"] {
        let path = format!("/proc/{pid}/{name}");
        assert_none(&path, &fs::read(&path).unwrap_or_default());
    }
}

/// How many times these texts stand in what the process can write to. Only root may look.
pub fn copies_in_memory(pid: u32, texts: &[&str]) -> usize {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let memory = fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    let writable = maps.lines().filter(|line| line.contains(" rw"));
    let copies = writable.map(|line| {
        let range = line.split(' ').next().expect("a line begins with a range");
        let (from, to) = range.split_once('-').expect("a range has two ends");
        let [from, to] = [from, to].map(|end| u64::from_str_radix(end, 16).unwrap());
        let mut region = vec![0; (to - from) as usize];
        match memory.read_exact_at(&mut region, from) {
            Ok(()) => ends(&String::from_utf8_lossy(&region), texts).count(),
            // It has gone meanwhile.
            Err(_) => 0,
        }
    });
    copies.sum()
}

/// All files below the folder.
#[track_caller]
pub fn assert_none_in_folder(folder: &Path) {
    for path in files(folder) {
        if !is_made_for_passwords(&path) {
            let bytes = fs::read(&path).unwrap_or_default();
            assert_none(&path.display().to_string(), &bytes);
        }
    }
}

/// Written by the scenes: what the monitor logs in with, and what Dovecot compares it with.
fn is_made_for_passwords(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_credentials = name == "credentials" || name.ends_with(".credentials");
    let is_accounts = name.contains("accounts") && name.ends_with(".yml");
    let is_dovecots = ["users", "masters"].contains(&&*name);
    is_credentials || is_accounts || is_dovecots
}

/// Regular files alone, and no link is followed: what else lies there can be waited for.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&entry.path())),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::panic;
    use std::process::Command;
    use std::time::Duration;

    use super::*;
    use crate::lab::command;
    use crate::lab::place::Place;

    #[test]
    fn a_password_is_found_wherever_it_is_shown() {
        let password = marked("word");
        assert_eq!(marked(&password), password);
        assert!(shows_password(password.as_bytes()));
        assert!(!shows_password(b"word"));
        for text in [
            format!("{:?}", password.as_bytes()),
            format!("{:#?}", password.as_bytes()),
        ] {
            assert!(shows_password(text.as_bytes()), "{text}");
        }
        assert!(!shows_password(format!("{:?}", b"Zq7Xv9p").as_bytes()));

        // Turned by 13 letters on the way: `command::run` would refuse the output.
        let place = Place::new();
        for user in ["u", "us", "use"] {
            let mut base64 = Command::new("sh");
            base64
                .args([
                    "-c",
                    "printf '\\0%s\\0%s' \"$0\" \"$1\" | base64 -w 0 | tr A-Za-z N-ZA-Mn-za-m",
                ])
                .args([user, &password]);
            let turned =
                command::run(&mut base64, place.folder(), Duration::from_secs(10)).success();
            let turn = |letter: char| match letter {
                'A'..='M' | 'a'..='m' => (letter as u8 + 13) as char,
                'N'..='Z' | 'n'..='z' => (letter as u8 - 13) as char,
                other => other,
            };
            let text: String = turned.chars().map(turn).collect();
            assert!(shows_password(text.as_bytes()), "{user}: {text}");
        }
    }

    #[test]
    fn a_scene_that_leaves_a_password_behind_fails() {
        let fails = |name: &str| {
            let place = Place::new();
            fs::create_dir(place.path("below")).unwrap();
            fs::write(place.path(name), format!("a line\n{}\n", marked("word"))).unwrap();
            let result = panic::catch_unwind(|| assert_none_in_folder(place.folder()));
            fs::remove_file(place.path(name)).unwrap();
            result.is_err()
        };
        for name in ["log", "below/state.yml", "status.json", "poolmon.pid"] {
            assert!(fails(name), "{name}");
        }
        for name in ["monitor0.credentials", "below/accounts.yml", "users"] {
            assert!(!fails(name), "{name}");
        }
    }
}
