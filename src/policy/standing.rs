//! Who could take whose users, and who passed last, kept in order: where a site fails, thousands ask
//! for each other, and none may have to look at all.
//!
//! It follows what the fleet tells it; what it holds can be read off the members at any time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Instant;

use crate::backend::Tag;

/// The backends that nothing speaks against, in the order of their last healthy round.
#[derive(Debug, Default)]
pub(super) struct Standing {
    clear: BTreeSet<(Option<Instant>, IpAddr)>,
    /// Those of them that could take users, by tag.
    able: BTreeMap<Tag, BTreeSet<(Option<Instant>, IpAddr)>>,
    /// By service, the two backends that passed it last, the latest first.
    passes: Vec<Vec<(IpAddr, Instant)>>,
}

/// Where a backend stands, if nothing speaks against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) passed: Option<Instant>,
    /// Whose users it could take.
    pub(super) able: Option<Tag>,
}

impl Standing {
    pub(super) fn move_from(&mut self, address: IpAddr, from: Option<&Place>, to: Option<&Place>) {
        if let Some(place) = from {
            let key = (place.passed, address);
            self.clear.remove(&key);
            if let Some(able) = place.able.as_ref().and_then(|tag| self.able.get_mut(tag)) {
                able.remove(&key);
            }
        }
        if let Some(place) = to {
            let key = (place.passed, address);
            self.clear.insert(key);
            if let Some(tag) = &place.able {
                self.able.entry(tag.clone()).or_default().insert(key);
            }
        }
    }

    pub(super) fn on_pass(&mut self, address: IpAddr, service: usize, at: Instant) {
        if self.passes.len() <= service {
            self.passes.resize(service + 1, Vec::new());
        }
        let latest = &mut self.passes[service];
        latest.retain(|(other, _)| *other != address);
        let place = latest.iter().take_while(|(_, other)| *other > at).count();
        latest.insert(place, (address, at));
        latest.truncate(2);
    }

    pub(super) fn forget_passes(&mut self) {
        self.passes.clear();
    }

    pub(super) fn on_left(&mut self, address: IpAddr) {
        for latest in &mut self.passes {
            latest.retain(|(other, _)| *other != address);
        }
    }

    /// Of those other than this one that could take users of the tag, the one that passed last.
    pub(super) fn able_beside(&self, address: IpAddr, tag: &Tag) -> Option<IpAddr> {
        let able = self.able.get(tag)?.iter().rev();
        able.map(|(_, other)| *other)
            .find(|other| *other != address)
    }

    /// Of those other than this one that nothing speaks against, the one that passed last.
    pub(super) fn clear_beside(&self, address: IpAddr) -> Option<IpAddr> {
        let clear = self.clear.iter().rev();
        clear
            .map(|(_, other)| *other)
            .find(|other| *other != address)
    }

    /// When another than this one last passed the service.
    pub(super) fn pass_beside(&self, address: IpAddr, service: usize) -> Option<Instant> {
        let latest = self.passes.get(service)?.iter();
        latest
            .filter(|(other, _)| *other != address)
            .map(|(_, at)| *at)
            .next()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn address(number: u8) -> IpAddr {
        [192, 0, 2, number].into()
    }

    fn place(passed: Option<Instant>, able: Option<&str>) -> Place {
        Place {
            passed,
            able: able.map(Tag::new),
        }
    }

    #[test]
    fn who_passed_last_comes_first_and_one_asks_for_others_than_oneself() {
        let start = Instant::now();
        let second = |second| Some(start + Duration::from_secs(second));
        let mut standing = Standing::default();
        let places = [
            place(None, Some("")),
            place(second(2), Some("")),
            place(second(1), Some("")),
            place(second(3), Some("other")),
            place(second(4), None),
        ];
        for (number, place) in (0..).zip(&places) {
            standing.move_from(address(number), None, Some(place));
        }
        let untagged = Tag::default();
        let able = |standing: &Standing, beside| standing.able_beside(address(beside), &untagged);
        assert_eq!(able(&standing, 9), Some(address(1)));
        assert_eq!(able(&standing, 1), Some(address(2)));
        assert_eq!(standing.able_beside(address(3), &Tag::new("other")), None);
        assert_eq!(standing.clear_beside(address(4)), Some(address(3)));

        standing.move_from(address(1), Some(&places[1]), None);
        let earlier = place(second(0), Some(""));
        standing.move_from(address(2), Some(&places[2]), Some(&earlier));
        assert_eq!(able(&standing, 9), Some(address(2)));
        assert_eq!(able(&standing, 2), Some(address(0)), "never probed yet");
    }

    #[test]
    fn the_latest_pass_of_another_is_known_by_service() {
        let start = Instant::now();
        let second = |second| start + Duration::from_secs(second);
        let mut standing = Standing::default();
        for (number, service, at) in [(1, 0, 1), (2, 0, 3), (3, 0, 2), (2, 0, 4), (1, 1, 9)] {
            standing.on_pass(address(number), service, second(at));
        }
        let pass = |standing: &Standing, beside| standing.pass_beside(address(beside), 0);
        assert_eq!(pass(&standing, 9), Some(second(4)));
        assert_eq!(pass(&standing, 2), Some(second(2)));
        standing.on_left(address(2));
        assert_eq!(pass(&standing, 9), Some(second(2)));
        assert_eq!(standing.pass_beside(address(1), 1), None);
    }
}
