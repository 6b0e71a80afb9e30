//! What a value looks like, how it is read, and which field of `Chosen` it goes to.
//!
//! Which choice has it, and what the choice means, is not known here.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use super::chosen::{Chosen, Said, SaidBy};
use super::number::{self, Beyond, Taken};
use super::values;
use crate::service::{Security, Service, WhichPort};

type Place<T> = fn(&mut Chosen) -> &mut Said<T>;

/// The kinds of values, each with the field that this one goes to.
#[derive(Clone, Copy)]
pub enum Kind {
    /// True or False in the file; on the command line an option alone, or a number that is 0 for no.
    Truth(Place<bool>),
    /// Digits with or without a point, at least one second.
    Seconds(Place<Duration>),
    /// The same, and nothing at all.
    Delay(Place<Duration>),
    /// At least one second, or in the file 0 for no limit of its own.
    Limit(Place<Duration>),
    /// Between two bounds.
    Count(u32, u32, Place<u32>),
    /// The port of a protocol.
    Port(WhichPort),
    /// `PORT` or `PROTO:PORT`. Each one given counts.
    Services(Security, Place<Vec<Service>>),
    Path(Place<PathBuf>),
    /// The same, or in the file nothing at all.
    OptionalPath(Place<PathBuf>),
    /// A path, or `no` or nothing at all for none.
    PathOrNo(Place<Option<PathBuf>>),
    /// A host name, or in the file nothing at all.
    OptionalName(Place<String>),
    /// The name or number of a user or group of this machine, or in the file nothing at all.
    OptionalUser(Place<String>),
    /// A mail address, which may be empty.
    Address(Place<String>),
    /// Anything else: what is expected, and what gives None for a text that has no meaning.
    Word(&'static str, fn(&mut Chosen, &str, SaidBy) -> Option<()>),
}

/// A text, as the operator or the table has written it.
#[derive(Clone, Copy)]
pub(super) struct Written<'a> {
    /// Empty for an option that takes nothing.
    pub(super) text: &'a OsStr,
    pub(super) form: Form,
    pub(super) by: SaidBy,
}

/// Where a text stands: some are read differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Option,
    Key(Beyond),
}

impl Kind {
    /// What stands for the value in the man page of the file.
    pub fn hint(&self) -> &'static str {
        match self {
            Kind::Truth(_) => "True|False",
            Kind::Seconds(_) | Kind::Delay(_) | Kind::Limit(_) => "seconds",
            Kind::Count(..) => "number",
            Kind::Port(_) | Kind::Services(..) => "port",
            Kind::Path(_) | Kind::OptionalPath(_) => "path",
            Kind::PathOrNo(_) => "path|no",
            Kind::OptionalName(_) | Kind::OptionalUser(_) | Kind::Address(_) | Kind::Word(..) => {
                "word"
            }
        }
    }

    /// Puts the value in its place, or says what was expected. What else there is to say: a number out of
    /// its bounds was taken as the nearest within them.
    pub(super) fn take(
        &self,
        chosen: &mut Chosen,
        written: Written<'_>,
    ) -> Result<Option<String>, String> {
        let Written { text, form, by } = written;
        let (beyond, may_be_none) = match form {
            Form::Option => (Beyond::Refused, false),
            Form::Key(beyond) => (beyond, true),
        };
        // Only paths need not be UTF-8. In place of what is not, a text that none of the others takes.
        let word = text.to_str().unwrap_or("\0");
        match *self {
            Kind::Seconds(place) => return put(number::seconds(word, beyond), place(chosen), by),
            Kind::Delay(place) => return put(number::delay(word, beyond), place(chosen), by),
            Kind::Limit(place) => {
                let taken = match form {
                    Form::Option => number::seconds(word, beyond),
                    Form::Key(_) => number::limit(word, beyond),
                };
                return put(taken, place(chosen), by);
            }
            Kind::Count(least, most, place) => {
                return put(number::count(word, least..=most, beyond), place(chosen), by);
            }
            Kind::Truth(place) => {
                let meaning = match form {
                    Form::Option => |word: &str| Some(word != "0"),
                    Form::Key(_) => values::truth,
                };
                place(chosen).read(word, meaning, by).ok_or(values::TRUTH)?;
            }
            Kind::Port(which) => {
                let number = values::port(word).ok_or(values::PORT)?;
                chosen.of_mut(which.protocol()).say_port(which, number, by);
            }
            Kind::Services(security, place) => {
                let service =
                    values::service(security, word).ok_or_else(values::expected_service)?;
                let services = place(chosen);
                services.by = by;
                if !services.value.contains(&service) {
                    services.value.push(service);
                }
            }
            Kind::OptionalPath(place) if text.is_empty() && may_be_none => {
                *place(chosen) = Said::default();
            }
            Kind::Path(place) | Kind::OptionalPath(place) => {
                if text.is_empty() || text.as_bytes().contains(&0) {
                    return Err("a path".to_owned());
                }
                place(chosen).say(text.into(), by);
            }
            Kind::PathOrNo(place) if text.is_empty() || values::truth(word) == Some(false) => {
                place(chosen).say(None, by);
            }
            Kind::PathOrNo(place) => {
                if text.as_bytes().contains(&0) {
                    return Err(values::PATH_OR_NO.to_owned());
                }
                place(chosen).say(Some(text.into()), by);
            }
            Kind::OptionalName(place) | Kind::OptionalUser(place)
                if text.is_empty() && may_be_none =>
            {
                *place(chosen) = Said::default();
            }
            Kind::OptionalName(place) => {
                let said = place(chosen).read(word, values::host_name, by);
                said.ok_or(values::HOST_NAME)?;
            }
            Kind::OptionalUser(place) => {
                let said = place(chosen).read(word, values::user_name, by);
                said.ok_or(values::USER_NAME)?;
            }
            Kind::Address(place) => {
                let said = place(chosen).read(word, values::address, by);
                said.ok_or(values::ADDRESS)?;
            }
            Kind::Word(expected, take) => take(chosen, word, by).ok_or(expected)?,
        }
        Ok(None)
    }
}

/// Gives the remark on the number.
fn put<T>(
    taken: Result<Taken<T>, String>,
    place: &mut Said<T>,
    by: SaidBy,
) -> Result<Option<String>, String> {
    let Taken { value, remark } = taken?;
    place.say(value, by);
    Ok(remark)
}
