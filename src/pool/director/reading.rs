//! What the director's two lists say in the words of all pools.
//!
//! Pure.

use std::time::Instant;

use super::wire::{HostList, Ring, RingState};
use crate::pool::{Forgotten, Particulars, Place, Readiness, Reading};

/// What the director showed at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lists {
    /// Just before HOST-LIST was sent.
    pub began: Instant,
    /// The answer to HOST-LIST.
    pub hosts: HostList,
    /// The answer to DIRECTOR-LIST, which is asked for after HOST-LIST on the same connection.
    pub ring: Ring,
}

impl From<Lists> for Reading {
    fn from(lists: Lists) -> Reading {
        let Lists { began, hosts, ring } = lists;
        Reading {
            began,
            readiness: ring.state().into(),
            movers_before: ring.movers_before_ours(),
            place: place(&ring),
            members: hosts.backends,
            forgotten: Forgotten::MayReturn,
            acts: hosts.acts,
            malformed: hosts.malformed.and(ring.malformed),
            particulars: Particulars::None,
        }
    }
}

fn place(ring: &Ring) -> Place {
    let (position, members) = ring.place_of_ours();
    Place { position, members }
}

/// An unsynced director keeps HOST-UP and HOST-DOWN waiting for 30 s, and answers HOST-RESET-USERS with an
/// `OK` that is not true. A just started one lists every backend as up until it has heard the ring. One
/// before 2.2.16 does not tell its status, which holds nothing back.
impl From<RingState> for Readiness {
    fn from(state: RingState) -> Readiness {
        match state {
            RingState::Synced => Readiness::Synced,
            RingState::NotTold => Readiness::NotTold,
            RingState::Handshaking | RingState::Syncing => Readiness::Unsynced,
            RingState::Unknown(text) => Readiness::Unknown(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::director::wire::{HostListParser, ListParser, RingParser};
    use crate::pool::Acts;
    use crate::quote::Quote;

    fn list<P: ListParser>(text: &str) -> P::List {
        let mut parser = P::default();
        let lists = text
            .split('\n')
            .filter_map(|line| parser.on_line(line.as_bytes()).unwrap());
        lists.last().unwrap()
    }

    fn reading(hosts: &str, ring: &str) -> Reading {
        let lists = Lists {
            began: Instant::now(),
            hosts: list::<HostListParser>(hosts),
            ring: list::<RingParser>(ring),
        };
        lists.into()
    }

    #[test]
    fn a_reading_says_what_the_engine_has_to_know_of_both_lists() {
        let hosts = "192.0.2.1\t100\t3\tnorth\tU\t0\nnonsense\n192.0.2.2\t0\t0\t\tD\t17\n";
        let ring =
            "198.51.100.1\t9090\tleft\t0\tsynced\nbad\n198.51.100.2\t9090\tself\t0\tring synced\n";
        let reading = reading(hosts, ring);
        assert_eq!(reading.members.len(), 2);
        assert_eq!(reading.readiness, Readiness::Synced);
        assert_eq!(reading.movers_before, 1);
        let place = Place {
            position: Some(2),
            members: Some(2),
        };
        assert_eq!(reading.place, place);
        assert_eq!(reading.acts, Acts::UpAndDown);
        assert_eq!(reading.malformed.count, 2);
        let shown = [Quote::new("nonsense"), Quote::new("bad")];
        assert_eq!(reading.malformed.shown, shown);
    }

    #[test]
    fn whether_it_is_safe_to_act_is_told_by_the_own_line() {
        for (status, expected) in [
            ("ring synced", Readiness::Synced),
            ("synced", Readiness::Synced),
            ("ring handshaking", Readiness::Unsynced),
            ("ring syncing - last sync 4 secs ago", Readiness::Unsynced),
            ("dancing", Readiness::Unknown(Quote::new("dancing"))),
        ] {
            let ring = format!("198.51.100.2\t9090\tself\t0\t{status}\n");
            assert_eq!(reading("", &ring).readiness, expected, "{status}");
        }
        let old = reading("192.0.2.1\t0\t3\n", "198.51.100.2\t9090\tself\t0\n");
        assert_eq!(old.readiness, Readiness::NotTold);
        assert_eq!(old.acts, Acts::WeightsOnly);
    }
}
