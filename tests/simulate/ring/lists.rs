//! What a director answers to HOST-LIST and DIRECTOR-LIST.

use std::time::Instant;

use poolmon::backend::{HostState, Listed, Stamp};
use poolmon::pool::director::wire::{
    self, Change, DirectorKind, DirectorStatus, HostList, RingDirector,
};
use poolmon::pool::{Acts, Malformed};
use poolmon::quote::Quote;

use super::{Age, Kind, Ring, Speech, Value};
use crate::world::{address, director_address, number_of};

impl Ring {
    /// What the directors make of a command; one that they do not know closes the connection.
    pub fn kind_of(&self, change: &Change) -> Option<Kind> {
        match (change, self.age) {
            (Change::HostDown(_), Age::Current | Age::WithoutLimit) => {
                Some(Kind::State(HostState::Down))
            }
            (Change::HostUp(_), Age::Current | Age::WithoutLimit) => {
                Some(Kind::State(HostState::Up))
            }
            (Change::HostSet { vhosts: 0, .. }, Age::VhostCounts) => {
                Some(Kind::State(HostState::Down))
            }
            (Change::HostSet { address, vhosts }, Age::VhostCounts) => {
                let had = self.entries[number_of(*address)].vhosts;
                assert_eq!(*vhosts, had, "it is given back what it had");
                Some(Kind::State(HostState::Up))
            }
            (Change::HostFlush(_), _) => Some(Kind::Flush),
            (Change::HostResetUsers { .. }, Age::Current)
            | (Change::HostResetUsers { limit: None, .. }, Age::WithoutLimit) => Some(Kind::Reset),
            (Change::HostResetUsers { .. }, Age::WithoutLimit | Age::VhostCounts)
            | (Change::HostDown(_) | Change::HostUp(_), Age::VhostCounts) => None,
            (Change::HostSet { .. }, Age::Current | Age::WithoutLimit) => {
                unreachable!("these have a state of their own")
            }
        }
    }

    pub fn host_list(&self, director: usize) -> HostList {
        let mut list = HostList {
            backends: self.list(director),
            ..HostList::default()
        };
        if self.directors[director].speech == Speech::Malformed {
            list.malformed = Malformed {
                shown: vec![Quote::new("192.0.2.300")],
                count: 1,
                ..Malformed::default()
            };
            // The first one's own line once more.
            list.repeated = Malformed {
                shown: vec![Quote::new("192.0.2.1")],
                count: 1,
                ..Malformed::default()
            };
        }
        if self.age == Age::VhostCounts {
            list.acts = Acts::WeightsOnly;
            for listed in &mut list.backends {
                listed.changed = Stamp(0);
                if listed.state == HostState::Down {
                    listed.vhosts = 0;
                }
            }
        }
        list
    }

    pub fn list(&self, director: usize) -> Vec<Listed> {
        let hosts = self.directors[director].hosts.iter();
        let listed = |(backend, value): (usize, &Value)| Listed {
            address: address(backend),
            vhosts: self.entries[backend].vhosts,
            users: self.users[backend],
            tag: self.entries[backend].tag.clone(),
            state: value.state,
            changed: Stamp(value.stamp),
        };
        let hosts = hosts
            .enumerate()
            .filter(|(backend, _)| self.listed[*backend]);
        hosts.map(listed).collect()
    }

    pub fn director_list(&self, director: usize, now: Instant) -> wire::Ring {
        let line = |other: usize, status| RingDirector {
            address: director_address(other),
            port: 9090,
            kind: match other == director {
                true => DirectorKind::SelfHere,
                false => DirectorKind::Other,
            },
            status,
        };
        let own = match self.is_synced(director, now) {
            _ if self.directors[director].speech == Speech::UnknownStatus => {
                DirectorStatus::Unknown(Quote::new("resting"))
            }
            true => DirectorStatus::Synced,
            false if self.directors[director].handshaking => DirectorStatus::Handshaking,
            false => DirectorStatus::Syncing,
        };
        let mut lines = vec![line(director, own)];
        let count = self.directors.len();
        let neighbour = |step: usize| {
            (1..count)
                .map(|distance| (director + distance * step) % count)
                .find(|other| self.is_joined(*other))
        };
        let (right, left) = (neighbour(1), neighbour(count.max(1) - 1));
        for other in (0..count).filter(|other| *other != director) {
            for side in [right, left] {
                if side == Some(other) {
                    lines.push(line(other, DirectorStatus::Synced));
                }
            }
            if right != Some(other) && left != Some(other) {
                lines.push(line(other, DirectorStatus::NotConnected));
            }
        }
        if self.age == Age::VhostCounts {
            for line in &mut lines {
                line.status = DirectorStatus::NotTold;
            }
        }
        let malformed = match self.directors[director].speech == Speech::Malformed {
            true => Malformed {
                shown: vec![Quote::new("director")],
                count: 1,
                ..Malformed::default()
            },
            false => Malformed::default(),
        };
        wire::Ring {
            directors: lines,
            malformed,
        }
    }
}
