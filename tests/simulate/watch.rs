//! `src/director/watch.rs` in virtual time: which readings of the lists wake the coordinator, and what
//! of the others it finds when something else does.

use std::time::Instant;

use poolmon::backend::Listed;
use poolmon::director::wire::Ring;

pub type Lists = (Vec<Listed>, Ring);

/// What was read, asked for at that time; none where the director was silent.
pub type Reading = (Option<Lists>, Instant);

#[derive(Default)]
pub struct Watch {
    /// Only changes are news.
    pub changes_only: bool,
    /// The next reading has been asked for.
    asked: bool,
    /// The one under way has.
    answering: bool,
    last: Option<Lists>,
    /// The ring's answer that the last reading did not wait for.
    left: Option<Ring>,
    unchanged: Option<Reading>,
}

impl Watch {
    pub fn ask(&mut self) {
        self.asked = true;
    }

    pub fn on_begun(&mut self) {
        self.answering = std::mem::take(&mut self.asked);
    }

    /// What the coordinator is woken for: nothing, or all that it has not seen.
    pub fn on_lists(&mut self, lists: Option<Lists>, began: Instant) -> Vec<Reading> {
        let left = self.left.take();
        let quiet = self.changes_only && !self.answering;
        if let (true, Some(last), Some((hosts, ring))) = (quiet, &self.last, &lists) {
            let seen = left.as_ref().unwrap_or(&last.1);
            if *seen == last.1 && is_same(hosts, &last.0) {
                self.left = Some(ring.clone());
                self.unchanged = Some((Some((hosts.clone(), last.1.clone())), began));
                return Vec::new();
            }
        }
        // A new connection, after silence, has everything anew.
        self.changes_only &= lists.is_some();
        self.last = lists.clone();
        self.take().into_iter().chain([(lists, began)]).collect()
    }

    pub fn take(&mut self) -> Option<Reading> {
        self.unchanged.take()
    }
}

fn is_same(hosts: &[Listed], others: &[Listed]) -> bool {
    let mut pairs = hosts.iter().zip(others);
    hosts.len() == others.len() && pairs.all(|(host, other)| host.is_same_but_for_users(other))
}
