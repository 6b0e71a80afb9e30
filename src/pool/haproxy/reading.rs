//! What HAProxy's answer says in the words of all pools: a mail server is one address, with all its servers in
//! the watched proxies.
//!
//! Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
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
    pub ready: Vec<ServerName>,
    /// All others.
    pub out: Vec<Out>,
}

/// A server that is out of service by somebody's will.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Out {
    /// Of which server this is told.
    pub name: ServerName,
    /// The latest second of the process's own time at which that can have been done: less than none for what a
    /// server-state file has brought.
    pub changed: i64,
    /// The configuration had it so when the process began.
    pub is_disabled: bool,
}

impl Servers {
    fn of(ready: &[&Server], out: &[&Server], process: Process) -> Servers {
        let out = out.iter().map(|server| Out {
            name: server.name.clone(),
            changed: process.own_second(server.unchanged_for),
            is_disabled: server.admin.was_disabled_at_first(),
        });
        Servers {
            ready: ready.iter().map(|server| server.name.clone()).collect(),
            out: out.collect(),
        }
    }

    /// Whether this server is out of service.
    pub fn has_out(&self, name: &ServerName) -> bool {
        self.out.iter().any(|out| out.name == *name)
    }
}

impl Watched {
    /// The servers of the watched proxies.
    pub fn servers<'a>(&self, answer: &'a Answer) -> Vec<&'a Server> {
        let watched: BTreeSet<&str> = match self {
            Watched::Proxies(names) => names.iter().map(String::as_str).collect(),
            Watched::Ports(ports) => {
                let servers = answer.servers.iter();
                let at_port = servers.filter(|server| ports.contains(&server.port));
                at_port.map(|server| &*server.name.proxy).collect()
            }
        };
        let servers = answer.servers.iter();
        servers
            .filter(|server| watched.contains(&*server.name.proxy))
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
        servers_of.insert(address, Servers::of(&ready, &out, answer.process));
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
