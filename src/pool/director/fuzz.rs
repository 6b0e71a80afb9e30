//! Fuzz target: what a director says. The first byte chooses what the rest is: HOST-LIST, DIRECTOR-LIST, a reply,
//! a greeting, or a field.
//!
//! The properties:
//! - No line of a list gets lost: it is a member, or it is counted as malformed. Written as the newest director
//!   writes it and read again, a list is the same.
//! - A list without its empty line is none.
//! - The ring counts as synced only if a line says so; what is `OK` is `OK` and nothing else.

use std::collections::BTreeSet;

use super::wire::{
    escape, is_greeting, parse_reply, unescape, DirectorKind, DirectorStatus, HostList,
    HostListParser, ListParser, Ring, RingParser, GREETING,
};
use crate::backend::HostState;
use crate::pool::{Acts, Place, Readiness, Reply};

pub(crate) fn director(data: &[u8]) {
    let (what, text) = match data.split_first() {
        Some(split) => split,
        None => return,
    };
    match what {
        b'h' => hosts(text),
        b'd' => ring(text),
        b'r' => assert_eq!(parse_reply(text) == Reply::Ok, text == b"OK"),
        b'g' => {
            let ours = GREETING.rsplit_once('\t').map_or("", |(most, _)| most);
            let is_ours =
                text == ours.as_bytes() || text.starts_with(format!("{ours}\t").as_bytes());
            assert_eq!(is_greeting(text), is_ours);
        }
        _ => {
            let field = escape(text);
            assert!(!field.iter().any(|byte| b"\0\t\n\r".contains(byte)));
            assert_eq!(*unescape(&field), *text);
            assert!(unescape(text).len() <= text.len());
        }
    }
}

/// The list, and its lines up to the empty one.
fn read<P: ListParser>(text: &[u8]) -> Option<(P::List, Vec<&[u8]>)> {
    let mut parser = P::default();
    let mut lines = Vec::new();
    for line in text.split(|&byte| byte == b'\n') {
        match parser.on_line(line) {
            Ok(Some(list)) => {
                assert!(line.is_empty());
                return Some((list, lines));
            }
            Ok(None) => {
                assert!(!line.is_empty());
                lines.push(line);
            }
            Err(_) => return None,
        }
    }
    None
}

fn hosts(text: &[u8]) {
    let (list, lines) = match read::<HostListParser>(text) {
        Some(read) => read,
        None => return,
    };
    let told = list.backends.len() + list.malformed.count + list.repeated.count;
    assert_eq!(told, lines.len());
    let addresses: BTreeSet<_> = list.backends.iter().map(|one| one.address).collect();
    assert_eq!(addresses.len(), list.backends.len(), "an address twice");
    for listed in &list.backends {
        // No line says down, or has no users, but one that has these very words.
        let own = lines.iter().filter(|line| {
            let first = line.split(|&byte| byte == b'\t').next();
            let first = first.and_then(|field| std::str::from_utf8(field).ok());
            first.and_then(|field| field.parse().ok()) == Some(listed.address)
        });
        let mut own = own.map(|line| line.split(|&byte| byte == b'\t').collect::<Vec<_>>());
        let is_said = own.any(|fields| match (list.acts, listed.state) {
            (Acts::WeightsOnly, HostState::Down) => listed.vhosts == 0 && fields.len() < 5,
            (Acts::WeightsOnly, HostState::Up) => listed.vhosts > 0 && fields.len() < 5,
            (_, HostState::Down) => fields.get(4) == Some(&&b"D"[..]),
            (_, HostState::Up) => fields.get(4) == Some(&&b"U"[..]),
        });
        assert!(is_said, "{listed:?}");
    }
    let (again, _) = read::<HostListParser>(&written(&list)).expect("with its end");
    assert_eq!(again.backends, list.backends);
    assert_eq!(again.acts, list.acts);
    assert_eq!((again.malformed.count, again.repeated.count), (0, 0));
}

fn written(list: &HostList) -> Vec<u8> {
    let mut text = Vec::new();
    for listed in &list.backends {
        let weight = format!("{}\t{}\t{}\t", listed.address, listed.vhosts, listed.users);
        text.extend(weight.as_bytes());
        text.extend(escape(listed.tag.name().as_bytes()));
        if list.acts != Acts::WeightsOnly {
            let state = match listed.state {
                HostState::Up => 'U',
                HostState::Down => 'D',
            };
            text.extend(format!("\t{state}\t{}", listed.changed.0).as_bytes());
        }
        text.push(b'\n');
    }
    text.push(b'\n');
    text
}

fn ring(text: &[u8]) {
    let (ring, lines) = match read::<RingParser>(text) {
        Some(read) => read,
        None => return,
    };
    // A connection that nobody has named yet is no director, and nothing is wrong with it.
    let nameless = lines.iter().filter(|line| {
        ["handshaking", "syncing", "synced"]
            .iter()
            .any(|word| line.starts_with(word.as_bytes()))
    });
    let told = ring.directors.len() + ring.malformed.count;
    assert!(told <= lines.len() && told + nameless.count() >= lines.len());
    let before = ring.movers_before_ours();
    assert!(before < ring.directors.len() || ring.directors.is_empty() && before == 0);
    let Place { position, members } = ring.place_of_ours();
    if let Some(position) = position {
        assert!(position >= 1 && Some(position) <= members);
    }
    let says = |word: &[u8]| {
        lines
            .iter()
            .any(|line| line.windows(word.len()).any(|w| w == word))
    };
    match ring.readiness() {
        Readiness::Synced => assert!(says(b"\tself\t") && says(b"synced")),
        Readiness::NotTold => assert!(ring
            .directors
            .iter()
            .all(|director| director.status == DirectorStatus::NotTold)),
        _ => {}
    }
    if let Some(text) = written_ring(&ring) {
        let (again, _) = read::<RingParser>(&text).expect("with its end");
        assert_eq!(again.directors, ring.directors);
        assert_eq!(again.malformed.count, 0);
    }
}

/// None if it has a status that no director of ours has.
fn written_ring(ring: &Ring) -> Option<Vec<u8>> {
    let mut text = String::new();
    for director in &ring.directors {
        let kind = match director.kind {
            DirectorKind::SelfHere => "self",
            DirectorKind::Removed => "removed",
            DirectorKind::Other => "",
        };
        let status = match &director.status {
            DirectorStatus::Synced => Some("synced"),
            DirectorStatus::Handshaking => Some("handshaking - long ago"),
            DirectorStatus::Syncing => Some("syncing"),
            DirectorStatus::NotConnected => Some(""),
            DirectorStatus::NotTold => None,
            DirectorStatus::Unknown(_) => return None,
        };
        text.push_str(&format!(
            "{}\t{}\t{kind}\t0",
            director.address, director.port
        ));
        if let Some(status) = status {
            text.push_str(&format!("\t{status}"));
        }
        text.push('\n');
    }
    text.push('\n');
    Some(text.into_bytes())
}
