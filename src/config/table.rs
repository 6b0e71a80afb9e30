//! The one table of all choices: a row says how the command line and dovemon's file make a choice, what
//! its value looks like, what holds without it, and which field of `Chosen` it goes to.
//!
//! The readers of both, `--help` and all defaults come from it; example files, man pages and completions
//! are held against it by tests. A new choice is a row here, a field of `Chosen`, and a line in
//! `build` that puts it into the settings. What can be chosen about one protocol is in the row of that
//! protocol; only the help of `--port` names some here.

use super::choice::Takes::{Integer, Nothing, Text};
use super::choice::Usual::{Made, Value};
use super::choice::{choice, Choice, KeyFace, OptionFace, Usual};
use super::chosen::Chosen;
use super::kind::Kind::{
    Count, Delay, Limit, OptionalName, OptionalPath, OptionalUser, Path, PathOrNo, Seconds,
    Services, Truth, Word,
};
use super::values;
use crate::service::{Protocol, Security};

const NONE: Usual = Usual::Nothing;
const MOST_ROUNDS: u32 = 1000;
const MOST_RETRIES: u32 = 1000;

/// All options, in the order of the help.
pub fn options() -> impl Iterator<Item = (&'static Choice, &'static OptionFace)> {
    choices().filter_map(|choice| Some((choice, choice.option.as_ref()?)))
}

/// All keys, in the order of the man page and of the example.
pub fn keys() -> impl Iterator<Item = (&'static Choice, &'static KeyFace)> {
    choices().filter_map(|choice| Some((choice, choice.key.as_ref()?)))
}

/// Whose defaults hold where the operator says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultsOf {
    /// Where no file is read.
    Poolmon,
    /// Where dovemon's file is read.
    Dovemon,
}

/// What holds where nobody says anything.
pub fn defaults(of: DefaultsOf) -> Chosen {
    let mut defaults = Chosen::default();
    for choice in choices() {
        match of {
            DefaultsOf::Poolmon => choice.take_default_of_option(&mut defaults),
            DefaultsOf::Dovemon => choice.take_default_of_key(&mut defaults),
        }
    }
    defaults
}

/// The key of this name.
pub fn find_key(name: &str) -> Option<(&'static Choice, &'static KeyFace)> {
    keys().find(|(_, key)| key.name == name)
}

/// All, in the order of the manual of the file.
fn choices() -> impl Iterator<Item = &'static Choice> {
    let of_protocols = Protocol::ALL
        .iter()
        .flat_map(|protocol| protocol.row().choices);
    BEFORE_PROTOCOLS
        .iter()
        .chain(of_protocols)
        .chain(AFTER_PROTOCOLS)
}

/// The choices that stand before those of the protocols. (rustfmt would take three times as many lines.)
#[rustfmt::skip]
static BEFORE_PROTOCOLS: &[Choice] = &[
    // The pool, and what is checked.
    choice(Word(values::POOL, |to, text, by| to.pool.read(text, values::pool, by)))
        .added_option("pool", Text("director|haproxy"), Value("director"))
        .added_key("pool", Value("director"))
        .help("what the backends stand behind: a Dovecot director, or HAProxy")
        .help_in_file("what the backends stand behind: director for a Dovecot director, haproxy \
                       for HAProxy; with haproxy, interval is 2 unless it is set, and restore is \
                       own"),
    choice(Path(|to| &mut to.director_admin_socket))
        .option("socket", "S", Text("PATH"), Value("/var/run/dovecot/director-admin"))
        .key("director_admin_socket", Value("/var/run/dovecot/director-admin"))
        .common("the director's admin socket")
        .help("the director's admin socket, or with --pool=haproxy HAProxy's stats socket \
               (there /run/haproxy/admin.sock if not given)")
        .help_in_file("the director's admin socket, or with pool: haproxy HAProxy's stats socket \
                       (there /run/haproxy/admin.sock if not given)"),
    choice(Word(values::PROXIES, |to, text, by| to.haproxy_proxies.read(text, values::proxies, by)))
        .added_option("haproxy-proxies", Text("NAME,..."), Made("all that have a server at a checked port"))
        .added_key("haproxy_proxies", NONE)
        .help("names of the HAProxy sections (listen or backend) to watch")
        .help_in_file("names of the HAProxy sections (listen or backend) to watch, separated by \
                       commas; without it, all that have a server at a checked port"),
    choice(Services(Security::Plain, |to| &mut to.port))
        .option("port", "p", Text("[PROTO:]PORT"), Made("110 and 143 if neither -p nor -s is given"))
        .common("check this port, such as IMAP:143; may be repeated")
        .help("check this port, starting in plain text (STARTTLS may follow, see --starttls); may \
               be repeated. PROTO is {protocols}; without it 143 and 993 \
               are IMAP, 110 and 995 POP3, 24 LMTP, and any other port is healthy if it sends a line"),
    choice(Services(Security::Tls, |to| &mut to.ssl))
        .option("ssl", "s", Text("[PROTO:]PORT"), NONE)
        .common("the same with TLS from the start, such as IMAP:993")
        .help("check this port, with TLS from the start; may be repeated"),

    // How often.
    choice(Seconds(|to| &mut to.interval))
        .option("interval", "i", Integer("SECONDS"), Value("30"))
        .key("interval", Value("10"))
        .common("seconds between two checks")
        .help("seconds between two checks of a backend (with --pool=haproxy 2 if not given)")
        .help_in_file("seconds from the start of one poll to the start of the next"),
    choice(Delay(|to| &mut to.login_interval))
        .added_option("login-interval", Text("SECONDS"), Value("0"))
        .added_key("login_interval", Value("0"))
        .help("seconds between two checks that log in, and deliver, while all is well; those between end \
               at the greeting; with 0, each check logs in (30 with --pool=haproxy if not given)")
        .help_in_file("seconds between two polls that log in, and deliver, while all is well; those \
                       between end at the greeting; with 0, each poll logs in (30 with pool: haproxy \
                       if not given)"),
    choice(Limit(|to| &mut to.timeout))
        .option("timeout", "t", Integer("SECONDS"), Value("5"))
        .key("timeout", Value("3"))
        .common("seconds for one attempt on one port")
        .help("seconds that one attempt on one port may take")
        .help_in_file("seconds that a poll may take; after each failed poll of a port its limit \
                       grows by this much; 0 means as long as a rapid poll"),
    choice(Count(0, MOST_ROUNDS, |to| &mut to.retry_count))
        .key("retry_count", Value("3"))
        .help("how many polls of a protocol have to fail in a row before its rapid round; with 0, \
               the first failed poll means failed"),
    choice(Count(0, MOST_ROUNDS, |to| &mut to.rapid_rounds))
        .key("rapid_rounds", Value("10"))
        .help("how many polls a rapid round has, without a pause between them; with 0 there is no \
               rapid round, and retry_count failures mean failed"),
    choice(Count(1, MOST_ROUNDS, |to| &mut to.rapid_fails_needed))
        .key("rapid_fails_needed", Value("7"))
        .help("how many polls of a rapid round have to fail before the protocol has failed"),
    choice(Seconds(|to| &mut to.rapidpoll_timeout))
        .key("rapidpoll_timeout", Value("2"))
        .help("seconds that a poll of a rapid round may take; one that takes longer means failed"),
    choice(Count(0, MOST_RETRIES, |to| &mut to.retries))
        .added_option("retries", Integer("N"), Value("4"))
        .added_key("retries", Value("4"))
        .help("how often a port is tried again before it has failed; 0 for never")
        .help_in_file("instead of rapid rounds: how often a port is tried again before it has \
                       failed"),
    choice(Delay(|to| &mut to.retry_delay))
        .added_option("retry-delay", Text("SECONDS"), Value("3"))
        .added_key("retry_delay", Value("3"))
        .help("seconds before the first retry; later retries wait one sixth of that")
        .help_in_file("with retries: seconds before the first retry; later retries wait one sixth \
                       of that"),
    choice(Count(1, MOST_ROUNDS, |to| &mut to.rise))
        .added_option("rise", Integer("N"), Value("1"))
        .added_key("rise", Value("1"))
        .help("healthy rounds in a row before a backend counts as healthy again"),
    choice(Count(1, MOST_ROUNDS, |to| &mut to.fall))
        .added_option("fall", Integer("N"), Value("1"))
        .added_key("fall", Value("1"))
        .help("failed rounds in a row before a backend counts as failed"),
];

/// The choices that stand after those of the protocols.
#[rustfmt::skip]
static AFTER_PROTOCOLS: &[Choice] = &[
    // Login and TLS.
    choice(Word(values::AUTH, |to, text, by| to.auth.read(text, values::auth, by)))
        .key("auth", Value("plain"))
        .help("how to log in: plain (LOGIN, USER and PASS) or sasl (SASL PLAIN), which master \
               users need"),
    choice(Word(values::STARTTLS, |to, text, by| to.starttls.read(text, values::starttls, by)))
        .added_option("starttls", Text("auto|require|no"), Value("auto"))
        .added_key("starttls", Value("auto"))
        .help("when a connection that starts in plain text changes to TLS (STARTTLS, or STLS for \
               POP3) before a password or a recipient is sent: auto if the server offers it, \
               require always, no never"),
    choice(Word(values::PROXY_PROTOCOL, |to, text, by| {
        to.proxy_protocol.read(text, values::proxy_protocol, by)
    }))
        .added_option("proxy-protocol", Text("v1|v2|no"), Value("no"))
        .added_key("proxy_protocol", Value("no"))
        .help("begin each connection with a header of the PROXY protocol, version 1 (v1) or 2 \
               (v2), for backends whose ports expect a proxy (haproxy = yes in Dovecot)"),
    choice(Truth(|to| &mut to.require_tls))
        .added_option("require-tls", Nothing, NONE)
        .added_key("require_tls", Value("False"))
        .help("send a password only over TLS with a verified certificate, whatever the server \
               offers; without that the login fails, and no password is sent"),
    choice(Truth(|to| &mut to.ssl_verify))
        .option("ssl-verify", "v", Integer("0|1"), Value("1"))
        .added_key("ssl_verify", NONE)
        .common("0: do not check certificates")
        .help("check a server's certificate and the name in it; 0 turns this off")
        .help_in_file("check a server's certificate and the name in it; empty means no, as in \
                       dovemon, unless tls_name, ca_file, starttls: require or require_tls is \
                       set"),
    choice(OptionalName(|to| &mut to.tls_name))
        .added_option("tls-name", Text("NAME"), Made("the name that reverse DNS (PTR) gives for the backend's address"))
        .added_key("tls_name", NONE)
        .common("the name that every certificate must have")
        .help("the name that every backend's certificate must have")
        .help_in_file("the name that every backend's certificate must have; empty for the name \
                       that reverse DNS (PTR) gives for the backend's address"),
    choice(OptionalPath(|to| &mut to.ca_file))
        .added_option("ca-file", Text("PATH"), NONE)
        .added_key("ca_file", NONE)
        .common("trust the certificates in this file, too")
        .help("file of certificates (PEM) to trust in addition to the system's"),
    choice(Truth(|to| &mut to.poll_unknown_backends))
        .key("poll_unknown_backends", Value("True"))
        .help("poll backends that the accounts file does not name; with False they are left as \
               they are"),
    choice(OptionalPath(|to| &mut to.credfile))
        .option("credfile", "c", Text("PATH"), NONE)
        .added_key("credfile", NONE)
        .common("log in: user on line 1, password on line 2")
        .help("log in with the user name on line 1 and the password on line 2 of this file, which \
               only its owner may read")
        .help_in_file("user name and password on two lines, for backends that the accounts file \
                       does not name"),

    // What to do.
    choice(Truth(|to| &mut to.use_host_flush))
        .key("use_host_flush", Value("False"))
        .help("users of a backend that is taken down are forgotten (HOST-FLUSH), as with flush: \
               drop"),
    choice(Word(values::FLUSH, |to, text, by| to.flush.read(text, values::flush, by)))
        .added_option("flush", Text("move|drop|none"), Value("move"))
        .added_key("flush", Value("move"))
        .help("what happens to the users of a backend that is taken down: move kicks them, so that \
               they connect elsewhere; drop only makes the director forget where they are \
               (HOST-FLUSH, as the Perl poolmon did); none leaves them"),
    choice(Word(values::MAX_MOVES, |to, text, by| to.max_moves.read(text, values::max_moves, by)))
        .added_option("max-moves", Text("N|all"), Value("all"))
        .added_key("max_moves", Value("all"))
        .help("how many users are moved at a time, if flush is move"),
    choice(Delay(|to| &mut to.down_delay))
        .added_option("down-delay", Text("SECONDS"), Value("0"))
        .help("seconds that a backend must have been failed before it is taken down"),
    choice(Truth(|to| &mut to.use_delayed_down))
        .key("use_delayed_down", Value("False"))
        .nearly("down-delay")
        .help("wait delayed_down_delay before a failed backend is taken down"),
    choice(Delay(|to| &mut to.delayed_down_delay))
        .key("delayed_down_delay", Value("120"))
        .nearly("down-delay")
        .help("seconds that a backend must have been failed before it is taken down"),
    choice(Count(0, u32::MAX, |to| &mut to.delayed_down_limit))
        .key("delayed_down_limit", Value("2"))
        .help("if more backends than this are down or wait to be taken down, a failed one is not \
               taken down, only logged"),
    choice(Word(values::RESTORE, |to, text, by| to.restore.read(text, values::restore, by)))
        .added_option("restore", Text("any|own"), Value("any"))
        .added_key("restore", Value("own"))
        .common("any: bring up all that is healthy; own: only what this monitor took down")
        .help("which down backends are brought up again: any that is healthy (as the Perl poolmon \
               did), or own, only those that this monitor took down itself; with --pool=haproxy \
               always own")
        .help_in_file("which down backends are brought up again: any that is healthy (as the Perl \
                       poolmon did), or own, only those that this monitor took down itself; with \
                       pool: haproxy always own"),
    choice(Word(values::BRAKE, |to, text, by| to.max_down.read(text, values::brake, by)))
        .added_option("max-down", Text("N|P%|refuge|all"), Value("refuge"))
        .added_key("max_down", Value("refuge"))
        .help("how many backends of a tag may be down: a number, or a share of its vhost count \
               such as 50%; refuge: all but one that is up and passes; all: even the last one (as \
               the Perl poolmon did)"),
    choice(Seconds(|to| &mut to.hold))
        .added_option("hold", Integer("SECONDS"), Made("60 or ten intervals, whichever is longer"))
        .added_key("hold", Made("100"))
        .help("seconds to wait before a backend that is healthy here, and that somebody else took \
               down, is brought up; doubled each time, up to an hour"),
    choice(OptionalPath(|to| &mut to.beupdatescript))
        .added_option("on-change", Text("PATH"), NONE)
        .key("beupdatescript", NONE)
        .help("run this program as PATH down|up ADDRESS, without a shell, each time this monitor \
               has taken a backend down or brought it up")
        .help_in_file("program to run as SCRIPT down|up ADDRESS after each change"),
    choice(Truth(|to| &mut to.dry_run))
        .option("dry-run", "n", Nothing, NONE)
        .common("log what would be done; change nothing")
        .help("log what would be done; change nothing"),

    // How to run.
    choice(Path(|to| &mut to.config))
        .added_option("config", Text("PATH"), NONE)
        .common("read dovemon's configuration")
        .help("read dovemon's configuration from this file; command-line options override it. \
               Called as dovemon, the default is /etc/dovecot/dovemon.config.yml"),
    choice(Path(|to| &mut to.accounts))
        .added_option("accounts", Text("PATH"), NONE)
        .help("read dovemon's test accounts from this file, which only its owner may read. Called \
               as dovemon, the default is /etc/dovecot/dovemon.testaccounts.yml"),
    choice(Truth(|to| &mut to.write_missing_config))
        .added_option("write-missing-config", Nothing, NONE)
        .help("write the defaults to the configuration file if there is none, and go on"),
    choice(Truth(|to| &mut to.check_config))
        .added_option("check-config", Nothing, NONE)
        .common("print what would be checked; check nothing")
        .help("say what would be checked, how and how often, and end"),
    choice(Truth(|to| &mut to.once))
        .added_option("once", Nothing, NONE)
        .common("check all backends once and print the result")
        .help("check every backend once, print the result, change nothing"),
    choice(Truth(|to| &mut to.foreground))
        .option("foreground", "f", Nothing, NONE)
        .common("stay in the foreground and log there")
        .help("stay in the foreground; log to standard output and standard error instead of a \
               file"),
    choice(Truth(|to| &mut to.debug))
        .option("debug", "d", Nothing, NONE)
        .common("log each check, too")
        .help("log each check, too"),
    choice(Count(0, u32::MAX, |to| &mut to.loglevel))
        .key("loglevel", Value("4"))
        .nearly("debug")
        .help("0 info, 1 warnings, 2 errors, above 2 each poll too; changes at any level"),
    choice(Truth(|to| &mut to.debug_on_terminal))
        .key("debug", Value("False"))
        .nearly("foreground")
        .help("stay in the foreground; log to standard output and standard error"),
    choice(Path(|to| &mut to.logfile))
        .option("logfile", "l", Text("PATH|syslog"), Value("/var/log/poolmon.log"))
        .added_key("logfile", Value("syslog"))
        .common("where to log")
        .help("where to log"),
    choice(Path(|to| &mut to.logger_socket_addr))
        .key("logger_socket_addr", Value("/dev/log"))
        .help("syslog's socket"),
    choice(Word(values::FACILITY, |to, text, by| to.syslog_facility.read(text, values::facility, by)))
        .key("syslog_facility", Value("mail"))
        .help("syslog's facility"),
    choice(Path(|to| &mut to.lockfile))
        .option("lockfile", "k", Text("PATH"), Value("/var/run/poolmon.pid"))
        .key("lockfile", Value("/var/lock/subsys/dovemon"))
        .help("the PID file, locked while the monitor runs"),
    choice(Path(|to| &mut to.state_file))
        .added_option("state-file", Text("PATH"), Value("/var/lib/poolmon/state.yml"))
        .added_key("state_file", Value("/var/lib/poolmon/state.yml"))
        .help("file for what must survive a restart"),
    choice(PathOrNo(|to| &mut to.status_file))
        .added_option("status-file", Text("PATH|no"), Value("/run/poolmon/status.json"))
        .added_key("status_file", Value("/run/poolmon/status.json"))
        .help("where to write the status as JSON, for poolmon status, poolmon explain, check_poolmon \
               and other programs; no for nowhere"),
    choice(PathOrNo(|to| &mut to.metrics_file))
        .added_option("metrics-file", Text("PATH|no"), NONE)
        .added_key("metrics_file", NONE)
        .help("where to write metrics for Prometheus, such as a .prom file in the folder of \
               node_exporter's textfile collector"),
    choice(PathOrNo(|to| &mut to.html_file))
        .added_option("html-file", Text("PATH|no"), NONE)
        .added_key("html_file", NONE)
        .help("where to write a page that shows the status, for any web server"),
    choice(PathOrNo(|to| &mut to.record))
        .added_option("record", Text("PATH|no"), NONE)
        .added_key("record", NONE)
        .help("where to record everything that the monitor sees, for poolmon replay; a full file \
               of 160 MB becomes PATH.1"),
    choice(OptionalUser(|to| &mut to.user))
        .added_option("user", Text("NAME"), Made("the user who starts it"))
        .added_key("user", NONE)
        .help("become this user for good, once log, PID file and files of passwords are open; it \
               needs access to the director's socket, the state file and the --on-change program")
        .help_in_file("become this user for good, once log, PID file and files of passwords are \
                       open; it needs access to the director's socket, the state file and the \
                       beupdatescript"),
    choice(OptionalUser(|to| &mut to.group))
        .added_option("group", Text("NAME"), Made("the user's group"))
        .added_key("group", NONE)
        .help("become this group instead of the user's own; needs --user")
        .help_in_file("become this group instead of the user's own; needs user"),
    choice(Truth(|to| &mut to.help))
        .option("help", "h?", Nothing, NONE)
        .common("print this text")
        .help("print the common options (also -?)"),
    choice(Truth(|to| &mut to.help_all))
        .added_option("help-all", Nothing, NONE)
        .common("print all options")
        .help("print all options"),
    choice(Truth(|to| &mut to.version))
        .added_option("version", Nothing, NONE)
        .common("print the version")
        .help("print the version"),
];

#[cfg(test)]
pub(crate) mod tests;
