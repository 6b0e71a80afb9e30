//! What is noted of an attempt while it lasts: the end of each stage by the clock, and what is said.
//!
//! The dialogues tell it what happens and know no clock; it knows no protocol.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::certificates::without_password;
use super::transcript::Transcript;
use crate::outcome::{Certificate, Evidence, Stage};
use crate::probe::protocols::line::Observer;
use crate::probe::protocols::Repeats;
use crate::quote::Quote;

/// More than any attempt has that does not look for a message again and again.
const MOST_STAGES: usize = 32;

pub(super) struct Recorder<'a> {
    /// The end of the last stage.
    last: Instant,
    stages: Vec<(Stage, Duration)>,
    transcript: Transcript,
    /// What must not be noted.
    repeats: &'a Repeats,
    certificate: Option<Arc<Certificate>>,
}

/// A moment of an attempt that what follows can be forgotten up to.
pub(super) struct Moment {
    stages: usize,
    transcript: Transcript,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(repeats: &'a Repeats, began: Instant) -> Recorder<'a> {
        Recorder {
            last: began,
            stages: Vec::with_capacity(8),
            transcript: Transcript::default(),
            repeats,
            certificate: None,
        }
    }

    pub(super) fn remark(&mut self, text: &str) {
        self.transcript.remark(text);
    }

    /// Of a handshake that went well, with the name that the certificate had to bear.
    pub(super) fn on_certificate(
        &mut self,
        certificate: Option<Arc<Certificate>>,
        expected: Option<&str>,
    ) {
        let expected = expected.map(Quote::new);
        self.certificate =
            certificate.map(|read| without_password(read, self.repeats, expected.as_ref()));
    }

    /// The stage in which an attempt failed ends with it, if it has not ended before: after a refusal the
    /// dialogue logs out.
    pub(super) fn on_failure(&mut self, stage: Stage) {
        let mut ended = self.stages.iter().rev().map(|(stage, _)| *stage);
        let last = ended.find(|ended| *ended == stage || *ended != Stage::Logout);
        if last != Some(stage) {
            self.on_stage(stage);
        }
    }

    pub(super) fn moment(&self) -> Moment {
        Moment {
            stages: self.stages.len(),
            transcript: self.transcript.clone(),
        }
    }

    /// Forgets what was noted since, and lets the next stage begin now.
    pub(super) fn go_back(&mut self, moment: &Moment) {
        self.stages.truncate(moment.stages);
        self.transcript.clone_from(&moment.transcript);
        self.last = Instant::now();
    }

    /// What was noted, once.
    pub(super) fn finish(&mut self) -> Evidence {
        Evidence {
            stages: mem::take(&mut self.stages).into_iter().collect(),
            dialogue: mem::take(&mut self.transcript).finish(),
            certificate: self.certificate.take(),
        }
    }
}

impl Observer for Recorder<'_> {
    fn said(&mut self, text: &[u8]) {
        self.transcript.said(text);
    }

    fn heard(&mut self, line: &[u8]) {
        self.transcript.heard(line, self.repeats);
    }

    fn heard_unshown(&mut self, what: &'static str) {
        self.transcript.heard_unshown(what);
    }

    fn on_stage(&mut self, stage: Stage) {
        let now = Instant::now();
        if self.stages.len() < MOST_STAGES {
            let took = now.saturating_duration_since(self.last);
            self.stages.push((stage, took));
        }
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::account::{Account, Secret};
    use crate::probe::protocols::line::Lines;

    #[test]
    fn a_stage_that_failed_ends_once_also_where_a_logout_follows() {
        let stages = |ended: &[Stage], failed: Stage| -> Vec<Stage> {
            let repeats = Repeats::default();
            let mut recorder = Recorder::new(&repeats, Instant::now());
            for stage in ended {
                recorder.on_stage(*stage);
            }
            recorder.on_failure(failed);
            let stages = recorder.finish().stages;
            stages.iter().map(|(stage, _)| stage).collect()
        };
        use Stage::{Connect, Greeting, Login, Logout};
        let refused = [Connect, Greeting, Login, Logout];
        assert_eq!(stages(&refused, Login), refused);
        assert_eq!(stages(&refused[..3], Login), refused[..3]);
        assert_eq!(stages(&refused[..2], Login), refused[..3]);
        assert_eq!(stages(&refused[..3], Logout), refused);
        assert_eq!(stages(&refused, Logout), refused);
    }

    /// Else the dialogue would tell that the password has something in common with them.
    #[test]
    fn words_in_place_of_a_line_are_not_taken_for_the_servers() {
        let account = Account {
            user: b"probe".to_vec(),
            password: Secret::new(*b"xheaderx"),
            master: None,
        };
        let repeats = Repeats::of([&account]);
        let mut recorder = Recorder::new(&repeats, Instant::now());
        let mut stream = Cursor::new(Vec::new());
        let mut lines = Lines::new(&mut stream).observed_by(&mut recorder);
        lines.show_instead("(a header, not shown)");
        let dialogue = recorder.finish().dialogue;
        assert_eq!(
            dialogue.lines().collect::<Vec<_>>(),
            ["S: (a header, not shown)"]
        );
    }

    #[test]
    fn what_was_noted_after_a_moment_is_forgotten_and_the_rest_kept() {
        let repeats = Repeats::default();
        let mut recorder = Recorder::new(&repeats, Instant::now());
        recorder.said(b"one\r\n");
        recorder.on_stage(Stage::Connect);
        let moment = recorder.moment();
        for _ in 0..100 {
            recorder.said(b"two\r\n");
            recorder.on_stage(Stage::Greeting);
        }
        recorder.go_back(&moment);
        recorder.said(b"three\r\n");
        recorder.on_stage(Stage::Login);
        let evidence = recorder.finish();
        let lines: Vec<_> = evidence.dialogue.lines().collect();
        assert_eq!(lines, ["C: one", "C: three"]);
        let stages: Vec<_> = evidence.stages.iter().map(|(stage, _)| stage).collect();
        assert_eq!(stages, [Stage::Connect, Stage::Login]);
    }
}
