//! Which backend somebody means, and where a text names one.

use std::net::IpAddr;

use crate::config::nearest;
use crate::few::{counted, Few};
use crate::report::document::{Backend, Document};
use crate::report::words::{full_name, shown};

/// The backend that somebody means by this: its address, its name, or the first part of its name if only one
/// has it.
pub(crate) fn find<'a>(document: &'a Document, meant: &str) -> Option<&'a Backend> {
    let backends = &document.backends;
    if let Ok(address) = meant.parse::<IpAddr>() {
        return backends.iter().find(|backend| backend.address == address);
    }
    let meant = meant.trim_end_matches('.').to_lowercase();
    let name = |backend: &Backend| {
        let name = backend.name.as_deref().unwrap_or_default();
        name.trim_end_matches('.').to_lowercase()
    };
    let only = |is_meant: &dyn Fn(&str) -> bool| {
        let mut found = backends.iter().filter(|backend| is_meant(&name(backend)));
        found.next().filter(|_| found.next().is_none())
    };
    match meant.is_empty() {
        true => None,
        false => only(&|name| name == meant)
            .or_else(|| only(&|name| name.split('.').next() == Some(&*meant))),
    }
}

/// What to say where `find` finds none.
pub(crate) fn unknown(document: &Document, meant: &str) -> String {
    let backends = &document.backends;
    let first_parts = backends.iter().filter(|backend| {
        let name = backend.name.as_deref().unwrap_or_default().to_lowercase();
        name == meant.to_lowercase() || name.split('.').next() == Some(&*meant.to_lowercase())
    });
    let several: Vec<String> = first_parts.map(full_name).collect();
    if several.len() > 1 {
        let which = Few(&several);
        return format!("{} may be {which}: say the address", shown(meant));
    }
    let distance = |backend: &Backend| {
        let of_name = backend.name.as_deref().unwrap_or_default();
        let names = [backend.address.to_string(), of_name.to_string()];
        let distances = names.map(|name| nearest::distance(meant, &name));
        distances.into_iter().min().unwrap_or(usize::MAX)
    };
    let mut nearest: Vec<(usize, &Backend)> = backends.iter().map(|b| (distance(b), b)).collect();
    nearest.sort_by_key(|(distance, backend)| (*distance, backend.address));
    let nearest: Vec<String> = nearest
        .into_iter()
        .take(3)
        .map(|(_, backend)| full_name(backend))
        .collect();
    let meant = shown(meant);
    match nearest.is_empty() {
        true => {
            let subject = document.director.kind.words().subject;
            format!("{meant} is not known: {subject} has listed no backend")
        }
        false => format!(
            "{meant} is none of the {}; the nearest: {}",
            counted(backends.len(), "backend"),
            nearest.join(", ")
        ),
    }
}

/// Whether an alarm is about one of these addresses; or about none of all that there are, so that it concerns all.
pub(crate) fn concerns(alarm: &str, these: &[String], all: &[String]) -> bool {
    let is_named = |address: &String| names(alarm, address);
    these.iter().any(is_named) || counts_others(alarm) || !all.iter().any(is_named)
}

/// Whether it names only a few of those that it is about: "a, b, c, d, e and 12 more".
fn counts_others(text: &str) -> bool {
    text.match_indices(" and ").any(|(at, and)| {
        let mut words = text[at + and.len()..].split(|c: char| !c.is_alphanumeric());
        let is_number = words
            .next()
            .map_or(false, |word| word.parse::<usize>().is_ok());
        is_number && words.next() == Some("more")
    })
}

/// Whether the text has this address, and not as a part of a longer one.
pub(super) fn names(text: &str, address: &str) -> bool {
    text.match_indices(address).any(|(start, found)| {
        let is_part = |c: char| c.is_ascii_hexdigit() || c == ':' || c == '.';
        let before = text[..start].chars().next_back();
        let mut behind = text[start + found.len()..].chars();
        // A full stop or a colon that ends a part of a sentence is none of an address.
        let behind = match behind.next() {
            Some('.' | ':') => behind.next(),
            other => other,
        };
        !before.map_or(false, is_part) && !behind.map_or(false, is_part)
    })
}
