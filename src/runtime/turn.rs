//! How long the turns of the main thread take, and which kind of step takes longest.
//!
//! Whatever waits for the main thread waits for the whole turn. Pure: time is passed in, and what is to be said is
//! given back.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use crate::monitor::{Input, Output};

/// A turn that takes longer delays other inputs, and is logged.
const LONG_TURN: Duration = Duration::from_millis(50);

/// One such line is for everybody; those that follow it so soon are for who looks for a fault.
const PAUSE: Duration = Duration::from_secs(60);

/// The turns so far.
pub(super) struct Turns {
    began: Instant,
    /// When the step began that is being made.
    step_began: Instant,
    /// How long all steps of a kind have taken together: thousands of short ones make a long turn, too.
    steps: BTreeMap<&'static str, Duration>,
    /// When one was last said to everybody.
    said: Option<Instant>,
}

/// A turn that was too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LongTurn {
    took: Duration,
    /// The kind of step that took longest, and how long all steps of that kind took.
    what: &'static str,
    longest: Duration,
    pub(super) audience: Audience,
}

/// Whom a line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    Everybody,
    /// Who looks for a fault of this program.
    Debugging,
}

impl Turns {
    pub(super) fn new(now: Instant) -> Turns {
        Turns {
            began: now,
            step_began: now,
            steps: BTreeMap::new(),
            said: None,
        }
    }

    pub(super) fn begin(&mut self, now: Instant) {
        let said = self.said;
        *self = Turns {
            said,
            ..Turns::new(now)
        };
    }

    /// What was done since the last step.
    pub(super) fn step(&mut self, what: &'static str, now: Instant) {
        let took = now.saturating_duration_since(self.step_began);
        self.step_began = now;
        *self.steps.entry(what).or_default() += took;
    }

    pub(super) fn end(&mut self, now: Instant) -> Option<LongTurn> {
        let took = now.saturating_duration_since(self.began);
        if took <= LONG_TURN {
            return None;
        }
        let said_lately = self.said.map_or(false, |said| now < said + PAUSE);
        let audience = match said_lately {
            true => Audience::Debugging,
            false => Audience::Everybody,
        };
        if audience == Audience::Everybody {
            self.said = Some(now);
        }
        let longest = self.steps.iter().max_by_key(|(_, sum)| **sum);
        let (what, longest) =
            longest.map_or(("nothing", Duration::ZERO), |(what, sum)| (*what, *sum));
        Some(LongTurn {
            took,
            what,
            longest,
            audience,
        })
    }
}

impl fmt::Display for LongTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (took, longest) = (self.took.as_millis(), self.longest.as_millis());
        let what = self.what;
        match self.audience {
            Audience::Debugging => write!(f, "a turn has taken {took} ms, of which {what} {longest} ms"),
            Audience::Everybody => write!(
                f,
                "what checks found had to wait {took} ms for the main thread, {longest} ms of it for this: {what}; \
                 unless thousands of backends were just started or given other settings, is this machine short of \
                 CPU or memory?"
            ),
        }
    }
}

/// Taking in an input, in words.
pub(super) fn of_input(input: &Input) -> &'static str {
    match input {
        Input::Found(_) => "taking in what a check found",
        Input::WorkerNotStarted { .. } | Input::WorkerEnded { .. } => {
            "taking in the end of a thread"
        }
        Input::Lists { .. } | Input::ListsNotOpened { .. } | Input::ListsEnded { .. } => {
            "taking in what the pool lists"
        }
        Input::Answered { .. } | Input::CommandNotStarted { .. } => {
            "taking in an answer of the pool"
        }
        Input::StateWritten { .. } | Input::Published { .. } => "taking in that a file was written",
        Input::ScriptNotStarted { .. } => "taking in that a script was not run",
        Input::Asked(_) => "taking in a signal",
        Input::Settings(_) => "taking in the settings",
        Input::Time => "looking at the clock",
    }
}

/// Doing what the engine wants, in words.
pub(super) fn of_output(output: &Output) -> &'static str {
    match output {
        Output::StartWorker { .. } => "starting the thread of a backend",
        Output::InstructWorker { .. } | Output::StopWorker(_) | Output::ProbeNow(_) => {
            "telling the thread of a backend"
        }
        Output::OpenLists { .. } => "starting the thread that reads the pool",
        Output::ReadLists | Output::CloseLists => "telling the thread that reads the pool",
        Output::Send { .. } => "starting the thread that sends a command",
        Output::WriteState { .. } => "handing over the state file",
        Output::RunScript { .. } => "handing over a change script",
        Output::Say(_) | Output::ShowStatus(_) | Output::ShowHistory(_) | Output::ReopenLog => {
            "handing over lines of the log"
        }
        Output::Publish { .. } => "handing over the published files",
        Output::TellManager(_) => "telling the service manager",
        Output::ReadSettings { .. } => "starting the thread that reads the settings",
        Output::UseSettings(_) => "changing to other settings",
        Output::End => "ending",
    }
}

/// Asking the engine what is to be done.
pub(super) const DECIDING: &str = "deciding what is to be done";

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    /// With a step of 10 ms between two others, which are of one kind and take so long together.
    fn turn(turns: &mut Turns, begins: Instant, milliseconds: u64) -> Option<LongTurn> {
        turns.begin(begins);
        turns.step("the second", after(begins, 6));
        turns.step("the first", after(begins, 16));
        turns.step("the second", after(begins, 10 + milliseconds));
        turns.end(after(begins, 10 + milliseconds))
    }

    #[test]
    fn a_long_turn_is_said_with_what_took_longest_and_to_everybody_once_a_minute() {
        let start = Instant::now();
        let mut turns = Turns::new(start);
        assert_eq!(turn(&mut turns, start, 40), None);
        let said: Vec<String> = [1_000, 2_000, 60_999, 61_000, 61_500]
            .iter()
            .filter_map(|begins| turn(&mut turns, after(start, *begins), 41))
            .map(|long| long.to_string())
            .collect();
        let to_all = "what checks found had to wait 51 ms for the main thread, 41 ms of it for this: the second; \
                      unless thousands of backends were just started or given other settings, is this machine \
                      short of CPU or memory?";
        let to_few = "a turn has taken 51 ms, of which the second 41 ms";
        assert_eq!(said, [to_all, to_few, to_few, to_all, to_few]);
    }
}
