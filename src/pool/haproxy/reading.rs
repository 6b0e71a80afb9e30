//! What HAProxy's answer says in the words of all pools: a mail server is one address, with all its servers in
//! the watched proxies.
//!
//! Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::wire::{Answer, Process, Server, ServerName};
use crate::backend::{HostState, Listed, Stamp, Tag};
use crate::pool::{Acts, Forgotten, Particulars, Place, Readiness, Reading};

/// Which of HAProxy's proxies are watched: `listen` and `backend` sections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Those with a server at one of these ports.
    Ports(Vec<u16>),
    /// Those with these names, in any order.
    Proxies(Vec<String>),
}

/// What only HAProxy's lists tell, for `acts::Ways`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aside {
    /// Another one has forgotten all commands.
    pub process: Process,
    /// When that process began.
    pub began: Stamp,
    /// When each mail server's state last changed, in seconds since the process began by its own time: less than
    /// none for what a server-state file has brought. Nobody sets that time, and HAProxy leaves out of it what it
    /// stood still, as it does of the times that it tells.
    pub changed: BTreeMap<IpAddr, i64>,
    /// Of each mail server.
    pub servers: BTreeMap<IpAddr, Servers>,
}

/// The servers of one mail server in the watched proxies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Servers {
    /// In service, as far as somebody's will goes.
    pub ready: Arc<[ServerName]>,
    /// Out of it.
    pub out: Arc<[ServerName]>,
    /// Of those that are out, what the configuration had disabled when the process began.
    pub disabled: Arc<[ServerName]>,
}

impl Servers {
    fn of(ready: &[&Server], out: &[&Server]) -> Servers {
        let names = |servers: &[&Server], is: fn(&Server) -> bool| {
            let servers = servers.iter().filter(|server| is(server));
            servers.map(|server| server.name.clone()).collect()
        };
        Servers {
            ready: names(ready, |_| true),
            out: names(out, |_| true),
            disabled: names(out, |server| server.admin.was_disabled_at_first()),
        }
    }
}

impl Watched {
    /// The servers of the watched proxies.
    pub fn servers<'a>(&self, answer: &'a Answer) -> Vec<&'a Server> {
        let is_watched = |proxy: &str| match self {
            Watched::Proxies(names) => names.iter().any(|name| name == proxy),
            Watched::Ports(ports) => {
                let mut servers = answer.servers.iter();
                servers.any(|server| &*server.name.proxy == proxy && ports.contains(&server.port))
            }
        };
        let mut known: BTreeMap<&str, bool> = BTreeMap::new();
        let servers = answer.servers.iter();
        servers
            .filter(|server| {
                let proxy = &*server.name.proxy;
                *known.entry(proxy).or_insert_with(|| is_watched(proxy))
            })
            .collect()
    }

    /// The first proxy that is asked for and has no server with an address.
    pub fn missing(&self, answer: &Answer) -> Option<&str> {
        let is_there = |name: &str| {
            let mut servers = answer.servers.iter();
            servers.any(|server| &*server.name.proxy == name)
        };
        match self {
            Watched::Ports(_) => None,
            Watched::Proxies(names) => {
                let mut names = names.iter().map(String::as_str);
                names.find(|name| !is_there(name))
            }
        }
    }

    fn by_address<'a>(&self, answer: &'a Answer) -> BTreeMap<IpAddr, Vec<&'a Server>> {
        let mut members: BTreeMap<IpAddr, Vec<&Server>> = BTreeMap::new();
        for server in self.servers(answer) {
            members.entry(server.address).or_default().push(server);
        }
        members
    }

    /// The servers of this address.
    pub fn servers_of<'a>(&self, answer: &'a Answer, address: IpAddr) -> Vec<&'a Server> {
        let mut servers = self.servers(answer);
        servers.retain(|server| server.address == address);
        servers
    }
}

/// What HAProxy showed: asked at `began`, and answered in this second of the wall clock at the latest.
pub fn reading(answer: Answer, watched: &Watched, began: Instant, second: Stamp) -> Reading {
    let ago = |seconds: u64| Stamp(second.0.saturating_sub(seconds));
    let by_address = watched.by_address(&answer);
    let mut changed = BTreeMap::new();
    let mut servers_of = BTreeMap::new();
    let mut members = Vec::with_capacity(by_address.len());
    for (address, servers) in by_address {
        let (ready, out): (Vec<&Server>, Vec<&Server>) =
            servers.iter().partition(|server| server.admin.is_ready());
        let state = match ready.is_empty() {
            true => HostState::Down,
            false => HostState::Up,
        };
        servers_of.insert(address, Servers::of(&ready, &out));
        let unchanged = servers.iter().map(|server| server.unchanged_for);
        let unchanged = unchanged.min().unwrap_or_default();
        changed.insert(address, answer.process.own_second(unchanged));
        members.push(Listed {
            address,
            vhosts: weight(&servers, state),
            users: servers
                .iter()
                .fold(0, |sum, server| sum.saturating_add(server.sessions)),
            tag: tag(&servers),
            state,
            // HAProxy's seconds begin at another moment than ours: this is never before the change.
            changed: Stamp(ago(unchanged.as_secs()).0.saturating_add(1)),
        });
    }
    Reading {
        began,
        members,
        // HAProxy stands alone: there is no ring, and no other monitor that moves first.
        readiness: Readiness::Synced,
        movers_before: 0,
        place: Place::default(),
        forgotten: Forgotten::IsLost,
        acts: Acts::UpAndDown,
        malformed: answer.malformed,
        particulars: Particulars::HaProxy(Box::new(Aside {
            process: answer.process,
            began: ago(answer.process.uptime.as_secs()),
            changed,
            servers: servers_of,
        })),
    }
}

/// The smallest of its servers' weights. Zero if it would not take users in all its proxies: a server that an
/// operator holds, or that HAProxy's own check has down, is none that another one's users could go to.
fn weight(servers: &[&Server], state: HostState) -> u32 {
    let takes = |server: &Server| server.is_running && server.admin.is_ready();
    if state == HostState::Up && !servers.iter().all(|server| takes(server)) {
        return 0;
    }
    let weights = servers.iter().map(|server| server.weight);
    weights.min().unwrap_or(0)
}

/// The proxies that it serves.
fn tag(servers: &[&Server]) -> Tag {
    Tag::of_sections(servers.iter().map(|server| &*server.name.proxy).collect())
}

#[cfg(test)]
mod tests;
