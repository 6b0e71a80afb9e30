//! When the published files (status, metrics, page) are to be written, and what is said where they
//! cannot be.
//!
//! Written is what is news soon, at most once a second, and all else every few seconds. What stands in
//! the files, and how they get there, is the report's and the runtime's.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Engine, Event, Level, Notice, Output};
use crate::config::settings::{Publication, Published};

/// Why a file cannot be written whose name something else has.
pub const NOT_A_FILE: &str = "something other than a file has this name";

/// Between two writings while there is news.
const PAUSE: Duration = Duration::from_secs(1);

/// With more than 1,000 backends it is longer: all of them are copied each time, by the main thread.
const PAUSE_FOR_A_BACKEND: Duration = Duration::from_millis(1);

/// What is no news, such as a check that passes as ever, is written this soon, or after an interval if that
/// is shorter.
const REFRESH: Duration = Duration::from_secs(5);

/// A writing of the files, and what became of it.
pub(super) struct Publishing {
    /// Something has been done or said since the last one.
    has_news: bool,
    /// When the last one was asked for.
    last: Option<Instant>,
    /// A reload has changed the names of the files: the former files have to be removed, even if the new settings
    /// name none.
    has_former_files: bool,
    /// Those that were written at least once, as they are named now.
    written: BTreeSet<Publication>,
}

impl Publishing {
    pub(super) fn new() -> Publishing {
        Publishing {
            has_news: false,
            last: None,
            has_former_files: false,
            written: BTreeSet::new(),
        }
    }
}

/// Whether somebody who looks wants to see at once what this output is about: something was done, or was
/// worth a line, or a check failed.
pub(super) fn is_news(output: &Output) -> bool {
    match output {
        Output::Say(Event::Line(Level::Debug, _)) => false,
        Output::Say(Event::Attempt { outcome, .. }) => outcome.result.is_err(),
        Output::Say(Event::Line(..) | Event::FailoverOff { .. })
        | Output::StartWorker { .. }
        | Output::StopWorker(_)
        | Output::Send { .. }
        | Output::RunScript { .. }
        | Output::UseSettings(_) => true,
        Output::InstructWorker { .. }
        | Output::ProbeNow(_)
        | Output::OpenLists { .. }
        | Output::ReadLists
        | Output::CloseLists
        | Output::WriteState { .. }
        | Output::ShowStatus(_)
        | Output::ShowHistory(_)
        | Output::TellManager(_)
        | Output::ReopenLog
        | Output::ReadSettings { .. }
        | Output::Publish { .. }
        | Output::End => false,
    }
}

impl Engine {
    /// Something has changed that anybody who looks wants to see at once.
    pub(super) fn note_news(&mut self) {
        self.publishing.has_news = true;
    }

    pub(super) fn publish_when_due(&mut self) {
        if self
            .publishing_due()
            .map_or(false, |due| due <= self.now.instant)
        {
            self.publish();
        }
    }

    /// The last words: that it has ended.
    pub(super) fn publish_end(&mut self) {
        self.has_ended = true;
        if self.wants_to_publish() {
            self.publish();
        }
    }

    /// When the files are to be written again, if any is wanted.
    pub(super) fn publishing_due(&self) -> Option<Instant> {
        if !self.wants_to_publish() || self.has_ended {
            return None;
        }
        let last = match self.publishing.last {
            Some(last) => last,
            None => return Some(self.now.instant),
        };
        let backends = u32::try_from(self.backends.members().len()).unwrap_or(u32::MAX);
        let pause = PAUSE.max(PAUSE_FOR_A_BACKEND.saturating_mul(backends));
        let refresh = REFRESH.min(self.settings.pace.interval).max(pause);
        Some(match self.publishing.has_news {
            true => last + pause,
            false => last + refresh,
        })
    }

    fn wants_to_publish(&self) -> bool {
        let is_any_wanted = self.settings.files.published.files().next().is_some();
        is_any_wanted || self.publishing.has_former_files
    }

    fn publish(&mut self) {
        self.publishing.has_news = false;
        self.publishing.has_former_files = false;
        self.publishing.last = Some(self.now.instant);
        self.backends.measure(self.now.instant);
        let snapshot = Box::new(self.snapshot());
        self.put(Output::Publish {
            snapshot,
            files: self.settings.files.published.clone(),
        });
    }

    /// The settings name these files from now on, in place of others.
    pub(super) fn on_files_to_publish(&mut self, files: &Published) {
        let before = &self.settings.files.published;
        if before == files {
            return;
        }
        let same: BTreeSet<Publication> = files
            .files()
            .filter(|file| before.files().any(|other| other == *file))
            .map(|(publication, _)| publication)
            .collect();
        let former: Vec<Publication> = before.files().map(|(publication, _)| publication).collect();
        for publication in former {
            if !same.contains(&publication) {
                self.publishing.written.remove(&publication);
                self.notices.lower(&Notice::Unpublished(publication));
            }
        }
        self.publishing.has_former_files = true;
        self.publishing.last = None;
    }

    /// What became of writing them. A file that could never be written is one line: the folder may be
    /// missing, or another user's, for as long as this process lives. It is tried again all the same.
    pub(super) fn on_published(
        &mut self,
        publication: Publication,
        path: &Path,
        result: &Result<(), String>,
    ) {
        let wanted = &self.settings.files.published;
        if !wanted.files().any(|file| file == (publication, path)) {
            // Not any more, since a reload.
            return;
        }
        let path = path.display().to_string();
        let cause = match result {
            Ok(()) => {
                let again = match self.publishing.written.insert(publication) {
                    true => "now",
                    false => "again",
                };
                if self.notices.lower(&Notice::Unpublished(publication)) {
                    self.always(format!("{publication} {path} is written {again}"));
                }
                return;
            }
            Err(cause) => cause,
        };
        let notice = Notice::Unpublished(publication);
        let option = publication.option();
        let is_other = cause == NOT_A_FILE;
        if self.publishing.written.contains(&publication) {
            let advice = match is_other {
                true => "remove it",
                false => "make room on its disk, or its folder writable",
            };
            let line = format!(
                "{publication} {path} cannot be written: {cause}; whoever reads the file sees old news; {advice}"
            );
            self.raise(notice, line);
        } else if !self.notices.is_raised(&notice) {
            let advice = match is_other {
                true => "remove it",
                false => "make its folder writable",
            };
            let line = format!(
                "{publication} {path} cannot be written: {cause}; {advice}, or name another file or none: \
                 {option}=PATH|no"
            );
            self.notices.raise(notice, &line, self.now.instant);
            self.say(Level::Error, line);
        }
    }
}
