//! Who could take whose users, and who passed last, kept in order: where a site fails, thousands ask
//! for each other, and none may have to look at all.
//!
//! It follows what the fleet tells it; what it holds can be read off the members at any time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Instant;

use crate::backend::Tag;

/// Whom a backend is probed as: a number, the same for the same account. It tells nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Login(pub u64);

/// For whom a check is the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    /// What comes before the login: for all.
    All,
    /// For those probed as the same, or all as nobody.
    SameLogin(Option<Login>),
}

/// The backends that nothing speaks against, in the order of their last healthy round.
#[derive(Debug, Default)]
pub(super) struct Standing {
    clear: BTreeMap<Scope, ByLastPass>,
    /// Those of them that could take users, by tag.
    able: BTreeMap<Tag, ByLastPass>,
    /// By service, the two backends that passed it last, the latest first.
    passes: BTreeMap<(Scope, usize), Vec<(IpAddr, Instant)>>,
}

type ByLastPass = BTreeSet<(Option<Instant>, IpAddr)>;

/// Where a backend stands, if nothing speaks against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) passed: Option<Instant>,
    /// Whose users it could take.
    pub(super) able: Option<Tag>,
    pub(super) login: Option<Login>,
}

impl Standing {
    pub(super) fn move_from(&mut self, address: IpAddr, from: Option<&Place>, to: Option<&Place>) {
        if let Some(place) = from {
            let key = (place.passed, address);
            for scope in [Scope::All, Scope::SameLogin(place.login)] {
                remove_from(&mut self.clear, &scope, &key);
            }
            if let Some(tag) = &place.able {
                remove_from(&mut self.able, tag, &key);
            }
        }
        if let Some(place) = to {
            let key = (place.passed, address);
            for scope in [Scope::All, Scope::SameLogin(place.login)] {
                self.clear.entry(scope).or_default().insert(key);
            }
            if let Some(tag) = &place.able {
                self.able.entry(tag.clone()).or_default().insert(key);
            }
        }
    }

    pub(super) fn on_pass(
        &mut self,
        address: IpAddr,
        login: Option<Login>,
        service: usize,
        at: Instant,
    ) {
        for scope in [Scope::All, Scope::SameLogin(login)] {
            let latest = self.passes.entry((scope, service)).or_default();
            latest.retain(|(other, _)| *other != address);
            let place = latest.iter().take_while(|(_, other)| *other > at).count();
            latest.insert(place, (address, at));
            latest.truncate(2);
        }
    }

    pub(super) fn forget_passes(&mut self) {
        self.passes.clear();
    }

    /// It has left the list, or is probed as another from now on.
    pub(super) fn forget_passes_of(&mut self, address: IpAddr, login: Option<Login>) {
        for scope in [Scope::All, Scope::SameLogin(login)] {
            let services =
                self.passes
                    .range_mut((scope, 0)..=(scope, usize::MAX))
                    .map(|(key, latest)| {
                        latest.retain(|(other, _)| *other != address);
                        (*key, latest.is_empty())
                    });
            let empty: Vec<_> = services.filter(|(_, empty)| *empty).collect();
            for (key, _) in empty {
                self.passes.remove(&key);
            }
        }
    }

    /// Of those other than this one that could take users of the tag, the one that passed last.
    pub(super) fn able_beside(&self, address: IpAddr, tag: &Tag) -> Option<IpAddr> {
        let able = self.able.get(tag)?.iter().rev();
        able.map(|(_, other)| *other)
            .find(|other| *other != address)
    }

    /// Of those other than this one that nothing speaks against, the one that passed last.
    pub(super) fn clear_beside(&self, address: IpAddr, scope: Scope) -> Option<IpAddr> {
        let clear = self.clear.get(&scope)?.iter().rev();
        clear
            .map(|(_, other)| *other)
            .find(|other| *other != address)
    }

    /// When another than this one last passed the service.
    pub(super) fn pass_beside(
        &self,
        address: IpAddr,
        scope: Scope,
        service: usize,
    ) -> Option<Instant> {
        let latest = self.passes.get(&(scope, service))?.iter();
        latest
            .filter(|(other, _)| *other != address)
            .map(|(_, at)| *at)
            .next()
    }
}

fn remove_from<Key: Ord>(
    index: &mut BTreeMap<Key, ByLastPass>,
    key: &Key,
    entry: &(Option<Instant>, IpAddr),
) {
    if let Some(entries) = index.get_mut(key) {
        entries.remove(entry);
        if entries.is_empty() {
            index.remove(key);
        }
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
            login: None,
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
        assert_eq!(
            standing.clear_beside(address(4), Scope::All),
            Some(address(3))
        );

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
            standing.on_pass(address(number), None, service, second(at));
        }
        let pass =
            |standing: &Standing, beside| standing.pass_beside(address(beside), Scope::All, 0);
        assert_eq!(pass(&standing, 9), Some(second(4)));
        assert_eq!(pass(&standing, 2), Some(second(2)));
        standing.forget_passes_of(address(2), None);
        assert_eq!(pass(&standing, 9), Some(second(2)));
        assert_eq!(standing.pass_beside(address(1), Scope::All, 1), None);
    }

    #[test]
    fn who_is_probed_as_another_is_no_peer_for_what_needs_the_login() {
        let start = Instant::now();
        let logins = [None, Some(Login(1)), Some(Login(2)), Some(Login(1))];
        let mut standing = Standing::default();
        for (number, login) in (0..).zip(logins) {
            let place = Place {
                login,
                ..place(None, None)
            };
            standing.move_from(address(number), None, Some(&place));
            standing.on_pass(address(number), login, 0, start);
        }
        let same = |login: Option<u64>| Scope::SameLogin(login.map(Login));
        let passed = |beside, scope| standing.pass_beside(address(beside), scope, 0);
        assert_eq!(passed(0, same(None)), None);
        assert_eq!(passed(1, same(Some(1))), Some(start));
        assert_eq!(passed(2, same(Some(2))), None);
        assert_eq!(passed(2, Scope::All), Some(start));
        assert_eq!(
            standing.clear_beside(address(1), same(Some(1))),
            Some(address(3))
        );
        assert_eq!(standing.clear_beside(address(2), same(Some(2))), None);
    }
}
