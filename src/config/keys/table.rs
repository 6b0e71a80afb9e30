//! The one table of all keys: names, kinds of value, defaults, help texts, which option is the same, and
//! which choice of the draft each is.
//!
//! The reader is made from it, and the example file and the man page are checked against it. A key
//! without an effect cannot be written down here.

use std::num::NonZeroU32;
use std::path::PathBuf;

use log::LevelFilter;

use super::{whole, KeyRow, Kind, Origin};
use crate::config::draft::{LogChoice, PlanKind};
use crate::config::settings::{Brake, Facility, Unknown};
use crate::config::trust::Verify;
use crate::config::values;

const fn row(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    option: &'static str,
    help: &'static str,
) -> KeyRow {
    KeyRow {
        name,
        kind,
        default,
        help,
        option,
        origin: Origin::Dovemon,
    }
}

const fn added(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    option: &'static str,
    help: &'static str,
) -> KeyRow {
    KeyRow {
        name,
        kind,
        default,
        help,
        option,
        origin: Origin::Added,
    }
}

/// An empty text is nothing.
fn optional(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

/// In the order of the man page and of the example.
pub const KEYS: &[KeyRow] = &[
    row(
        "director_admin_socket",
        Kind::Path(|draft, path| draft.socket = path),
        "/var/run/dovecot/director-admin",
        "socket",
        "the director's admin socket",
    ),
    row(
        "interval",
        Kind::Seconds(|draft, interval| draft.interval = interval),
        "10",
        "interval",
        "from the start of a poll to the start of the next",
    ),
    row(
        "timeout",
        Kind::Limit(|draft, timeout| draft.timeout = timeout),
        "3",
        "timeout",
        "how long a poll may take; after each failed poll in a row so much more; with 0 as long as a \
         rapid poll",
    ),
    row(
        "retry_count",
        Kind::Count(0, values::MOST_ROUNDS, |draft, count| {
            draft.rapid.retry_count = count
        }),
        "3",
        "",
        "failed polls of a protocol in a row before its rapid round; with 0, the first one means failed",
    ),
    row(
        "rapid_rounds",
        Kind::Count(0, values::MOST_ROUNDS, |draft, rounds| {
            draft.rapid.rapid_rounds = rounds
        }),
        "10",
        "",
        "polls without a pause in a rapid round; with 0, retry_count failures mean failed",
    ),
    row(
        "rapid_fails_needed",
        Kind::Count(1, values::MOST_ROUNDS, |draft, fails| {
            draft.rapid.rapid_fails_needed = fails
        }),
        "7",
        "",
        "failed polls of a rapid round that mean failed",
    ),
    row(
        "rapidpoll_timeout",
        Kind::Seconds(|draft, timeout| draft.rapid.rapid_timeout = timeout),
        "2",
        "",
        "how long a poll of a rapid round may take; one that takes longer means failed",
    ),
    added(
        "retries",
        Kind::Count(0, values::MOST_RETRIES, |draft, retries| {
            draft.plan = PlanKind::Retries;
            draft.retries.retries = retries;
        }),
        "4",
        "retries",
        "in place of rapid rounds: further attempts before a port has failed for good",
    ),
    added(
        "retry_delay",
        Kind::Delay(|draft, delay| {
            draft.plan = PlanKind::Retries;
            draft.retries.retry_delay = delay;
        }),
        "3",
        "retry-delay",
        "with retries: pause before the first further attempt; a sixth of it before the others",
    ),
    added(
        "rise",
        Kind::Count(1, values::MOST_ROUNDS, |draft, rounds| draft.rise = rounds),
        "1",
        "rise",
        "healthy rounds in a row before a backend counts as healthy again",
    ),
    added(
        "fall",
        Kind::Count(1, values::MOST_ROUNDS, |draft, rounds| draft.fall = rounds),
        "1",
        "fall",
        "failed rounds in a row before a backend counts as failed",
    ),
    row(
        "poll_imap",
        Kind::Truth(|draft, on| draft.polls.imap.on = on),
        "True",
        "port",
        "check IMAP",
    ),
    row(
        "imap_ssl",
        Kind::Truth(|draft, on| draft.polls.imap.tls = on),
        "False",
        "ssl",
        "TLS from the start, on imaps_port",
    ),
    row(
        "imap_port",
        Kind::Port(|draft, port| draft.polls.imap.plain_port = port),
        "143",
        "port",
        "the port without TLS from the start",
    ),
    row(
        "imaps_port",
        Kind::Port(|draft, port| draft.polls.imap.tls_port = port),
        "993",
        "ssl",
        "the port with TLS from the start",
    ),
    row(
        "poll_imap_list",
        Kind::Truth(|draft, on| draft.steps.imap.list = on),
        "True",
        "",
        "after the login, LIST the top level",
    ),
    row(
        "poll_imap_select",
        Kind::Truth(|draft, on| draft.steps.imap.select = on),
        "False",
        "",
        "SELECT the INBOX",
    ),
    row(
        "poll_imap_append",
        Kind::Truth(|draft, on| draft.steps.imap.append = on),
        "False",
        "",
        "APPEND a test message to the INBOX",
    ),
    row(
        "poll_imap_expunge",
        Kind::Truth(|draft, on| draft.steps.imap.expunge = on),
        "False",
        "",
        "delete and expunge the monitor's own test messages; selects the INBOX, too",
    ),
    row(
        "poll_pop3",
        Kind::Truth(|draft, on| draft.polls.pop3.on = on),
        "False",
        "port",
        "check POP3",
    ),
    row(
        "pop3_ssl",
        Kind::Truth(|draft, on| draft.polls.pop3.tls = on),
        "False",
        "ssl",
        "TLS from the start, on pop3s_port",
    ),
    row(
        "pop3_port",
        Kind::Port(|draft, port| draft.polls.pop3.plain_port = port),
        "110",
        "port",
        "the port without TLS from the start",
    ),
    row(
        "pop3s_port",
        Kind::Port(|draft, port| draft.polls.pop3.tls_port = port),
        "995",
        "ssl",
        "the port with TLS from the start",
    ),
    row(
        "poll_pop3_stat",
        Kind::Truth(|draft, on| draft.steps.pop3.stat = on),
        "False",
        "",
        "after the login, STAT",
    ),
    row(
        "poll_pop3_delete",
        Kind::Truth(|draft, on| draft.steps.pop3.delete = on),
        "False",
        "",
        "delete the monitor's own test messages; asks for STAT, too",
    ),
    row(
        "poll_lmtp",
        Kind::Truth(|draft, on| draft.polls.lmtp.on = on),
        "False",
        "port",
        "check LMTP",
    ),
    row(
        "lmtp_ssl",
        Kind::Truth(|draft, on| draft.polls.lmtp.tls = on),
        "False",
        "ssl",
        "TLS from the start",
    ),
    row(
        "lmtp_port",
        Kind::Port(|draft, port| {
            draft.polls.lmtp.plain_port = port;
            draft.polls.lmtp.tls_port = port;
        }),
        "24",
        "port",
        "the port, with TLS and without",
    ),
    row(
        "poll_lmtp_deliver",
        Kind::Truth(|draft, on| draft.steps.lmtp.deliver = on),
        "False",
        "",
        "deliver a test message",
    ),
    added(
        "lmtp_from",
        Kind::Words(values::ADDRESS, |draft, text| {
            draft.envelope.from = values::address(text)?;
            Some(())
        }),
        "",
        "lmtp-from",
        "the sender an LMTP check names",
    ),
    added(
        "lmtp_to",
        Kind::Words(values::ADDRESS, |draft, text| {
            draft.envelope.to = optional(&values::address(text)?);
            Some(())
        }),
        "",
        "lmtp-to",
        "the recipient an LMTP check asks for",
    ),
    added(
        "deep_probe",
        Kind::Words(values::DEEP_PROBE, |draft, text| {
            draft.polls.deep = values::deep_probe(text)?;
            Some(())
        }),
        "no",
        "",
        "deliver a message to the LMTP port, find it by this protocol, delete it",
    ),
    added(
        "poll_sieve",
        Kind::Truth(|draft, on| draft.polls.sieve.on = on),
        "False",
        "port",
        "check ManageSieve, up to the login",
    ),
    added(
        "sieve_port",
        Kind::Port(|draft, port| draft.polls.sieve.plain_port = port),
        "4190",
        "port",
        "ManageSieve's port, without TLS from the start",
    ),
    added(
        "poll_submission",
        Kind::Truth(|draft, on| draft.polls.submission.on = on),
        "False",
        "port",
        "check submission, up to the login",
    ),
    added(
        "submission_ssl",
        Kind::Truth(|draft, on| draft.polls.submission.tls = on),
        "False",
        "ssl",
        "TLS from the start, on submissions_port",
    ),
    added(
        "submission_port",
        Kind::Port(|draft, port| draft.polls.submission.plain_port = port),
        "587",
        "port",
        "the port without TLS from the start",
    ),
    added(
        "submissions_port",
        Kind::Port(|draft, port| draft.polls.submission.tls_port = port),
        "465",
        "ssl",
        "the port with TLS from the start",
    ),
    row(
        "auth",
        Kind::Words(values::AUTH, |draft, text| {
            draft.auth = values::auth(text)?;
            Some(())
        }),
        "plain",
        "",
        "how to log in: plain (LOGIN, USER and PASS) or sasl (SASL PLAIN), which master users need",
    ),
    added(
        "starttls",
        Kind::Words(values::STARTTLS, |draft, text| {
            draft.starttls = values::starttls(text)?;
            Some(())
        }),
        "auto",
        "starttls",
        "when a port without TLS from the start turns to TLS: auto where offered, require, no",
    ),
    added(
        "ssl_verify",
        Kind::Truth(|draft, on| draft.verify = Verify::said(on)),
        "",
        "ssl-verify",
        "check a server's certificate and the name in it; empty for no, as in dovemon, unless \
         tls_name, ca_file or starttls: require asks for it",
    ),
    added(
        "tls_name",
        Kind::Words(values::HOST_NAME, |draft, text| {
            draft.tls_name = match optional(text) {
                Some(name) => Some(values::host_name(&name)?),
                None => None,
            };
            Some(())
        }),
        "",
        "tls-name",
        "the name every backend's certificate has to bear; empty for the one that DNS gives",
    ),
    added(
        "ca_file",
        Kind::Words("a path", |draft, text| {
            draft.ca_file = optional(text).map(PathBuf::from);
            Some(())
        }),
        "",
        "ca-file",
        "certificates (PEM) to trust beside the system's",
    ),
    row(
        "poll_unknown_backends",
        Kind::Truth(|draft, on| {
            draft.unknown = match on {
                true => Unknown::Probed,
                false => Unknown::LeftAlone,
            }
        }),
        "True",
        "",
        "poll backends that the accounts file does not name; if not, leave them as they are",
    ),
    added(
        "credfile",
        Kind::Words("a path", |draft, text| {
            draft.credentials = optional(text).map(PathBuf::from);
            Some(())
        }),
        "",
        "credfile",
        "user name and password on two lines, for backends that the accounts file does not name",
    ),
    row(
        "use_host_flush",
        Kind::Truth(|draft, on| draft.host_flush = on),
        "False",
        "",
        "users of a backend that is taken down are forgotten (HOST-FLUSH), as with flush: drop",
    ),
    added(
        "flush",
        Kind::Words(values::FLUSH, |draft, text| {
            draft.flush = Some(values::flush(text)?);
            Some(())
        }),
        "move",
        "flush",
        "what happens to the users of a backend that is taken down: move, drop or none",
    ),
    added(
        "max_moves",
        Kind::Words("a number, at least 1, or all", |draft, text| {
            draft.max_moves = match text {
                "all" => None,
                text => Some(NonZeroU32::new(whole(text)?)?),
            };
            Some(())
        }),
        "all",
        "max-moves",
        "with flush: move, how many users are moved at a time",
    ),
    row(
        "use_delayed_down",
        Kind::Truth(|draft, on| draft.delayed_down = on),
        "False",
        "down-delay",
        "wait before a failed backend is taken down",
    ),
    row(
        "delayed_down_delay",
        Kind::Delay(|draft, delay| draft.down_delay = delay),
        "120",
        "down-delay",
        "how long it must have been failed",
    ),
    row(
        "delayed_down_limit",
        Kind::Count(0, u32::MAX, |draft, limit| {
            draft.down_delay_limit = Some(limit)
        }),
        "2",
        "",
        "if more than these wait or are down, it is only logged",
    ),
    added(
        "restore",
        Kind::Words(values::RESTORE, |draft, text| {
            draft.restore = values::restore(text)?;
            Some(())
        }),
        "own",
        "restore",
        "which down backends are brought up again: any, or own (taken down by this monitor)",
    ),
    added(
        "max_down",
        Kind::Words(
            "a number of backends, a percentage such as 50%, all, or refuge",
            |draft, text| {
                draft.brake = match text {
                    "refuge" => Brake::Refuge,
                    text => values::brake(text)?,
                };
                Some(())
            },
        ),
        "refuge",
        "max-down",
        "how many backends of a tag may be down; refuge: as many as leave one that passes",
    ),
    added(
        "hold",
        Kind::Seconds(|draft, hold| draft.hold = Some(hold)),
        "100",
        "hold",
        "how long a backend that somebody else takes down is left so at first",
    ),
    row(
        "beupdatescript",
        Kind::Words("a path", |draft, text| {
            draft.hook = optional(text).map(PathBuf::from);
            Some(())
        }),
        "",
        "on-change",
        "run as SCRIPT down|up ADDRESS at each change",
    ),
    row(
        "loglevel",
        Kind::Count(0, u32::MAX, |draft, level| {
            draft.log_level = match level {
                0 => LevelFilter::Info,
                1 => LevelFilter::Warn,
                2 => LevelFilter::Error,
                _ => LevelFilter::Debug,
            }
        }),
        "4",
        "debug",
        "0 info, 1 warnings, 2 errors, above 2 each poll too; changes at any level",
    ),
    row(
        "debug",
        Kind::Truth(|draft, on| {
            if on {
                draft.foreground = true;
                draft.log = LogChoice::Terminal;
            }
        }),
        "False",
        "foreground",
        "do not go to the background; log to standard output and standard error",
    ),
    added(
        "logfile",
        Kind::Words("a path or syslog", |draft, text| {
            let log = match text {
                "" => return None,
                "syslog" => LogChoice::Syslog,
                path => LogChoice::File(path.into()),
            };
            // `debug` wins, wherever it stands.
            if draft.log != LogChoice::Terminal {
                draft.log = log;
            }
            Some(())
        }),
        "syslog",
        "logfile",
        "where to log",
    ),
    row(
        "logger_socket_addr",
        Kind::Path(|draft, path| draft.syslog.socket = Some(path)),
        "/dev/log",
        "",
        "syslog's socket",
    ),
    row(
        "syslog_facility",
        Kind::Words("a facility such as mail or local5", |draft, text| {
            draft.syslog.facility = Facility::named(text)?;
            Some(())
        }),
        "mail",
        "",
        "syslog's facility",
    ),
    row(
        "lockfile",
        Kind::Path(|draft, path| draft.lock = path),
        "/var/lock/subsys/dovemon",
        "lockfile",
        "the PID file, locked while the monitor runs",
    ),
    added(
        "state_file",
        Kind::Path(|draft, path| draft.state = path),
        "/var/lib/poolmon/state.yml",
        "state-file",
        "what has to outlive a restart",
    ),
];
