//! Every choice of the operator on its own: its value, and who said it.
//!
//! The command line, the file and the defaults of the table each fill a `Chosen` of their own, and are laid
//! over each other. What a choice means is not known here.

use std::path::PathBuf;
use std::time::Duration;

use super::settings::{
    Auth, Brake, Facility, MoveLimit, PoolKind, ProxyProtocol, Restore, StartTls,
};
use super::values::Flush;
use crate::service::{Protocol, Security, Service, WhichPort};

/// Makes the struct, and lays one over another field by field.
macro_rules! chosen {
    ($($(#[$doc:meta])* $field:ident: $type:ty,)*) => {
        /// A field for each row of the table, in the same order, named like its key or else its option; but
        /// whether each protocol is checked, with TLS or not, and at which ports is in `polled`.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Chosen {
            $($(#[$doc])* pub(crate) $field: Said<$type>,)*
            pub(crate) polled: [Polled; Protocol::ALL.len()],
        }

        impl Chosen {
            /// What is said here counts more than what is said below.
            pub fn over(self, below: Chosen) -> Chosen {
                let mut polled = below.polled;
                for (said, below) in self.polled.iter().zip(&mut polled) {
                    *below = said.over(*below);
                }
                Chosen {
                    $($field: self.$field.over(below.$field),)*
                    polled,
                }
            }
        }
    };
}

chosen! {
    pool: PoolKind,
    director_admin_socket: PathBuf,
    haproxy_proxies: Vec<String>,
    port: Vec<Service>,
    ssl: Vec<Service>,
    interval: Duration,
    /// Zero: each round logs in.
    login_interval: Duration,
    /// Zero: as long as a rapid poll.
    timeout: Duration,
    retry_count: u32,
    rapid_rounds: u32,
    rapid_fails_needed: u32,
    rapidpoll_timeout: Duration,
    retries: u32,
    retry_delay: Duration,
    rise: u32,
    fall: u32,
    poll_imap_list: bool,
    poll_imap_select: bool,
    poll_imap_append: bool,
    poll_imap_expunge: bool,
    poll_pop3_stat: bool,
    poll_pop3_delete: bool,
    poll_lmtp_deliver: bool,
    lmtp_from: String,
    /// Empty for none.
    lmtp_to: String,
    /// By which protocol a delivered message is read again.
    deep_probe: Option<Protocol>,
    auth: Auth,
    starttls: StartTls,
    proxy_protocol: ProxyProtocol,
    require_tls: bool,
    ssl_verify: bool,
    tls_name: String,
    ca_file: PathBuf,
    poll_unknown_backends: bool,
    credfile: PathBuf,
    use_host_flush: bool,
    flush: Flush,
    max_moves: MoveLimit,
    down_delay: Duration,
    use_delayed_down: bool,
    delayed_down_delay: Duration,
    delayed_down_limit: u32,
    restore: Restore,
    max_down: Brake,
    hold: Duration,
    beupdatescript: PathBuf,
    dry_run: bool,
    config: PathBuf,
    accounts: PathBuf,
    write_missing_config: bool,
    check_config: bool,
    once: bool,
    foreground: bool,
    debug: bool,
    loglevel: u32,
    /// The key `debug`, which is not the option `--debug`.
    debug_on_terminal: bool,
    /// The word `syslog`, or a path.
    logfile: PathBuf,
    logger_socket_addr: PathBuf,
    syslog_facility: Facility,
    lockfile: PathBuf,
    state_file: PathBuf,
    /// None: not written.
    status_file: Option<PathBuf>,
    metrics_file: Option<PathBuf>,
    html_file: Option<PathBuf>,
    record: Option<PathBuf>,
    user: String,
    group: String,
    help: bool,
    help_all: bool,
    version: bool,
}

/// What the keys of one protocol say; not each protocol has all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Polled {
    /// Whether it is checked.
    pub(crate) poll: Said<bool>,
    /// Whether that is at the port with TLS from the start.
    pub(crate) ssl: Said<bool>,
    plain_port: Said<u16>,
    tls_port: Said<u16>,
}

impl Polled {
    fn over(self, below: Polled) -> Polled {
        Polled {
            poll: self.poll.over(below.poll),
            ssl: self.ssl.over(below.ssl),
            plain_port: self.plain_port.over(below.plain_port),
            tls_port: self.tls_port.over(below.tls_port),
        }
    }

    /// A protocol with one port has it with TLS and without.
    pub(super) fn say_port(&mut self, which: WhichPort, number: u16, by: SaidBy) {
        if which.is_about(Security::Plain) {
            self.plain_port.say(number, by);
        }
        if which.is_about(Security::Tls) {
            self.tls_port.say(number, by);
        }
    }

    /// How a connection begins, and where.
    pub(super) fn port(&self) -> (Security, u16) {
        match self.ssl.value {
            false => (Security::Plain, self.plain_port.value),
            true => (Security::Tls, self.tls_port.value),
        }
    }
}

impl Chosen {
    /// What the keys of this protocol say.
    pub(crate) fn of(&self, protocol: Protocol) -> &Polled {
        &self.polled[protocol as usize]
    }

    /// The same, for whoever reads such a key.
    pub(crate) fn of_mut(&mut self, protocol: Protocol) -> &mut Polled {
        &mut self.polled[protocol as usize]
    }
}

/// Who said a value, the one who counts least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SaidBy {
    /// Not even the table: the value is its type's default and means nothing.
    #[default]
    Nobody,
    /// The table of choices.
    Default,
    /// dovemon's file.
    File,
    /// An option. It counts more than the file.
    CommandLine,
}

/// A value, and who said it. What nobody said has its type's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said<T> {
    /// To be read only where somebody said it, or its type's default will do.
    pub value: T,
    /// The one who counts most of those who said something.
    pub by: SaidBy,
}

impl<T> Said<T> {
    /// In place of what was said before.
    pub fn say(&mut self, value: T, by: SaidBy) {
        *self = Said { value, by };
    }

    /// Says what the text means; None if it has no meaning.
    pub fn read(&mut self, text: &str, meaning: fn(&str) -> Option<T>, by: SaidBy) -> Option<()> {
        self.say(meaning(text)?, by);
        Some(())
    }

    /// This value, or if nobody said it the other.
    pub fn over(self, below: Said<T>) -> Said<T> {
        match self.by {
            SaidBy::Nobody => below,
            _ => self,
        }
    }

    /// Whether the operator said it, and not the table.
    pub fn is_given(&self) -> bool {
        self.by > SaidBy::Default
    }

    /// None if nobody said it, not even the table.
    pub fn said(self) -> Option<T> {
        match self.by {
            SaidBy::Nobody => None,
            _ => Some(self.value),
        }
    }
}

/// A value of the file, for tests.
#[cfg(test)]
impl<T> From<T> for Said<T> {
    fn from(value: T) -> Said<T> {
        Said {
            value,
            by: SaidBy::File,
        }
    }
}
