//! The one table of all options: names, values, defaults, help texts.
//!
//! The parser, the abbreviations, `--help`, and the check of man page and completions are made from
//! it. It holds no logic of its own and must not know what an option's value means.

/// What an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// Nothing: it is there or not.
    Flag,
    /// An integer as Perl's `=i` takes it; `hint` names it in the help.
    Integer { hint: &'static str },
    /// Any text, also one that looks like an option.
    Text { hint: &'static str },
}

/// Since when an option is there. poolmon's own come first when an abbreviation is resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Poolmon,
    Added,
}

#[derive(Debug, PartialEq, Eq)]
pub struct OptionRow {
    pub long: &'static str,
    /// The short names; the first is the one to show.
    pub short: &'static str,
    pub value: ValueKind,
    /// As shown in the help; empty if there is nothing to say.
    pub default: &'static str,
    pub help: &'static str,
    pub origin: Origin,
}

const SECONDS: ValueKind = ValueKind::Integer { hint: "SECONDS" };
const PATH: ValueKind = ValueKind::Text { hint: "PATH" };
const PORT: ValueKind = ValueKind::Text {
    hint: "[PROTO:]PORT",
};
const ADDRESS: ValueKind = ValueKind::Text { hint: "ADDRESS" };

const fn row(
    long: &'static str,
    short: &'static str,
    value: ValueKind,
    default: &'static str,
    help: &'static str,
) -> OptionRow {
    OptionRow {
        long,
        short,
        value,
        default,
        help,
        origin: Origin::Poolmon,
    }
}

const fn added(
    long: &'static str,
    value: ValueKind,
    default: &'static str,
    help: &'static str,
) -> OptionRow {
    OptionRow {
        long,
        short: "",
        value,
        default,
        help,
        origin: Origin::Added,
    }
}

/// In the order of the help.
pub const OPTIONS: &[OptionRow] = &[
    row(
        "socket",
        "S",
        PATH,
        "/var/run/dovecot/director-admin",
        "the director's admin socket",
    ),
    row(
        "port",
        "p",
        PORT,
        "110 and 143 if neither -p nor -s is given",
        "check this port without TLS from the start; may be repeated. PROTO is IMAP, POP3, \
         LMTP, SIEVE or SUBMISSION; without it 143 and 993 are IMAP, 110 and 995 POP3, 24 LMTP, and \
         any other port has to send a line",
    ),
    row(
        "ssl",
        "s",
        PORT,
        "",
        "check this port with TLS from the start; may be repeated",
    ),
    row(
        "ssl-verify",
        "v",
        ValueKind::Integer { hint: "0|1" },
        "1",
        "check a server's certificate and the name in it; 0 turns this off",
    ),
    added(
        "tls-name",
        ValueKind::Text { hint: "NAME" },
        "the name that DNS gives for the backend's address",
        "the name every backend's certificate has to bear",
    ),
    added(
        "ca-file",
        PATH,
        "",
        "certificates (PEM) to trust beside the system's",
    ),
    added(
        "starttls",
        ValueKind::Text {
            hint: "auto|require|no",
        },
        "auto",
        "when a port without TLS from the start turns to TLS (STARTTLS, STLS) before a password or \
         a recipient is sent: auto where the server offers it, require always, no never",
    ),
    row(
        "credfile",
        "c",
        PATH,
        "",
        "log in with the user name on line 1 and the password on line 2 of this file, which only \
         its owner may read",
    ),
    row(
        "lmtp-from",
        "",
        ADDRESS,
        "the empty sender",
        "the sender an LMTP check names",
    ),
    row(
        "lmtp-to",
        "",
        ADDRESS,
        "",
        "the recipient an LMTP check asks for; no mail is sent unless a delivery is to be checked",
    ),
    row(
        "interval",
        "i",
        SECONDS,
        "30",
        "pause between two checks of a backend",
    ),
    row(
        "timeout",
        "t",
        SECONDS,
        "5",
        "how long one attempt on one port may take",
    ),
    added(
        "retries",
        ValueKind::Integer { hint: "N" },
        "4",
        "further attempts before a port has failed for good; 0 for none",
    ),
    added(
        "retry-delay",
        ValueKind::Text { hint: "SECONDS" },
        "3",
        "pause before the first further attempt, such as 0.5; a sixth of it before the others",
    ),
    added(
        "flush",
        ValueKind::Text {
            hint: "move|drop|none",
        },
        "move",
        "what happens to the users of a backend that is taken down: move kicks them, so that they \
         connect elsewhere; drop only forgets where they are (HOST-FLUSH, poolmon's way); none \
         leaves them",
    ),
    added(
        "max-moves",
        ValueKind::Integer { hint: "N" },
        "all",
        "with --flush=move, how many users are moved at a time",
    ),
    added(
        "rise",
        ValueKind::Integer { hint: "N" },
        "1",
        "healthy rounds in a row before a backend counts as healthy again",
    ),
    added(
        "fall",
        ValueKind::Integer { hint: "N" },
        "1",
        "failed rounds in a row before a backend counts as failed",
    ),
    added(
        "restore",
        ValueKind::Text { hint: "any|own" },
        "any",
        "which down backends are brought up again: any that is healthy (poolmon's way), or only \
         those that this monitor took down itself",
    ),
    added(
        "max-down",
        ValueKind::Text { hint: "N|P%|all" },
        "as many as leave one that passes",
        "how many backends of a tag may be down, as a number or a share of its vhost count; all \
         takes even the last one down (poolmon's way)",
    ),
    added(
        "down-delay",
        ValueKind::Text { hint: "SECONDS" },
        "0",
        "how long a backend must have been failed before it is taken down",
    ),
    added(
        "hold",
        ValueKind::Integer { hint: "SECONDS" },
        "60, or ten intervals if longer",
        "how long a backend that somebody else takes down, though it is healthy here, is left so \
         at first; doubled each time, up to an hour",
    ),
    added(
        "on-change",
        PATH,
        "",
        "run this program, without a shell, as PATH down|up ADDRESS each time that this monitor has \
         taken a backend down or brought it up",
    ),
    row(
        "dry-run",
        "n",
        ValueKind::Flag,
        "",
        "log what would be done, change nothing",
    ),
    added(
        "config",
        PATH,
        "",
        "read dovemon's configuration from this file; options given beside it count more. Called as \
         dovemon, the default is /etc/dovecot/dovemon.config.yml",
    ),
    added(
        "accounts",
        PATH,
        "",
        "read dovemon's test accounts from this file, which only its owner may read. Called as \
         dovemon, the default is /etc/dovecot/dovemon.testaccounts.yml",
    ),
    added(
        "write-missing-config",
        ValueKind::Flag,
        "",
        "write the defaults to the configuration file if there is none, and go on",
    ),
    added(
        "check-config",
        ValueKind::Flag,
        "",
        "say what would be checked, how and how often, and end",
    ),
    added(
        "once",
        ValueKind::Flag,
        "",
        "check every backend once, print the result, change nothing",
    ),
    row(
        "foreground",
        "f",
        ValueKind::Flag,
        "",
        "do not go to the background; log to standard output and standard error instead of a file",
    ),
    row(
        "lockfile",
        "k",
        PATH,
        "/var/run/poolmon.pid",
        "the PID file, locked while poolmon runs",
    ),
    row(
        "logfile",
        "l",
        ValueKind::Text {
            hint: "PATH|syslog",
        },
        "/var/log/poolmon.log",
        "where to log",
    ),
    added(
        "state-file",
        PATH,
        "/var/lib/poolmon/state.yml",
        "what has to outlive a restart",
    ),
    row("debug", "d", ValueKind::Flag, "", "log each check too"),
    row(
        "help",
        "h?",
        ValueKind::Flag,
        "",
        "print this help (also -?)",
    ),
    added("version", ValueKind::Flag, "", "print the version"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_given_twice() {
        let mut names: Vec<String> = OPTIONS.iter().map(|row| row.long.to_string()).collect();
        names.extend(
            OPTIONS
                .iter()
                .flat_map(|row| row.short.chars().map(String::from)),
        );
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn added_options_have_no_short_name() {
        assert!(OPTIONS
            .iter()
            .all(|row| row.origin == Origin::Poolmon || row.short.is_empty()));
    }
}
