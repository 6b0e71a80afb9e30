//! What is checked on a backend: a port, what is spoken there, and whether TLS comes first.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    Imap,
    Pop3,
    Lmtp,
    /// A port of unknown use: healthy if it sends a line.
    AnyLine,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Imap => "imap",
            Protocol::Pop3 => "pop3",
            Protocol::Lmtp => "lmtp",
            Protocol::AnyLine => "line",
        })
    }
}

/// What a connection starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Security {
    /// Clear text; the dialogue may turn to TLS later (STARTTLS, STLS).
    Plain,
    /// TLS from the first byte.
    Tls,
}

/// One port to check on every backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Service {
    pub protocol: Protocol,
    pub security: Security,
    pub port: u16,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tls = match self.security {
            Security::Plain => "",
            Security::Tls => "+tls",
        };
        write!(f, "{}{tls}:{}", self.protocol, self.port)
    }
}
