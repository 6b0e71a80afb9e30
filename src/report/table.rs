//! The table of `poolmon status`: how all stands, the worst first, with the causes in words.
//!
//! A pure function of a document, the time and a `View`. No line is wider than the view, whatever the
//! document says; all text passes `terminal::shown`.

use std::net::IpAddr;

use super::document::{Backend, Document, Span, Time};
use super::explain::concerns;
use super::judgement::Trouble;
use super::terminal::{Colours, Line};
use crate::report::freshness::Freshness;

mod backends;
mod changes;
mod columns;
mod head;
mod sentences;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use words::{Times, Zone};

/// How a person wants to see it.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) now: Time,
    /// The columns of the terminal.
    pub(crate) width: usize,
    pub(crate) freshness: Freshness,
    pub(crate) colours: Colours,
    pub(crate) times: Times,
    pub(crate) zone: Zone,
    pub(crate) services: Services,
    pub(crate) which: Which,
    pub(crate) sort: Sort,
    pub(crate) filter: Filter,
    /// Changes not older than that are listed.
    pub(crate) since: Option<Span>,
    pub(crate) explain: Explain,
}

impl View {
    /// Of a document that is current, for a log or a file.
    pub(crate) fn plain(now: Time, width: usize) -> View {
        View {
            now,
            width,
            freshness: Freshness::Fresh,
            colours: Colours::Off,
            times: Times::Spans,
            zone: Zone::Local,
            services: Services::InTrouble,
            which: Which::Telling,
            sort: Sort::Worst,
            filter: Filter::default(),
            since: None,
            explain: Explain::Nobody,
        }
    }
}

/// Of which backends all services are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Services {
    /// Only what is wrong is told, in words.
    InTrouble,
    All,
}

/// Which backends are listed where there are many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// Of more than `MANY` only those that are not well.
    Telling,
    All,
}

/// Of more backends those that are well are only counted.
const MANY: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Worst,
    Address,
    Tag,
    Users,
    Latency,
}

impl Sort {
    pub(crate) const ALL: [Sort; 5] = [
        Sort::Worst,
        Sort::Address,
        Sort::Tag,
        Sort::Users,
        Sort::Latency,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Sort::Worst => "worst",
            Sort::Address => "address",
            Sort::Tag => "tag",
            Sort::Users => "users",
            Sort::Latency => "latency",
        }
    }

    /// The one after it; after the last one the first.
    pub(crate) fn next(self) -> Sort {
        let place = Sort::ALL.iter().position(|sort| *sort == self);
        Sort::ALL[place.map_or(0, |place| place + 1) % Sort::ALL.len()]
    }

    fn order(self, backends: &mut [&Backend], now: Time) {
        let by_address = |a: &&Backend, b: &&Backend| a.address.cmp(&b.address);
        backends.sort_by(by_address);
        match self {
            Sort::Worst => backends.sort_by_key(|backend| {
                let users = std::cmp::Reverse(backend.users);
                (Trouble::of(backend, now), users)
            }),
            Sort::Address => {}
            Sort::Tag => backends.sort_by(|a, b| a.tag.cmp(&b.tag)),
            Sort::Users => backends.sort_by_key(|backend| std::cmp::Reverse(backend.users)),
            Sort::Latency => {
                let slowest = |backend: &Backend| {
                    let latencies = backend.services.iter().filter_map(|one| one.latency);
                    latencies.fold(0.0, f64::max)
                };
                backends.sort_by(|a, b| slowest(b).total_cmp(&slowest(a)));
            }
        }
    }
}

/// For which backend the rules are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Explain {
    Nobody,
    /// The first one in the table.
    First,
}

/// Which backends are looked at; all without.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Filter {
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) tags: Vec<String>,
    /// In address, name, tag or cause, in any case.
    pub(crate) text: String,
}

impl Filter {
    pub(crate) fn takes(&self, backend: &Backend) -> bool {
        let has_address = self.addresses.is_empty() || self.addresses.contains(&backend.address);
        has_address && self.takes_tag(&backend.tag) && self.has_text(backend)
    }

    fn takes_tag(&self, tag: &str) -> bool {
        self.tags.is_empty() || self.tags.iter().any(|one| one == tag)
    }

    fn has_text(&self, backend: &Backend) -> bool {
        let text = self.text.to_lowercase();
        let address = backend.address.to_string();
        let name = backend.name.as_deref().unwrap_or_default();
        text.is_empty()
            || [&address, name, &backend.tag, &backend.cause]
                .iter()
                .any(|field| field.to_lowercase().contains(&text))
    }

    /// Whether single backends are asked for, and not only a tag.
    fn is_narrow(&self) -> bool {
        !self.addresses.is_empty() || !self.text.is_empty()
    }

    /// Takes those away that are not looked at, and what concerns nobody else.
    pub(crate) fn apply(&self, document: &mut Document) {
        if *self == Filter::default() {
            return;
        }
        let addresses = |backends: &[Backend]| -> Vec<String> {
            let all = backends.iter();
            all.map(|backend| backend.address.to_string()).collect()
        };
        let all = addresses(&document.backends);
        document.backends.retain(|backend| self.takes(backend));
        let these = addresses(&document.backends);
        document.is_part |= these.len() < all.len();
        let Document {
            backends,
            tags,
            alarms,
            commands,
            next,
            ..
        } = document;
        let has = |address: IpAddr| backends.iter().any(|one| one.address == address);
        tags.retain(|tag| {
            self.takes_tag(&tag.tag)
                && (!self.is_narrow() || backends.iter().any(|one| one.tag == tag.tag))
        });
        alarms.retain(|alarm| concerns(&alarm.text, &these, &all));
        commands.retain(|command| has(command.address));
        if next.as_ref().map_or(false, |next| !has(next.address)) {
            *next = None;
        }
    }
}

/// The whole of it, without line feeds.
pub(crate) fn lines(document: &Document, view: &View) -> Vec<String> {
    let whole = document;
    let mut document = document.clone();
    view.filter.apply(&mut document);
    let mut lines = head::lines(&document, whole, view);
    lines.push(Line::default());
    lines.extend(backends::lines(&document, whole, view));
    if let Some(span) = view.since {
        lines.push(Line::default());
        lines.extend(changes::lines(&document, span, view));
    }
    lines
        .iter()
        .map(|line| line.print(view.width, view.colours))
        .collect()
}
