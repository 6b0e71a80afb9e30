//! What the documents show is what HAProxy takes.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::lab::command;
use crate::lab::haproxy;
use crate::lab::place::Place;
use crate::scenes::packaging::installation::text_of;

#[test]
fn haproxy_takes_the_configuration_of_the_manual() {
    let manual = text_of("docs/haproxy.md");
    let configuration = manual.split("```haproxy\n").nth(1).unwrap();
    let configuration = configuration.split("```").next().unwrap();
    let place = Place::new();
    let file = place.path("haproxy.cfg");
    fs::write(&file, configuration).unwrap();
    let mut check = Command::new(haproxy::program());
    check.arg("-c").arg("-f").arg(&file);
    command::run(&mut check, place.folder(), Duration::from_secs(30)).success();
}
