//! What the packages are made from: that it agrees with Cargo.toml, and the files that only packages
//! install. The packages themselves are built by `make deb` and tried by `make check-packages`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use nix::unistd::{chown, Gid, Uid};

use super::installation::{mode_of, project, text_of, SOON};
use crate::lab::command;
use crate::lab::place::Place;

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[test]
fn packages_and_changelogs_name_this_version() {
    let spec = text_of("init/poolmon.spec");
    let in_spec = spec.lines().find_map(|line| line.strip_prefix("Version:"));
    assert_eq!(in_spec.map(str::trim), Some(VERSION));

    let debian = text_of("init/debian/changelog");
    let head = format!("poolmon ({VERSION}-");
    assert!(debian.starts_with(&head), "{debian:.40}");

    let changes = text_of("CHANGELOG.md");
    let newest = changes
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .find(|heading| *heading != "Unreleased");
    let newest = newest.and_then(|heading| heading.split(' ').next());
    assert_eq!(newest, Some(VERSION));
}

#[test]
fn the_debian_package_needs_the_crates_of_cargo_toml_to_be_built_and_no_others() {
    let cargo = text_of("Cargo.toml");
    let start = cargo.find("[dependencies]\n").expect("dependencies");
    let table = &cargo[start + "[dependencies]\n".len()..];
    let table = table.split("\n[").next().unwrap();
    let mut expected: BTreeSet<String> = table
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.trim().replace('_', "-"))
        .collect();
    assert!(expected.len() > 10, "{expected:?}");
    // Debian packages it apart from serde, whose feature needs it.
    expected.insert("serde-derive".to_string());

    let control = text_of("init/debian/control");
    let found: BTreeSet<String> = control
        .split([' ', '\n', ','])
        .filter_map(|word| word.strip_prefix("librust-")?.strip_suffix("-dev"))
        .map(str::to_string)
        .collect();
    assert_eq!(found, expected);
}

fn make_folders(place: &Place, root: &Path) {
    let mut tmpfiles = Command::new("systemd-tmpfiles");
    tmpfiles
        .arg(format!("--root={}", root.display()))
        .arg("--create")
        .arg(project("init/poolmon.tmpfiles"));
    command::run(&mut tmpfiles, place.folder(), SOON).success();
}

#[test]
fn the_folders_are_made_and_those_of_an_unprivileged_poolmon_left_to_it() {
    let place = Place::new();
    let root = place.path("root");
    fs::create_dir_all(root.join("var/lib")).unwrap();
    make_folders(&place, &root);
    let state = root.join("var/lib/poolmon");
    let run = root.join("run/poolmon");
    assert_eq!((mode_of(&state), mode_of(&run)), (0o700, 0o755));

    if Uid::effective().is_root() {
        for folder in [&state, &run] {
            chown(folder, Some(Uid::from_raw(4711)), Some(Gid::from_raw(4712))).unwrap();
        }
        make_folders(&place, &root);
        for folder in [&state, &run] {
            let metadata = fs::metadata(folder).unwrap();
            assert_eq!((metadata.uid(), metadata.gid()), (4711, 4712));
        }
    }
}

#[test]
fn the_user_of_the_example_is_made_without_a_shell_or_a_password() {
    let place = Place::new();
    let root = place.path("root");
    fs::create_dir_all(root.join("etc")).unwrap();
    let mut sysusers = Command::new("systemd-sysusers");
    sysusers
        .arg(format!("--root={}", root.display()))
        .arg(project("init/poolmon.sysusers"));
    command::run(&mut sysusers, place.folder(), SOON).success();
    let users = fs::read_to_string(root.join("etc/passwd")).unwrap();
    let line = users.lines().find(|line| line.starts_with("poolmon:x:"));
    let line = line.expect("the user");
    assert!(
        line.ends_with(":/var/lib/poolmon:/usr/sbin/nologin"),
        "{line}"
    );
}
