//! What a director answers to HOST-LIST and DIRECTOR-LIST.

use std::time::Instant;

use poolmon::backend::{Listed, Stamp};
use poolmon::pool::director::wire::{self, DirectorKind, DirectorStatus, RingDirector};

use super::{Ring, Value};
use crate::world::{address, director_address};

impl Ring {
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
        let line = |other: usize, kind, status| RingDirector {
            address: director_address(other),
            port: 9090,
            kind,
            status,
        };
        let own = match self.is_synced(director, now) {
            true => DirectorStatus::Synced,
            false if self.directors[director].handshaking => DirectorStatus::Handshaking,
            false => DirectorStatus::Syncing,
        };
        let mut lines = vec![line(director, DirectorKind::SelfHere, own)];
        let count = self.directors.len();
        let neighbour = |step: usize| {
            (1..count)
                .map(|distance| (director + distance * step) % count)
                .find(|other| self.is_joined(*other))
        };
        let (right, left) = (neighbour(1), neighbour(count.max(1) - 1));
        for other in (0..count).filter(|other| *other != director) {
            for (side, kind) in [(right, DirectorKind::Right), (left, DirectorKind::Left)] {
                if side == Some(other) {
                    lines.push(line(other, kind, DirectorStatus::Synced));
                }
            }
            if right != Some(other) && left != Some(other) {
                let kind = DirectorKind::Unconnected;
                lines.push(line(other, kind, DirectorStatus::NotConnected));
            }
        }
        wire::Ring {
            directors: lines,
            ..wire::Ring::default()
        }
    }
}
