//! The names that the program goes by, and what depends on the name.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What the program is, by the name that it was called with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Called by this or any other name.
    Poolmon,
    /// Called by a link of that name: dovemon's configuration, from dovemon's places.
    Dovemon,
    /// Called by a link of that name: the plugin for Nagios and Icinga.
    CheckPoolmon,
}

/// Where dovemon has its configuration, in the order of looking.
const CONFIGURATIONS: [&str; 2] = [
    "/etc/dovecot/dovemon.config.yml",
    "/etc/dovecot/dovemon/config.yml",
];

const ACCOUNTS: [&str; 2] = [
    "/etc/dovecot/dovemon.testaccounts.yml",
    "/etc/dovecot/dovemon/test.accounts.yml",
];

impl Program {
    /// By the word that it was called with.
    pub fn called(word: Option<&OsStr>) -> Program {
        match word.map(Path::new).and_then(Path::file_name) {
            Some(name) if name.as_bytes() == b"dovemon" => Program::Dovemon,
            Some(name) if name.as_bytes() == b"check_poolmon" => Program::CheckPoolmon,
            _ => Program::Poolmon,
        }
    }

    /// The name in messages and as the identity in syslog.
    pub fn name(self) -> &'static str {
        match self {
            Program::Poolmon => "poolmon",
            Program::Dovemon => "dovemon",
            Program::CheckPoolmon => "check_poolmon",
        }
    }

    /// Where its configuration is unless it is named, the best place first.
    pub fn configurations(self) -> &'static [&'static str] {
        match self {
            Program::Poolmon | Program::CheckPoolmon => &[],
            Program::Dovemon => &CONFIGURATIONS,
        }
    }

    /// The same for the file of accounts.
    pub fn accounts(self) -> &'static [&'static str] {
        match self {
            Program::Poolmon | Program::CheckPoolmon => &[],
            Program::Dovemon => &ACCOUNTS,
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_of_the_path_is_the_name() {
        for (word, expected) in [
            ("/usr/sbin/dovemon", Program::Dovemon),
            ("dovemon", Program::Dovemon),
            ("/opt/dovemon/poolmon", Program::Poolmon),
            ("poolmon", Program::Poolmon),
            (
                "/usr/lib/nagios/plugins/check_poolmon",
                Program::CheckPoolmon,
            ),
            ("", Program::Poolmon),
            ("/", Program::Poolmon),
        ] {
            assert_eq!(Program::called(Some(OsStr::new(word))), expected, "{word}");
        }
        assert_eq!(Program::called(None), Program::Poolmon);
    }
}
