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

/// A number for each of the two guards.
fn check(row: &str) {
    let cells: Vec<&str> = row.split('|').collect();
    for cell in &cells[2..=3] {
        assert!(cell.contains("out") && cell.contains(" fail"), "{cell}");
    }
}

#[test]
fn the_manual_has_numbers_for_each_failure_that_the_demo_counts_before_and_after_a_reload() {
    let manual = text_of("docs/haproxy.md");
    let demo = text_of("tests/demo_haproxy/main.rs");
    let measured = manual.split("### Measured").nth(1).unwrap();
    for what in ["its login is broken", "it is dead", "it is frozen"] {
        assert!(demo.contains(&format!("\"{what}\"")), "{what}");
        let rows = measured
            .lines()
            .filter(|line| line.starts_with(&format!("| {what} |")));
        let rows: Vec<&str> = rows.collect();
        assert_eq!(rows.len(), 1, "{what}");
        check(rows[0]);
        let after_a_reload = measured.lines().skip_while(|line| *line != rows[0]).nth(1);
        let after_a_reload = after_a_reload.unwrap();
        assert!(
            after_a_reload.starts_with("| and HAProxy is reloaded |"),
            "{after_a_reload}"
        );
        check(after_a_reload);
    }
}
