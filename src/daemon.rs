//! What makes a program a daemon: the PID file, the fork, the signals, children in groups of their own,
//! orphans, no cores, another user, few arenas, and the files that whoever starts it has left open.
//!
//! Nothing here knows what the daemon does. The order at start is: open the log, take the lock,
//! fork, and only then start threads, `signals::watch` first; the PID is written after that.

pub mod arenas;
pub mod core_dump;
pub mod fork;
pub mod group;
pub mod inherited;
pub mod lock;
pub mod orphans;
pub mod patient_write;
pub mod privileges;
pub mod signals;

pub use fork::{daemonize, ForkError};
pub use group::lead;
pub use inherited::Inherited;
pub use lock::{LockError, LockFile};
pub use privileges::{Identity, PrivilegeError};
pub use signals::{forget_parents_choices, watch, Signal, SignalWatch};
