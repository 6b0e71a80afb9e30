//! The container's entry, without a container: what it makes of the environment, shown by a program
//! in poolmon's place and by poolmon itself.

use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use super::installation::{project, text_of, SOON};
use super::unit::Service;
use crate::lab::command;
use crate::lab::fake_backend::{Mood, IMAP};
use crate::lab::fake_pool::FakePool;
use crate::lab::monitor::binary;
use crate::lab::patience::wait_until;
use crate::lab::place::Place;

/// With no environment but this one, and `poolmon` to be found in this folder.
fn entry(programs: &Path, environment: &[(&str, &str)]) -> Command {
    let mut entry = Command::new(project("init/container-entry"));
    entry
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", programs.display()))
        .envs(environment.iter().copied());
    entry
}

/// The variables that the image sets.
fn of_the_image(text: &str) -> Vec<(&str, &str)> {
    text.lines()
        .filter_map(|line| line.strip_prefix("ENV "))
        .map(|line| {
            let (name, value) = line.split_once('=').expect("a value");
            (name, value.trim_matches('"'))
        })
        .collect()
}

#[test]
fn the_variables_become_options_unless_there_are_arguments() {
    let place = Place::new();
    let programs = place.path("programs");
    fs::create_dir(&programs).unwrap();
    let stub = programs.join("poolmon");
    fs::write(&stub, "#!/bin/sh\nprintf '<%s>' \"$@\"\n").unwrap();
    fs::set_permissions(&stub, fs::Permissions::from_mode(0o755)).unwrap();
    // Would be found if a word were taken for a pattern.
    fs::write(place.path("--port=1x"), "").unwrap();

    let text = text_of("init/Containerfile");
    let mut names: Vec<&str> = of_the_image(&text).iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "ADDITIONAL_OPTIONS",
            "DEBUG",
            "DIRECTOR_SOCKET",
            "INTERVAL",
            "PORTS",
            "TIMEOUT"
        ]
    );
    let as_in_the_image = "<--foreground><--interval=30><--timeout=10><--port=110><--port=143>\
                           <--ssl=993><--ssl=995><--port=24>\
                           <--socket=/var/run/dovecot/director-admin>";
    let set = |name, value| {
        let mut variables = of_the_image(&text);
        variables.retain(|(other, _)| *other != name);
        variables.push((name, value));
        variables
    };
    for (variables, arguments, expected) in [
        (of_the_image(&text), &[][..], as_in_the_image.to_string()),
        (
            set("DEBUG", "any"),
            &[],
            as_in_the_image.replace("<--interval", "<--debug><--interval"),
        ),
        (
            set("INTERVAL", "5"),
            &[],
            as_in_the_image.replace("interval=30", "interval=5"),
        ),
        (
            set("TIMEOUT", ""),
            &[],
            as_in_the_image.replace("<--timeout=10>", ""),
        ),
        (
            set("ADDITIONAL_OPTIONS", " -v 0\n --port=1? "),
            &[],
            as_in_the_image.replace("<--socket", "<-v><0><--port=1?><--socket"),
        ),
        (
            set("DIRECTOR_SOCKET", "/a folder/socket"),
            &[],
            as_in_the_image.replace("/var/run/dovecot/director-admin", "/a folder/socket"),
        ),
        (vec![], &[], "<--foreground>".to_string()),
        (
            of_the_image(&text),
            &["--once", "two words"],
            "<--foreground><--once><two words>".to_string(),
        ),
    ] {
        let mut entry = entry(&programs, &variables);
        entry.args(arguments);
        let said = command::run(&mut entry, place.folder(), SOON).success();
        let last = said.lines().last().unwrap_or_default();
        assert_eq!(last, expected, "{variables:?} {arguments:?}");
    }
}

#[test]
fn poolmon_in_the_container_waits_for_the_director_and_ends_when_told() {
    let mut pool = FakePool::start(2);
    pool.director.stop();
    let programs = pool.place.path("programs");
    fs::create_dir(&programs).unwrap();
    symlink(binary(), programs.join("poolmon")).unwrap();
    let socket = pool.director.socket().display().to_string();
    let below = |name: &str| pool.place.path(name).display().to_string();
    let ports = format!("--port=IMAP:{IMAP}");
    let more = format!(
        "--retries=0 --lockfile={} --state-file={} --status-file={}",
        below("poolmon.pid"),
        below("state.yml"),
        below("status.json")
    );
    let mut service = Service::start(
        &mut entry(
            &programs,
            &[
                ("DIRECTOR_SOCKET", &socket),
                ("INTERVAL", "1"),
                ("TIMEOUT", "2"),
                ("PORTS", &ports),
                ("ADDITIONAL_OPTIONS", &more),
            ],
        ),
        pool.place.path("container.log"),
    );
    wait_until("a line about the director", SOON, || {
        service.log().contains(" ERR ")
    });
    assert!(
        service.child.try_wait().unwrap().is_none(),
        "it does not give up"
    );

    pool.director.listen();
    pool.wait_for_visits();
    pool.backends[0].set(Mood::Refusing);
    pool.wait_for_state(0, 'D');
    wait_until("the log on standard output", SOON, || {
        service.log().contains(" disabled")
    });
    service.signal(Signal::SIGTERM);
    assert!(service.child.wait().unwrap().success());
}
