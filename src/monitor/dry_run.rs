//! The dry run: what the director would list, had the changes been sent.
//!
//! It stands between the list that was read and all that decides on it, so that what a dry run would
//! have done counts as done for every later decision. Pure; it sends nothing and reads nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::backend::{HostState, Listed, Stamp};
use crate::pool::Effect;

/// The backends that would be listed otherwise than they are.
#[derive(Debug, Default)]
pub(crate) struct DryRun {
    /// As the director last listed them.
    read: Vec<Listed>,
    made: BTreeMap<IpAddr, Made>,
}

/// What our changes would have made of a backend.
#[derive(Clone, Debug)]
struct Made {
    /// What the director listed meanwhile: another's act shows in it.
    read: Listed,
    state: HostState,
    changed: Stamp,
    /// Set where the vhost count is the state.
    vhosts: Option<u32>,
    users: Users,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Users {
    AsListed,
    /// They would have been moved, and nobody is sent to a backend that is down.
    Moved,
}

impl DryRun {
    /// From now on changes are not sent. This is what the director last listed.
    pub(super) fn begin(&mut self, read: Vec<Listed>) {
        self.read = read;
    }

    /// A command that is not sent, in this second of the wall clock, would have this effect.
    pub(crate) fn on_effect(&mut self, address: IpAddr, effect: Effect, second: Stamp) {
        let mut last_first = self.read.iter().rev();
        let read = match last_first.find(|read| read.address == address) {
            Some(read) => read,
            None => return,
        };
        let made = self.made.entry(address).or_insert_with(|| Made {
            read: read.clone(),
            state: read.state,
            changed: read.changed,
            vhosts: None,
            users: Users::AsListed,
        });
        match effect {
            Effect::State(state) => made.on_state(state, second),
            Effect::Weight(vhosts) => {
                made.vhosts = Some(vhosts);
                let state = match vhosts {
                    0 => HostState::Down,
                    _ => HostState::Up,
                };
                made.on_state(state, made.changed);
            }
            Effect::UsersMoved | Effect::UsersForgotten => made.users = Users::Moved,
        }
    }

    /// What the director would list instead of this.
    pub(crate) fn show(&mut self, mut list: Vec<Listed>) -> Vec<Listed> {
        self.read.clone_from(&list);
        self.take_in();
        for listed in &mut list {
            if let Some(made) = self.made.get(&listed.address) {
                made.show(listed);
            }
        }
        list
    }

    /// Forgets the changes that the list just read does not bear out.
    fn take_in(&mut self) {
        let read = self.read.iter().map(|listed| (listed.address, listed));
        let read: BTreeMap<IpAddr, &Listed> = read.collect();
        self.made.retain(|address, made| match read.get(address) {
            Some(listed) => made.on_read(listed),
            None => false,
        });
    }

    /// The changes are sent from now on, or this director is not the one that is asked. Returns what it last listed.
    pub(super) fn end(&mut self) -> Vec<Listed> {
        std::mem::take(self).read
    }
}

impl Made {
    fn on_state(&mut self, state: HostState, changed: Stamp) {
        if self.state != state {
            self.state = state;
            self.changed = changed.max(self.changed);
            self.users = Users::AsListed;
        }
    }

    /// Whether it still counts: not after somebody has set the backend to another state since.
    fn on_read(&mut self, listed: &Listed) -> bool {
        let before = (self.read.state, self.read.changed);
        let other_count = self.vhosts.is_some() && listed.vhosts != self.read.vhosts;
        let by_another = (listed.state, listed.changed) != before || other_count;
        self.read = listed.clone();
        !by_another || listed.state == self.state
    }

    fn show(&self, listed: &mut Listed) {
        listed.state = self.state;
        listed.changed = self.changed;
        if let Some(vhosts) = self.vhosts {
            listed.vhosts = vhosts;
        }
        if self.users == Users::Moved && self.state == HostState::Down {
            listed.users = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Tag;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn listed(state: HostState, changed: u64, users: u64) -> Listed {
        Listed {
            address: ADDRESS,
            vhosts: 100,
            users,
            tag: Tag::default(),
            state,
            changed: Stamp(changed),
        }
    }

    fn check(dry_run: &mut DryRun, read: Listed, expected: &Listed) {
        assert_eq!(dry_run.show(vec![read]), std::slice::from_ref(expected));
    }

    use HostState::{Down, Up};

    #[test]
    fn what_would_have_been_done_is_listed() {
        let mut dry_run = DryRun::default();
        let read = listed(Up, 5, 7);
        check(&mut dry_run, read.clone(), &read);
        dry_run.on_effect(ADDRESS, Effect::State(Down), Stamp(20));
        check(&mut dry_run, read.clone(), &listed(Down, 20, 7));
        dry_run.on_effect(ADDRESS, Effect::UsersMoved, Stamp(21));
        check(&mut dry_run, read.clone(), &listed(Down, 20, 0));
        dry_run.on_effect(ADDRESS, Effect::State(Up), Stamp(30));
        check(&mut dry_run, read.clone(), &listed(Up, 30, 7));
        dry_run.on_effect(ADDRESS, Effect::State(Down), Stamp(40));
        check(&mut dry_run, read, &listed(Down, 40, 7));
    }

    #[test]
    fn a_command_for_a_state_that_is_there_changes_nothing() {
        let mut dry_run = DryRun::default();
        let read = listed(Down, 5, 7);
        check(&mut dry_run, read.clone(), &read);
        dry_run.on_effect(ADDRESS, Effect::State(Down), Stamp(20));
        check(&mut dry_run, read.clone(), &read);
    }

    #[test]
    fn what_somebody_does_later_counts() {
        let mut dry_run = DryRun::default();
        check(&mut dry_run, listed(Up, 5, 7), &listed(Up, 5, 7));
        dry_run.on_effect(ADDRESS, Effect::State(Down), Stamp(20));
        // A real monitor takes it down, too: that changes nothing.
        check(&mut dry_run, listed(Down, 21, 7), &listed(Down, 20, 7));
        check(&mut dry_run, listed(Up, 30, 7), &listed(Up, 30, 7));
        // Gone and back.
        dry_run.on_effect(ADDRESS, Effect::State(Down), Stamp(40));
        assert!(dry_run.show(Vec::new()).is_empty());
        check(&mut dry_run, listed(Up, 30, 7), &listed(Up, 30, 7));
    }

    #[test]
    fn where_the_vhost_count_is_the_state_that_is_what_changes() {
        let mut dry_run = DryRun::default();
        let read = listed(Up, 0, 7);
        check(&mut dry_run, read.clone(), &read);
        dry_run.on_effect(ADDRESS, Effect::Weight(0), Stamp(20));
        let down = Listed {
            vhosts: 0,
            ..listed(Down, 0, 7)
        };
        check(&mut dry_run, read.clone(), &down);
        dry_run.on_effect(ADDRESS, Effect::Weight(100), Stamp(30));
        check(&mut dry_run, read.clone(), &read);
        // An administrator's new count.
        dry_run.on_effect(ADDRESS, Effect::Weight(0), Stamp(40));
        let other = Listed { vhosts: 50, ..read };
        check(&mut dry_run, other.clone(), &other);
    }

    #[test]
    fn only_the_backend_that_a_command_is_for_is_listed_otherwise() {
        let mut dry_run = DryRun::default();
        let others = [2, 3].map(|number| Listed {
            address: [192, 0, 2, number].into(),
            ..listed(Up, 6, 8)
        });
        let list = |first: Listed| [&[first][..], &others].concat();
        let read = list(listed(Up, 5, 7));
        assert_eq!(dry_run.show(read.clone()), read);
        dry_run.on_effect(ADDRESS, Effect::State(Down), Stamp(20));
        assert_eq!(dry_run.show(read), list(listed(Down, 20, 7)));
    }

    /// As a director's never do, where its clock was ahead.
    #[test]
    fn stamps_do_not_sink() {
        let mut dry_run = DryRun::default();
        let read = listed(Up, 50, 7);
        check(&mut dry_run, read.clone(), &read);
        dry_run.on_effect(ADDRESS, Effect::State(Down), Stamp(20));
        check(&mut dry_run, read, &listed(Down, 50, 7));
    }

    /// Without stamps each change shows only beside the list before.
    #[test]
    fn where_the_vhost_count_is_the_state_a_real_down_and_up_count_too() {
        let mut dry_run = DryRun::default();
        let up = listed(Up, 0, 7);
        let down = Listed {
            vhosts: 0,
            ..listed(Down, 0, 7)
        };
        check(&mut dry_run, up.clone(), &up);
        dry_run.on_effect(ADDRESS, Effect::Weight(0), Stamp(20));
        check(&mut dry_run, down.clone(), &down);
        check(&mut dry_run, up.clone(), &up);
    }
}
