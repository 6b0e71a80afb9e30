//! What is known of one backend: as it was last listed, the evidence, our command and pending drain.
//!
//! It takes in what happened to it (`on_*`); the rules read it. Other backends are not its business.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::backends::{By, Shown, Unobserved};
use super::bar::Login;
use super::drain::{Left, Users};
use super::hold::Dispute;
use super::ownership::{OwnDown, Ownership, Settled};
use super::rank::Turn;
use super::settle::{is_worth_a_line, Command, Setback, Undone};
use super::{has_failed, Action, Changes, Drain, Evidence, News, PendingDrain, Sync};
use crate::backend::{HostState, Listed, Stamp};
use crate::config::settings::{DrainMode, Rules};
use crate::pool::{Drains, Forgotten};

/// Dovecot's default vhost count.
const DEFAULT_VHOSTS: u32 = 100;

/// For so long a synced director may list what it knew of a backend when it started, before it has
/// taken in what the ring tells it.
const MEMORY_RETURNS: Duration = Duration::from_secs(5);

/// One listed backend.
#[derive(Debug)]
pub struct Member {
    /// By the last list; in a dry run with what our commands would have changed.
    pub listed: Listed,
    /// The last vhost count above 0 that it was listed with, or that the state file remembers.
    vhosts_before: Option<u32>,
    /// What our own probes have found out.
    pub evidence: Evidence,
    /// A drain owed to its users.
    pub pending_drain: Option<PendingDrain>,
    /// When the list first showed its present state, unless that was our doing.
    pub(super) news: Instant,
    pub(super) command: Command,
    pub(super) setback: Option<Setback>,
    pub(super) undone: Option<Undone>,
    /// When our last down was sent.
    pub(super) down_sent: Option<Instant>,
    /// Our last command has not reached the director.
    unsent: bool,
    pub(super) ownership: Ownership,
    pub(super) dispute: Dispute,
    pub(super) turn: Option<Turn>,
    pub(super) users: Users,
    /// The state and stamp last listed that tell what was done.
    told: (HostState, Stamp),
    /// Since when a synced director has listed an older stamp than that: it has lost its memory.
    forgotten_since: Option<Instant>,
    /// The state that our last command is to bring about, until it is settled.
    expected: Option<Expectation>,
    /// While a down is under way.
    before_down: Option<Box<BeforeDown>>,
    /// While an up is under way or not settled: the stamp of the down, and how often it was disputed before.
    before_up: Option<(Stamp, u32)>,
    /// When a probe was asked for that has not come in yet.
    pub(super) asked: Option<Instant>,
    pub(super) login: Option<Login>,
    /// Nobody probes it.
    pub(super) left_alone: bool,
}

/// What commands change in what has to outlive the process.
struct Lasting {
    ownership: Ownership,
    pending_drain: Option<PendingDrain>,
    dispute: Dispute,
}

/// What holds again if a down that is under way is not done.
#[derive(Debug)]
struct BeforeDown {
    ownership: Ownership,
    pending_drain: Option<PendingDrain>,
}

#[derive(Debug)]
struct Expectation {
    state: HostState,
    answer: Option<Answer>,
}

/// What a command came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The director said `OK`.
    Done,
    /// The change was not made: the director said so, or no thread could be started to send it.
    NotDone,
    /// The change may have been made: the ring did not follow in time, it was made for some servers only, or the
    /// answer is missing or cannot be read.
    Doubtful,
    /// It has never seen the command: no connection to it could be opened.
    NotSent,
}

/// What holds for all backends of one list.
pub(super) struct Circumstances {
    /// When it was asked for.
    pub(super) began: Instant,
    pub(super) sync: Sync,
    pub(super) forgotten: Forgotten,
    pub(super) drains: Drains,
    /// `--hold`.
    pub(super) hold: Duration,
}

/// What of a backend has to outlive the process. Its form in the state file is this one, by serde: what of it
/// is as usual is left out there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The command that made the down ours, while it is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub down: Option<OwnDown>,
    /// Whether its users are still to be moved.
    #[serde(default, skip_serializing_if = "is_default")]
    pub drain: Drain,
    /// The stamp of the down after which its users were gone: who came later stays.
    #[serde(default, skip_serializing_if = "is_default")]
    pub drained: Option<Stamp>,
    /// How often it was brought up again after somebody else had taken it down, and passed here.
    #[serde(rename = "contests", default, skip_serializing_if = "is_default")]
    pub disputes: u32,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Member {
    pub(super) fn new(listed: Listed, began: Instant) -> Member {
        let dispute = Dispute::new(listed.state, listed.changed, began);
        Member {
            vhosts_before: above_zero(listed.vhosts),
            told: (listed.state, listed.changed),
            users: Users::default(),
            forgotten_since: None,
            listed,
            evidence: Evidence::default(),
            pending_drain: None,
            news: began,
            command: Command::Settled,
            setback: None,
            undone: None,
            down_sent: None,
            unsent: false,
            ownership: Ownership::default(),
            dispute,
            turn: None,
            expected: None,
            before_down: None,
            before_up: None,
            asked: None,
            login: None,
            left_alone: false,
        }
    }

    /// Whether no command of ours for it is under way or waits to be seen in a list.
    pub fn is_settled(&self) -> bool {
        self.command == Command::Settled
    }

    /// Whether this monitor made the down that is listed.
    pub fn is_ours(&self) -> bool {
        self.ownership.is_of(self.listed.state, self.listed.changed)
    }

    /// How long the backend is left down at least after the down that this monitor has just had carried out,
    /// because it goes down again and again.
    pub fn quiet_after_this_down(&self, now: Instant) -> Option<Duration> {
        match self.told.0 {
            // The list does not show that down yet. One that a director has forgotten is not made again.
            HostState::Up => self.dispute.unsteady_hold_after(1, now),
            HostState::Down => self.dispute.unsteady_hold_after(0, now),
        }
    }

    /// Until when it is left down at least because it goes down again and again; none while it is up.
    pub fn unsteady_until(&self, now: Instant) -> Option<Instant> {
        match self.listed.state {
            HostState::Up => None,
            HostState::Down => self.dispute.unsteady_until(now),
        }
    }

    /// Since when somebody else brings it up again and again, though it has failed here and is taken down each time.
    pub fn brought_up_since(&self, now: Instant) -> Option<Instant> {
        self.undone.as_ref()?.again_and_again_since(now)
    }

    /// Whether the director has said before that it had done this, and has not done it.
    pub fn is_without_effect(&self, action: Action, now: Instant) -> bool {
        let pending_drain = self.pending_drain.as_ref();
        let setback = self.setback.as_ref();
        match action {
            Action::Drain => pending_drain.map_or(false, PendingDrain::is_without_effect),
            Action::MarkDown | Action::MarkUp => {
                setback.map_or(false, |setback| setback.is_without_effect(now))
            }
        }
    }

    /// Whether users are left on it, and no drain is owed for them.
    pub(super) fn has_users_left(&self) -> bool {
        self.pending_drain.is_none() && self.users.left_since().is_some()
    }

    /// Whether the director has listed no users since it is down.
    pub fn is_drained(&self) -> bool {
        let drained = self.users.drained();
        self.listed.state == HostState::Down && drained == Some(self.listed.changed)
    }

    /// What has to outlive the process.
    pub fn memory(&self) -> Memory {
        Memory {
            down: self.ownership.down(),
            drain: Drain::of(self.pending_drain.as_ref()),
            drained: self.users.drained(),
            disputes: self.dispute.count(),
        }
    }

    /// Its vhost count in every weighing. A director before 2.2.19 lists a down backend with 0: there it
    /// is what the backend had before, or Dovecot's default where nobody here has seen it up.
    pub fn weight(&self) -> u64 {
        u64::from(match self.listed.is_down_by_vhost_count() {
            true => self.vhosts_before.unwrap_or(DEFAULT_VHOSTS),
            false => self.listed.vhosts,
        })
    }

    /// What brings it up again where it is down by its vhost count: known only to who took it down.
    pub fn vhosts_to_give_back(&self) -> Option<u32> {
        above_zero(self.ownership.down()?.vhosts)
    }

    /// Whether it would take users if it were brought up now.
    pub(super) fn would_take_users(&self) -> bool {
        match self.listed.is_down_by_vhost_count() {
            true => self.vhosts_to_give_back().is_some(),
            false => self.listed.vhosts > 0,
        }
    }

    /// Whether the director sends it users: one with vhost count 0 is up, and gets none but those it has.
    pub(super) fn serves(&self) -> bool {
        self.listed.state == HostState::Up && self.listed.vhosts > 0
    }

    /// Whether it will take users after what we have sent, too.
    pub(super) fn may_take_users(&self) -> bool {
        self.serves() && !self.is_going_down()
    }

    /// Whether it is down, or a down of ours may make it so.
    pub(super) fn is_down_or_going(&self) -> bool {
        self.listed.state == HostState::Down || self.is_going_down()
    }

    /// Whether a down of ours may still show in the list.
    pub(super) fn is_going_down(&self) -> bool {
        self.expects(HostState::Down)
    }

    /// Whether an up of ours may still show in the list.
    pub(super) fn is_coming_up(&self) -> bool {
        self.expects(HostState::Up)
    }

    fn expects(&self, state: HostState) -> bool {
        // What was not done does not show: such a state is somebody else's doing.
        let may_show = |answer| !matches!(answer, Some(Answer::NotDone | Answer::NotSent));
        let expected = self.expected.as_ref();
        expected.map_or(false, |expected| {
            expected.state == state && may_show(expected.answer)
        })
    }

    /// It has just been listed for the first time; `second` is the wall clock's.
    pub(super) fn on_remembered(
        &mut self,
        memory: Memory,
        second: Stamp,
        rules: &Rules,
        now: Instant,
    ) {
        self.ownership = Ownership::remembered(memory.down, &self.listed, now);
        let remembered = memory.down.and_then(|down| above_zero(down.vhosts));
        self.vhosts_before = self.vhosts_before.or(remembered);
        self.dispute.on_remembered(memory.disputes);
        if self.listed.state == HostState::Down {
            let stamp = self.listed.changed;
            self.dispute.on_found_down(stamp, second, now);
        }
        self.users = Users::remembered(memory.drained);
        if memory.drain == Drain::Owed && rules.drain != DrainMode::Leave {
            self.pending_drain
                .get_or_insert_with(|| PendingDrain::new(now));
        }
    }

    pub(super) fn on_rules(&mut self, rules: &Rules) {
        if rules.drain == DrainMode::Leave {
            self.pending_drain = None;
        }
    }

    /// A dry run has ended: the backend is as it is listed. What its probes have found out stays, but has to be
    /// confirmed by a newer one before it acts.
    pub(super) fn on_dry_run_ended(&mut self, listed: Listed, now: Instant) {
        let before = std::mem::replace(self, Member::new(listed, now));
        self.vhosts_before = self.vhosts_before.or(before.vhosts_before);
        self.evidence = before.evidence;
        self.asked = before.asked;
        self.login = before.login;
        self.left_alone = before.left_alone;
        if before.dispute.has_failed() {
            self.dispute.on_failed();
        }
        // A real command that was sent before the dry run began. Those of a dry run are answered at once.
        if matches!(before.command, Command::Sent(_)) {
            self.command = before.command;
            self.expected = before.expected;
        }
    }

    /// The director is not synced, or does not answer.
    pub(super) fn on_ring_lost(&mut self) {
        self.users.on_ring_lost();
    }

    pub(super) fn on_sent(&mut self, action: Action, second: Stamp, rules: &Rules, now: Instant) {
        self.command = Command::Sent(action);
        self.turn = None;
        self.expected = action.state().map(|state| Expectation {
            state,
            answer: None,
        });
        let Lasting {
            ownership,
            pending_drain,
            dispute,
        } = self.lasting_after(action, second, rules, now);
        if action == Action::MarkUp {
            self.before_up = Some((self.listed.changed, self.dispute.count()));
        }
        if action == Action::MarkDown {
            self.down_sent = Some(now);
            self.before_down = Some(Box::new(BeforeDown {
                ownership: self.ownership,
                pending_drain: self.pending_drain.take(),
            }));
        }
        self.ownership = ownership;
        self.pending_drain = pending_drain;
        self.dispute = dispute;
    }

    /// What a command for it would make of what has to outlive the process.
    fn lasting_after(&self, action: Action, second: Stamp, rules: &Rules, now: Instant) -> Lasting {
        let mut after = Lasting {
            ownership: self.ownership,
            pending_drain: self.pending_drain.clone(),
            dispute: self.dispute.clone(),
        };
        match action {
            Action::MarkDown => {
                let down = OwnDown {
                    stamp_before: self.listed.changed,
                    sent: second,
                    vhosts: self.listed.vhosts,
                    stamp: None,
                };
                after.ownership.claim(down, now);
                after.pending_drain =
                    (rules.drain != DrainMode::Leave).then(|| PendingDrain::new(now));
            }
            Action::MarkUp if !self.is_ours() => {
                let sound_since = self.evidence.sound_since();
                after
                    .dispute
                    .on_foreign_down_undone(sound_since, rules.hold, now);
            }
            Action::MarkUp => {}
            Action::Drain => {
                after
                    .pending_drain
                    .get_or_insert_with(|| PendingDrain::new(now));
            }
        }
        after
    }

    /// What has to outlive the process once this command is sent. It is written down before.
    pub(super) fn memory_once_sent(
        &self,
        action: Action,
        second: Stamp,
        rules: &Rules,
        now: Instant,
    ) -> Memory {
        let after = self.lasting_after(action, second, rules, now);
        Memory {
            down: after.ownership.down(),
            drain: Drain::of(after.pending_drain.as_ref()),
            disputes: after.dispute.count(),
            ..self.memory()
        }
    }

    pub(super) fn on_answer(&mut self, action: Action, answer: Answer, now: Instant) {
        self.command = Command::Answered { at: now };
        self.unsent = answer == Answer::NotSent;
        if let Some(expected) = &mut self.expected {
            expected.answer = Some(answer);
        }
        let before = self.before_down.take();
        match (action, answer) {
            (Action::Drain, Answer::Done) => {
                if let Some(pending_drain) = &mut self.pending_drain {
                    pending_drain.on_done(now);
                }
            }
            (Action::Drain, Answer::NotDone | Answer::Doubtful | Answer::NotSent) => {
                if let Some(pending_drain) = &mut self.pending_drain {
                    pending_drain.on_not_done(now);
                }
            }
            (Action::MarkUp, Answer::Done) => self.pending_drain = None,
            (Action::MarkDown, Answer::Done) => {}
            (
                Action::MarkDown | Action::MarkUp,
                Answer::NotDone | Answer::Doubtful | Answer::NotSent,
            ) => {
                self.setback = Some(Setback::after(self.setback.as_ref(), now));
                if let (Some(before), Answer::NotDone | Answer::NotSent) = (before, answer) {
                    self.ownership = before.ownership;
                    self.pending_drain = before.pending_drain;
                }
            }
        }
    }

    /// The director can be told something again: what did not reach it is due at once. What it
    /// refused keeps its pause, or a director that dies of a command would be sent it again at once.
    pub(super) fn on_director_back(&mut self) {
        if !std::mem::take(&mut self.unsent) {
            return;
        }
        self.setback = None;
        if let Some(pending_drain) = &mut self.pending_drain {
            pending_drain.on_director_back();
        }
    }

    pub(super) fn on_listed(
        &mut self,
        listed: Listed,
        circumstances: &Circumstances,
        changes: &mut Changes,
    ) {
        let Circumstances {
            began,
            sync,
            forgotten,
            drains,
            hold,
        } = *circumstances;
        let address = listed.address;
        let (from, to) = (self.listed.state, listed.state);
        let ours = self.expects(to);
        let changed = (from, self.listed.changed) != (to, listed.changed);
        let forgets = self.forgets(&listed, sync, began);
        // A director that has started knows less of when it was brought up, or knows it again.
        let is_memory_alone = from == to && (forgets || (to, listed.changed) == self.told);
        if changed && !is_memory_alone {
            let by = match (ours, forgets) {
                (true, _) => By::Us,
                (false, false) => By::Other,
                (false, true) => By::Unknown,
            };
            changes.shown.push(Shown { address, to, by });
        }
        // The pool has forgotten our down, and nobody else will tell it again. So the verdict that we have still
        // counts, and no further probe is waited for.
        let is_lost = forgets && forgotten == Forgotten::IsLost && self.is_ours();
        if changed && !ours {
            if !is_lost {
                self.news = began;
            }
            if !is_memory_alone {
                changes.news.push(News { address, from, to });
            }
        }
        let is_brought_up = (from, to) == (HostState::Down, HostState::Up) && !ours && !forgets;
        if is_brought_up && self.is_ours() && has_failed(self) {
            self.undone = Some(Undone::after(self.undone.as_ref(), began));
        }
        if !forgets {
            self.take_in_acts(&listed, hold, began);
        }
        if from != to {
            // What was not done is not asked for any more.
            self.setback = None;
        }
        self.vhosts_before = above_zero(listed.vhosts).or(self.vhosts_before);
        self.listed = listed;
        match self.command {
            Command::Answered { at } if began >= at => self.settle(to, changes, began),
            _ => {}
        }
        let settled = match self.command {
            Command::Settled => Settled::Yes,
            Command::Sent(_) | Command::Answered { .. } => Settled::No,
        };
        let may_be_hearsay = sync != Sync::Synced && self.ownership.lacks_stamps();
        if !may_be_hearsay || to == HostState::Down {
            self.ownership.on_listed(&self.listed, settled, began);
        }
        if let Some(before) = &mut self.before_down {
            before
                .ownership
                .on_listed(&self.listed, Settled::Yes, began);
        }
        if forgets {
            self.users.on_forgotten(sync);
        } else {
            self.users.on_list(&self.listed, sync, began);
            self.review_pending_drain(settled, drains, began, changes);
        }
    }

    /// Whether the list tells what a director that has just started knew, and not what was done: its
    /// stamp is older than the last one. If a synced director keeps to it, the whole ring has lost its
    /// memory, and the state counts from then on.
    fn forgets(&mut self, listed: &Listed, sync: Sync, began: Instant) -> bool {
        let (_, stamp) = self.told;
        if listed.changed >= stamp || self.expects(listed.state) || sync != Sync::Synced {
            self.forgotten_since = None;
            return listed.changed < stamp && !self.expects(listed.state);
        }
        let since = *self.forgotten_since.get_or_insert(began);
        began.saturating_duration_since(since) < MEMORY_RETURNS
    }

    /// Who has brought it up or taken it down since the last list, as far as that shows.
    fn take_in_acts(&mut self, listed: &Listed, hold: Duration, began: Instant) {
        let (from, stamp) = self.told;
        let to = listed.state;
        self.told = (to, listed.changed);
        // Down and stamped anew: it was up for less than the time between two lists.
        let was_up_unseen = (from, to) == (HostState::Down, HostState::Down)
            && listed.changed > stamp
            && !self.expects(to);
        let brought_up = (from, to) == (HostState::Down, HostState::Up) || was_up_unseen;
        let by_another = listed.changed >= stamp && !self.is_coming_up();
        if brought_up && by_another && !self.ownership.is_of(from, stamp) {
            let sound_since = self.evidence.sound_since();
            self.dispute
                .on_foreign_down_undone(sound_since, hold, began);
        }
        if was_up_unseen {
            self.dispute.on_up_unseen(began);
        } else {
            self.dispute.on_listed(from, to, began);
        }
    }

    fn settle(&mut self, state: HostState, changes: &mut Changes, began: Instant) {
        self.command = Command::Settled;
        if let Some((stamp, disputes)) = self.before_up.take() {
            // Nothing has come of the up, so it ended no hold.
            if (state, stamp) == (HostState::Down, self.listed.changed) {
                self.dispute.on_remembered(disputes);
            }
        }
        if let Some(expected) = self.expected.take() {
            if expected.state == state {
                self.setback = None;
                let made = (self.listed.address, state);
                match expected.answer {
                    Some(Answer::Done) => changes.observed.push(made),
                    Some(Answer::Doubtful) => changes.done_all_the_same.push(made),
                    Some(Answer::NotDone | Answer::NotSent) | None => {}
                }
            } else if expected.answer == Some(Answer::Done) {
                let mut setback = Setback::after(self.setback.as_ref(), began);
                setback.without_effect = setback.without_effect.saturating_add(1);
                changes.unobserved.push(Unobserved {
                    address: self.listed.address,
                    is_worth_a_line: is_worth_a_line(setback.without_effect, 1),
                });
                self.setback = Some(setback);
            }
        }
    }

    fn review_pending_drain(
        &mut self,
        settled: Settled,
        drains: Drains,
        began: Instant,
        changes: &mut Changes,
    ) {
        let is_settled = settled == Settled::Yes;
        let is_left_to_others = drains == Drains::AfterOurDowns && !self.is_ours() && is_settled;
        let pending_drain = match &mut self.pending_drain {
            Some(pending_drain) => pending_drain,
            None => return,
        };
        let is_over = match self.listed.state {
            HostState::Down => {
                let left = pending_drain.on_list(began, self.listed.users);
                if left == Left::AgainAndAgain {
                    changes.users_left.push(self.listed.address);
                }
                left == Left::Nobody || is_left_to_others
            }
            HostState::Up => is_settled && pending_drain.ends_when_up(began),
        };
        if is_over {
            self.pending_drain = None;
        }
    }
}

fn above_zero(vhosts: u32) -> Option<u32> {
    (vhosts > 0).then_some(vhosts)
}
