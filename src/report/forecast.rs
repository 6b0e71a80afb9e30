//! What would happen if one backend went down or came up: how many users are on it, and how the shares of the
//! backends that can take them would change.
//!
//! Whether it may happen is not asked here: that is the rules' answer.

use std::net::IpAddr;

use serde::Serialize;

use super::document::{Action, Backend, Document, State, Verdict};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Forecast {
    /// `down` for a backend that is up, `up` for one that is down.
    pub(crate) action: Action,
    /// How many users are on it now. An up moves nobody at once: users come as they log in again.
    pub(crate) users: u64,
    /// It, and each other backend that is up and can take its users, by the size of their shares afterwards.
    pub(crate) shares: Vec<Share>,
}

/// Of the vhosts of all of these that are up; between 0 and 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Share {
    pub(crate) address: IpAddr,
    pub(crate) vhosts: u32,
    pub(crate) verdict: Verdict,
    pub(crate) before: f64,
    pub(crate) after: f64,
    /// How many of the moved users it would get, about.
    pub(crate) users: u64,
}

impl Forecast {
    pub(crate) fn of(document: &Document, backend: &Backend) -> Forecast {
        let (action, users) = match backend.listed {
            State::Up => (Action::Down, backend.users),
            State::Down => (Action::Up, 0),
        };
        let others: Vec<&Backend> = document
            .backends
            .iter()
            .filter(|other| document.takes_users_of(&other.tag, &backend.tag))
            .filter(|other| other.listed == State::Up)
            .filter(|other| other.address != backend.address)
            .collect();
        let of_others: u64 = others.iter().map(|other| u64::from(other.vhosts)).sum();
        let with_it = of_others + u64::from(backend.vhosts);
        let (all_before, all_after) = match action {
            Action::Up => (of_others, with_it),
            Action::Down | Action::Drain => (with_it, of_others),
        };
        let mut shares: Vec<Share> = others
            .iter()
            .map(|other| {
                let after = share(other.vhosts, all_after);
                Share {
                    address: other.address,
                    vhosts: other.vhosts,
                    verdict: other.verdict,
                    before: share(other.vhosts, all_before),
                    after,
                    users: (users as f64 * after).round() as u64,
                }
            })
            .collect();
        let own = share(backend.vhosts, with_it);
        let (before, after) = match action {
            Action::Up => (0.0, own),
            Action::Down | Action::Drain => (own, 0.0),
        };
        shares.push(Share {
            address: backend.address,
            vhosts: backend.vhosts,
            verdict: backend.verdict,
            before,
            after,
            users: 0,
        });
        // Stable: of equal ones the lower address comes first.
        shares.sort_by_key(|share| {
            (
                std::cmp::Reverse(in_thousandths(share.after)),
                share.address,
            )
        });
        Forecast {
            action,
            users,
            shares,
        }
    }

    /// The backends that would be up then.
    pub(crate) fn up_afterwards(&self) -> impl Iterator<Item = &Share> {
        self.shares.iter().filter(|share| share.after > 0.0)
    }
}

fn share(vhosts: u32, all: u64) -> f64 {
    match all {
        0 => 0.0,
        all => (f64::from(vhosts) / all as f64 * 10_000.0).round() / 10_000.0,
    }
}

fn in_thousandths(share: f64) -> u32 {
    (share * 1000.0).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::document::sample;

    fn shares(forecast: &Forecast) -> Vec<(String, f64, f64, u64)> {
        let row = |share: &Share| {
            let address = share.address.to_string();
            (address, share.before, share.after, share.users)
        };
        forecast.shares.iter().map(row).collect()
    }

    #[test]
    fn a_down_moves_the_users_to_the_others_by_their_vhosts() {
        let mut document = sample::five_troubles();
        // 192.0.2.8 and .11 are up and without a tag; .10 has another tag, .7 and .9 are down.
        let forecast = Forecast::of(&document, &document.backends[1]);
        assert_eq!((forecast.action, forecast.users), (Action::Down, 564));
        assert_eq!(
            shares(&forecast),
            [
                ("192.0.2.11".to_string(), 0.5, 1.0, 564),
                ("192.0.2.8".to_string(), 0.5, 0.0, 0)
            ]
        );
        document.backends[0].listed = State::Up;
        document.backends[0].vhosts = 300;
        let forecast = Forecast::of(&document, &document.backends[1]);
        assert_eq!(
            shares(&forecast),
            [
                ("192.0.2.7".to_string(), 0.6, 0.75, 423),
                ("192.0.2.11".to_string(), 0.2, 0.25, 141),
                ("192.0.2.8".to_string(), 0.2, 0.0, 0)
            ]
        );
    }

    #[test]
    fn an_up_gives_it_its_share_and_moves_nobody() {
        let document = sample::five_troubles();
        let forecast = Forecast::of(&document, &document.backends[0]);
        assert_eq!((forecast.action, forecast.users), (Action::Up, 0));
        assert_eq!(
            shares(&forecast),
            [
                ("192.0.2.7".to_string(), 0.0, 0.3333, 0),
                ("192.0.2.8".to_string(), 0.5, 0.3333, 0),
                ("192.0.2.11".to_string(), 0.5, 0.3333, 0)
            ]
        );
    }

    #[test]
    fn the_last_one_of_a_tag_leaves_nobody_to_take_its_users() {
        let document = sample::five_troubles();
        let archive = &document.backends[3];
        let forecast = Forecast::of(&document, archive);
        assert_eq!(forecast.users, 12);
        assert_eq!(forecast.up_afterwards().count(), 0);
        let mut without = document.clone();
        without.backends[3].vhosts = 0;
        let forecast = Forecast::of(&without, &without.backends[3]);
        assert_eq!(shares(&forecast), [("192.0.2.10".to_string(), 0.0, 0.0, 0)]);
    }
}
