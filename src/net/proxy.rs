//! The header of the PROXY protocol: what a connection's first bytes are where the backend's port expects a
//! proxy in front of it (Dovecot's `haproxy = yes`). Pure.
//!
//! It says that the connection is what it is: from this machine's address to the backend's. Version 2 has
//! another command for checks, LOCAL, which tells no addresses. It is not used: version 1 has nothing like it,
//! and with PROXY a check takes the way of the clients' connections, through the server's reading of addresses
//! and whatever it decides by them.

use std::net::{IpAddr, SocketAddr};

use crate::config::settings::ProxyProtocol;

/// The twelve bytes that each header of version 2 begins with.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2, command PROXY.
const VERSION_AND_COMMAND: u8 = 0x21;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;

/// Empty where there is none. Both addresses are of one family: they are the ends of one connection.
pub(super) fn header(version: ProxyProtocol, source: SocketAddr, target: SocketAddr) -> Vec<u8> {
    match version {
        ProxyProtocol::No => Vec::new(),
        ProxyProtocol::V1 => text(source, target).into_bytes(),
        ProxyProtocol::V2 => binary(source, target),
    }
}

fn text(source: SocketAddr, target: SocketAddr) -> String {
    let family = match source {
        SocketAddr::V4(_) => "TCP4",
        SocketAddr::V6(_) => "TCP6",
    };
    format!(
        "PROXY {family} {} {} {} {}\r\n",
        source.ip(),
        target.ip(),
        source.port(),
        target.port()
    )
}

fn binary(source: SocketAddr, target: SocketAddr) -> Vec<u8> {
    let mut addresses = Vec::with_capacity(36);
    for address in [source.ip(), target.ip()] {
        match address {
            IpAddr::V4(address) => addresses.extend_from_slice(&address.octets()),
            IpAddr::V6(address) => addresses.extend_from_slice(&address.octets()),
        }
    }
    addresses.extend_from_slice(&source.port().to_be_bytes());
    addresses.extend_from_slice(&target.port().to_be_bytes());
    let family = match source {
        SocketAddr::V4(_) => TCP_OVER_IPV4,
        SocketAddr::V6(_) => TCP_OVER_IPV6,
    };
    // 12 or 36.
    let length = [0, addresses.len() as u8];
    [
        SIGNATURE,
        &[VERSION_AND_COMMAND, family],
        &length,
        &addresses,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(version: ProxyProtocol, source: &str, target: &str, expected: &[u8]) {
        let (source, target) = (source.parse().unwrap(), target.parse().unwrap());
        assert_eq!(header(version, source, target), expected);
    }

    #[test]
    fn a_header_has_the_bytes_that_the_specification_gives() {
        let (source, target) = ("192.0.2.1:56324", "198.51.100.7:443");
        check(ProxyProtocol::No, source, target, b"");
        let text = b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n";
        check(ProxyProtocol::V1, source, target, text);
        let binary = b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a\x21\x11\x00\x0c\
                       \xc0\x00\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb";
        check(ProxyProtocol::V2, source, target, binary);

        let (source, target) = ("[2001:db8::1]:1", "[::1]:65535");
        let text = b"PROXY TCP6 2001:db8::1 ::1 1 65535\r\n";
        check(ProxyProtocol::V1, source, target, text);
        let binary = b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a\x21\x21\x00\x24\
                       \x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\
                       \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\
                       \x00\x01\xff\xff";
        check(ProxyProtocol::V2, source, target, binary);
    }
}
