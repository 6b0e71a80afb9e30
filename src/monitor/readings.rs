//! What a reading of the lists shows: who is listed, how, and who did that; whether the ring agrees; and what cannot
//! be read in it.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::moments::CLOCKS_DIFFER;
use super::status::brief;
use super::{Engine, Notice, Output, Told};
use crate::backend::{HostState, Listed};
use crate::config::settings::Mode;
use crate::few::counted;
use crate::monitor::policy::{self, By, Changes, News, Shown, Sync};
use crate::pool::{Malformed, Readiness, Reading};

/// From one line about clocks that differ to the next.
const CLOCKS_SAID_AGAIN: Duration = Duration::from_secs(3600);

/// A ring that is unsynced for longer than any hand-over takes.
const UNSYNCED_TOO_LONG: Duration = Duration::from_secs(60);

impl Engine {
    pub(super) fn take_in(&mut self, mut reading: Reading) {
        self.on_heard(reading.began);
        if self.notices.lower(&Notice::NoThread) {
            let noun = self.settings.access().noun();
            self.always(format!("the {noun}'s lists are read again"));
        }
        self.end_lack_of_threads();
        // Before the stamps are made that HAProxy lacks: those are of this machine's own clock.
        self.note_clocks(&reading.members);
        let state_file = &self.persistence;
        let remark = self.commands.ways.on_reading(
            self.lists.connections,
            &mut reading,
            self.now.second,
            |address| state_file.down_of(address),
        );
        if let Some(remark) = remark {
            self.always(remark.to_owned());
        }
        self.note_skipped(&reading.malformed);
        self.on_readiness(&reading.readiness);
        self.backends
            .on_turn_delay(policy::turn_delay(reading.movers_before));
        self.backends.on_forgotten_acts(reading.forgotten);
        self.lists.place = reading.place;
        let members = match self.settings.mode {
            Mode::Live => reading.members,
            Mode::DryRun => self.dry_run.show(reading.members),
        };
        let changes = self.backends.on_list(members, reading.began);
        self.on_changes(&changes);
        self.start_workers();
        self.remember();
        let outline = self.outline();
        self.put(Output::TellManager(Told::Outline(outline)));
    }

    fn run_hook(&mut self, address: IpAddr, to: HostState) {
        if let Some(hook) = self.settings.hook.clone() {
            self.counts.scripts += 1;
            self.put(Output::RunScript { hook, address, to });
        }
    }

    fn note_skipped(&mut self, malformed: &Malformed) {
        let access = self.settings.access();
        self.lists.unread = malformed.count;
        let causes = [
            (
                Notice::MalformedLines,
                "no line of the lists is malformed any more",
            ),
            (
                Notice::RepeatedLines,
                "no backend is listed more than once any more",
            ),
            (
                Notice::MalformedRing,
                "no line of the list of directors is malformed any more",
            ),
        ];
        for (line, (notice, over)) in access.skips(malformed).into_iter().zip(causes) {
            match line {
                Some(line) => self.raise(notice, line),
                None if self.notices.lower(&notice) => {
                    self.always(format!("{}: {over}", access.noun()))
                }
                None => {}
            }
        }
    }

    /// Each director stamps a change with its own machine's clock, so a stamp from the future shows that two clocks
    /// differ. The stamp passes and the clocks still differ: so this is said of one change an hour and has no end.
    fn note_clocks(&mut self, members: &[Listed]) {
        let latest = members.iter().max_by_key(|member| member.changed);
        let ahead = latest.map_or(0, |latest| {
            latest.changed.0.saturating_sub(self.now.second.0)
        });
        let now = self.now.instant;
        let is_due = |said: Instant| now >= said + CLOCKS_SAID_AGAIN;
        let latest = match latest {
            Some(latest) if ahead > CLOCKS_DIFFER => latest,
            _ => return,
        };
        if !self.lists.clocks_said.map_or(true, is_due) {
            return;
        }
        self.lists.clocks_said = Some(now);
        let noun = self.settings.access().noun();
        self.always(format!(
            "the {noun}'s list says that {} was changed at {}, which is in {} by this machine's clock: this clock, or \
             that of the machine where it was changed, is wrong; compare date on all of them, and have their clocks \
             set (NTP); until then the time at which this monitor first saw a change counts, and this monitor may \
             take another's change for its own",
            latest.address,
            self.moment(latest.changed),
            brief(Duration::from_secs(ahead))
        ));
    }

    fn on_readiness(&mut self, readiness: &Readiness) {
        let now = self.now.instant;
        let sync = match readiness {
            // What a pool does not tell holds nothing back.
            Readiness::Synced | Readiness::NotTold => Sync::Synced,
            Readiness::Unsynced | Readiness::Unknown(_) => Sync::Unsynced,
        };
        self.lists.tells_sync = *readiness != Readiness::NotTold;
        if self.lists.ring.map(|(before, _)| before) != Some(sync) {
            self.lists.ring = Some((sync, now));
            self.note_news();
        }
        self.backends.on_sync(sync);
        match readiness {
            Readiness::Unknown(text) => {
                let noun = self.settings.access().noun();
                let line = format!(
                    "{noun}: unknown ring status {text}: nothing is changed while it lasts, as in a ring \
                     that is not synced; please report it with the version of Dovecot"
                );
                self.raise(Notice::RingStatusUnknown, line);
            }
            _ => {
                self.notices.lower(&Notice::RingStatusUnknown);
            }
        }
        if sync == Sync::Synced {
            self.lists.unsynced_since = None;
            if self.notices.lower(&Notice::RingUnsynced) {
                self.always("the ring is synced again".to_owned());
            }
            return;
        }
        let since = *self.lists.unsynced_since.get_or_insert(now);
        if now - since >= UNSYNCED_TOO_LONG {
            let line = format!(
                "the ring has not been synced since {} ({} s): no backend is taken down or brought up until \
                 it is; which director is missing or hangs? see {}",
                self.moment_of(since),
                (now - since).as_secs(),
                self.settings.access().how_to_see_the_ring()
            );
            self.raise(Notice::RingUnsynced, line);
        }
    }

    fn on_changes(&mut self, changes: &Changes) {
        for address in &changes.left {
            self.on_left(*address);
        }
        for address in &changes.joined {
            self.always(format!("{address} is listed"));
            self.recall(*address);
            self.note_standing(*address, self.now.instant);
        }
        // Kept for all that is said of the changes: what is remembered of who joins may change it.
        self.backends.measure(self.now.instant);
        for Shown { address, to, by } in &changes.shown {
            let by = match self.is_late_down(*address, *to) {
                true => By::Us,
                false => *by,
            };
            self.records.on_change(*address, *to, by, self.now.instant);
        }
        for (address, to) in &changes.done_all_the_same {
            self.say_done_all_the_same(*address, *to);
        }
        for news in &changes.news {
            let News { address, to, .. } = *news;
            match self.is_late_down(address, to) {
                true => self.say_done_all_the_same(address, to),
                false => self.say_news(news),
            }
        }
        for shown in &changes.shown {
            self.said_answers.on_changed(shown.address);
        }
        for (address, _) in &changes.observed {
            self.say_confirmed(*address);
        }
        for shown in changes.shown.iter().filter(|shown| shown.by == By::Us) {
            self.said_answers.on_shown(shown.address);
        }
        for (address, to) in &changes.observed {
            // What was sent before a dry run began has been done.
            if self.settings.mode == Mode::Live || self.commands.was_sent(*address) {
                self.run_hook(*address, *to);
            }
        }
        let access = self.settings.access();
        let subject = access.words().subject;
        for address in &changes.users_left {
            let member = self.backends.member(*address);
            let users = member.map_or(0, |member| member.listed.users);
            self.error(format!(
                "{address}: {subject} said OK to several drains, but still lists {} on it, though it is down; this is \
                 tried again, with pauses of up to a minute between; by hand: {}",
                counted(users, "user"),
                access.how_to_move_users(*address)
            ));
        }
        for unobserved in &changes.unobserved {
            self.unobserved += 1;
            self.said_answers.on_unobserved(unobserved.address);
            let is_told = self.is_brought_up_again_and_again(unobserved.address);
            if unobserved.is_worth_a_line && !is_told {
                self.error(format!(
                    "{}: {subject} said OK to the last command, but the list shows another state ({} so far): \
                     somebody else may have changed it at the same time; this is decided anew, after longer and \
                     longer pauses of up to a minute",
                    unobserved.address,
                    counted(self.unobserved, "time")
                ));
            }
        }
    }
}
