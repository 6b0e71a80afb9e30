//! The director as a pool, by its admin socket: `wire` is what is said there, `acts` is which command carries
//! out an act, `reading` is what its lists say in the words of all pools, `client` is how it is said in time,
//! `error` is what can go wrong, `by_hand` what an operator types, `socket_file` tells whether the path still leads to the same socket.
//!
//! Nothing here decides anything. What has been learnt of a director is in `acts::Ways`, which the engine
//! keeps.
//!
//! What a director does, in Dovecot 2.2.18 to 2.3.21 (`src/director/doveadm-connection.c`, and watched
//! on 2.3.19), and what follows from it:
//!
//! - Two changing commands on one connection can abort it: after `Ring sync timed out`, the second
//!   trips the assertion `conn->ring_sync_callback == NULL`. The new process lists every backend as up.
//!   So each changing command has a connection of its own.
//! - A line that comes before the reply to the last command can be swallowed. So nothing is pipelined.
//! - An unknown command, or a bad argument, closes the connection without a reply.
//! - `HOST-UP`, `HOST-DOWN` and `HOST-FLUSH` wait for a synced ring before and after, 30 s each time.
//!   `Ring sync timed out` may or may not have changed the state; only the list tells.
//! - `HOST-DOWN` for a backend that is down says `OK` and proves nothing. It does not move users.
//! - `HOST-FLUSH` only forgets where users are; their open sessions go on. `HOST-RESET-USERS` kicks and
//!   moves them, so many at a time every 2 s; the default of 100 means 50 users a second. In an unsynced
//!   ring it says `OK` and its list shows no users, and then "move timed out".
//! - `HOST-FLUSH` and `HOST-RESET-USERS` without an address act on every backend.
//! - A director that has just started lists every backend as up until it has heard the ring.
//! - Stamps are whole seconds of each director's own clock, and only ever raised.

pub mod acts;
pub mod by_hand;
pub(crate) mod client;
pub mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
pub mod reading;
mod socket_file;
pub mod wire;
