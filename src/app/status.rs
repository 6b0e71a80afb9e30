//! `poolmon status`: what the status file says, as a table, as it is, or kept on the screen.

use std::env;
use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use nix::unistd::isatty;

use super::nagios;
use super::reading::{self, Looked};
use super::replay;
use super::{put, Word};
use crate::report;
use crate::report::document::{Document, Time};
use crate::report::freshness::Freshness;
use crate::report::nagios::{judge, Limits};
use crate::report::table::{self, Services, Times, View, Which};
use crate::report::terminal::Colours;

mod options;
mod screen;
mod watch;

use options::{Asked, Choices, Shape};

pub(super) const WORD: Word = Word {
    name: "status",
    help: "a table of all backends, the worst first, with the causes",
    run,
};

/// There is nothing to show: what Nagios calls unknown.
const NOTHING: u8 = 3;

/// Where the output is no terminal, unless COLUMNS says otherwise.
const USUAL_WIDTH: usize = 120;

/// What standard output's descriptor is.
const STDOUT: i32 = 1;

fn run(mut arguments: Vec<OsString>) -> ExitCode {
    // Its options are a plugin's.
    if let Some(place) = arguments.iter().position(|argument| argument == "--nagios") {
        arguments.remove(place);
        return nagios::run(nagios::Called::Status, arguments);
    }
    let choices = match options::parse(arguments) {
        Ok(Asked::Help) => return end(put(options::help().as_bytes())),
        Ok(Asked::Show(choices)) => *choices,
        Err(cause) => {
            WORD.complain(&format!("{cause}\ntry poolmon status --help"));
            return ExitCode::from(NOTHING);
        }
    };
    match choices.shape {
        Shape::Table => show(&choices),
        Shape::Json => show_json(&choices),
        Shape::Html => show_page(&choices),
        Shape::Watch(pace) => {
            match watch::watch(&choices.status_file, view(&choices, reading::now()), pace) {
                Ok(()) => ExitCode::SUCCESS,
                Err(cause) => {
                    WORD.complain(&format!("--watch: {cause}"));
                    ExitCode::from(NOTHING)
                }
            }
        }
    }
}

fn look(choices: &Choices) -> Result<Looked, String> {
    match &choices.moment {
        None => Looked::of_file(&choices.status_file).map_err(|cause| cause.to_string()),
        Some(moment) => replay::look_at(&WORD, &moment.at, &moment.recording),
    }
}

fn show(choices: &Choices) -> ExitCode {
    let Looked {
        document,
        freshness,
        now,
    } = match look(choices) {
        Ok(looked) => looked,
        Err(cause) => return nothing(&cause),
    };
    let view = View {
        freshness,
        ..view(choices, now)
    };
    let mut text = table::lines(&document, &view).join("\n");
    text.push('\n');
    match put(text.as_bytes()) {
        Ok(()) => code(choices, document, view.freshness, now),
        result => end(result),
    }
}

/// What stands in the file, in ASCII; of some backends only if some were asked for.
fn show_json(choices: &Choices) -> ExitCode {
    let read = match choices.moment {
        Some(_) => look(choices).map(|looked| (looked, None)),
        None => reading::read_text(&choices.status_file)
            .and_then(|text| {
                let document = reading::parse(&choices.status_file, &text)?;
                Ok((Looked::of_present(document), Some(text)))
            })
            .map_err(|cause| cause.to_string()),
    };
    let (looked, text) = match read {
        Ok(read) => read,
        Err(cause) => return nothing(&cause),
    };
    let Looked {
        document,
        freshness,
        now,
    } = looked;
    if freshness != Freshness::Fresh {
        WORD.complain(&freshness.to_string());
    }
    let is_of_all = choices.filter == table::Filter::default();
    let text = match text {
        Some(text) if is_of_all => Ok(text),
        _ => {
            let mut some = document.clone();
            choices.filter.apply(&mut some);
            serde_json::to_vec_pretty(&some)
        }
    };
    let mut text = match text {
        Ok(text) => in_ascii(&text),
        Err(cause) => return nothing(&cause.to_string()),
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    match put(text.as_bytes()) {
        Ok(()) => code(choices, document, freshness, now),
        result => end(result),
    }
}

/// The same JSON in ASCII that a terminal does not obey: tags and names in it are others'. Outside its strings JSON has
/// nothing but ASCII, and within them no control characters.
fn in_ascii(json: &[u8]) -> String {
    let mut text = String::with_capacity(json.len());
    for character in String::from_utf8_lossy(json).chars() {
        match character {
            '\n' | '\r' | '\t' | ' '..='~' => text.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    text.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    text
}

/// The page, of some backends only if some were asked for.
fn show_page(choices: &Choices) -> ExitCode {
    let Looked {
        mut document,
        freshness,
        now,
    } = match look(choices) {
        Ok(looked) => looked,
        Err(cause) => return nothing(&cause),
    };
    choices.filter.apply(&mut document);
    let page = report::local_page(&document, now, &freshness.to_string());
    match put(page.as_bytes()) {
        Ok(()) => code(choices, document, freshness, now),
        result => end(result),
    }
}

fn view(choices: &Choices, now: Time) -> View {
    let is_terminal = isatty(STDOUT).unwrap_or(false);
    let wants_none = env::var_os("NO_COLOR").map_or(false, |value| !value.is_empty());
    let is_dumb = env::var_os("TERM").map_or(false, |term| term == "dumb");
    let width = match is_terminal {
        true => screen::size_of_stdout().map(|size| size.columns),
        false => None,
    };
    let from_environment = || env::var("COLUMNS").ok()?.parse::<usize>().ok();
    View {
        colours: match is_terminal && !wants_none && !is_dumb {
            true => Colours::On,
            false => Colours::Off,
        },
        times: choices.times,
        services: match choices.times {
            Times::Spans => Services::InTrouble,
            Times::Clock => Services::All,
        },
        which: match choices.all {
            true => Which::All,
            false => Which::Telling,
        },
        sort: choices.sort,
        filter: choices.filter.clone(),
        since: choices.since,
        ..View::plain(
            now,
            width
                .or_else(from_environment)
                .unwrap_or(USUAL_WIDTH)
                .max(1),
        )
    }
}

/// 0, or with `--exit-code` that of `--nagios`.
fn code(choices: &Choices, mut document: Document, freshness: Freshness, now: Time) -> ExitCode {
    if !choices.exit_code {
        return ExitCode::SUCCESS;
    }
    choices.filter.apply(&mut document);
    if document.is_part && document.backends.is_empty() {
        return ExitCode::from(NOTHING);
    }
    let report = judge(&document, freshness, now, &Limits::usual());
    ExitCode::from(report.state.code())
}

fn nothing(cause: &str) -> ExitCode {
    WORD.complain(cause);
    ExitCode::from(NOTHING)
}

/// Whoever reads has seen enough, if the pipe is closed.
fn end(result: io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(cause) => {
            WORD.complain(&cause.to_string());
            ExitCode::from(NOTHING)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_on_a_terminal_is_the_same_json_in_ascii() {
        let json = "{\n\t\"tag\": \"a\u{202e}\u{9b}2J\u{7f}\u{e9}\u{1f600}\\u001b\"\r\n}";
        let shown = in_ascii(json.as_bytes());
        let expected = r#"a\u202e\u009b2J\u007f\u00e9\ud83d\ude00\u001b"#;
        assert_eq!(shown, format!("{{\n\t\"tag\": \"{expected}\"\r\n}}"));
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&shown), read(json));
    }
}
