//! The keys of the configuration file: what a key takes, how a value is read, and the choice of the
//! draft that it makes. Which keys there are stands in `table`.

use std::path::PathBuf;
use std::time::Duration;

use super::draft::Draft;
use super::values;

mod nearest;
mod number;
mod table;

pub use nearest::nearest;
pub use number::Beyond;
pub use table::KEYS;

/// Since when a key is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Dovemon,
    Added,
}

/// What a key takes, and the choice it is.
#[derive(Clone, Copy)]
pub enum Kind {
    Truth(fn(&mut Draft, bool)),
    /// Digits with or without a point, at least one second.
    Seconds(fn(&mut Draft, Duration)),
    /// The same, and nothing at all.
    Delay(fn(&mut Draft, Duration)),
    /// 0 for no limit of its own, or at least one second.
    Limit(fn(&mut Draft, Duration)),
    /// Between two bounds.
    Count(u32, u32, fn(&mut Draft, u32)),
    Port(fn(&mut Draft, u16)),
    Path(fn(&mut Draft, PathBuf)),
    /// Anything else: what is expected, and what gives None for a text that has no meaning.
    Words(&'static str, fn(&mut Draft, &str) -> Option<()>),
}

pub struct KeyRow {
    pub name: &'static str,
    pub kind: Kind,
    /// As written in the file; empty if there is none.
    pub default: &'static str,
    pub help: &'static str,
    /// The option of the command line that says the same.
    pub option: &'static str,
    pub origin: Origin,
}

impl Kind {
    /// What stands for the value in the man page.
    pub fn hint(&self) -> &'static str {
        match self {
            Kind::Truth(_) => "True|False",
            Kind::Seconds(_) | Kind::Delay(_) | Kind::Limit(_) => "seconds",
            Kind::Count(..) => "number",
            Kind::Port(_) => "port",
            Kind::Path(_) => "path",
            Kind::Words(..) => "word",
        }
    }

    /// Makes the choice, or says what was expected; what else there is to say, if a number out of its
    /// bounds was taken as the nearest within them.
    pub fn choose(
        &self,
        draft: &mut Draft,
        text: &str,
        beyond: Beyond,
    ) -> Result<Option<String>, String> {
        match *self {
            Kind::Truth(choose) => {
                let on = values::truth(text).ok_or(values::TRUTH)?;
                choose(draft, on);
            }
            Kind::Seconds(choose) => {
                let taken = number::seconds(text, beyond)?;
                choose(draft, taken.value);
                return Ok(taken.remark);
            }
            Kind::Delay(choose) => {
                let taken = number::delay(text, beyond)?;
                choose(draft, taken.value);
                return Ok(taken.remark);
            }
            Kind::Limit(choose) => {
                let taken = number::limit(text, beyond)?;
                choose(draft, taken.value);
                return Ok(taken.remark);
            }
            Kind::Count(least, most, choose) => {
                let taken = number::count(text, least..=most, beyond)?;
                choose(draft, taken.value);
                return Ok(taken.remark);
            }
            Kind::Port(choose) => choose(draft, port(text).ok_or(PORT)?),
            Kind::Path(choose) => {
                if text.is_empty() || text.contains('\0') {
                    return Err("a path".to_owned());
                }
                choose(draft, PathBuf::from(text));
            }
            Kind::Words(expected, choose) => choose(draft, text).ok_or(expected)?,
        }
        Ok(None)
    }
}

impl KeyRow {
    /// A file that dovemon reads must not keep this program from starting.
    pub fn choose(&self, draft: &mut Draft, text: &str) -> Result<Option<String>, String> {
        let beyond = match self.origin {
            Origin::Dovemon => Beyond::Nearest,
            Origin::Added => Beyond::Refused,
        };
        self.kind.choose(draft, text, beyond)
    }
}

pub const PORT: &str = "a port from 1 to 65535";

pub fn port(text: &str) -> Option<u16> {
    let number = u16::try_from(whole(text)?).ok()?;
    Some(number).filter(|number| *number > 0)
}

/// Digits alone: no sign, which `parse` would take.
fn whole(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// The row of this name.
pub fn find(name: &str) -> Option<&'static KeyRow> {
    KEYS.iter().find(|row| row.name == name)
}

#[cfg(test)]
mod tests;
