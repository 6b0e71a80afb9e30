//! The scenes. `lab_itself` proves the lab, the others the monitor: `faults` against a fake director
//! and fake backends, `ring` and `ring_faults` against real Dovecot, `bar` against both.

mod bar;
mod check;
mod configuration;
mod disagreement;
mod faults;
mod lab_itself;
mod mailbox;
mod maintenance;
mod packaging;
mod page;
mod plugin;
mod protocols;
mod replay;
mod ring;
mod ring_faults;
mod status;
mod status_file;
