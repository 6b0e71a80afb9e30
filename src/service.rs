//! What is checked on a backend: ports, what is spoken there, and whether TLS comes first.

use serde::{Deserialize, Serialize};

use std::fmt;

use crate::probe::protocols::table::PartInDelivery;
pub use crate::probe::protocols::table::Protocol;

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().name)
    }
}

/// What a connection starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// Plain text; the dialogue may change to TLS later (STARTTLS, STLS).
    Plain,
    /// TLS from the first byte.
    Tls,
}

/// Which of a protocol's ports a key is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhichPort {
    /// The port at which a connection starts with this.
    One(Protocol, Security),
    /// With TLS and without.
    Both(Protocol),
}

impl WhichPort {
    /// Whose it is.
    pub fn protocol(self) -> Protocol {
        match self {
            WhichPort::One(protocol, _) | WhichPort::Both(protocol) => protocol,
        }
    }

    /// Whether it is about the port at which a connection starts with this.
    pub fn is_about(self, start: Security) -> bool {
        match self {
            WhichPort::One(_, security) => security == start,
            WhichPort::Both(_) => true,
        }
    }
}

/// One thing to check on every backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// One port, checked by itself.
    Port(Port),
    /// The deep probe: a message is delivered to one port and read from another.
    Delivery {
        /// Where the message is handed over: LMTP.
        deliver: Port,
        /// Where it has to appear: IMAP or POP3.
        read: Port,
    },
}

impl Service {
    /// Whether an account takes part in the check, where there is one.
    pub fn can_log_in(&self) -> bool {
        match self {
            Service::Port(port) => port.protocol.row().logs_in,
            Service::Delivery { .. } => true,
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Service::Port(port) => port.fmt(f),
            Service::Delivery { deliver, read } => write!(f, "delivery {deliver} to {read}"),
        }
    }
}

/// A port, and how to speak there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Port {
    /// What is spoken there.
    pub protocol: Protocol,
    /// Whether TLS comes before the first word.
    pub security: Security,
    /// From 1 to 65,535.
    pub number: u16,
}

impl Port {
    /// Whether a deep probe delivers here what it reads elsewhere.
    pub fn takes_messages(&self) -> bool {
        self.protocol.row().part == PartInDelivery::Delivers
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tls = match self.security {
            Security::Plain => "",
            Security::Tls => "+tls",
        };
        write!(f, "{}{tls}:{}", self.protocol, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_shown_by_its_ports() {
        let port = |protocol, security, number| Port {
            protocol,
            security,
            number,
        };
        let imaps = port(Protocol::Imap, Security::Tls, 993);
        let lmtp = port(Protocol::Lmtp, Security::Plain, 24);
        assert_eq!(Service::Port(imaps).to_string(), "imap+tls:993");
        let delivery = Service::Delivery {
            deliver: lmtp,
            read: imaps,
        };
        assert_eq!(delivery.to_string(), "delivery lmtp:24 to imap+tls:993");
    }
}
