//! `check_poolmon`, and `poolmon status --nagios`: the status file as a plugin of Nagios or Icinga prints it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use getopts::{Fail, Matches, Options};

use super::reading::{self, USUAL_PATH};
use crate::report::nagios::{judge, Detail, Limits, Range, Report, State};

/// By which name it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Called {
    /// `check_poolmon`: as the guidelines want it, also help and version exit 3.
    Plugin,
    /// `poolmon status --nagios`.
    Status,
}

impl Called {
    fn name(self) -> &'static str {
        match self {
            Called::Plugin => "check_poolmon",
            Called::Status => "poolmon status --nagios",
        }
    }
}

/// An option, as help, man page, completions and the Icinga command have it; a test compares them.
pub(crate) struct Row {
    pub(crate) short: &'static str,
    pub(crate) long: &'static str,
    /// What it takes; nothing if this is empty.
    pub(crate) hint: &'static str,
    pub(crate) help: &'static str,
}

pub(crate) static ROWS: &[Row] = &[
    Row {
        short: "w",
        long: "warning",
        hint: "RANGE",
        help: "warn if the number of standing backends is outside this range; with % it is a share of all \
               (default: warn of each backend that is down)",
    },
    Row {
        short: "c",
        long: "critical",
        hint: "RANGE",
        help: "critical if the number of standing backends is outside this range; with % it is a share of \
               all",
    },
    Row {
        short: "",
        long: "warning-cert",
        hint: "RANGE",
        help: "warn if a certificate is good for a number of days outside this range (default: 14:)",
    },
    Row {
        short: "",
        long: "critical-cert",
        hint: "RANGE",
        help: "critical if a certificate is good for a number of days outside this range (default: 3:)",
    },
    Row {
        short: "",
        long: "tag",
        hint: "TAG",
        help: "only the backends with this tag of the director; '' for those without a tag",
    },
    Row {
        short: "",
        long: "status-file",
        hint: "PATH",
        help: "the status file of the monitor (default: /run/poolmon/status.json)",
    },
    Row {
        short: "t",
        long: "timeout",
        hint: "SECONDS",
        help: "unknown if reading the status file takes longer (default: 10)",
    },
    Row {
        short: "v",
        long: "verbose",
        hint: "",
        help: "a line for every backend, and not only for those that are not well",
    },
    Row {
        short: "h",
        long: "help",
        hint: "",
        help: "print this text",
    },
    Row {
        short: "V",
        long: "version",
        hint: "",
        help: "print the version",
    },
];

const TIMEOUT: Duration = Duration::from_secs(10);

/// What is printed, and the exit code.
#[derive(Debug, PartialEq)]
struct Answer {
    text: String,
    code: u8,
}

pub(crate) fn run(called: Called, arguments: Vec<OsString>) -> ExitCode {
    let answer = answer(called, arguments);
    match super::put(answer.text.as_bytes()) {
        Ok(()) => ExitCode::from(answer.code),
        // Nobody has seen it.
        Err(_) => ExitCode::from(State::Unknown.code()),
    }
}

fn answer(called: Called, arguments: Vec<OsString>) -> Answer {
    let unknown = |why: String| report(&Report::unknown(&why));
    let given = match options().parse(arguments) {
        Ok(given) => given,
        Err(Fail::UnrecognizedOption(option)) if is_number(&option) => {
            return unknown(format!("-{option}: {}", without_number(called)))
        }
        Err(cause) => return unknown(format!("{cause}; try {} --help", called.name())),
    };
    let shown = match called {
        Called::Plugin => State::Unknown.code(),
        Called::Status => State::Ok.code(),
    };
    if given.opt_present("help") {
        return Answer {
            text: help(called),
            code: shown,
        };
    }
    if given.opt_present("version") {
        return Answer {
            text: format!("check_poolmon {}\n", env!("CARGO_PKG_VERSION")),
            code: shown,
        };
    }
    if let Some(operand) = given.free.first() {
        let name = called.name();
        if given.opt_present("verbose") && is_number(operand) {
            return unknown(format!("{operand}: {}", without_number(called)));
        }
        return unknown(format!(
            "{operand}: {name} takes only options; try {name} --help"
        ));
    }
    let (limits, timeout) = match chosen(&given) {
        Ok(chosen) => chosen,
        Err(why) => return unknown(format!("{why}; try {} --help", called.name())),
    };
    let path = given.opt_str("status-file");
    look(
        path.map_or_else(|| PathBuf::from(USUAL_PATH), PathBuf::from),
        &limits,
        timeout,
    )
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// Other plugins take how much they are to say as a number.
fn without_number(called: Called) -> String {
    format!(
        "-v (--verbose) takes no number here, write -v alone; try {} --help",
        called.name()
    )
}

/// Reads in another thread: a file can hang, such as one of a network file system or a FIFO.
fn look(path: PathBuf, limits: &Limits, timeout: Duration) -> Answer {
    let (done, is_done) = mpsc::channel();
    let for_thread = path.clone();
    let reader = thread::Builder::new()
        .name("status file".to_owned())
        .spawn(move || {
            let _ = done.send(reading::read(&for_thread));
        });
    if let Err(cause) = reader {
        return report(&Report::unknown(&format!(
            "no thread to read with: {cause}"
        )));
    }
    let document = match is_done.recv_timeout(timeout) {
        Ok(Ok(document)) => document,
        Ok(Err(cause)) => return report(&Report::unknown(&cause.to_string())),
        Err(_) => {
            return report(&Report::unknown(&format!(
                "{}: reading took longer than {} s",
                path.display(),
                timeout.as_secs()
            )))
        }
    };
    let now = reading::now();
    let freshness = reading::freshness(&document, now);
    report(&judge(&document, freshness, now, limits))
}

fn report(report: &Report) -> Answer {
    Answer {
        text: report.to_string(),
        code: report.state.code(),
    }
}

fn options() -> Options {
    let mut options = Options::new();
    for row in ROWS {
        match row.hint {
            "" => options.optflagmulti(row.short, row.long, row.help),
            hint => options.optopt(row.short, row.long, row.help, hint),
        };
    }
    options
}

fn help(called: Called) -> String {
    let name = called.name();
    let before = format!(
        "Says for Nagios or Icinga how the backends of a Dovecot director stand, from the status file\n\
         of the poolmon that runs on this machine. It needs no password and no rights.\n\n\
         Usage: {name} [options]"
    );
    format!(
        "{}
Ranges are those of the monitoring plugins, [@]START:END: 3: alerts below 3, 10 below 0 and above 10,
~:10 above 10, 10:20 outside, @10:20 inside. A backend stands if it is up, has a vhost count above 0
and could take the users of another.

Critical: the status file is stale, or the director is silent or the ring not synced for a minute, or
no line of its list can be read, or less than two backends of a tag stand, or a failed backend stays up
for a minute by a fault of its own.
Warning: a backend is down by this monitor, or has failed, or the monitor has an alarm. Unknown: there
is no status file, or it is of another version.

Examples:
    {name}
    {name} --warning 90%: --critical 50%:
    {name} --tag archive --warning-cert 30: --critical-cert 7:
",
        options().usage(&before)
    )
}

fn chosen(given: &Matches) -> Result<(Limits, Duration), String> {
    let range = |name: &str| match given.opt_str(name) {
        Some(text) => match Range::parse(&text) {
            Ok(range) => Ok(Some(range)),
            Err(expected) => Err(format!("--{name}: {text}: {expected}")),
        },
        None => Ok(None),
    };
    let usual = Limits::usual();
    let days = |name: &str, usual: Range| match range(name)? {
        Some(days) if days.is_a_share() => Err(format!("--{name}: expected days, not a share")),
        days => Ok(days.unwrap_or(usual)),
    };
    let timeout = match given.opt_str("timeout") {
        Some(text) => match text.parse() {
            Ok(seconds @ 1..=3600) => Duration::from_secs(seconds),
            _ => return Err(format!("--timeout: {text}: expected seconds, 1 to 3600")),
        },
        None => TIMEOUT,
    };
    let limits = Limits {
        warning: range("warning")?,
        critical: range("critical")?,
        warning_cert: days("warning-cert", usual.warning_cert)?,
        critical_cert: days("critical-cert", usual.critical_cert)?,
        tag: given.opt_str("tag"),
        detail: match given.opt_present("verbose") {
            true => Detail::All,
            false => Detail::Troubles,
        },
    };
    Ok((limits, timeout))
}

#[cfg(test)]
mod tests {
    use std::os::unix::io::AsRawFd;

    use super::*;

    fn ask(called: Called, words: &[&str]) -> Answer {
        answer(called, words.iter().map(OsString::from).collect())
    }

    #[test]
    fn help_and_version_of_a_plugin_are_unknown() {
        for words in [["--help"], ["-h"], ["--version"], ["-V"]] {
            assert_eq!(ask(Called::Plugin, &words).code, 3, "{words:?}");
            assert_eq!(ask(Called::Status, &words).code, 0, "{words:?}");
        }
        let help = ask(Called::Plugin, &["--help"]).text;
        let words: Vec<&str> = help.split_whitespace().collect();
        let text = words.join(" ");
        for row in ROWS {
            assert!(text.contains(&format!("--{}", row.long)), "{}", row.long);
            assert!(text.contains(row.help), "{}", row.long);
        }
        assert!(text.contains(USUAL_PATH));
        assert!(help.lines().all(|line| line.len() <= 105), "{help}");
    }

    #[test]
    fn what_cannot_be_understood_is_unknown() {
        for (words, expected) in [
            (
                &["--no-such"][..],
                "POOLMON UNKNOWN - Unrecognized option: 'no-such'",
            ),
            (
                &["-v", "2"],
                "POOLMON UNKNOWN - 2: -v (--verbose) takes no number here, write -v alone; try check_poolmon --help",
            ),
            (
                &["-v2"],
                "POOLMON UNKNOWN - -2: -v (--verbose) takes no number here, write -v alone; try check_poolmon --help",
            ),
            (
                &["2"],
                "POOLMON UNKNOWN - 2: check_poolmon takes only options; try ",
            ),
            (
                &["-w", "x"],
                "POOLMON UNKNOWN - --warning: x: expected a range",
            ),
            (
                &["-c", "2:1"],
                "POOLMON UNKNOWN - --critical: 2:1: expected a range",
            ),
            (
                &["--warning-cert", "5%:"],
                "POOLMON UNKNOWN - --warning-cert: expected days",
            ),
            (
                &["-t", "0"],
                "POOLMON UNKNOWN - --timeout: 0: expected seconds",
            ),
            (
                &["--status-file", "/nonexistent/status.json"],
                "POOLMON UNKNOWN - /nonexistent/status.json: there is no status file",
            ),
        ] {
            let answer = ask(Called::Plugin, words);
            assert_eq!(answer.code, 3, "{words:?}");
            assert!(answer.text.starts_with(expected), "{}", answer.text);
            assert_eq!(answer.text.lines().count(), 1, "{}", answer.text);
        }
    }

    #[test]
    fn a_file_that_hangs_is_unknown_in_time() {
        // Nobody writes to it, and nobody closes it.
        let mut sleep = std::process::Command::new("sleep");
        let sleep = sleep.arg("600").stdout(std::process::Stdio::piped());
        let mut sleep = sleep.spawn().unwrap();
        let pipe = sleep.stdout.take().unwrap();
        let path = format!("/dev/fd/{}", pipe.as_raw_fd());
        let answer = ask(Called::Plugin, &["-t", "1", "--status-file", &path]);
        sleep.kill().unwrap();
        sleep.wait().unwrap();
        assert_eq!(answer.code, 3);
        let expected = format!("POOLMON UNKNOWN - {path}: reading took longer than 1 s\n");
        assert_eq!(answer.text, expected);
    }

    fn text_of(name: &str) -> String {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        std::fs::read_to_string(&path).unwrap()
    }

    #[test]
    fn the_icinga_command_has_the_options_with_the_words_of_the_help() {
        let text = text_of("etc/icinga2/poolmon.conf");
        let mut expected = String::from("\targuments = {\n");
        for row in ROWS
            .iter()
            .filter(|row| !["help", "version"].contains(&row.long))
        {
            let key = if row.hint.is_empty() {
                "set_if"
            } else {
                "value"
            };
            let variable = row.long.replace('-', "_");
            expected.push_str(&format!(
                "\t\t\"--{}\" = {{\n\t\t\t{key} = \"$poolmon_{variable}$\"\n\t\t\tdescription = \
                 \"{}\"\n\t\t}}\n",
                row.long, row.help
            ));
        }
        assert!(text.contains(&(expected.clone() + "\t}\n")), "{expected}");
    }

    #[test]
    fn the_man_page_describes_each_option_in_the_words_of_the_help() {
        let text = text_of("etc/man/check_poolmon.8");
        for row in ROWS {
            let short = match row.short {
                "" => String::new(),
                short => format!("Fl {short} , "),
            };
            let hint = match row.hint {
                "" => String::new(),
                hint => format!(" Ar {hint}"),
            };
            let (first, rest) = row.help.split_at(1);
            let words = format!("{}{rest}.", first.to_uppercase()).replace("''", "\\(aq\\(aq");
            let item = format!(".It {short}Fl -{}{hint}\n{words}\n", row.long);
            assert!(text.contains(&item), "{item}");
        }
        let options = text
            .split("\n.Sh ")
            .find(|section| section.starts_with("OPTIONS"));
        assert_eq!(options.unwrap().matches("\n.It ").count(), ROWS.len());
    }

    #[test]
    fn the_completions_have_each_option_and_no_other() {
        let expected: std::collections::BTreeSet<String> = ROWS
            .iter()
            .flat_map(|row| [format!("-{}", row.short), format!("--{}", row.long)])
            .filter(|name| name != "-")
            .collect();
        for name in [
            "etc/completion/check_poolmon.bash",
            "etc/completion/check_poolmon.zsh",
        ] {
            let text = text_of(name);
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
            let start = text
                .find("    *)")
                .or_else(|| text.find("_arguments"))
                .unwrap();
            let end = text.find("esac").unwrap_or(text.len());
            let words = text[start..end].split(|c: char| !is_part(c));
            let found: std::collections::BTreeSet<String> = words
                .filter(|word| word.len() > 1 && word.starts_with('-'))
                // Options of _arguments itself.
                .filter(|word| name.ends_with("bash") || !["-s", "-S"].contains(word))
                .map(str::to_owned)
                .collect();
            assert_eq!(found, expected, "{name}");
        }
    }
}
