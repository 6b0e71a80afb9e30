//! HAProxy as a pool, by its stats socket: `wire` is what is said there, `reading` is what its lists say in the
//! words of all pools, `acts` is which commands carry out an act and whose doing a change is, `client` is how it
//! is said in time, `error` is what can go wrong, `ports` is what to check where nobody says.
//!
//! Nothing here decides anything. What is known of a HAProxy is in `acts::Ways`, which the engine keeps.
//!
//! In texts about HAProxy a *proxy* is a section `listen` or `backend` of its configuration, and a *server* is
//! a line `server` there. One mail server is usually several servers: one in each proxy.
//!
//! What HAProxy does (watched on 2.6.12), and what follows from it:
//!
//! - A connection is for one line, which may hold several commands. The answers come in their order, each ended
//!   by an empty line; a command that is done answers with the empty line alone. After an error the
//!   others are carried out all the same.
//! - `set server B/S state maint` works with and without `check`. It ends new sessions and leaves those that
//!   are there; `shutdown sessions server B/S` ends these. `health down` would be undone by the next
//!   good check of HAProxy's own.
//! - A reload or restart forgets all of it, unless `server-state-file` is set up.
//! - `srv_time_since_last_change` counts from the last start or stop of sending sessions. A server that HAProxy's
//!   own check has down keeps it when it is set to `maint`: so that time alone does not tell whose doing
//!   a `maint` is.
//! - The same `maint` is an operator's and ours. `disabled` in the configuration is a bit of its own.
//! - Sockets of the levels `operator` and `user` show the same lists, and answer `Permission denied` to changes.

pub mod acts;
pub(crate) mod client;
pub mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
pub(crate) mod ports;
pub mod reading;
pub mod wire;
