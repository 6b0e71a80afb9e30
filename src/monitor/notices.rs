//! Notices: a lasting state of affairs that shows itself only in single events, said once, again each hour while it
//! lasts, and when it is over.
//!
//! What is computed anew from the whole state each time is an alarm (`standing_alarms`). Pure: what is said is the
//! engine's.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::config::settings::Publication;

/// After how long what lasts is said again.
pub(super) const AGAIN_AFTER: Duration = Duration::from_secs(3600);

/// What is worth an error line while it lasts, once and then each hour, and shows itself in single
/// events. What follows from the state is an alarm (`Topic`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// Nothing can be told to the director: failover is off.
    DirectorSilent,
    /// The ring has not been synced for long: nothing can be told to the director.
    RingUnsynced,
    /// The ring's status is a word that we do not know.
    RingStatusUnknown,
    /// Lines of the lists cannot be read and are skipped: their backends are neither checked nor changed.
    MalformedLines,
    /// Lines of the lists are of backends that are listed before: only the line before counts.
    RepeatedLines,
    /// Lines about other directors cannot be read and are skipped.
    MalformedRing,
    /// What has to outlive a restart is in memory alone.
    StateFileUnwritable,
    /// Its disk keeps everybody waiting.
    StateFileSlow,
    /// No thread can be started to read the lists.
    NoThread,
    /// No thread can be started to send a command.
    NoThreadToSend,
    /// Not all backends can be probed at once.
    FewDescriptors,
    /// A reload waits for a file that cannot be read yet.
    SettingsUnread,
    /// A published file (status, metrics, page) cannot be written.
    Unpublished(Publication),
}

impl Notice {
    /// In snake case, for machines.
    pub fn word(&self) -> &'static str {
        match self {
            Notice::DirectorSilent => "director_silent",
            Notice::RingUnsynced => "ring_unsynced",
            Notice::RingStatusUnknown => "ring_status_unknown",
            Notice::MalformedLines => "malformed_lines",
            Notice::RepeatedLines => "repeated_lines",
            Notice::MalformedRing => "malformed_ring",
            Notice::StateFileUnwritable => "state_file_unwritable",
            Notice::StateFileSlow => "state_file_slow",
            Notice::NoThread => "no_thread",
            Notice::NoThreadToSend => "no_thread_to_send",
            Notice::FewDescriptors => "few_descriptors",
            Notice::SettingsUnread => "settings_unread",
            Notice::Unpublished(Publication::Status) => "status_file_unwritable",
            Notice::Unpublished(Publication::Metrics) => "metrics_file_unwritable",
            Notice::Unpublished(Publication::Page) => "page_unwritable",
        }
    }
}

/// What has been said, and is not over.
#[derive(Debug, Default)]
pub(super) struct Notices {
    said: BTreeMap<Notice, Raised>,
}

#[derive(Debug)]
struct Raised {
    since: Instant,
    said: Instant,
    /// The latest, said or not.
    line: String,
}

impl Notices {
    /// It is so now, in these words; whether to say it.
    pub fn raise(&mut self, notice: Notice, line: &str, now: Instant) -> bool {
        match self.said.get_mut(&notice) {
            Some(raised) => {
                if raised.line != line {
                    raised.line = line.to_owned();
                }
                let is_due = now >= raised.said + AGAIN_AFTER;
                if is_due {
                    raised.said = now;
                }
                is_due
            }
            None => {
                let raised = Raised {
                    since: now,
                    said: now,
                    line: line.to_owned(),
                };
                self.said.insert(notice, raised);
                true
            }
        }
    }

    /// It is so no longer; whether it was.
    pub fn lower(&mut self, notice: &Notice) -> bool {
        self.said.remove(notice).is_some()
    }

    pub fn is_raised(&self, notice: &Notice) -> bool {
        self.said.contains_key(notice)
    }

    /// All that is raised, in order.
    pub fn raised(&self) -> impl Iterator<Item = &Notice> {
        self.said.keys()
    }

    /// The same, with since when it is so, and its words.
    pub fn lines(&self) -> impl Iterator<Item = (&Notice, Instant, &str)> {
        let said = self.said.iter();
        said.map(|(notice, raised)| (notice, raised.since, raised.line.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_said_once_and_each_hour() {
        let start = Instant::now();
        let mut notices = Notices::default();
        let said: Vec<u64> = (0..7300)
            .filter(|second| {
                let line = format!("for {second} s");
                notices.raise(
                    Notice::DirectorSilent,
                    &line,
                    start + Duration::from_secs(*second),
                )
            })
            .collect();
        assert_eq!(said, [0, 3600, 7200]);
        let lines: Vec<_> = notices.lines().collect();
        assert_eq!(lines, [(&Notice::DirectorSilent, start, "for 7299 s")]);
    }

    #[test]
    fn what_was_over_is_said_anew() {
        let now = Instant::now();
        let mut notices = Notices::default();
        assert!(notices.raise(Notice::DirectorSilent, "", now));
        assert!(notices.lower(&Notice::DirectorSilent));
        assert!(!notices.lower(&Notice::DirectorSilent));
        assert!(notices.raise(Notice::DirectorSilent, "", now));
    }
}
