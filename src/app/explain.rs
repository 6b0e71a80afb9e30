//! `poolmon explain BACKEND`: why a backend stands as it does, from the status file, or stood at a moment of a
//! recording.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use chrono::{Local, NaiveDateTime, TimeZone};
use getopts::Options;

use super::reading::{Looked, USUAL_PATH};
use super::{print, replay, Word};
use crate::report::document::Time;
use crate::report::explain::{find, unknown, Trial, View};

pub(crate) const WORD: Word = Word {
    name: "explain",
    help: "why one backend is up or down, and what comes next",
    run,
};

/// Nothing to show: no such backend, no status file, or a command line that is none.
const NOTHING_TO_SHOW: u8 = 3;

fn run(arguments: Vec<OsString>) -> ExitCode {
    let result = explain(arguments)
        .and_then(|text| print(text.as_bytes()).map_err(|cause| cause.to_string()));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            WORD.complain(&message);
            ExitCode::from(NOTHING_TO_SHOW)
        }
    }
}

fn options() -> Options {
    let mut options = Options::new();
    options
        .optflag("", "json", "print it as JSON, for programs")
        .optopt(
            "",
            "status-file",
            &format!("the status file of the monitor (default: {USUAL_PATH})"),
            "PATH",
        )
        .optopt(
            "",
            "at",
            "explain how it stood then, by a recording of the monitor, which is named last: HH:MM[:SS], \
             \"YYYY-MM-DD HH:MM:SS\" or seconds since 1970",
            "TIME",
        )
        .optflag("h", "help", "print this text");
    options
}

fn help() -> String {
    options().usage(
        "Usage: poolmon explain [options] BACKEND\n       poolmon explain --at TIME [options] BACKEND RECORDING\n\n\
         Says of a backend, named by its address or its name, why it is up or down and what comes\n\
         next, with all that stands behind it: the last attempts, the rules, the commands, what a\n\
         down would do, and what you can do. It reads the status file of the running monitor and\n\
         needs no password.",
    )
}

/// What is to be printed.
fn explain(arguments: Vec<OsString>) -> Result<String, String> {
    let hint = "try poolmon explain --help";
    let given = options()
        .parse(arguments)
        .map_err(|cause| format!("{cause}; {hint}"))?;
    if given.opt_present("help") {
        return Ok(help());
    }
    let looked = match (&*given.free, given.opt_str("at")) {
        ([], _) => return Err(format!("which backend? {hint}")),
        ([_], None) => {
            let path = given.opt_str("status-file");
            let path = path.map_or_else(|| PathBuf::from(USUAL_PATH), PathBuf::from);
            Looked::of_file(&path).map_err(|cause| cause.to_string())
        }
        ([_], Some(_)) => {
            return Err(format!(
                "--at: which recording? its file is named last; {hint}"
            ))
        }
        ([_, recording], Some(at)) => replay::look_at(&WORD, &at, recording.as_ref()),
        _ => return Err(format!("one backend at a time; {hint}")),
    };
    let Looked {
        document,
        freshness,
        now,
    } = looked?;
    let stale = freshness.to_string();
    let meant = &given.free[0];
    let backend = find(&document, meant).ok_or_else(|| unknown(&document, meant))?;
    let view = View {
        document: &document,
        backend,
        now: match stale.is_empty() {
            true => now,
            false => document.poolmon.written,
        },
        stale: &stale,
        zone: local,
        trial: match super::word("check".as_ref()) {
            Some(_) => Trial::PoolmonCheck,
            None => Trial::ByHand,
        },
    };
    if !given.opt_present("json") {
        return Ok(view.text());
    }
    let json = serde_json::to_string_pretty(&view.explained());
    json.map(|json| json + "\n")
        .map_err(|cause| cause.to_string())
}

fn local(time: Time) -> NaiveDateTime {
    let local = Local.timestamp_opt(time as i64, 0).single();
    local.map_or_else(NaiveDateTime::default, |local| local.naive_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_wants_one_backend() {
        let explain = |words: &[&str]| explain(words.iter().map(OsString::from).collect());
        let hint = "try poolmon explain --help";
        assert_eq!(explain(&[]), Err(format!("which backend? {hint}")));
        assert_eq!(
            explain(&["a", "b"]),
            Err(format!("one backend at a time; {hint}"))
        );
        let error = explain(&["--no-such", "a"]).unwrap_err();
        assert!(error.ends_with(hint), "{error}");
        assert_eq!(explain(&["--help"]), Ok(help()));
        assert_eq!(
            explain(&["--at", "12:00", "a"]),
            Err(format!(
                "--at: which recording? its file is named last; {hint}"
            ))
        );
        assert_eq!(
            explain(&["--at", "12:00", "a", "b", "c"]),
            Err(format!("one backend at a time; {hint}"))
        );
        let error = explain(&["--at", "12:00", "a", "/nonexistent/x"]).unwrap_err();
        assert!(error.contains("/nonexistent/x"), "{error}");
        let error = explain(&["--status-file", "/nonexistent/x", "a"]).unwrap_err();
        assert!(error.contains("there is no status file"), "{error}");
    }
}
