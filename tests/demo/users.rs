//! The users on show: log in through director 1, keep their sessions, and log in again when kicked.
//!
//! Only real Dovecot has users; with the embedded pool there are none, and nothing is said of them.

use std::time::Duration;

use crate::lab::mail_client::{Session, SessionState};
use crate::lab::ring::Director;
use crate::pool::Pool;
use crate::telling::NotSeen;

/// For a session's answer, before it counts as hanging.
const ANSWER: Duration = Duration::from_millis(300);
const ON_EACH: usize = 2;

#[derive(Default)]
pub struct Users {
    sessions: Vec<Session>,
}

impl Users {
    /// Two on each backend.
    pub fn log_in(pool: &Pool) -> Users {
        let mut users = Users::default();
        if let Pool::Real(ring) = pool {
            // The lab writes one backend more than it runs.
            let running = ring.backends.iter().filter(|it| it.dovecot.is_running());
            for backend in running {
                let sessions = ring.directors[0].log_in_on(backend.address, ON_EACH);
                users.sessions.extend(sessions);
            }
        }
        users
    }

    /// How many have logged in.
    pub fn count(&self) -> usize {
        self.sessions.len()
    }

    /// Each session says NOOP; in words, who got what for an answer. None without users.
    pub fn try_all(&mut self) -> Option<String> {
        let (mut served, mut closed, mut hanging) = (Vec::new(), Vec::new(), Vec::new());
        for session in &mut self.sessions {
            let name = session.user.clone();
            match session.state(ANSWER) {
                SessionState::Alive => served.push(name),
                SessionState::Kicked => closed.push(name),
                SessionState::Hanging => hanging.push(name),
            }
        }
        let told: Vec<String> = [
            ("served", served),
            ("disconnected", closed),
            ("HANGING", hanging),
        ]
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!("{what}: {}", names.join(" ")))
        .collect();
        (!told.is_empty()).then(|| told.join(";  "))
    }

    /// Whoever lost the session logs in again. Fails if a session hangs, or nobody lost one.
    pub fn come_back(&mut self, pool: &Pool) -> Result<Option<String>, NotSeen> {
        let director = match pool {
            Pool::Real(ring) => &ring.directors[0],
            Pool::Embedded(_) => return Ok(None),
        };
        let mut back = Vec::new();
        for session in &mut self.sessions {
            match session.state(ANSWER) {
                SessionState::Alive => {}
                SessionState::Kicked => {
                    *session = log_in_again(director, &session.user)?;
                    back.push(session.user.clone());
                }
                SessionState::Hanging => {
                    return Err(NotSeen(format!(
                        "{} kicked: the session hangs",
                        session.user
                    )));
                }
            }
        }
        if back.is_empty() {
            return Err(NotSeen("a user of the failed backend".to_string()));
        }
        Ok(Some(format!("log in again: {}", back.join(" "))))
    }
}

fn log_in_again(director: &Director, user: &str) -> Result<Session, NotSeen> {
    let mut session = director
        .log_in(user)
        .map_err(|cause| NotSeen(format!("{user} logged in again: {cause}")))?;
    match session.state(ANSWER) {
        SessionState::Alive => Ok(session),
        _ => Err(NotSeen(format!("{user} served after the second login"))),
    }
}
