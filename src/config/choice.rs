//! One row of the table of choices: how the operator makes a choice, on the command line and in
//! dovemon's file, what its value looks like, and where it goes. Which choices there are stands in
//! `table`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use super::chosen::{Chosen, Said, SaidBy};
use super::number::{self, Beyond};

use super::values;
use crate::service::{Security, Service};

pub struct Choice {
    /// How the command line makes it, if it can.
    pub option: Option<OptionFace>,
    /// How the file makes it, if it can.
    pub key: Option<KeyFace>,
    pub kind: Kind,
    pub help: &'static str,
    /// What the key is for, where the choice is not quite the same in the file.
    help_in_file: Option<&'static str>,
    /// The option of another row that comes nearest to the key, where this row has none.
    nearest_option: Option<&'static str>,
}

pub struct OptionFace {
    pub long: &'static str,
    /// The short names; the first is the one to show.
    pub short: &'static str,
    pub takes: Takes,
    /// poolmon's, which holds where no file is read.
    pub default: Usual,
    pub origin: Origin,
}

pub struct KeyFace {
    pub name: &'static str,
    /// dovemon's, which holds where a file is read.
    pub default: Usual,
    pub origin: Origin,
}

/// Whether the Perl poolmon or dovemon had it. Their options come first when an abbreviation is
/// resolved, and numbers of their keys are never refused for being too small or too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Predecessor,
    Added,
}

/// What follows an option, as Perl's Getopt::Long tells it; the text names it in the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    Nothing,
    /// An integer as Perl's `=i` takes it.
    Integer(&'static str),
    /// Any text, also one that looks like an option.
    Text(&'static str),
}

/// What holds where the operator chooses nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usual {
    /// There is nothing to say.
    Nothing,
    /// This value, written as the operator would write it.
    Value(&'static str),
    /// What `Chosen::build` makes of other choices; the text says it to people.
    Made(&'static str),
}

impl Usual {
    /// As people read it, empty if there is nothing to say.
    pub fn shown(self) -> &'static str {
        match self {
            Usual::Nothing => "",
            Usual::Value(text) | Usual::Made(text) => text,
        }
    }
}

type Place<T> = fn(&mut Chosen) -> &mut Said<T>;

/// What a value looks like, and the field of `Chosen` that it goes to.
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
    Port(Place<u16>),
    /// `PORT` or `PROTO:PORT`. Each one given counts.
    Services(Security, Place<Vec<Service>>),
    Path(Place<PathBuf>),
    /// The same, or in the file nothing at all.
    OptionalPath(Place<PathBuf>),
    /// A host name, or in the file nothing at all.
    OptionalName(Place<String>),
    /// A mail address, which may be empty.
    Address(Place<String>),
    /// Anything else: what is expected, and what gives None for a text that has no meaning.
    Word(&'static str, fn(&mut Chosen, &str, SaidBy) -> Option<()>),
}

/// Where a text stands: some are read differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Option,
    Key(Origin),
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
            Kind::OptionalName(_) | Kind::Address(_) | Kind::Word(..) => "word",
        }
    }

    /// Puts the value in its place, or says what was expected; gives what else there is to say, if a
    /// number out of its bounds was taken as the nearest within them.
    fn take(
        &self,
        chosen: &mut Chosen,
        text: &OsStr,
        form: Form,
        by: SaidBy,
    ) -> Result<Option<String>, String> {
        let beyond = match form {
            Form::Key(Origin::Predecessor) => Beyond::Nearest,
            Form::Key(Origin::Added) | Form::Option => Beyond::Refused,
        };
        let is_none = text.is_empty() && form != Form::Option;
        // Only paths need not be UTF-8. In place of what is not, a text that none of the others takes.
        let word = text.to_str().unwrap_or("\0");
        let time = |taken: Result<number::Taken<Duration>, String>, place: &mut Said<Duration>| {
            let taken = taken?;
            place.say(taken.value, by);
            Ok(taken.remark)
        };
        match *self {
            Kind::Truth(place) => {
                let on = match form {
                    Form::Option => Some(word != "0"),
                    Form::Key(_) => values::truth(word),
                };
                place(chosen).say(on.ok_or(values::TRUTH)?, by);
            }
            Kind::Seconds(place) => return time(number::seconds(word, beyond), place(chosen)),
            Kind::Delay(place) => return time(number::delay(word, beyond), place(chosen)),
            Kind::Limit(place) => {
                let taken = match form {
                    Form::Option => number::seconds(word, beyond),
                    Form::Key(_) => number::limit(word, beyond),
                };
                return time(taken, place(chosen));
            }
            Kind::Count(least, most, place) => {
                let taken = number::count(word, least..=most, beyond)?;
                place(chosen).say(taken.value, by);
                return Ok(taken.remark);
            }
            Kind::Port(place) => {
                place(chosen).say(values::port(word).ok_or(values::PORT)?, by);
            }
            Kind::Services(security, place) => {
                let service = values::service(security, word).ok_or(values::SERVICE)?;
                let services = place(chosen);
                services.by = by;
                if !services.value.contains(&service) {
                    services.value.push(service);
                }
            }
            Kind::OptionalPath(place) if is_none => *place(chosen) = Said::default(),
            Kind::Path(place) | Kind::OptionalPath(place) => {
                if text.is_empty() || text.as_bytes().contains(&0) {
                    return Err("a path".to_owned());
                }
                place(chosen).say(text.into(), by);
            }
            Kind::OptionalName(place) if is_none => *place(chosen) = Said::default(),
            Kind::OptionalName(place) => {
                place(chosen).say(values::host_name(word).ok_or(values::HOST_NAME)?, by);
            }
            Kind::Address(place) => {
                place(chosen).say(values::address(word).ok_or(values::ADDRESS)?, by);
            }
            Kind::Word(expected, take) => take(chosen, word, by).ok_or(expected)?,
        }
        Ok(None)
    }
}

impl Choice {
    /// From the command line; None for an option that takes nothing.
    pub fn take_option(&self, chosen: &mut Chosen, value: Option<&OsStr>) -> Result<(), String> {
        let text = value.unwrap_or_default();
        let taken = self
            .kind
            .take(chosen, text, Form::Option, SaidBy::CommandLine);
        taken.map(|_| ())
    }

    /// From the file. The text given, if there is one, is for the log: a number of dovemon's that is out
    /// of its bounds must not keep the program from starting.
    pub fn take_key(
        &self,
        chosen: &mut Chosen,
        key: &KeyFace,
        text: &str,
    ) -> Result<Option<String>, String> {
        let form = Form::Key(key.origin);
        self.kind.take(chosen, text.as_ref(), form, SaidBy::File)
    }

    /// poolmon's default. Where poolmon has no option, its way is the default of the field's type.
    pub(super) fn take_default_of_option(&self, chosen: &mut Chosen) {
        let usual = self.option.as_ref().map(|option| option.default);
        self.take_default(chosen, usual, Form::Option);
    }

    /// dovemon's default. An option that has no key is off there, too.
    pub(super) fn take_default_of_key(&self, chosen: &mut Chosen) {
        let usual = self.key.as_ref().map(|key| key.default);
        self.take_default(chosen, usual, Form::Key(Origin::Added));
    }

    fn take_default(&self, chosen: &mut Chosen, usual: Option<Usual>, form: Form) {
        if let Some(Usual::Value(text)) = usual {
            self.kind
                .take(chosen, text.as_ref(), form, SaidBy::Default)
                .expect("the table's defaults are values of their kinds");
        }
    }

    /// What the file's key is for.
    pub fn key_help(&self) -> &'static str {
        self.help_in_file.unwrap_or(self.help)
    }

    /// The option that says what the key says, or nearly.
    pub fn option_of_key(&self) -> Option<&'static str> {
        match &self.option {
            Some(option) => Some(option.long),
            None => self.nearest_option,
        }
    }

    /// Whether it may be given several times, and each of them counts.
    pub fn collects(&self) -> bool {
        matches!(self.kind, Kind::Services(..))
    }
}

/// How the table writes down a row: the value first, then the names and what they are for.
pub(super) const fn choice(kind: Kind) -> Choice {
    Choice {
        option: None,
        key: None,
        kind,
        help: "",
        help_in_file: None,
        nearest_option: None,
    }
}

impl Choice {
    /// An option of the Perl poolmon.
    pub(super) const fn option(
        mut self,
        long: &'static str,
        short: &'static str,
        takes: Takes,
        default: Usual,
    ) -> Choice {
        self.option = Some(OptionFace {
            long,
            short,
            takes,
            default,
            origin: Origin::Predecessor,
        });
        self
    }

    /// An option that the Perl poolmon did not have. None has a short name.
    pub(super) const fn added_option(
        mut self,
        long: &'static str,
        takes: Takes,
        default: Usual,
    ) -> Choice {
        self.option = Some(OptionFace {
            long,
            short: "",
            takes,
            default,
            origin: Origin::Added,
        });
        self
    }

    /// A key of dovemon's.
    pub(super) const fn key(self, name: &'static str, default: Usual) -> Choice {
        self.any_key(name, default, Origin::Predecessor)
    }

    /// A key that dovemon does not have.
    pub(super) const fn added_key(self, name: &'static str, default: Usual) -> Choice {
        self.any_key(name, default, Origin::Added)
    }

    const fn any_key(mut self, name: &'static str, default: Usual, origin: Origin) -> Choice {
        self.key = Some(KeyFace {
            name,
            default,
            origin,
        });
        self
    }

    /// One sentence for people.
    pub(super) const fn help(mut self, help: &'static str) -> Choice {
        self.help = help;
        self
    }

    /// What the key is for, where that is not quite the same.
    pub(super) const fn help_in_file(mut self, help: &'static str) -> Choice {
        self.help_in_file = Some(help);
        self
    }

    /// The option of another row that comes nearest to the key.
    pub(super) const fn nearly(mut self, option: &'static str) -> Choice {
        self.nearest_option = Some(option);
        self
    }
}
