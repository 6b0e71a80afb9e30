//! How single values are written: the same in flags and in files.
//!
//! Each function takes a text and gives its meaning, or none; what is expected instead stands in a
//! constant beside it. Which option or key has the value is not known here.

use std::net::IpAddr;
use std::time::Duration;

use super::settings::{Auth, Brake, Restore, StartTls};
use crate::probe::protocols::table::PartInDelivery;
use crate::service::Protocol;

/// A year. Beyond it nobody means it, and clocks may overflow.
pub const LONGEST_SECONDS: u32 = 365 * 24 * 60 * 60;
pub const MOST_RETRIES: u32 = 1000;
pub const MOST_ROUNDS: u32 = 1000;

/// What happens to the users of a backend that is taken down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    Move,
    Drop,
    None,
}

pub const FLUSH: &str = "move, drop or none";

pub fn flush(text: &str) -> Option<Flush> {
    match text {
        "move" => Some(Flush::Move),
        "drop" => Some(Flush::Drop),
        "none" => Some(Flush::None),
        _ => None,
    }
}

pub const RESTORE: &str = "any or own";

pub fn restore(text: &str) -> Option<Restore> {
    match text {
        "any" => Some(Restore::Any),
        "own" => Some(Restore::Own),
        _ => None,
    }
}

pub const BRAKE: &str = "a number of backends, a percentage such as 50%, or all";

pub fn brake(text: &str) -> Option<Brake> {
    match text.strip_suffix('%') {
        _ if text == "all" => Some(Brake::Off),
        Some(percent) => percent
            .parse()
            .ok()
            .filter(|percent| *percent <= 100)
            .map(Brake::Percent),
        None => text.parse().ok().map(Brake::AtMost),
    }
}

pub const STARTTLS: &str = "auto, require or no";

pub fn starttls(text: &str) -> Option<StartTls> {
    match text {
        "auto" => Some(StartTls::Offered),
        "require" => Some(StartTls::Required),
        "no" => Some(StartTls::Never),
        _ => None,
    }
}

pub const AUTH: &str = "plain or sasl";

/// dovemon's words: `plain` is no SASL.
pub fn auth(text: &str) -> Option<Auth> {
    match text.to_ascii_lowercase().as_str() {
        "plain" => Some(Auth::Login),
        "sasl" => Some(Auth::SaslPlain),
        _ => None,
    }
}

pub const DEEP_PROBE: &str = "no, imap or pop3";

/// The protocol that the delivered message is read by, if any is to be delivered.
pub fn deep_probe(text: &str) -> Option<Option<Protocol>> {
    match Protocol::named(text) {
        Some(protocol) if protocol.row().part == PartInDelivery::Collects => Some(Some(protocol)),
        Some(_) => None,
        None => truth(text).filter(|on| !on).map(|_| None),
    }
}

pub const HOST_NAME: &str = "a host name";

/// A DNS name or an address. A certificate is checked for it: OpenSSL would take a leading dot for any
/// name below, and an empty one for none to check.
pub fn host_name(text: &str) -> Option<String> {
    let is_label = |label: &str| {
        let mut bytes = label.bytes();
        !label.is_empty() && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let fits = text.len() <= 253 && text.split('.').all(is_label);
    (fits || text.parse::<IpAddr>().is_ok()).then(|| text.to_owned())
}

pub const ADDRESS: &str = "an address without spaces, control characters, < and >";

/// It is sent between `<` and `>`; nothing in it may end that or the line.
pub fn address(text: &str) -> Option<String> {
    let harmful = |c: char| c.is_control() || c.is_whitespace() || c == '<' || c == '>';
    (!text.contains(harmful)).then(|| text.to_owned())
}

pub const TRUTH: &str = "True or False";

/// dovemon's words for it, and YAML's, in any case.
pub fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// Digits, or digits with a point in or before them, to the nanosecond.
pub fn decimal_seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = whole.bytes().chain(fraction.bytes());
    if text.len() > 20 || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    if !digits.into_iter().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let nanos = format!("{fraction:0<9.9}").parse().ok()?;
    Some(Duration::new(seconds, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_certificate_would_not_be_checked_for_is_none() {
        for name in ["mail.example", "mail_1", "192.0.2.1", "2001:db8::1"] {
            assert_eq!(host_name(name).as_deref(), Some(name));
        }
        for name in [
            "",
            ".",
            ".example",
            "*.example",
            "mail.",
            "a b",
            "a\0b",
            "a/b",
        ] {
            assert_eq!(host_name(name), None, "{name:?}");
        }
    }
}
