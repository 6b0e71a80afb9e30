//! Man page and completions against the program: options, defaults, rules.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use poolmon::config::accounts::fields;
use poolmon::config::choice::{OptionFace, Origin, Takes};
use poolmon::config::table::{keys, options};
use poolmon::monitor::policy::Rule;
use poolmon::service::Protocol;

use super::architecture::tests;
use super::installation::{project, text_of};
use crate::lab::command;
use crate::lab::monitor::binary;
use crate::lab::place::Place;

const SOON: Duration = Duration::from_secs(40);
const MAN: &str = "etc/man/poolmon.8";
const CONFIG_MAN: &str = "etc/man/dovemon.config.yml.5";
const OPTIONS_MAN: &str = "etc/man/poolmon.conf.5";
const STATUS_MAN: &str = "etc/man/poolmon-status.8";
const EXPLAIN_MAN: &str = "etc/man/poolmon-explain.8";
const PLUGIN_MAN: &str = "etc/man/check_poolmon.8";
const CHECK_MAN: &str = "etc/man/poolmon-check.8";
const METRICS_MAN: &str = "etc/man/poolmon-metrics.5";
const BASH: &str = "etc/completion/poolmon.bash";
const ZSH: &str = "etc/completion/poolmon.zsh";

/// Every word of the text that begins like a long option, without its dashes and its value.
pub fn long_names(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter_map(|word| word.strip_prefix("--"))
        .map(str::to_string)
        .filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()))
        .collect()
}

fn table_names() -> BTreeSet<String> {
    options()
        .map(|(_, option)| option.long.to_string())
        .collect()
}

/// The items of the man page's lists: what stands behind `.It`, and the text up to the next.
fn items(section: &str) -> Vec<(String, String)> {
    items_of(MAN, section)
}

fn items_of(page: &str, section: &str) -> Vec<(String, String)> {
    let text = text_of(page);
    let start = text.find(&format!("\n.Sh {section}\n")).expect(section);
    let rest = &text[start + 1..];
    let end = rest[1..].find("\n.Sh ").map_or(rest.len(), |end| end + 1);
    let mut items: Vec<(String, String)> = Vec::new();
    for line in rest[..end].lines() {
        match (line.strip_prefix(".It "), items.last_mut()) {
            (Some(head), _) => items.push((head.to_string(), String::new())),
            (None, Some((_, body))) => {
                body.push_str(line);
                body.push(' ');
            }
            (None, None) => {}
        }
    }
    items
}

/// `Fl S , Fl -socket Ar PATH`.
fn heading(row: &OptionFace) -> String {
    let mut names: Vec<String> = row
        .short
        .chars()
        .map(|short| match short {
            '?' => "Fl \\&?".to_string(),
            short => format!("Fl {short}"),
        })
        .collect();
    names.push(format!("Fl -{}", row.long));
    let names = names.join(" , ");
    match row.takes {
        Takes::Nothing => names,
        Takes::Integer(hint) | Takes::Text(hint) => format!("{names} Ar {hint}"),
    }
}

#[test]
fn every_option_stands_in_help_man_page_and_completions_and_no_other() {
    let place = Place::new();
    let mut help = Command::new(binary());
    let help = command::run(help.arg("--help-all"), place.folder(), SOON).success();
    for (what, names) in [
        ("help", long_names(&help)),
        ("bash completion", long_names(&text_of(BASH))),
        ("zsh completion", long_names(&text_of(ZSH))),
        ("man page", long_names(&text_of(MAN).replace("Fl -", "--"))),
    ] {
        let table = table_names();
        let missing: Vec<_> = table.difference(&names).collect();
        let unknown: Vec<_> = names.difference(&table).collect();
        assert!(missing.is_empty(), "missing in the {what}: {missing:?}");
        assert!(unknown.is_empty(), "only in the {what}: {unknown:?}");
    }

    let (bash, zsh) = (text_of(BASH), text_of(ZSH));
    for (_, row) in options() {
        for short in row.short.chars().filter(|short| *short != '?') {
            let has = |text: &str| {
                text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
                    .any(|word| word == format!("-{short}"))
            };
            assert!(has(&help) && has(&bash) && has(&zsh), "-{short}");
        }
    }
}

/// A terminal of the usual size shows it with one turn of the page.
#[test]
fn the_help_fits_two_screens_and_ends_with_examples() {
    let place = Place::new();
    std::os::unix::fs::symlink(binary(), place.path("dovemon")).unwrap();
    for program in [binary().to_path_buf(), place.path("dovemon")] {
        let mut help = Command::new(&program);
        let help = command::run(help.arg("--help"), place.folder(), SOON).success();
        assert!(help.lines().count() <= 2 * 24, "{help}");
        assert!(help.lines().all(|line| line.len() <= 80), "{help}");
        let examples = help.split("\nExamples:\n").nth(1).unwrap();
        assert_eq!(examples.matches("\n      ").count(), 3, "{help}");
    }
}

#[test]
fn the_man_page_describes_each_option_once_with_its_default() {
    let items = items("OPTIONS");
    for (_, row) in options() {
        let heading = heading(row);
        let found: Vec<_> = items.iter().filter(|(head, _)| *head == heading).collect();
        assert_eq!(found.len(), 1, "times that the manual has .It {heading}");
        let body = &found[0].1;
        match row.default.shown() {
            "" => assert!(!body.contains("Default:"), "{heading}: {body}"),
            default => {
                let default = format!("Default: {default}. ");
                assert!(body.contains(&default), "{heading}: {body}");
            }
        }
    }
    assert_eq!(items.len(), options().count());
}

#[test]
fn the_man_page_of_the_configuration_describes_each_key_once_with_its_default() {
    let items = items_of(CONFIG_MAN, "KEYS");
    let headings: Vec<String> = items.iter().map(|(head, _)| head.clone()).collect();
    let expected: Vec<String> = keys()
        .map(|(choice, key)| format!("Cm {} Ar {}", key.name, choice.kind.hint()))
        .collect();
    for heading in &expected {
        assert!(headings.contains(heading), "the manual lacks .It {heading}");
    }
    assert_eq!(headings, expected, "order");
    for ((choice, row), (_, body)) in keys().zip(&items) {
        let default = match row.default.shown() {
            "" => "Default: none. ".to_owned(),
            default => format!("Default: {default}. "),
        };
        assert!(body.contains(&default), "{}: {body}", row.name);
        let option = match choice.option_of_key() {
            Some(option) => format!("On the command line: .Fl -{option} . "),
            None => "On the command line: .Fl -".to_owned(),
        };
        let has_option = choice.option_of_key().is_some();
        assert_eq!(body.contains(&option), has_option, "{}: {body}", row.name);
        let is_added = row.origin == Origin::Added;
        assert_eq!(body.contains("Not in dovemon."), is_added, "{}", row.name);
        let help = &choice.key_help()[1..];
        assert!(body.contains(help), "{}: {body}", row.name);
    }
}

#[test]
fn the_completions_offer_the_words_that_the_table_has() {
    let (bash, zsh) = (text_of(BASH), text_of(ZSH));
    let mut lists = 0;
    for (_, option) in options() {
        let hint = match option.takes {
            Takes::Text(hint) | Takes::Integer(hint) if hint.contains('|') => hint,
            _ => continue,
        };
        // Capitals stand for a value: N, PATH.
        let is_word = |word: &&str| !word.contains(|c: char| c.is_ascii_uppercase());
        let words: Vec<&str> = hint.split('|').filter(is_word).collect();
        let name = format!("--{}", option.long);
        // From the option to the next one.
        let offered = |text: &str, begins: &[String]| {
            let start = begins.iter().find_map(|begin| text.find(begin));
            let start = start.unwrap_or_else(|| panic!("{name}"));
            let line = text[start..].split('\n').take(2).collect::<String>();
            line.split(|c: char| !c.is_ascii_alphanumeric())
                .map(str::to_owned)
                .collect::<BTreeSet<String>>()
        };
        let in_bash = offered(&bash, &[format!("{name})"), format!("{name} | ")]);
        let in_zsh = offered(&zsh, &[format!("{name}=")]);
        for word in words {
            assert!(in_bash.contains(word), "bash: {name}: {word}");
            assert!(in_zsh.contains(word), "zsh: {name}: {word}");
        }
        lists += 1;
    }
    assert!(lists > 5);
}

#[test]
fn every_field_of_an_account_stands_in_man_page_and_example() {
    let items = items_of(CONFIG_MAN, "ACCOUNTS");
    let headings: Vec<String> = items.iter().map(|(head, _)| head.clone()).collect();
    let expected: Vec<String> = fields().map(|row| format!("Cm {}", row.name)).collect();
    assert_eq!(headings, expected);
    let example = text_of("etc/dovemon.testaccounts.yml");
    for (row, (_, body)) in fields().zip(&items) {
        assert!(body.contains(&row.help()[1..]), "{}: {body}", row.name);
        assert!(
            example.contains(&format!("  {}: ", row.name)),
            "{}",
            row.name
        );
    }
}

#[test]
fn the_options_of_the_example_are_options() {
    let place = Place::new();
    let text = text_of("etc/poolmon.conf").replace("\n#OPTIONS=", "\nOPTIONS=");
    let assignments = text.split("\nOPTIONS=").skip(1);
    let mut read = 0;
    for assignment in assignments {
        let script =
            format!("OPTIONS={assignment}\neval \"set -- $OPTIONS\"; printf '%s\\n' \"$@\"");
        let mut shell = Command::new("sh");
        let words = command::run(shell.args(["-c", &script]), place.folder(), SOON).success();
        let arguments = words.lines().map(Into::into).collect();
        let understood = poolmon::cli::parse(arguments);
        assert!(
            matches!(understood, Ok(poolmon::cli::Command::Run(_))),
            "{words}: {understood:?}"
        );
        read += 1;
    }
    assert_eq!(read, 4);
}

#[test]
fn the_example_of_the_accounts_is_one() {
    let example = text_of("etc/dovemon.testaccounts.yml");
    let written = poolmon::config::accounts::parse(example.as_bytes()).unwrap();
    assert_eq!(written.backends.len(), 5);
    assert_eq!(written.remarks, []);
}

#[test]
fn the_man_page_has_the_rules_in_the_order_in_which_they_are_asked() {
    let expected: Vec<String> = Rule::ALL.iter().map(|rule| format!("Cm {rule}")).collect();
    let found: Vec<String> = items("RULES").into_iter().map(|(head, _)| head).collect();
    assert_eq!(found, expected);
}

/// Those that can be asked for by name. A sentence has them all, a completion and a key each.
#[test]
fn every_protocol_stands_in_man_pages_and_completions() {
    let man = text_of(MAN);
    let names = Protocol::names();
    assert!(
        man.contains(&format!("PROTO is {names}, in any case.")),
        "{names}"
    );
    let keys: Vec<(String, String)> = items_of(CONFIG_MAN, "KEYS");
    let is_default = |key: &str, default: &str| {
        let heading = format!("Cm {key} Ar ");
        let item = keys.iter().find(|(head, _)| head.starts_with(&heading));
        let (_, body) = item.unwrap_or_else(|| panic!("no key {key}"));
        assert!(
            body.contains(&format!("Default: {default}.")),
            "{key}: {body}"
        );
    };
    let (bash, zsh) = (text_of(BASH), text_of(ZSH));
    for row in Protocol::ALL.iter().map(|protocol| protocol.row()) {
        let ports = match row.ports {
            Some(ports) => ports,
            None => continue,
        };
        let word = row.name.to_ascii_uppercase();
        for option in ["-p | --port", "-s | --ssl"] {
            let line = bash.lines().find(|line| line.contains(option)).unwrap();
            assert!(line.contains(&format!(" {word}")), "{line}");
        }
        assert_eq!(zsh.matches(&format!("{word}\\:")).count(), 2, "{word}");
        is_default(&format!("{}_port", row.name), &ports.plain.to_string());
        if ports.tls != ports.plain {
            is_default(&format!("{}s_port", row.name), &ports.tls.to_string());
        }
        is_default(
            &format!("poll_{}", row.name),
            if row.name == "imap" { "True" } else { "False" },
        );
    }
}

/// The source in one line, string literals over several lines put together.
pub fn source(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text.push_str(&source(&path));
        } else {
            let file = fs::read_to_string(path).unwrap();
            for line in file.lines() {
                let line = line.trim_start();
                match line.strip_suffix('\\') {
                    Some(open) => text.push_str(open),
                    None => {
                        text.push_str(line);
                        text.push('\n');
                    }
                }
            }
        }
    }
    text
}

#[test]
fn no_man_page_has_a_fault_that_mandoc_finds() {
    let place = Place::new();
    for page in [
        MAN,
        CONFIG_MAN,
        OPTIONS_MAN,
        STATUS_MAN,
        EXPLAIN_MAN,
        PLUGIN_MAN,
        CHECK_MAN,
        METRICS_MAN,
    ] {
        let mut lint = Command::new("mandoc");
        // Style is about the length of lines in the source and about other pages' presence.
        lint.args(["-T", "lint", "-W", "warning"])
            .arg(project(page));
        assert_eq!(command::run(&mut lint, place.folder(), SOON).success(), "");
    }
}

#[test]
fn the_man_page_of_status_has_the_options_of_its_help() {
    let place = Place::new();
    let mut status = Command::new(binary());
    status.args(["status", "--help"]);
    let help = command::run(&mut status, place.folder(), SOON).success();
    let in_page: BTreeSet<String> = items_of(STATUS_MAN, "OPTIONS")
        .iter()
        .flat_map(|(head, _)| long_names(&head.replace("Fl -", "--")))
        .collect();
    assert_eq!(in_page, long_names(&help));
    let synopsis = text_of(STATUS_MAN).replace("Fl -", "--");
    assert_eq!(long_names(&synopsis), in_page);
}

#[test]
fn bash_completes_the_word_status_and_its_options() {
    let place = Place::new();
    let script = "source \"$0\"; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _poolmon; \
                  printf '%s|' \"${COMPREPLY[@]}\"";
    let program = binary().display().to_string();
    for (words, expected) in [
        (&["st"][..], "status|"),
        (&["status", "--s"], "--status-file|--since|--sort|"),
        (&["status", "--w"], "--watch|"),
        // No word is one behind an option.
        (&["-f", "st"], "|"),
    ] {
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", script])
            .arg(project(BASH))
            .arg(&program)
            .args(words);
        let said = command::run(&mut bash, place.folder(), SOON).success();
        assert_eq!(said, expected, "{words:?}");
    }
}

#[test]
fn the_man_page_of_explain_has_the_options_of_its_help() {
    let place = Place::new();
    let mut explain = Command::new(binary());
    explain.args(["explain", "--help"]);
    let help = command::run(&mut explain, place.folder(), SOON).success();
    let in_page: BTreeSet<String> = items_of(EXPLAIN_MAN, "OPTIONS")
        .iter()
        .flat_map(|(head, _)| long_names(&head.replace("Fl -", "--")))
        .collect();
    assert_eq!(in_page, long_names(&help));
    let synopsis = text_of(EXPLAIN_MAN).replace("Fl -", "--");
    assert_eq!(long_names(&synopsis), in_page);
}

#[test]
fn bash_completes_the_word_explain_and_its_options() {
    let place = Place::new();
    let script = "source \"$0\"; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _poolmon; \
                  printf '%s|' \"${COMPREPLY[@]}\"";
    let program = binary().display().to_string();
    for (words, expected) in [
        (&["ex"][..], "explain|"),
        (&["explain", "--j"], "--json|"),
        (&["explain", "--"], "--at|--json|--status-file|--help|"),
        // No word is one behind an option.
        (&["-f", "ex"], "|"),
    ] {
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", script])
            .arg(project(BASH))
            .arg(&program)
            .args(words);
        let said = command::run(&mut bash, place.folder(), SOON).success();
        assert_eq!(said, expected, "{words:?}");
    }
}

#[test]
fn bash_completes_options_their_values_and_files() {
    let place = Place::new();
    fs::write(place.path("some file"), "").unwrap();
    let script = "source \"$0\"; COMP_WORDS=(poolmon \"$@\"); COMP_CWORD=$#; _poolmon; \
                  printf '%s|' \"${COMPREPLY[@]}\"";
    for (words, expected) in [
        (&["--flu"][..], "--flush|"),
        (&["che"], "check|"),
        (&["check", "--flu"], "--flush|"),
        (
            &["-f", "--once", "--r"],
            "--require-tls|--retries|--retry-delay|--rise|--restore|--record|",
        ),
        (&["--flush", ""], "move|drop|none|"),
        // As bash cuts `--flush=` and `--flush=d`.
        (&["--flush", "="], "move|drop|none|"),
        (&["--flush", "=", "d"], "drop|"),
        (&["--restore", "=", "o"], "own|"),
        (&["-p", "IM"], "IMAP|"),
        (&["-l", "sys"], "syslog|"),
        (&["-c", "some"], "some file|"),
        (&["--lmtp-to", "x"], "|"),
    ] {
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", script])
            .arg(project(BASH))
            .args(words);
        let said = command::run(&mut bash, place.folder(), SOON).success();
        assert_eq!(said, expected, "{words:?}");
    }
}

/// What stands behind a command, where `STATUS` is a status file with two backends.
const BEHIND_COMMANDS: [(&str, &str); 15] = [
    // Its backends have an option, and its recording comes after a time.
    ("status STATUS ", ""),
    ("status STATUS --backend ", "192.0.2.7|192.0.2.8|"),
    ("status --at 10:00 rec", "recording of May|"),
    ("status --sort l", "latency|"),
    ("status --status-file rec", "recording of May|"),
    ("status --at ", ""),
    ("explain STATUS ", "192.0.2.7|192.0.2.8|"),
    ("explain STATUS 192.0.2.8", "192.0.2.8|"),
    ("explain --at 10:00 192.0.2.7 rec", "recording of May|"),
    ("check STATUS ", "192.0.2.7|192.0.2.8|"),
    ("check -p 143 STATUS 192.0.2.7", "192.0.2.7|"),
    ("check -c rec", "recording of May|"),
    ("replay rec", "recording of May|"),
    ("replay --flush drop rec", "recording of May|"),
    ("replay --flush d", "drop|"),
];

#[test]
fn bash_completes_backends_and_recordings_where_a_command_takes_them() {
    let place = Place::new();
    place_of_backends(&place);
    let script = "source \"$0\"; COMP_WORDS=(poolmon \"$@\"); COMP_CWORD=$#; _poolmon; \
                  printf '%s|' \"${COMPREPLY[@]}\"";
    for (line, expected) in BEHIND_COMMANDS {
        let line = line.replace("STATUS", "--status-file status.json");
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", script])
            .arg(project(BASH))
            .args(line.split(' '));
        let said = command::run(&mut bash, place.folder(), SOON).success();
        let expected = if expected.is_empty() { "|" } else { expected };
        assert_eq!(said, expected, "{line}");
    }
    // As bash cuts `--status-file=status.json`.
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", script])
        .arg(project(BASH))
        .args(["explain", "--status-file", "=", "status.json", ""]);
    let said = command::run(&mut bash, place.folder(), SOON).success();
    assert_eq!(said, "192.0.2.7|192.0.2.8|");
}

/// Two backends in a status file, and a file.
fn place_of_backends(place: &Place) {
    let backends = r#"{"backends":[{"address":"192.0.2.8"},{"address":"192.0.2.7"}]}"#;
    fs::write(place.path("status.json"), backends).unwrap();
    fs::write(place.path("recording of May"), "").unwrap();
}

#[test]
fn the_completions_offer_those_options_to_replay_that_its_help_has() {
    let place = Place::new();
    let mut replay = Command::new(binary());
    let help = command::run(replay.args(["replay", "--help"]), place.folder(), SOON).success();
    let mut expected = long_names(&help);
    // The monitor's, which made the file.
    assert!(expected.remove("record"));
    expected.insert("help".to_string());
    let script = "source \"$0\"; COMP_WORDS=(poolmon replay --); COMP_CWORD=2; _poolmon; \
                  printf '%s ' \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", script]).arg(project(BASH));
    let said = command::run(&mut bash, place.folder(), SOON).success();
    assert_eq!(long_names(&said), expected);
    let said = zsh_offers(&place, "replay --");
    // The line that was typed, and what is below it.
    let mut offered = long_names(&said);
    offered.remove("");
    assert_eq!(offered, expected, "{said}");
}

/// Runs the completion inside a zsh on a terminal of its own, and shows what it offers.
const ZSH_TYPES: &str = r#"
zmodload zsh/zpty
zpty inner zsh -f -i
zpty -w inner "PS1=; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D"
zpty -w inner "zstyle ':completion:*' list-colors ''; LISTMAX=0; stty columns 200; echo read''y"
zpty -r -m inner seen '*ready*'
zpty -w -n inner "poolmon $2"$'\t\t'
sleep 1
zpty -w -n inner $'\C-u'"echo do''ne"$'\n'
zpty -r -m inner seen '*done*'
print -r -- "$seen"
zpty -d inner
"#;

/// What zsh shows for this line.
fn zsh_offers(place: &Place, typed: &str) -> String {
    let folder = place.path("functions");
    if !folder.exists() {
        fs::create_dir(&folder).unwrap();
        fs::copy(project(ZSH), folder.join("_poolmon")).unwrap();
    }
    let mut zsh = Command::new("zsh");
    zsh.args(["-f", "-c", ZSH_TYPES, "zsh"])
        .arg(&folder)
        .arg(typed)
        .env("TERM", "dumb");
    let said = command::run(&mut zsh, place.folder(), SOON).success();
    // A bell may stand between what was typed and what was added.
    said.chars().filter(|c| *c != '\u{7}').collect()
}

#[test]
fn zsh_completes_options_and_their_values() {
    let place = Place::new();
    for (typed, expected) in [
        ("--flush=", &["move", "drop", "none"][..]),
        ("--re", &["--retries", "--retry-delay", "--restore"]),
        ("-f --onc", &["--once"]),
        ("", &["status", "explain", "check", "replay"]),
        ("check --onc", &["--once"]),
        ("replay --flush=", &["move", "drop", "none"]),
    ] {
        let said = zsh_offers(&place, typed);
        for word in expected {
            assert!(said.contains(word), "{typed}: {word}: {said}");
        }
    }
}

#[test]
fn zsh_completes_backends_and_recordings_where_a_command_takes_them() {
    let place = Place::new();
    place_of_backends(&place);
    for (line, expected) in BEHIND_COMMANDS {
        let line = line.replace("STATUS", "--status-file=status.json");
        let said = zsh_offers(&place, &line);
        // A second tab goes on to the next word where there was but one.
        let is_one = expected.matches('|').count() == 1;
        let words = ["192.0.2.7", "192.0.2.8", "latency", "recording", "drop"];
        // What was typed is shown anyway.
        for word in words.iter().filter(|word| !line.contains(*word)) {
            let is_expected = expected.contains(word);
            let is_fine = said.contains(word) == is_expected || (is_one && !is_expected);
            assert!(is_fine, "{line}: {word}: {said}");
        }
    }
}

#[test]
fn the_tests_that_the_promises_of_security_name_are_there() {
    let tests = tests();
    let document = text_of("SECURITY.md");
    let named: Vec<&str> = document
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| word.matches('_').count() > 2)
        .collect();
    assert!(named.len() > 12, "{named:?}");
    for name in named {
        assert!(tests.contains(name), "{name}");
    }
    // Each table begins with its heading and a rule.
    let lines: Vec<&str> = document.lines().collect();
    let mut promises = 0;
    for (place, line) in lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.starts_with("| "))
    {
        let is_rule = |line: &str| line.starts_with("| ---");
        if is_rule(line) || is_rule(lines[place + 1]) {
            continue;
        }
        promises += 1;
        let tests = line.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        assert!(tests.starts_with('`') && tests.ends_with('`'), "{line}");
    }
    assert!(promises > 25, "{promises}");
}

/// Who may do harm, and what they may be after: each of them has a section with promises, each asset a row.
#[test]
fn the_threat_model_of_security_names_every_actor_and_every_asset() {
    let document = text_of("SECURITY.md");
    for actor in [
        "A backend",
        "The path",
        "DNS",
        "The director",
        "A local user",
        "The administrator",
    ] {
        let section = document.split(&format!("\n### {actor}\n")).nth(1);
        let section = section.unwrap_or_else(|| panic!("no section {actor}"));
        let section = section.split("\n### ").next().unwrap();
        assert!(section.contains("\n| ---"), "{actor}");
    }
    for asset in ["pool", "password", "mail", "log", "host"] {
        assert!(document.contains(&format!("\n| {asset} | ")), "{asset}");
    }
}
