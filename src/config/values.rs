//! How words are written: the same on the command line and in files.
//!
//! Each function takes a text and gives its meaning, or none; what is expected instead stands in a
//! constant beside it. Which option or key has the value is not known here.

use std::net::IpAddr;
use std::num::NonZeroU32;

use super::settings::{
    Auth, Brake, Facility, MoveLimit, PoolKind, ProxyProtocol, Restore, StartTls,
};
use crate::probe::protocols::table::PartInDelivery;
use crate::service::{Port, Protocol, Security, Service};

/// What happens to the users of a backend that is taken down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flush {
    #[default]
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

pub const MAX_MOVES: &str = "a number, at least 1, or all";

pub fn max_moves(text: &str) -> Option<MoveLimit> {
    match text {
        "all" => Some(MoveLimit::All),
        text => NonZeroU32::new(whole(text)?).map(MoveLimit::AtMost),
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

pub const POOL: &str = "director or haproxy";

pub fn pool(text: &str) -> Option<PoolKind> {
    match text {
        "director" => Some(PoolKind::Director),
        "haproxy" => Some(PoolKind::HaProxy),
        _ => None,
    }
}

pub const PROXIES: &str = "names of HAProxy's sections listen or backend, separated by commas";

/// None of them empty, or with a character that no section's name has.
pub fn proxies(text: &str) -> Option<Vec<String>> {
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(of_name);
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    names.iter().all(|name| is_name(name)).then_some(names)
}

pub const BRAKE: &str = "a number of backends, a percentage such as 50%, all, or refuge";

pub fn brake(text: &str) -> Option<Brake> {
    match (text, text.strip_suffix('%')) {
        ("all", _) => Some(Brake::Off),
        ("refuge", _) => Some(Brake::Refuge),
        (_, Some(percent)) => percent
            .parse()
            .ok()
            .filter(|percent| *percent <= 100)
            .map(Brake::Percent),
        (text, None) => text.parse().ok().map(Brake::AtMost),
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

pub const PROXY_PROTOCOL: &str = "v1, v2 or no";

pub fn proxy_protocol(text: &str) -> Option<ProxyProtocol> {
    match text {
        "v1" => Some(ProxyProtocol::V1),
        "v2" => Some(ProxyProtocol::V2),
        "no" => Some(ProxyProtocol::No),
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

pub const FACILITY: &str = "a facility such as mail or local5";

pub fn facility(text: &str) -> Option<Facility> {
    Facility::named(text)
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

pub fn expected_service() -> String {
    format!(
        "PORT or PROTO:PORT, where PORT is 1 to 65535 and PROTO is {}",
        Protocol::names()
    )
}

pub fn service(security: Security, text: &str) -> Option<Service> {
    let (protocol, number) = match text.split_once(':') {
        Some((protocol, number)) => (Some(protocol), port(number)?),
        None => (None, port(text)?),
    };
    let protocol = match protocol {
        None => Protocol::implied_by(number),
        Some(name) => Protocol::named(name)?,
    };
    Some(Service::Port(Port {
        protocol,
        security,
        number,
    }))
}

pub const PORT: &str = "a port from 1 to 65535";

pub fn port(text: &str) -> Option<u16> {
    let number = u16::try_from(whole(text)?).ok()?;
    Some(number).filter(|number| *number > 0)
}

/// Digits alone: no sign, which `parse` would take.
fn whole(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
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

/// A file of this name is `./no`.
pub const PATH_OR_NO: &str = "a path, or no";

pub const USER_NAME: &str = "the name or number of a user or group";

/// Any that the system's lists can hold: without colon, slash, blank and control character.
pub fn user_name(text: &str) -> Option<String> {
    let is_part = |letter: char| {
        !letter.is_whitespace() && !letter.is_control() && !matches!(letter, ':' | '/' | ',')
    };
    let fits = !text.is_empty() && text.len() <= 256 && !text.starts_with('-');
    (fits && text.chars().all(is_part)).then(|| text.to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_names_parted_by_commas() {
        let names = |text| proxies(text).map(|names| names.join(" "));
        assert_eq!(
            names("imap,imaps, pop3_2").as_deref(),
            Some("imap imaps pop3_2")
        );
        for text in ["", "imap,", "imap imaps", "a/b", "a;b", "ä"] {
            assert_eq!(names(text), None, "{text}");
        }
    }

    #[test]
    fn users_have_names_that_the_systems_lists_can_hold() {
        let longest = "u".repeat(256);
        for name in ["poolmon", "0", "a.b_c-d", "m\u{fc}ller", &longest] {
            assert_eq!(user_name(name).as_deref(), Some(name));
        }
        let too_long = "u".repeat(257);
        for name in [
            "", "-u", "a b", "a\tb", "a\0b", "a:b", "a/b", "a,b", "a\n", &too_long,
        ] {
            assert_eq!(user_name(name), None, "{name:?}");
        }
    }

    #[test]
    fn the_proxy_protocol_has_two_versions() {
        assert_eq!(proxy_protocol("v1"), Some(ProxyProtocol::V1));
        assert_eq!(proxy_protocol("v2"), Some(ProxyProtocol::V2));
        assert_eq!(proxy_protocol("no"), Some(ProxyProtocol::No));
        assert_eq!(proxy_protocol("v3"), None);
    }

    #[test]
    fn a_delivered_message_is_read_by_imap_or_pop3() {
        assert_eq!(deep_probe("imap"), Some(Some(Protocol::Imap)));
        assert_eq!(deep_probe("POP3"), Some(Some(Protocol::Pop3)));
        assert_eq!(deep_probe("no"), Some(None));
        for text in ["lmtp", "sieve", "submission", "yes", ""] {
            assert_eq!(deep_probe(text), None, "{text}");
        }
    }

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
