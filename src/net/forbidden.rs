//! Whether it is this machine that forbids a connection: by a route that prohibits, or by a security policy.
//!
//! With IPv6, Linux has the one error EACCES for that and for "administratively prohibited" of ICMPv6 (RFC 4443 3.1),
//! which a firewall on the way sends. A route and a policy refuse at once, without a packet. A firewall of this machine
//! that rejects its own packets answers later, and looks like one on the way, as with IPv4.

use std::net::{IpAddr, SocketAddr};

use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};

const EINPROGRESS: i32 = Errno::EINPROGRESS as i32;

/// Begins a connection and gives it up again. Where it cannot even be begun, for whatever reason, this machine is
/// in the way.
pub fn is_forbidden_here(address: IpAddr, port: u16) -> bool {
    let address = SocketAddr::new(address, port);
    let domain = Domain::for_address(address);
    let begun = Socket::new(domain, Type::STREAM, Some(Protocol::TCP)).and_then(|socket| {
        socket.set_nonblocking(true)?;
        socket.connect(&address.into())
    });
    match begun {
        Ok(()) => false,
        Err(error) => error.raw_os_error() != Some(EINPROGRESS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TCP to the broadcast address ends before a packet is sent; whether anybody listens here is known later.
    #[test]
    fn what_cannot_be_begun_is_forbidden_here_and_what_may_be_refused_later_is_not() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(is_forbidden_here(address("255.255.255.255"), 9));
        assert!(!is_forbidden_here(address("127.0.0.1"), 9));
    }
}
