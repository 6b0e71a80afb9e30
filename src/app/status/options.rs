//! The options of `poolmon status`: a row each, and what was chosen.

use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::app::reading::USUAL_PATH;
use crate::quote::Quote;
use crate::report::document::Span;
use crate::report::table::{Filter, Sort, Times};

/// A row of the table of options.
pub(crate) struct Row {
    short: &'static str,
    long: &'static str,
    takes: Takes,
    help: &'static str,
}

/// What stands behind an option, and how it is called in the help.
enum Takes {
    Nothing,
    Value(&'static str),
    /// Only behind `=`, or as a word that begins with no dash.
    MayTake(&'static str),
}

const fn row(short: &'static str, long: &'static str, takes: Takes, help: &'static str) -> Row {
    Row {
        short,
        long,
        takes,
        help,
    }
}

const STATUS_FILE: &str = "status-file";
const WATCH: &str = "watch";
const JSON: &str = "json";
const HTML: &str = "html";
const BACKEND: &str = "backend";
const TAG: &str = "tag";
const SINCE: &str = "since";
const ALL: &str = "all";
const SORT: &str = "sort";
const VERBOSE: &str = "verbose";
const EXIT_CODE: &str = "exit-code";
const AT: &str = "at";
const HELP: &str = "help";

/// In the order of the help.
const ROWS: &[Row] = &[
    row(
        "",
        STATUS_FILE,
        Takes::Value("PATH"),
        "the file that the monitor writes (default: /run/poolmon/status.json)",
    ),
    row(
        "",
        WATCH,
        Takes::MayTake("SECONDS"),
        "keep it on the screen, drawn anew every second or so often; keys are q quit, / filter, \
         s sort, e explain the first, p pause",
    ),
    row(
        "",
        JSON,
        Takes::Nothing,
        "print the status file as it is, or what is asked for of it",
    ),
    row(
        "",
        HTML,
        Takes::Nothing,
        "print it as a page for a browser: one file that needs nothing else",
    ),
    row(
        "",
        BACKEND,
        Takes::Value("ADDRESS"),
        "only this backend; may be repeated",
    ),
    row(
        "",
        TAG,
        Takes::Value("TAG"),
        "only backends with this tag, '' for those without; may be repeated",
    ),
    row(
        "",
        SINCE,
        Takes::Value("SPAN"),
        "list the changes within this time too, with who and why: 90s, 30m, 1h, 1d",
    ),
    row(
        "",
        ALL,
        Takes::Nothing,
        "list all; of more than 100 backends those that are well are only counted otherwise",
    ),
    row(
        "",
        SORT,
        Takes::Value("ORDER"),
        "worst, address, tag, users or latency (default: worst)",
    ),
    row(
        "v",
        VERBOSE,
        Takes::Nothing,
        "times in place of spans, and a line for each service",
    ),
    row(
        "",
        EXIT_CODE,
        Takes::Nothing,
        "exit as a Nagios plugin: 0 all is well, 1 a warning, 2 critical, 3 nothing to show",
    ),
    row(
        "",
        AT,
        Takes::Value("TIME"),
        "show the status at this time, from a recording whose name comes last: HH:MM[:SS], \
         \"YYYY-MM-DD HH:MM:SS\" or seconds since 1970",
    ),
    row(
        "",
        NAGIOS,
        Takes::Nothing,
        "be the plugin check_poolmon; --nagios --help tells its other options",
    ),
    row("h", HELP, Takes::Nothing, "print this text"),
];

/// Whoever sees it asks for another face, with options of its own.
pub(super) const NAGIOS: &str = "nagios";

/// What is wanted.
#[derive(Debug)]
pub(super) enum Asked {
    Help,
    Show(Box<Choices>),
}

#[derive(Debug)]
pub(super) struct Choices {
    pub(super) status_file: PathBuf,
    pub(super) shape: Shape,
    pub(super) filter: Filter,
    pub(super) since: Option<Span>,
    pub(super) all: bool,
    pub(super) sort: Sort,
    pub(super) times: Times,
    pub(super) exit_code: bool,
    pub(super) moment: Option<Moment>,
}

/// A moment of a recording.
#[derive(Debug)]
pub(super) struct Moment {
    pub(super) at: String,
    pub(super) recording: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Table,
    Json,
    Html,
    /// Drawn anew so often.
    Watch(Duration),
}

/// The options that ask for a shape other than the table; no two of them can be given together. A shape
/// that is missing here is never made, and the compiler warns of it.
const SHAPES: [(&str, Shape); 3] = [
    (WATCH, Shape::Watch(Duration::from_secs(1))),
    (JSON, Shape::Json),
    (HTML, Shape::Html),
];

#[derive(Debug)]
pub(super) enum OptionError {
    Words(getopts::Fail),
    Operand(Quote),
    Value {
        option: &'static str,
        value: Quote,
        expected: &'static str,
    },
    Together(&'static str, &'static str),
    NoRecording,
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use getopts::Fail;
        match self {
            OptionError::Words(fail) => match fail {
                Fail::ArgumentMissing(name) => write!(f, "{}: a value is missing", option(name)),
                Fail::UnrecognizedOption(name) => write!(f, "unknown option {}", option(name)),
                Fail::OptionMissing(name) => write!(f, "{} is missing", option(name)),
                Fail::OptionDuplicated(name) => write!(f, "{} is given twice", option(name)),
                Fail::UnexpectedArgument(name) => write!(f, "{}: takes no value", option(name)),
            },
            OptionError::Operand(word) => write!(
                f,
                "{word}: no option; a backend is chosen with --{BACKEND} ADDRESS"
            ),
            OptionError::Value {
                option,
                value,
                expected,
            } => write!(f, "--{option}: {value}: expected {expected}"),
            OptionError::Together(one, other) => {
                write!(f, "--{one} and --{other} cannot be given together")
            }
            OptionError::NoRecording => {
                write!(f, "--{AT}: which recording? its file is named last")
            }
        }
    }
}

fn option(name: &str) -> Quote {
    match name.chars().count() {
        1 => Quote::new(format!("-{name}")),
        _ => Quote::new(format!("--{name}")),
    }
}

fn declared() -> getopts::Options {
    let mut declared = getopts::Options::new();
    for row in ROWS {
        match row.takes {
            Takes::Nothing => declared.optflagmulti(row.short, row.long, row.help),
            Takes::Value(hint) => declared.optmulti(row.short, row.long, row.help, hint),
            Takes::MayTake(hint) => declared.optflagopt(row.short, row.long, row.help, hint),
        };
    }
    declared
}

pub(super) fn help() -> String {
    declared().usage(
        "Usage: poolmon status [options]\n       poolmon status --at TIME [options] RECORDING\n\n\
         Shows how the backends are, the worst first, with the cause, what holds an action back, and\n\
         what happens next, from the file that the monitor keeps.",
    )
}

/// Of an option that is given again the last value counts; `--backend` and `--tag` collect.
pub(super) fn parse(arguments: Vec<OsString>) -> Result<Asked, OptionError> {
    let found = declared().parse(arguments).map_err(OptionError::Words)?;
    if found.opt_present(HELP) {
        return Ok(Asked::Help);
    }
    let (moment, others) = match (found.opt_strs(AT).pop(), &found.free[..]) {
        (Some(at), [recording, others @ ..]) => {
            let recording = recording.into();
            (Some(Moment { at, recording }), others)
        }
        (Some(_), []) => return Err(OptionError::NoRecording),
        (None, others) => (None, others),
    };
    if let Some(operand) = others.first() {
        return Err(OptionError::Operand(Quote::new(operand)));
    }
    let last = |name: &'static str| found.opt_strs(name).pop();
    let addresses = found.opt_strs(BACKEND).into_iter().map(|value| {
        let address = value.parse::<IpAddr>();
        address.map_err(|_| wrong(BACKEND, &value, "an IP address"))
    });
    let filter = Filter {
        addresses: addresses.collect::<Result<_, _>>()?,
        tags: found.opt_strs(TAG),
        text: String::new(),
    };
    let since = match last(SINCE) {
        Some(value) => {
            let expected = "a number with s, m, h or d";
            Some(span(&value).ok_or_else(|| wrong(SINCE, &value, expected))?)
        }
        None => None,
    };
    let sort = match last(SORT) {
        Some(value) => {
            let sort = Sort::ALL.iter().find(|sort| sort.name() == value);
            let expected = "worst, address, tag, users or latency";
            *sort.ok_or_else(|| wrong(SORT, &value, expected))?
        }
        None => Sort::Worst,
    };
    let shapes: Vec<(&'static str, Shape)> = SHAPES
        .into_iter()
        .filter(|(name, _)| found.opt_present(name))
        .collect();
    let shape = match shapes[..] {
        [] => Shape::Table,
        [(name, Shape::Watch(_))] if found.opt_present(EXIT_CODE) => {
            return Err(OptionError::Together(name, EXIT_CODE))
        }
        [(name, Shape::Watch(_))] if moment.is_some() => {
            return Err(OptionError::Together(name, AT))
        }
        [(_, Shape::Watch(usual))] => Shape::Watch(pace(last(WATCH), usual)?),
        [(_, shape)] => shape,
        [(one, _), (other, _), ..] => return Err(OptionError::Together(one, other)),
    };
    Ok(Asked::Show(Box::new(Choices {
        status_file: last(STATUS_FILE).map_or_else(|| USUAL_PATH.into(), PathBuf::from),
        shape,
        filter,
        since,
        all: found.opt_present(ALL),
        sort,
        times: match found.opt_present(VERBOSE) {
            true => Times::Clock,
            false => Times::Spans,
        },
        exit_code: found.opt_present(EXIT_CODE),
        moment,
    })))
}

fn wrong(option: &'static str, value: &str, expected: &'static str) -> OptionError {
    OptionError::Value {
        option,
        value: Quote::new(value),
        expected,
    }
}

fn pace(value: Option<String>, usual: Duration) -> Result<Duration, OptionError> {
    let value = match value {
        Some(value) => value,
        None => return Ok(usual),
    };
    match value.parse::<f64>() {
        Ok(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(wrong(WATCH, &value, "0.1 to 3600 seconds")),
    }
}

/// `90`, `90s`, `30m`, `1h`, `1d`, in seconds.
fn span(value: &str) -> Option<Span> {
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &value[digits.len()..] {
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    let number = digits.parse::<u32>().ok()?;
    Some(Span::from(number) * f64::from(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(words: &[&str]) -> Choices {
        match parse(words.iter().map(OsString::from).collect()) {
            Ok(Asked::Show(choices)) => *choices,
            other => panic!("{words:?}: {other:?}"),
        }
    }

    fn error(words: &[&str]) -> String {
        let result = parse(words.iter().map(OsString::from).collect());
        result.expect_err(&words.join(" ")).to_string()
    }

    #[test]
    fn without_options_it_is_the_table_of_the_usual_file() {
        let choices = choices(&[]);
        assert_eq!(
            choices.status_file,
            PathBuf::from("/run/poolmon/status.json")
        );
        assert_eq!(choices.shape, Shape::Table);
        assert_eq!(choices.filter, Filter::default());
        assert_eq!(choices.since, None);
        assert_eq!(choices.sort, Sort::Worst);
        assert_eq!(choices.times, Times::Spans);
        assert!(!choices.all && !choices.exit_code);
        let default = ROWS[0].help;
        assert!(default.contains(USUAL_PATH), "{default}");
    }

    #[test]
    fn every_option_is_read() {
        let words = "--status-file /s --json --backend 192.0.2.7 --backend=2001:db8::1 --tag a \
                     --tag= --since 30m --all --sort users -v --exit-code";
        let words: Vec<&str> = words.split_whitespace().collect();
        let choices = self::choices(&words);
        assert_eq!(choices.status_file, PathBuf::from("/s"));
        assert_eq!(choices.shape, Shape::Json);
        assert_eq!(choices.filter.addresses.len(), 2);
        assert_eq!(choices.filter.tags, ["a", ""]);
        assert_eq!(choices.since, Some(1800.0));
        assert_eq!(choices.sort, Sort::Users);
        assert_eq!(choices.times, Times::Clock);
        assert!(choices.all && choices.exit_code && choices.moment.is_none());
        let moment = self::choices(&["--at", "10:00", "/r"]).moment.unwrap();
        assert_eq!(moment.at, "10:00");
        assert_eq!(moment.recording, PathBuf::from("/r"));
        assert!(matches!(
            parse(vec!["--help".into(), "--all".into()]),
            Ok(Asked::Help)
        ));
    }

    #[test]
    fn watch_takes_a_pace_or_none() {
        let pace = |words: &[&str]| choices(words).shape;
        assert_eq!(pace(&["--watch"]), Shape::Watch(Duration::from_secs(1)));
        assert_eq!(
            pace(&["--watch=0.5"]),
            Shape::Watch(Duration::from_millis(500))
        );
        assert_eq!(
            pace(&["--watch", "--all"]),
            Shape::Watch(Duration::from_secs(1))
        );
        for value in ["0", "-1", "x", "3601", "nan"] {
            assert_eq!(
                error(&[&format!("--watch={value}")]),
                format!("--watch: \"{value}\": expected 0.1 to 3600 seconds")
            );
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (words, expected) in [
            (&["--nonsense"][..], "unknown option \"--nonsense\""),
            (&["--tag"], "\"--tag\": a value is missing"),
            (&["--all=1"], "\"--all\": takes no value"),
            (
                &["192.0.2.7"],
                "\"192.0.2.7\": no option; a backend is chosen with --backend ADDRESS",
            ),
            (
                &["--backend", "mail7"],
                "--backend: \"mail7\": expected an IP address",
            ),
            (
                &["--since", "1y"],
                "--since: \"1y\": expected a number with s, m, h or d",
            ),
            (
                &["--sort", "size"],
                "--sort: \"size\": expected worst, address, tag, users or latency",
            ),
            (
                &["--watch", "--json"],
                "--watch and --json cannot be given together",
            ),
            (
                &["--html", "--json"],
                "--json and --html cannot be given together",
            ),
            (
                &["--at", "12:00"],
                "--at: which recording? its file is named last",
            ),
            (
                &["--at", "12:00", "r", "s"],
                "\"s\": no option; a backend is chosen with --backend ADDRESS",
            ),
            (
                &["--watch", "--at=12:00", "r"],
                "--watch and --at cannot be given together",
            ),
            (
                &["--watch", "--exit-code"],
                "--watch and --exit-code cannot be given together",
            ),
        ] {
            assert_eq!(error(words), expected);
        }
    }

    #[test]
    fn spans_have_units() {
        for (value, expected) in [
            ("90", Some(90.0)),
            ("90s", Some(90.0)),
            ("30m", Some(1800.0)),
            ("1h", Some(3600.0)),
            ("2d", Some(172_800.0)),
            ("", None),
            ("h", None),
            ("-1h", None),
            ("1.5h", None),
            ("1ü", None),
        ] {
            assert_eq!(span(value), expected, "{value}");
        }
    }

    #[test]
    fn the_help_names_every_option() {
        let help = help();
        let text = help.split_whitespace().collect::<Vec<&str>>().join(" ");
        for row in ROWS {
            assert!(text.contains(&format!("--{}", row.long)), "{}", row.long);
            assert!(text.contains(row.help), "{}: {help}", row.long);
        }
        assert!(help.lines().all(|line| line.len() <= 100), "{help}");
    }
}
