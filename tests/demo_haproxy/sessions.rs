//! Users who have logged in through HAProxy and stay, and log in again when they are cut off.

use std::net::SocketAddr;
use std::time::Duration;

use crate::lab::mail_client::{Session, SessionState};
use crate::telling::NotSeen;

/// For a session's answer, before it counts as hanging.
const ANSWER: Duration = Duration::from_millis(300);
/// Two on each server: HAProxy takes its servers in turn.
const USERS: usize = 6;

pub struct Sessions {
    door: SocketAddr,
    user: (&'static str, &'static str),
    open: Vec<Session>,
}

/// What became of the sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub served: usize,
    pub ended: usize,
    pub hanging: usize,
}

impl State {
    pub fn in_words(self) -> String {
        let parts = [
            (self.served, "served"),
            (self.ended, "ended"),
            (self.hanging, "HANGING"),
        ];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        format!("open sessions: {}", parts.join(", "))
    }
}

impl Sessions {
    pub fn open(door: SocketAddr, user: (&'static str, &'static str)) -> Result<Sessions, NotSeen> {
        let log_in = |_| log_in(door, user);
        let open = (0..USERS).map(log_in).collect::<Result<_, _>>()?;
        Ok(Sessions { door, user, open })
    }

    pub fn count(&self) -> usize {
        self.open.len()
    }

    /// Each session says NOOP.
    pub fn state(&mut self) -> State {
        let mut state = State::default();
        for session in &mut self.open {
            match session.state(ANSWER) {
                SessionState::Alive => state.served += 1,
                SessionState::Kicked => state.ended += 1,
                SessionState::Hanging => state.hanging += 1,
            }
        }
        state
    }

    /// Whoever's session has ended logs in again, and has to be served.
    pub fn come_back(&mut self) -> Result<(), NotSeen> {
        for session in &mut self.open {
            if session.state(ANSWER) == SessionState::Kicked {
                *session = log_in(self.door, self.user)?;
                if session.state(ANSWER) != SessionState::Alive {
                    return Err(NotSeen("a user served after the second login".to_string()));
                }
            }
        }
        Ok(())
    }
}

fn log_in(door: SocketAddr, user: (&str, &str)) -> Result<Session, NotSeen> {
    let (name, password) = user;
    let session = Session::log_in(door, name, password);
    session.map_err(|cause| NotSeen(format!("{name} logged in: {cause}")))
}
