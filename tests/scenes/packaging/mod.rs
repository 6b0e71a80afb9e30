//! What surrounds the program: what `make install` puts where, the init scripts and the unit, the
//! daemon's start, log rotation, what packages and the container add, and that man page and
//! completions tell what the program does.

mod architecture;
mod background;
mod container_entry;
mod debian_script;
mod diagnostics;
mod distribution;
mod documents;
mod habits;
mod incumbents;
mod install;
pub mod installation;
mod package_scripts;
mod pages;
mod privileges;
mod red_hat_script;
mod rotation;
mod sandbox;
mod unit;
mod upstart_job;
