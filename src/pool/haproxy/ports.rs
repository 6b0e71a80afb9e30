//! Which ports to check where the operator names none: those of HAProxy's own servers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::time::Instant;

use super::client;
use super::reading::Watched;
use super::wire::{Answer, Server};
use crate::few::Few;
use crate::pool::PoolError;
use crate::service::{Port, Protocol, Security, Service};

/// What HAProxy's servers say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The checks that every mail server can be asked for.
    pub services: Vec<Service>,
    /// The ports by which the proxies were found.
    pub ports: Vec<u16>,
    /// What is not checked, and why.
    pub remark: Option<String>,
}

/// Asks HAProxy. Of these proxies, or of all.
pub fn found(
    socket: &Path,
    proxies: Option<&[String]>,
    deadline: Instant,
) -> Result<Found, String> {
    let watched = match proxies {
        Some(names) => Watched::Proxies(names.to_vec()),
        None => Watched::Ports(Vec::new()),
    };
    let answer = client::look(socket, &watched, deadline).map_err(|error| {
        let error = PoolError::from(error);
        format!("{error} ({})", error.advice)
    })?;
    of_servers(&answer, &watched)
}

/// What a port is usually for.
fn usual(number: u16) -> Option<Service> {
    let (protocol, is_tls) = Protocol::usually_at(number)?;
    Some(Service::Port(Port {
        protocol,
        security: match is_tls {
            true => Security::Tls,
            false => Security::Plain,
        },
        number,
    }))
}

fn of_servers(answer: &Answer, watched: &Watched) -> Result<Found, String> {
    let usual_ports = answer.servers.iter().map(|server| server.port);
    let usual_ports: BTreeSet<u16> = usual_ports.filter(|port| usual(*port).is_some()).collect();
    let all = Watched::Ports(usual_ports.iter().copied().collect());
    let servers = match watched {
        Watched::Proxies(_) => watched.servers(answer),
        Watched::Ports(_) => all.servers(answer),
    };
    let mut by_address: BTreeMap<IpAddr, BTreeSet<u16>> = BTreeMap::new();
    for Server { address, port, .. } in servers {
        let ports = by_address.entry(*address).or_default();
        ports.extend(usual_ports.get(port));
    }
    let some: BTreeSet<u16> = by_address.values().flatten().copied().collect();
    let of_all = |port: &u16| by_address.values().all(|ports| ports.contains(port));
    let (common, others): (BTreeSet<u16>, BTreeSet<u16>) =
        some.iter().copied().partition(|port| of_all(port));
    if common.is_empty() {
        return Err(
            "HAProxy has no port of a mail protocol that each of its watched servers' addresses has"
                .to_owned(),
        );
    }
    let others: Vec<u16> = others.into_iter().collect();
    // Plain ports, then TLS ports.
    let services = || common.iter().filter_map(|port| usual(*port));
    let is_tls = |service: &Service| match service {
        Service::Port(port) => port.security == Security::Tls,
        Service::Delivery { .. } => false,
    };
    let plain = services().filter(|service| !is_tls(service));
    let remark = (!others.is_empty()).then(|| {
        format!(
            "not checked, as not every mail server behind HAProxy has it: port {}; to check it, name all ports with \
             -p and -s",
            Few(&others)
        )
    });
    Ok(Found {
        services: plain.chain(services().filter(is_tls)).collect(),
        ports: some.into_iter().collect(),
        remark,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = include_str!("../../../tests/data/haproxy/2.6.answer");

    fn found(text: &str, watched: &Watched) -> Result<(String, Option<String>), String> {
        let answer = Answer::parse(text.as_bytes()).unwrap();
        let found = of_servers(&answer, watched)?;
        let services: Vec<String> = found.services.iter().map(Service::to_string).collect();
        Ok((services.join(" "), found.remark))
    }

    #[test]
    fn what_every_mail_server_has_is_checked() {
        let all = Watched::Ports(Vec::new());
        let remark = "not checked, as not every mail server behind HAProxy has it: port 143; to check it, name \
                      all ports with -p and -s";
        assert_eq!(
            found(ANSWER, &all).unwrap(),
            ("imap+tls:993".to_owned(), Some(remark.to_owned()))
        );
        let imap = Watched::Proxies(vec!["imap".to_owned()]);
        assert_eq!(found(ANSWER, &imap).unwrap(), ("imap:143".to_owned(), None));
        let without_v6 = ANSWER.replace("3 imaps 3 v6 ::1 ", "3 imaps 3 v6 - ");
        assert_eq!(
            found(&without_v6, &all).unwrap(),
            ("imap:143 imap+tls:993".to_owned(), None)
        );
        let web = Watched::Proxies(vec!["web".to_owned()]);
        let none = "HAProxy has no port of a mail protocol that each of its watched servers' addresses has";
        assert_eq!(found(ANSWER, &web), Err(none.to_owned()));
    }
}
