//! The lab: what the integration tests and the demo build their little mail worlds from.
//!
//! Two kinds of world. `fake_pool` is a director and backends played by threads of the test: they
//! fail on command and note what they were told. `ring` is real Dovecot: directors in a ring and
//! backends behind them. `monitor` runs the binary under test against either.
//!
//! The lab must not use the library it tests, ends all it starts, and keeps to loopback addresses
//! and folders of its own.

// Several crates include the lab by path, and each uses another part of it.
#![allow(dead_code)]

pub mod acceptor;
pub mod admin_socket;
pub mod authority;
pub mod browser;
pub mod command;
pub mod diagnostics;
pub mod dovecot;
pub mod fake_backend;
pub mod fake_director;
pub mod fake_pool;
pub mod haproxy;
pub mod logins;
pub mod mail_client;
pub mod monitor;
pub mod own_network;
pub mod passwords;
pub mod patience;
pub mod place;
pub mod preload;
pub mod ring;
pub mod slowness;
pub mod tampering;
pub mod tls_port;
pub mod together;
pub mod warden;
