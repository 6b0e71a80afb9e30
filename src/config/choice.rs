//! One row of the table of choices: how the operator makes a choice, on the command line and in
//! dovemon's file, what holds without it, and what it is for. Which choices there are stands in `table` and in
//! the rows of the protocols.

use std::ffi::OsStr;

use super::chosen::{Chosen, SaidBy};
use super::kind::{Form, Kind, Written};
use super::number::Beyond;
use crate::service::Protocol;

/// A row of the table.
pub struct Choice {
    /// How the command line makes it, if it can.
    pub option: Option<OptionFace>,
    /// How the file makes it, if it can.
    pub key: Option<KeyFace>,
    /// What its value looks like, and where it goes.
    pub kind: Kind,
    /// One sentence for people, without its capital and its full stop. `{protocols}` stands for the names of those
    /// that can be asked for.
    help: &'static str,
    /// The same in a few words, for a common option: `--help` shows it. An option without it stands in
    /// `--help-all` alone.
    pub brief: Option<&'static str>,
    /// What the key is for, where the choice is not quite the same in the file.
    help_in_file: Option<&'static str>,
    /// The option of another row that comes nearest to the key, where this row has none.
    nearest_option: Option<&'static str>,
}

/// A choice as an option of the command line.
pub struct OptionFace {
    /// Without its dashes.
    pub long: &'static str,
    /// The short names; the first is the one to show.
    pub short: &'static str,
    /// What follows it on the command line.
    pub takes: Takes,
    /// poolmon's, which holds where no file is read.
    pub default: Usual,
    /// Whether the Perl poolmon had the option.
    pub origin: Origin,
}

/// A choice as a key of dovemon's file.
pub struct KeyFace {
    /// As it stands in the file.
    pub name: &'static str,
    /// dovemon's, which holds where a file is read.
    pub default: Usual,
    /// Whether dovemon had the key.
    pub origin: Origin,
}

/// Whether the Perl poolmon or dovemon had it. Their options come first when an abbreviation is
/// resolved, and numbers of their keys are never refused for being too small or too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The Perl poolmon had the option, or dovemon the key.
    Predecessor,
    /// It came with this program.
    Added,
}

/// What follows an option, as Perl's Getopt::Long tells it; the text names it in the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// It stands alone.
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

impl Choice {
    /// From the command line; None for an option that takes nothing. The error says what was expected.
    pub fn take_option(&self, chosen: &mut Chosen, value: Option<&OsStr>) -> Result<(), String> {
        let written = Written {
            text: value.unwrap_or_default(),
            form: Form::Option,
            by: SaidBy::CommandLine,
        };
        self.kind.take(chosen, written).map(|_| ())
    }

    /// From the file. The text given, if there is one, is for the log: a number of dovemon's that is out
    /// of its bounds must not keep the program from starting. The error says what was expected.
    pub fn take_key(
        &self,
        chosen: &mut Chosen,
        key: &KeyFace,
        text: &str,
    ) -> Result<Option<String>, String> {
        let beyond = match key.origin {
            Origin::Predecessor => Beyond::Nearest,
            Origin::Added => Beyond::Refused,
        };
        let written = Written {
            text: text.as_ref(),
            form: Form::Key(beyond),
            by: SaidBy::File,
        };
        self.kind.take(chosen, written)
    }

    /// poolmon's default. Where poolmon has no option, nobody says anything.
    pub(super) fn take_default_of_option(&self, chosen: &mut Chosen) {
        let usual = self.option.as_ref().map(|option| option.default);
        self.take_default(chosen, usual, Form::Option);
    }

    /// dovemon's default. Where dovemon has no key, nobody says anything.
    pub(super) fn take_default_of_key(&self, chosen: &mut Chosen) {
        let usual = self.key.as_ref().map(|key| key.default);
        self.take_default(chosen, usual, Form::Key(Beyond::Refused));
    }

    fn take_default(&self, chosen: &mut Chosen, usual: Option<Usual>, form: Form) {
        if let Some(Usual::Value(text)) = usual {
            let written = Written {
                text: text.as_ref(),
                form,
                by: SaidBy::Default,
            };
            self.kind
                .take(chosen, written)
                .expect("the table's defaults are values of their kinds");
        }
    }

    /// What the option is for.
    pub fn option_help(&self) -> String {
        self.help.replace("{protocols}", &Protocol::names())
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

/// How a table writes down a row: the value first, then the names and what they are for.
pub(crate) const fn choice(kind: Kind) -> Choice {
    Choice {
        option: None,
        key: None,
        kind,
        help: "",
        brief: None,
        help_in_file: None,
        nearest_option: None,
    }
}

impl Choice {
    /// An option of the Perl poolmon.
    pub(crate) const fn option(
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
    pub(crate) const fn added_option(
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
    pub(crate) const fn key(self, name: &'static str, default: Usual) -> Choice {
        self.any_key(name, default, Origin::Predecessor)
    }

    /// A key that dovemon does not have.
    pub(crate) const fn added_key(self, name: &'static str, default: Usual) -> Choice {
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
    pub(crate) const fn help(mut self, help: &'static str) -> Choice {
        self.help = help;
        self
    }

    /// This option is a common one, and this is its line in `--help`.
    pub(crate) const fn common(mut self, brief: &'static str) -> Choice {
        self.brief = Some(brief);
        self
    }

    /// What the key is for, where that is not quite the same.
    pub(crate) const fn help_in_file(mut self, help: &'static str) -> Choice {
        self.help_in_file = Some(help);
        self
    }

    /// The option of another row that comes nearest to the key.
    pub(crate) const fn nearly(mut self, option: &'static str) -> Choice {
        self.nearest_option = Some(option);
        self
    }
}
