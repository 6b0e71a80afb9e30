//! dovemon's configuration file: from its text to choices.
//!
//! The keys are those of the table; a known one with a bad value ends the reading, a number of dovemon's
//! that is out of its bounds is remarked upon and taken as the nearest within them, an unknown key is
//! remarked upon and ignored, as dovemon ignores it.

use std::collections::BTreeMap;
use std::path::Path;

use super::choice::{Choice, KeyFace};
use super::chosen::Chosen;
use super::error::{Complaint, ConfigError};
use super::file::{self, Readers};
use super::nearest::nearest;
use super::table::{self, find_key, DefaultsOf};
use super::values::Flush;
use super::yaml::{Document, Place};
use crate::quote::Quote;

/// A file with every key and a comment on each has a tenth of that.
const LONGEST: usize = 256 * 1024;

/// How many remarks are made on one file.
const MOST_REMARKS: usize = 20;

/// The defaults in dovemon's form, with a comment on each key: what `--write-missing-config` writes.
pub const EXAMPLE: &str = include_str!("../../etc/dovemon.config.yml");

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Only what the file says; the defaults are laid below it later.
    pub choices: Chosen,
    /// The keys that have a value, in the order of the table.
    pub keys: Vec<&'static str>,
    /// What is odd about it, and no reason to refuse it.
    pub remarks: Vec<Complaint>,
}

/// Reads and parses the file. It holds no secret, so anybody may be able to read it.
pub fn read(path: &Path) -> Result<Written, ConfigError> {
    let bytes = file::read(path, Readers::Anybody, LONGEST)
        .map_err(|problem| ConfigError::file(path, problem))?;
    parse(&bytes).map_err(|complaint| ConfigError::text(path, complaint))
}

/// Parses the file's text, one YAML mapping. The first key with a bad value is the error.
pub fn parse(bytes: &[u8]) -> Result<Written, Complaint> {
    let document = Document::new(bytes, |key| find_key(key).is_some())?;
    let entries = document.flat()?;
    let mut reading = Reading {
        document,
        written: Written::default(),
        given: BTreeMap::new(),
    };
    for entry in entries {
        match find_key(&entry.key) {
            Some(row) => reading.on_key(row, entry.value.as_deref(), entry.place)?,
            None => reading.on_unknown(&entry.key, entry.place),
        }
    }
    reading.check_flush()?;
    reading.check_plan()?;
    let names = table::keys().map(|(_, key)| key.name);
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
        (choice, key): (&'static Choice, &'static KeyFace),
        value: Option<&String>,
        place: Place,
    ) -> Result<(), Complaint> {
        let value = match value {
            Some(value) => value,
            None => return Ok(()),
        };
        if self.given.insert(key.name, place).is_some() {
            self.remark(place, key.name, "given twice, the last one counts");
        }
        match choice.take_key(&mut self.written.choices, key, value) {
            Ok(None) => {}
            Ok(Some(remark)) => {
                let text = format!("{}: {remark}", Quote::new(value));
                self.remark(place, key.name, &text);
            }
            Err(expected) => {
                let text = format!("{}: expected {expected}", Quote::new(value));
                return Err(self.complaint(place, key.name, text));
            }
        }
        Ok(())
    }

    fn on_unknown(&mut self, key: &str, place: Place) {
        let text = match nearest(key, table::keys().map(|(_, key)| key.name)) {
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
        let choices = &self.written.choices;
        let flush = match (self.given.get("use_host_flush"), self.given.get("flush")) {
            (Some(_), Some(place)) => *place,
            _ => return Ok(()),
        };
        let expected = match (choices.use_host_flush.value, choices.flush.value) {
            (true, Flush::Drop) | (false, Flush::Move | Flush::None) => return Ok(()),
            (true, Flush::Move | Flush::None) => {
                "expected drop beside use_host_flush: True; leave one out"
            }
            (false, Flush::Drop) => {
                "expected move or none beside use_host_flush: False; leave that out"
            }
        };
        Err(self.complaint(flush, "flush", expected))
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
            let text = format!(
                "expected without {rapid}: with retries there are no rapid rounds; leave one out"
            );
            return Err(self.complaint(place, retries, text));
        }
        let defaults = table::defaults(DefaultsOf::Dovemon);
        let all = self.written.choices.clone().over(defaults);
        let (rounds, needed) = (all.rapid_rounds.value, all.rapid_fails_needed.value);
        if let Some((name, place)) = given(&["rapid_rounds", "rapid_fails_needed"]) {
            if rounds > 0 && needed > rounds {
                let text =
                    format!(
                        "rapid_fails_needed ({needed}) is more than rapid_rounds ({rounds}): a backend has \
                         failed when all {rounds} rapid polls have"
                    );
                self.remark(place, name, &text);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
