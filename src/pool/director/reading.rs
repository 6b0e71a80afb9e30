//! What the director's two lists say in the words of all pools.
//!
//! Pure.

use std::time::Instant;

use super::wire::{HostList, Ring};
use crate::pool::{Forgotten, Others, Particulars, Reading};

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
            readiness: ring.readiness(),
            movers_before: ring.movers_before_ours(),
            place: ring.place_of_ours(),
            members: hosts.backends,
            forgotten: Forgotten::MayReturn,
            acts: hosts.acts,
            malformed: hosts.malformed.beside(Others {
                repeated: hosts.repeated,
                of_ring: ring.malformed,
            }),
            particulars: Particulars::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::HostState;
    use crate::pool::director::wire::{HostListParser, ListParser, RingParser};
    use crate::pool::{Acts, Place, Readiness};
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
        let hosts = "192.0.2.1\t100\t3\tnorth\tU\t0\nnonsense\n192.0.2.2\t0\t0\t\tD\t17\n\
                     192.0.2.1\t9\t9\tsouth\tD\t9\n";
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
        let first = &reading.members[0];
        assert_eq!((first.vhosts, first.state), (100, HostState::Up));
        let others = reading.malformed.others.as_deref().unwrap();
        for (lines, expected) in [
            (&reading.malformed, "nonsense"),
            (&others.repeated, "192.0.2.1\t9\t9\tsouth\tD\t9"),
            (&others.of_ring, "bad"),
        ] {
            assert_eq!(lines.count, 1);
            assert_eq!(lines.shown, [Quote::new(expected)]);
        }
    }

    #[test]
    fn a_director_before_2_2_16_tells_no_ring_status_and_takes_weights_only() {
        let old = reading("192.0.2.1\t0\t3\n", "198.51.100.2\t9090\tself\t0\n");
        assert_eq!(old.readiness, Readiness::NotTold);
        assert_eq!(old.acts, Acts::WeightsOnly);
    }
}
