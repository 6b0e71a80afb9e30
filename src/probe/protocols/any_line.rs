//! A port of unknown use: whoever sends a line serves. Nothing is ever sent to it.

use crate::outcome::{Failure, Pass, Stage};
use crate::probe::protocols::line::Lines;
use crate::probe::protocols::table::{Dialogue, PartInDelivery, Row, UseOfStartTls};
use crate::probe::protocols::Progress;

pub(super) const ROW: Row = Row {
    name: "line",
    ports: None,
    logs_in: false,
    starttls: UseOfStartTls::NEVER,
    part: PartInDelivery::None,
    choices: &[],
    steps: |_| vec!["a line is awaited".to_owned()],
    dialogue: Dialogue {
        begin: |lines, _| begin(lines),
        // It never asks for TLS, so nothing is left to say.
        resume: |_, _| Ok(Pass::Clean),
        may_say_unasked: |_| true,
        take_leave: None,
    },
};

fn begin(lines: &mut Lines<'_>) -> Result<Progress, Failure> {
    lines.stage(Stage::Greeting, |lines| lines.read().map(drop))?;
    Ok(Progress::Done(Pass::Clean))
}
