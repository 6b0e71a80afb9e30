//! The monitor among things that break on command. The fake director notes every breach of the
//! rules in `poolmon::director`, whatever a scene is about.

mod admin_socket;
mod alarms;
mod backends;
mod blame;
mod director_life;
mod drains;
mod hook;
mod limits;
mod local;
mod logs;
mod old_directors;
mod others;
mod program;
mod replies;

use std::time::Duration;

use serde_json::Value;

use crate::lab::fake_pool::FakePool;
use crate::lab::patience::hold_for;

/// How long a scene looks whether something happens that must not: some rounds, some readings.
pub const A_WHILE: Duration = Duration::from_secs(4);

/// Whether a status file shows that the monitor has found no socket of a director's.
pub fn is_missed(shown: &Value) -> bool {
    let error = shown["director"]["error"].as_str();
    error.map_or(false, |error| error.contains("the socket is missing"))
}

/// A changing command that comes within the time fails the scene.
#[track_caller]
pub fn assert_no_more_changes(pool: &FakePool, time: Duration) {
    let before = pool.changes();
    hold_for("no changing command", time, || pool.changes() == before);
}
