//! `make install` and `make uninstall`.

use std::fs;
use std::path::{Path, PathBuf};

use super::installation::{make, mode_of, project, text_of, Installation};
use crate::lab::place::Place;

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The mode that every symbolic link has.
const LINK: u32 = 0o777;

const INSTALLED: [(&str, u32); 33] = [
    ("lib/nagios/plugins/check_poolmon", LINK),
    ("lib/systemd/system/poolmon.service", 0o644),
    ("sbin/dovemon", LINK),
    ("sbin/poolmon", 0o755),
    ("share/bash-completion/completions/check_poolmon", 0o644),
    ("share/bash-completion/completions/poolmon", 0o644),
    ("share/doc/poolmon/examples/credentials", 0o644),
    ("share/doc/poolmon/examples/dovecot-listener.conf", 0o644),
    ("share/doc/poolmon/examples/dovemon.config.yml", 0o644),
    ("share/doc/poolmon/examples/dovemon.testaccounts.yml", 0o644),
    ("share/doc/poolmon/examples/icinga2.conf", 0o644),
    ("share/doc/poolmon/examples/logrotate", 0o644),
    ("share/doc/poolmon/examples/nagios.cfg", 0o644),
    ("share/doc/poolmon/examples/poolmon.conf", 0o644),
    ("share/doc/poolmon/examples/poolmon.grafana.json", 0o644),
    ("share/doc/poolmon/examples/poolmon.rules.yml", 0o644),
    ("share/doc/poolmon/init/poolmon.debian", 0o755),
    ("share/doc/poolmon/init/poolmon.redhat", 0o755),
    ("share/doc/poolmon/init/poolmon.upstart", 0o644),
    ("share/doc/poolmon/init/unprivileged.conf", 0o644),
    ("share/man/man5/dovemon.config.yml.5", 0o644),
    ("share/man/man5/dovemon.testaccounts.yml.5", 0o644),
    ("share/man/man5/poolmon-metrics.5", 0o644),
    ("share/man/man5/poolmon.conf.5", 0o644),
    ("share/man/man8/check_poolmon.8", 0o644),
    ("share/man/man8/dovemon.8", LINK),
    ("share/man/man8/poolmon-check.8", 0o644),
    ("share/man/man8/poolmon-explain.8", 0o644),
    ("share/man/man8/poolmon-replay.8", 0o644),
    ("share/man/man8/poolmon-status.8", 0o644),
    ("share/man/man8/poolmon.8", 0o644),
    ("share/zsh/site-functions/_check_poolmon", 0o644),
    ("share/zsh/site-functions/_poolmon", 0o644),
];

#[test]
fn uninstall_removes_what_install_put_there_and_nothing_else() {
    let place = Place::new();
    // A blank, because folders may have one.
    let root = place.path("dest dir");
    let destination = [("DESTDIR", root.display().to_string())];
    let usr = root.join("usr/local");
    make(&place, "install", &destination).success();
    let mut expected: Vec<PathBuf> = INSTALLED.iter().map(|(name, _)| usr.join(name)).collect();
    // Every page that there is.
    let pages = files_below(&project("docs"));
    assert!(pages.iter().any(|page| page.ends_with("haproxy.md")));
    for page in pages {
        let page = page.strip_prefix(project("")).unwrap().to_path_buf();
        expected.push(usr.join("share/doc/poolmon").join(page));
    }
    expected.sort();
    assert_eq!(files_below(&root), expected);
    for (name, mode) in INSTALLED {
        assert_eq!(mode_of(&usr.join(name)), mode, "{name}");
    }

    let others = usr.join("share/doc/poolmon/examples/of-the-administrator");
    fs::write(&others, "").unwrap();
    make(&place, "uninstall", &destination).success();
    assert_eq!(files_below(&root), [&*others]);

    fs::remove_file(others).unwrap();
    make(&place, "install", &destination).success();
    make(&place, "uninstall", &destination).success();
    assert!(files_below(&root).is_empty());
    assert!(!usr.join("share/doc/poolmon").exists());
    // Nothing there any more: no error either.
    make(&place, "uninstall", &destination).success();
}

#[test]
fn a_dovemon_of_somebody_elses_is_left_alone() {
    let place = Place::new();
    let root = place.path("root");
    let destination = [("DESTDIR", root.display().to_string())];
    let foreign = root.join("usr/local/sbin/dovemon");
    fs::create_dir_all(foreign.parent().unwrap()).unwrap();
    fs::write(&foreign, "theirs").unwrap();
    let said = make(&place, "install", &destination).success();
    assert!(said.contains("somebody else's"), "{said}");
    make(&place, "uninstall", &destination).success();
    assert_eq!(fs::read_to_string(&foreign).unwrap(), "theirs");
}

#[test]
fn with_the_default_folders_the_files_are_installed_as_they_are() {
    let place = Place::new();
    let root = place.path("root");
    make(
        &place,
        "install",
        &[("DESTDIR", root.display().to_string())],
    )
    .success();
    for (installed, source) in [
        ("lib/systemd/system/poolmon.service", "init/poolmon.service"),
        ("share/man/man8/poolmon.8", "etc/man/poolmon.8"),
        (
            "share/doc/poolmon/init/poolmon.debian",
            "init/poolmon.debian",
        ),
        (
            "share/doc/poolmon/init/poolmon.redhat",
            "init/poolmon.redhat",
        ),
    ] {
        let text = fs::read_to_string(root.join("usr/local").join(installed)).unwrap();
        assert_eq!(text, text_of(source), "{installed}");
    }
    let picture = fs::read(root.join("usr/local/share/doc/poolmon/docs/page.png")).unwrap();
    assert!(picture == fs::read(project("docs/page.png")).unwrap());
}

#[test]
fn the_chosen_folders_stand_in_the_files() {
    let place = Place::new();
    let there = Installation::new(&place);
    let folder = there.path("").display().to_string();
    let mut all = String::new();
    for path in files_below(&there.path("usr")) {
        // The links have no text of their own, and one is to the program.
        let is_picture = path.extension().map_or(false, |ending| ending == "png");
        if path != there.program() && !path.is_symlink() && !is_picture {
            all.push_str(&fs::read_to_string(path).unwrap());
        }
    }
    for name in [
        "usr/sbin/poolmon -f $OPTIONS",
        "etc/dovecot/poolmon.conf",
        "etc/default/poolmon",
        "etc/sysconfig/poolmon",
        "run/poolmon.pid",
        "log/poolmon.log",
        "usr/share/doc/poolmon/examples/poolmon.rules.yml",
        "usr/share/doc/poolmon/examples/nagios.cfg",
        "usr/lib/nagios/plugins/check_poolmon",
    ] {
        assert!(all.contains(&format!("{folder}{name}")), "{name}");
    }
    for left in [
        "/usr/local/sbin/poolmon",
        "/usr/local/share/",
        "=/etc/",
        " /etc/default/",
    ] {
        assert!(!all.contains(left), "{left}");
    }
}

#[test]
fn without_a_program_nothing_is_installed() {
    let place = Place::new();
    let root = place.path("root");
    let variables = [
        ("DESTDIR", root.display().to_string()),
        ("BINARY", "/nonexistent/poolmon".to_string()),
    ];
    let ended = make(&place, "install", &variables);
    assert!(!ended.status.success());
    assert!(ended.text.contains("run make first"), "{}", ended.text);
    assert!(!root.exists());
}
