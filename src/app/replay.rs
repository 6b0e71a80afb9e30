//! `poolmon replay`: what the monitor was told, told again, by the recorded rules or by others, and which
//! commands that would have led to.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, UNIX_EPOCH};

use chrono::{Local, TimeZone};

use super::reading::{self, Looked};
use super::{print, Word};
use crate::backend::Stamp;
use crate::beside::Beside;
use crate::cli::{self, CliError, Command};
use crate::config::argv;
use crate::config::chosen::Chosen;
use crate::config::settings::{DrainMode, Plan, Retries, Settings};
use crate::config::table::DefaultsOf;
use crate::few::{by_number, counted, Few};
use crate::program::Program;
use crate::quote::Quote;
use crate::recording::{
    compare, replay, replay_until, Comparison, Line, Reader, Replayed, Rules, UnreadableRecording,
};
use crate::report::document::{document, Writer};
use crate::report::words::shown_up_to;

pub(super) const WORD: Word = Word {
    name: "replay",
    help: "what other settings would have done with a recording (--record)",
    run,
};

/// Other changes than those of the recording.
const OTHER_CHANGES: u8 = 1;
/// There is nothing to replay.
const UNREADABLE: u8 = 3;

/// How much of a reason or a path is shown.
const LONGEST: usize = 1000;

const HELP: &str = "\
Usage: poolmon replay [options] FILE

Tells what --record has recorded in FILE to the monitor's rules again, and prints the changes that
they make beside those that were made. Without options the recorded settings hold. Others can be
chosen by the monitor's own options, as far as the rules depend on them:

    --retries N --retry-delay SECONDS --rise N --fall N --restore any|own --max-down all|refuge|N|P%
    --down-delay SECONDS --hold SECONDS --flush move|drop|none --max-moves all|N

The others say how probes are made and where things are; the recorded probes were made already.
A change on one line with = was made and is made again; < was made, and is not made; > is made, and
was not. FILE.1 is read before FILE where FILE goes on after it.
Exit status: 0 the same changes, 1 others, 3 FILE or an option cannot be read.
";

fn run(arguments: Vec<OsString>) -> ExitCode {
    match answer(arguments) {
        Ok((text, code)) => match print(text.as_bytes()) {
            Ok(()) => ExitCode::from(code),
            Err(cause) => {
                WORD.complain(&cause.to_string());
                ExitCode::from(UNREADABLE)
            }
        },
        Err(cause) => {
            WORD.complain(&cause);
            ExitCode::from(UNREADABLE)
        }
    }
}

/// What is to be printed, and the exit status.
fn answer(arguments: Vec<OsString>) -> Result<(String, u8), String> {
    let hint = "try poolmon replay --help";
    let hinted = |cause: CliError| format!("{cause}; {hint}");
    let (command, operands) = cli::parse_with_operands(arguments.clone()).map_err(hinted)?;
    let choices = match command {
        Command::Run(order) => order.choices,
        Command::Help(_) => return Ok((HELP.to_owned(), 0)),
        Command::Version => return Ok((cli::version(), 0)),
    };
    let path = match &operands[..] {
        [path] => Path::new(path),
        [] => return Err(format!("which recording? {hint}")),
        _ => return Err(format!("one recording at a time; {hint}")),
    };
    let other = Other::of(choices).map_err(|()| {
        let options = idle_options(arguments);
        let change = by_number(options.len(), "changes", "change");
        format!("{}: {change} nothing in a replay; {hint}", Few(&options))
    })?;
    let failed =
        |cause: UnreadableRecording| format!("{}: {cause}", shown(&path.display().to_string()));
    let reader = open(path).map_err(failed)?;
    let (is_continued, is_dry_run) = (reader.is_continued(), reader.is_of_a_dry_run());
    let named = names(path, &reader);
    let as_recorded = |_: &mut Settings| {};
    let other_rules = |settings: &mut Settings| other.change(settings);
    let rules = match (other.is_none(), is_dry_run) {
        (false, _) => Rules::Other(&other_rules),
        (true, true) => Rules::Other(&as_recorded),
        (true, false) => Rules::AsRecorded,
    };
    let mut replayed = replay(reader, &rules, &mut |_| {}).map_err(failed)?;
    if is_dry_run {
        // It has sent nothing: beside the other rules stands what its own would have done.
        let own = replay(
            open(path).map_err(failed)?,
            &Rules::Other(&as_recorded),
            &mut |_| {},
        );
        replayed.recorded = own.map_err(failed)?.replayed;
    }
    let comparison = compare(&replayed.recorded, &replayed.replayed);
    let mut text = head(&named, &replayed, &other);
    if is_continued {
        text += "this file goes on after another: the first minutes may differ, since what was known before is \
                 known in part\n";
    }
    if is_dry_run {
        text += "the recording is a dry run's: what it would have sent stands for what was sent\n";
    }
    if replayed.lost > 0 {
        text += &format!(
            "{} {} missing in it, since it could not be written, or not in time: the changes may differ for that\n",
            counted(replayed.lost, "input"),
            by_number(replayed.lost, "is", "are")
        );
    }
    if replayed.is_torn {
        text += "its last line is cut off, and left out\n";
    }
    text += &body(&comparison);
    let code = match comparison.is_same() {
        true => 0,
        false => OTHER_CHANGES,
    };
    Ok((text, code))
}

/// With the file before it, if that is there.
fn open(path: &Path) -> Result<Reader<BufReader<File>>, UnreadableRecording> {
    let zero = Instant::now();
    let open_one = |path: &Path| {
        let file = reading::open(path).map_err(UnreadableRecording::Io)?;
        Reader::new(BufReader::with_capacity(1 << 16, file), zero)
    };
    let newer = open_one(path)?;
    if !newer.is_next_to_another() {
        return Ok(newer);
    }
    // Without it, or with another one in its place, this one is replayed alone.
    Ok(match open_one(&Beside::Older.of(path)) {
        Ok(before) => Reader::joined(before, newer),
        Err(_) => newer,
    })
}

/// The files that are read.
fn names<R: io::BufRead>(path: &Path, reader: &Reader<R>) -> String {
    let shown = |path: &Path| shown(&path.display().to_string());
    match reader.is_joined() {
        true => format!("{} and {}", shown(&Beside::Older.of(path)), shown(path)),
        false => shown(path),
    }
}

fn head(named: &str, replayed: &Replayed, other: &Other) -> String {
    let backends = counted(replayed.backends, "backend");
    format!(
        "{named}: {} to {}, {backends}, {}; {}\n",
        time(replayed.from),
        time(replayed.to),
        counted(replayed.attempts, "attempt"),
        match other.is_none() {
            true => "the recorded settings",
            false => "other settings",
        }
    )
}

fn body(comparison: &Comparison) -> String {
    let lines = comparison.lines.iter().map(|line| {
        let (sign, made) = match line {
            Line::Both(made) => ('=', made),
            Line::Recorded(made) => ('<', made),
            Line::Replayed(made) => ('>', made),
        };
        let why = made.why.as_deref().map(shown).unwrap_or_default();
        let line = format!(
            "{sign} {}  {:<15}  {:<5}  {why}",
            time(made.at),
            made.address.to_string(),
            made.action.to_string(),
        );
        format!("{}\n", line.trim_end())
    });
    let lines: String = lines.collect();
    let count = |wanted: fn(&Line) -> bool| -> usize {
        comparison.lines.iter().filter(|line| wanted(line)).count()
    };
    format!(
        "{lines}{} the same, {} only in the recording (<), {} only in the replay (>)\n",
        count(|line| matches!(line, Line::Both(_))),
        count(|line| matches!(line, Line::Recorded(_))),
        count(|line| matches!(line, Line::Replayed(_))),
    )
}

fn time(second: Stamp) -> String {
    let seconds = i64::try_from(second.0).ok();
    let time = seconds.and_then(|seconds| Local.timestamp_opt(seconds, 0).single());
    time.map_or_else(
        || second.0.to_string(),
        |time| time.format("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

/// A file's text, as the status shows it. A reason has its quotes escaped already.
fn shown(text: &str) -> String {
    shown_up_to(LONGEST, text)
}

/// The options, each once, on which the rules do not depend.
fn idle_options(arguments: Vec<OsString>) -> Vec<String> {
    let given = argv::read(arguments).unwrap_or_default().options;
    let mut idle = Vec::new();
    for given in given {
        let mut alone = Chosen::default();
        let taken = given.choice.take_option(&mut alone, given.value.as_deref());
        let name = format!("--{}", given.option.long);
        if taken.is_ok() && Other::of(alone).is_err() && !idle.contains(&name) {
            idle.push(name);
        }
    }
    idle
}

/// What is to hold in place of what was recorded.
#[derive(Debug, Default)]
struct Other(Chosen);

impl Other {
    /// The error: there is a choice among them on which the rules do not depend.
    fn of(choices: Chosen) -> Result<Other, ()> {
        let mut rest = choices.clone();
        rest.retries = Default::default();
        rest.retry_delay = Default::default();
        rest.rise = Default::default();
        rest.fall = Default::default();
        rest.restore = Default::default();
        rest.max_down = Default::default();
        rest.down_delay = Default::default();
        rest.hold = Default::default();
        rest.flush = Default::default();
        rest.max_moves = Default::default();
        match rest == Chosen::default() {
            true => Ok(Other(choices)),
            false => Err(()),
        }
    }

    fn is_none(&self) -> bool {
        self.0 == Chosen::default()
    }

    fn change(&self, settings: &mut Settings) {
        let Other(chosen) = self;
        let built = chosen
            .clone()
            .build(DefaultsOf::Poolmon, Program::Poolmon)
            .expect("poolmon's defaults check something");
        let pace = &mut settings.pace;
        if chosen.retries.is_given() || chosen.retry_delay.is_given() {
            let usual = match (pace.plan, built.pace.plan) {
                (Plan::Retries(recorded), _) => recorded,
                (Plan::Rapid(_), Plan::Retries(usual)) => usual,
                (Plan::Rapid(_), Plan::Rapid(_)) => return,
            };
            pace.plan = Plan::Retries(Retries {
                retries: match chosen.retries.is_given() {
                    true => chosen.retries.value,
                    false => usual.retries,
                },
                retry_delay: match chosen.retry_delay.is_given() {
                    true => chosen.retry_delay.value,
                    false => usual.retry_delay,
                },
            });
        }
        if chosen.rise.is_given() {
            pace.rise = chosen.rise.value;
        }
        if chosen.fall.is_given() {
            pace.fall = chosen.fall.value;
        }
        let rules = &mut settings.rules;
        if chosen.restore.is_given() {
            rules.restore = built.rules.restore;
        }
        if chosen.max_down.is_given() {
            rules.brake = built.rules.brake;
        }
        if chosen.down_delay.is_given() {
            rules.down_delay = built.rules.down_delay;
        }
        if chosen.hold.is_given() {
            rules.hold = built.rules.hold;
        }
        if chosen.flush.is_given() || chosen.max_moves.is_given() {
            match (rules.drain, built.rules.drain) {
                (DrainMode::Drop | DrainMode::Leave, _) if !chosen.flush.is_given() => {}
                (DrainMode::Move { .. }, DrainMode::Move { .. })
                    if !chosen.max_moves.is_given() => {}
                (_, given) => rules.drain = given,
            }
        }
    }
}

/// How all stood at this time, by a recording. The word that asks says what has to be known of it.
pub(super) fn look_at(word: &Word, at: &str, path: &Path) -> Result<Looked, String> {
    let named = shown(&path.display().to_string());
    let failed = |cause: UnreadableRecording| format!("{named}: {cause}");
    let modified = fs::metadata(path).and_then(|data| data.modified());
    let modified = modified.map_err(|cause| format!("{named}: {cause}"))?;
    let last = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    let last = Stamp(last.as_secs());
    let second = moment(at, last).map_err(|at| {
        format!("--at: {at}: expected HH:MM[:SS], YYYY-MM-DD HH:MM:SS or seconds since 1970")
    })?;
    let reader = open(path).map_err(failed)?;
    let began = reader.began().second;
    if second < began {
        let hint = match reader.is_joined() {
            true => String::new(),
            false => format!("; {named}.1 may have it"),
        };
        return Err(format!(
            "{}: begins at {}, after the time that is asked for{}{hint}",
            names(path, &reader),
            time(began),
            of_the_day_before(at, second, last)
        ));
    }
    if reader.is_continued() {
        word.complain(&format!(
            "{named}: goes on after another file: what was known before is known in part, and the first minutes may \
             differ"
        ));
    }
    let (snapshot, shown_second) = replay_until(reader, second).map_err(failed)?;
    if shown_second < second {
        return Err(format!(
            "{named}: ends at {}, before the time that is asked for",
            time(shown_second)
        ));
    }
    let writer = Writer {
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
        name: "recording".to_owned(),
        started: UNIX_EPOCH + Duration::from_secs(began.0),
        // Not recorded.
        hook_failures: 0,
        log_lines_lost: 0,
    };
    let taken = UNIX_EPOCH + Duration::from_secs(second.0);
    Ok(Looked::of_moment(document(&snapshot, &writer, taken)))
}

/// Of a time of day that was taken for that of the day before, since the recording has ended by then on its last day.
fn of_the_day_before(at: &str, second: Stamp, last: Stamp) -> String {
    let is_time_of_day = |form| chrono::NaiveTime::parse_from_str(at, form).is_ok();
    let day = |second| time(second).split(' ').next().map(str::to_owned);
    match ["%H:%M:%S", "%H:%M"].into_iter().any(is_time_of_day) && day(second) != day(last) {
        true => format!(
            ", {}: of the day before, as it ends at {}",
            time(second),
            time(last)
        ),
        false => String::new(),
    }
}

/// A moment as a person writes it: seconds since 1970, `YYYY-MM-DD HH:MM:SS`, or `HH:MM[:SS]` of the day of
/// `last`.
pub(super) fn moment(text: &str, last: Stamp) -> Result<Stamp, Quote> {
    use chrono::{NaiveDateTime, NaiveTime};
    let wrong = || Quote::new(text);
    if let Ok(second) = text.parse::<u64>() {
        return Ok(Stamp(second));
    }
    let local = |time: NaiveDateTime| {
        let time = Local.from_local_datetime(&time).earliest();
        let second = time.and_then(|time| u64::try_from(time.timestamp()).ok());
        second.map(Stamp).ok_or_else(wrong)
    };
    for form in ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, form) {
            return local(time);
        }
    }
    for form in ["%H:%M:%S", "%H:%M"] {
        if let Ok(time) = NaiveTime::parse_from_str(text, form) {
            let last = i64::try_from(last.0).map_err(|_| wrong())?;
            let last = Local.timestamp_opt(last, 0).single().ok_or_else(wrong)?;
            let date = last.date_naive();
            let second = local(date.and_time(time))?;
            if second.0 <= last.timestamp().unsigned_abs() {
                return Ok(second);
            }
            let before = date.pred_opt().ok_or_else(wrong)?;
            return local(before.and_time(time));
        }
    }
    Err(wrong())
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::config::settings::MoveLimit;
    use crate::pool::Action;
    use crate::recording::Made;

    #[test]
    fn a_reason_is_shown_as_the_status_shows_it() {
        let made = |why: String| {
            Line::Both(Made {
                at: Stamp(0),
                address: "192.0.2.7".parse().unwrap(),
                action: Action::MarkDown,
                why: Some(why),
            })
        };
        let quoted = Quote::new("a\x1b[31m\"b\\");
        let line = |why: &str| {
            let lines = vec![made(why.to_owned())];
            let text = body(&Comparison { lines });
            let (_, why) = text.lines().next().unwrap().split_once("down   ").unwrap();
            why.to_owned()
        };
        let why = format!("imap:143 greeting: {quoted}");
        assert_eq!(line(&why), why, "escaped once already");
        assert_eq!(
            line("\x1b[31m\u{202e}"),
            "\\u{1b}[31m\\u{202e}",
            "a file may hold anything"
        );
        assert_eq!(line(&"x".repeat(100_000)).len(), LONGEST + "...".len());
    }

    #[test]
    fn an_option_that_changes_nothing_is_named() {
        let said = |words: &[&str]| answer(words.iter().map(OsString::from).collect()).unwrap_err();
        assert_eq!(
            said(&["-i", "5", "/nonexistent"]),
            "--interval: changes nothing in a replay; try poolmon replay --help"
        );
        assert_eq!(
            said(&["--retries=1", "-fi5", "--fore", "-i6", "-p143", "/nonexistent"]),
            "--foreground, --interval and --port: change nothing in a replay; try poolmon replay --help"
        );
        assert!(said(&["--retries=1", "/nonexistent"]).starts_with("/nonexistent: "));
    }

    #[test]
    fn what_is_given_of_moving_users_changes_that_and_no_more_of_what_was_recorded() {
        let at_most = |most| DrainMode::Move {
            limit: MoveLimit::AtMost(NonZeroU32::new(most).unwrap()),
        };
        let all = DrainMode::Move {
            limit: MoveLimit::All,
        };
        for (recorded, words, expected) in [
            (DrainMode::Leave, &["--max-moves=5"][..], DrainMode::Leave),
            (DrainMode::Drop, &["--max-moves=5"], DrainMode::Drop),
            (all, &["--max-moves=5"], at_most(5)),
            (at_most(10), &["--max-moves=5"], at_most(5)),
            (at_most(10), &["--flush=move"], at_most(10)),
            (at_most(10), &["--flush=move", "--max-moves=5"], at_most(5)),
            (at_most(10), &["--flush=none"], DrainMode::Leave),
            (DrainMode::Leave, &["--flush=move"], all),
            (
                DrainMode::Leave,
                &["--flush=move", "--max-moves=5"],
                at_most(5),
            ),
            (DrainMode::Drop, &["--rise=2"], DrainMode::Drop),
        ] {
            let order = match cli::parse(words.iter().map(OsString::from).collect()) {
                Ok(cli::Command::Run(order)) => order,
                other => panic!("{other:?}"),
            };
            let mut settings = order
                .choices
                .clone()
                .build(DefaultsOf::Poolmon, Program::Poolmon)
                .unwrap();
            settings.rules.drain = recorded;
            Other::of(order.choices).unwrap().change(&mut settings);
            assert_eq!(settings.rules.drain, expected, "{recorded:?} {words:?}");
        }
    }

    #[test]
    fn of_a_time_of_day_after_the_end_it_is_said_that_the_day_before_is_meant() {
        let local = |text: &str| moment(text, Stamp(0)).unwrap();
        let last = local("2026-11-27 06:53:10");
        for (at, expected) in [
            (
                "06:53:11",
                ", 2026-11-26 06:53:11: of the day before, as it ends at 2026-11-27 06:53:10",
            ),
            (
                "23:00",
                ", 2026-11-26 23:00:00: of the day before, as it ends at 2026-11-27 06:53:10",
            ),
            ("06:53:10", ""),
            ("2026-11-26 06:53:11", ""),
            ("1700000000", ""),
        ] {
            let second = moment(at, last).unwrap();
            assert_eq!(of_the_day_before(at, second, last), expected, "{at}");
        }
    }
}
