//! The scenes. `lab_itself` proves the lab, the others the monitor: `faults` against a fake director
//! and fake backends, `ring` and `ring_faults` against real Dovecot, `bar` against both,
//! `haproxy` against a real HAProxy with fake backends.

mod bar;
mod check;
mod configuration;
mod disagreement;
mod faults;
mod haproxy;
mod lab_itself;
mod looking;
mod mailbox;
mod maintenance;
mod packaging;
mod page;
mod passwords;
mod plugin;
mod protocols;
mod replay;
mod ring;
mod ring_faults;
mod status;
mod status_file;
