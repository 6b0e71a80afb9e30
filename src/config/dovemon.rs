//! dovemon's configuration file: from its text to a draft.
//!
//! The keys are those of `keys`; a known one with a bad value ends the reading, a number of dovemon's
//! that is out of its bounds is remarked upon and taken as the nearest within them, an unknown key is
//! remarked upon and ignored, as dovemon ignores it.

use std::collections::BTreeMap;
use std::path::Path;

use super::draft::Draft;
use super::error::{Complaint, ConfigError};
use super::file::{self, Readers};
use super::keys::{self, KeyRow, KEYS};
use super::values::Flush;
use super::yaml::{Document, Place};
use crate::program::Program;
use crate::quote::Quote;

/// A file with every key and a comment on each has a tenth of that.
const LONGEST: usize = 256 * 1024;

/// How many remarks are made on one file.
const MOST_REMARKS: usize = 20;

/// The defaults in dovemon's form, with a comment on each key: what `--write-missing-config` writes.
pub const EXAMPLE: &str = include_str!("../../etc/dovemon.config.yml");

/// What a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub draft: Draft,
    /// The keys that have a value, in the order of the table.
    pub keys: Vec<&'static str>,
    /// What is odd about it, and no reason to refuse it.
    pub remarks: Vec<Complaint>,
}

pub fn read(path: &Path, called: Program) -> Result<Written, ConfigError> {
    let bytes = file::read(path, Readers::Anybody, LONGEST)
        .map_err(|problem| ConfigError::file(path, problem))?;
    parse(&bytes, called).map_err(|complaint| ConfigError::text(path, complaint))
}

pub fn parse(bytes: &[u8], called: Program) -> Result<Written, Complaint> {
    let document = Document::new(bytes, |key| keys::find(key).is_some())?;
    let entries = document.flat()?;
    let mut reading = Reading {
        document,
        written: Written {
            draft: Draft::dovemon(called),
            keys: Vec::new(),
            remarks: Vec::new(),
        },
        given: BTreeMap::new(),
    };
    for entry in entries {
        match keys::find(&entry.key) {
            Some(row) => reading.on_key(row, entry.value.as_deref(), entry.place)?,
            None => reading.on_unknown(&entry.key, entry.place),
        }
    }
    reading.check_flush()?;
    reading.check_plan()?;
    let names = KEYS.iter().map(|row| row.name);
    let given = names.filter(|name| reading.given.contains_key(name));
    Ok(Written {
        keys: given.collect(),
        ..reading.written
    })
}

struct Reading {
    document: Document,
    written: Written,
    /// The keys that have a value, and where.
    given: BTreeMap<&'static str, Place>,
}

impl Reading {
    /// A key without a value is as good as none.
    fn on_key(
        &mut self,
        row: &'static KeyRow,
        value: Option<&String>,
        place: Place,
    ) -> Result<(), Complaint> {
        let value = match value {
            Some(value) => value,
            None => return Ok(()),
        };
        if self.given.insert(row.name, place).is_some() {
            self.remark(place, row.name, "given again, the last one counts");
        }
        match row.choose(&mut self.written.draft, value) {
            Ok(None) => {}
            Ok(Some(remark)) => {
                let text = format!("{}: {remark}", Quote::new(value));
                self.remark(place, row.name, &text);
            }
            Err(expected) => {
                let text = format!("{}: expected {expected}", Quote::new(value));
                return Err(self.complaint(place, row.name, text));
            }
        }
        Ok(())
    }

    fn on_unknown(&mut self, key: &str, place: Place) {
        let text = match keys::nearest(key, KEYS.iter().map(|row| row.name)) {
            Some(near) => format!("unknown key, ignored; is {near} meant?"),
            None => "unknown key, ignored".to_owned(),
        };
        self.remark(place, &Quote::new(key).to_string(), &text);
    }

    fn remark(&mut self, place: Place, key: &str, text: &str) {
        if self.written.remarks.len() < MOST_REMARKS {
            let remark = self.complaint(place, key, text);
            self.written.remarks.push(remark);
        }
    }

    fn complaint(&self, place: Place, key: &str, text: impl Into<String>) -> Complaint {
        Complaint::new(self.document.line_in_flat(place), key, text)
    }

    /// `use_host_flush` is dovemon's word for `flush: drop`, and its False for another flush.
    fn check_flush(&self) -> Result<(), Complaint> {
        let draft = &self.written.draft;
        let (both, flush) = match (self.given.get("use_host_flush"), draft.flush) {
            (Some(_), Some(flush)) => (self.given["flush"], flush),
            _ => return Ok(()),
        };
        match (draft.host_flush, flush) {
            (true, Flush::Drop) | (false, Flush::Move | Flush::None) => Ok(()),
            (true, _) => {
                Err(self.complaint(both, "flush", "expected drop, as use_host_flush says"))
            }
            (false, _) => Err(self.complaint(
                both,
                "flush",
                "expected move or none, as use_host_flush says; leave that out",
            )),
        }
    }

    /// poolmon's retries and dovemon's rapid rounds are two plans, of which a monitor follows one.
    fn check_plan(&mut self) -> Result<(), Complaint> {
        let given = |names: &[&'static str]| {
            let mut given = names
                .iter()
                .filter_map(|name| self.given.get_key_value(name));
            given.next().map(|(name, place)| (*name, *place))
        };
        let rapid = given(&[
            "retry_count",
            "rapid_rounds",
            "rapid_fails_needed",
            "rapidpoll_timeout",
        ]);
        if let (Some((retries, place)), Some((rapid, _))) =
            (given(&["retries", "retry_delay"]), rapid)
        {
            let text = format!("expected without {rapid}: retries take the place of rapid rounds");
            return Err(self.complaint(place, retries, text));
        }
        let draft = &self.written.draft;
        let (rounds, needed) = (draft.rapid.rapid_rounds, draft.rapid.rapid_fails_needed);
        if let Some((name, place)) = given(&["rapid_rounds", "rapid_fails_needed"]) {
            if rounds > 0 && needed > rounds {
                let text =
                    format!("{needed} of {rounds} rapid polls cannot fail: all {rounds} have to");
                self.remark(place, name, &text);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
