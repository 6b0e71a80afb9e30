//! The thin rooms that touch the network: `stream` one deadline over a connection, `tls` native-tls
//! on top of it, `names` the DNS name of an address, `family` whether this machine has IPv6, `forbidden`
//! whether it forbids a connection, `proxy` the header of the PROXY protocol. No dialogue (`probe/protocols`), no
//! judgement (`policy`).

pub mod family;
pub mod forbidden;
pub mod names;
pub mod proxy;
pub mod stream;
pub mod tls;

#[cfg(test)]
pub(crate) mod stage;
