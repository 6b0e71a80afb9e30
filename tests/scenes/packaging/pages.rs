//! README and the pages of docs/: their links lead somewhere, their commands are commands, and the messages
//! that README explains are messages of the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use poolmon::cli;
use poolmon::monitor::policy::Rule;

use super::documents::{long_names, source};
use super::installation::{project, text_of, SOON};
use crate::lab::command;
use crate::lab::monitor::binary;
use crate::lab::place::Place;

/// README.md, and every page of docs/, by their paths in the project.
fn pages() -> Vec<String> {
    let mut pages: Vec<String> = fs::read_dir(project("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".md"))
        .map(|name| format!("docs/{name}"))
        .collect();
    assert!(pages.len() > 5, "{pages:?}");
    pages.push("README.md".to_owned());
    pages.sort();
    pages
}

/// What stands in the round brackets of `[text](target)`, but for links to other machines.
fn links(text: &str) -> Vec<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://"))
        .collect()
}

/// The headings of a page as GitHub and its like name them for links.
fn anchors(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            line.trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter(|c| c.is_ascii_alphanumeric() || "- _".contains(*c))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}

#[test]
fn every_link_leads_to_a_file_and_to_a_heading_of_it() {
    for page in pages() {
        let text = text_of(&page);
        for link in links(&text) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = Path::new(&page).parent().unwrap();
            let target: PathBuf = match file {
                "" => PathBuf::from(&page),
                file => folder.join(file),
            };
            let path = project(&target.display().to_string());
            assert!(path.exists(), "{page}: {link}");
            if !anchor.is_empty() {
                let there = fs::read_to_string(&path).unwrap();
                let found = anchors(&there).iter().any(|name| name == anchor);
                assert!(found, "{page}: {link}");
            }
        }
    }
}

#[test]
fn the_readme_leads_to_every_page() {
    let readme = text_of("README.md");
    let links = links(&readme);
    for page in pages().iter().filter(|page| page.starts_with("docs/")) {
        assert!(links.contains(&page.as_str()), "{page}");
    }
}

#[test]
fn the_readme_is_short_and_begins_with_a_picture_and_two_commands() {
    let readme = text_of("README.md");
    assert!(readme.lines().count() <= 150);
    let place = |text: &str| readme.lines().position(|line| line.contains(text));
    assert!(place("](docs/page.png)").unwrap() < 30);
    // Whoever builds it without reading on finds the tests by this.
    assert!(place("    make demo ").unwrap() < place("    make check ").unwrap());
    assert!(place("    make check ").unwrap() < 40);
}

/// The lines of a page's code, those that a backslash goes on put together.
fn code(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        let part = match line.starts_with("    ") {
            true => line.trim(),
            false => {
                is_open = false;
                continue;
            }
        };
        match (is_open, lines.last_mut()) {
            (true, Some(open)) => open.push_str(part),
            _ => lines.push(part.to_owned()),
        }
        is_open = part.ends_with('\\');
        if is_open {
            lines.last_mut().unwrap().pop();
        }
    }
    lines
}

/// The arguments of the monitor that a line of code shows, if it shows some: of a command line, or in OPTIONS.
fn arguments(line: &str) -> Option<Vec<String>> {
    let line = line.split(" # ").next().unwrap();
    let words = match line.split_once("OPTIONS=\"") {
        Some((_, rest)) => rest.split('"').next().unwrap(),
        None => line
            .strip_prefix("poolmon ")
            .or_else(|| line.strip_prefix("dovemon "))?,
    };
    Some(words.split_whitespace().map(str::to_owned).collect())
}

#[test]
fn every_command_of_the_pages_is_one() {
    let place = Place::new();
    let help_of = |word: &str| {
        let mut help = Command::new(binary());
        command::run(help.args([word, "--help"]), place.folder(), SOON).success()
    };
    let (mut monitors, mut words) = (0, 0);
    for page in pages() {
        let lines = code(&text_of(&page));
        for given in lines.iter().filter_map(|line| arguments(line)) {
            if ["status", "explain", "check", "replay"].contains(&given[0].as_str()) {
                let known = long_names(&help_of(&given[0]));
                for name in long_names(&given[1..].join(" ")) {
                    assert!(known.contains(&name), "{page}: {given:?}");
                }
                words += 1;
                continue;
            }
            let understood = cli::parse(given.iter().map(Into::into).collect());
            let is_run = matches!(understood, Ok(cli::Command::Run(_)));
            assert!(is_run, "{page}: {given:?}: {understood:?}");
            monitors += 1;
        }
    }
    assert!(monitors >= 10 && words >= 1, "{monitors} {words}");
}

/// The first column of "If you see this, do that".
#[test]
fn what_the_readme_explains_is_what_the_program_says() {
    let readme = text_of("README.md");
    let table = readme.split("\n| You see | ").nth(1).unwrap();
    let said = source(&project("src")) + &source(&project("init"));
    let mut messages = 0;
    for row in table.lines().skip(2).take_while(|row| row.starts_with('|')) {
        let seen = row.trim_start_matches("| ").split(" | ").next().unwrap();
        for message in seen.split('`').skip(1).step_by(2) {
            assert!(said.contains(message), "{message}");
            messages += 1;
        }
    }
    assert!(messages >= 5, "{messages}");
}

#[test]
fn the_page_about_deciding_names_the_rules_in_their_order() {
    let page = text_of("docs/deciding.md");
    let names: Vec<String> = Rule::ALL.iter().map(|rule| format!("`{rule}`")).collect();
    let text = page.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(&names.join(", ")), "{names:?}");
}
