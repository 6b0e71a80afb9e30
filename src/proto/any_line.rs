//! A port of unknown use: whoever sends a line serves. Nothing is ever sent to it.

use crate::outcome::{Failure, Pass, Stage};
use crate::proto::line::Lines;
use crate::proto::Progress;

pub(super) fn begin(lines: &mut Lines<'_>) -> Result<Progress, Failure> {
    match lines.read() {
        Ok(_) => Ok(Progress::Done(Pass::Clean)),
        Err(fault) => Err(Failure::new(Stage::Greeting, fault)),
    }
}
