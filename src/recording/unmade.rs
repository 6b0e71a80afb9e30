//! The pool's list as it would have been without the changes that the recording monitor made.
//!
//! A change in the list that a command of ours was to bring about is left out; what others did counts. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::backend::{HostState, Listed};
use crate::pool::Action;

/// The backends in the order of the list.
#[derive(Default)]
pub(super) struct Unmade(Vec<Seen>);

struct Seen {
    /// As it was last listed.
    read: Listed,
    /// As it would have been.
    shown: Listed,
    /// What our last command was to bring about, until it shows.
    expected: Option<HostState>,
}

impl Unmade {
    /// The recording monitor has sent this.
    pub(super) fn on_sent(&mut self, address: IpAddr, action: Action) {
        let state = match action {
            Action::MarkDown => HostState::Down,
            Action::MarkUp => HostState::Up,
            Action::Drain => return,
        };
        let mut all = self.0.iter_mut();
        if let Some(seen) = all.find(|seen| seen.read.address == address) {
            seen.expected = Some(state);
        }
    }

    pub(super) fn show(&mut self, mut list: Vec<Listed>) -> Vec<Listed> {
        if !self.has_the_backends_of(&list) {
            self.take_over(&list);
        }
        for (seen, listed) in self.0.iter_mut().zip(&mut list) {
            // Nothing else is shown while nothing else is read.
            if seen.read != *listed {
                seen.on_read(listed.clone());
            }
            listed.clone_from(&seen.shown);
        }
        list
    }

    fn has_the_backends_of(&self, list: &[Listed]) -> bool {
        let seen = self.0.iter().map(|seen| seen.read.address);
        seen.eq(list.iter().map(|listed| listed.address))
    }

    /// What is known of the backends that this list names, too.
    fn take_over(&mut self, list: &[Listed]) {
        let before = std::mem::take(&mut self.0).into_iter();
        let mut before: BTreeMap<IpAddr, Seen> =
            before.map(|seen| (seen.read.address, seen)).collect();
        let seen = list.iter().map(|listed| {
            let known = before.remove(&listed.address);
            known.unwrap_or_else(|| Seen {
                read: listed.clone(),
                shown: listed.clone(),
                expected: None,
            })
        });
        self.0 = seen.collect();
    }
}

impl Seen {
    fn on_read(&mut self, read: Listed) {
        let Seen {
            read: before,
            shown,
            expected,
        } = self;
        let is_other_state = (read.state, read.changed) != (before.state, before.changed);
        if is_other_state && *expected == Some(read.state) {
            *expected = None;
        } else if is_other_state {
            *shown = read.clone();
        } else if read.vhosts != before.vhosts {
            shown.vhosts = read.vhosts;
        }
        shown.tag = read.tag.clone();
        if shown.state == read.state {
            // While ours is down and it would have been up, its users are those of before.
            shown.users = read.users;
        }
        *before = read;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Stamp, Tag};

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

    #[track_caller]
    fn check(unmade: &mut Unmade, read: Listed, expected: &Listed) {
        assert_eq!(unmade.show(vec![read]), std::slice::from_ref(expected));
    }

    use HostState::{Down, Up};

    #[test]
    fn what_we_did_is_left_out_and_what_others_did_is_not() {
        let mut unmade = Unmade::default();
        check(&mut unmade, listed(Up, 5, 7), &listed(Up, 5, 7));
        unmade.on_sent(ADDRESS, Action::MarkDown);
        check(&mut unmade, listed(Up, 5, 8), &listed(Up, 5, 8));
        check(&mut unmade, listed(Down, 20, 8), &listed(Up, 5, 8));
        unmade.on_sent(ADDRESS, Action::Drain);
        check(&mut unmade, listed(Down, 20, 0), &listed(Up, 5, 8));
        unmade.on_sent(ADDRESS, Action::MarkUp);
        check(&mut unmade, listed(Up, 40, 3), &listed(Up, 5, 3));
        // An administrator's.
        check(&mut unmade, listed(Down, 50, 3), &listed(Down, 50, 3));
        check(&mut unmade, listed(Up, 60, 3), &listed(Up, 60, 3));
    }

    #[test]
    fn another_vhost_count_is_somebodys_act() {
        let mut unmade = Unmade::default();
        check(&mut unmade, listed(Up, 5, 7), &listed(Up, 5, 7));
        unmade.on_sent(ADDRESS, Action::MarkDown);
        check(&mut unmade, listed(Down, 20, 0), &listed(Up, 5, 7));
        let fewer = |listed: Listed| Listed {
            vhosts: 50,
            ..listed
        };
        check(
            &mut unmade,
            fewer(listed(Down, 20, 0)),
            &fewer(listed(Up, 5, 7)),
        );
    }
}
