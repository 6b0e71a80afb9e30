//! The shared words for what a pool lists: a backend, its tag, its state.
//!
//! Values only. It knows no kind of pool and no decision (`policy`).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::quote::Quote;

/// The pool's name for a group of backends, and whose users these can take.
#[derive(Clone, Debug, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Tag {
    /// A director's: users of one tag are only sent to its backends. Backends without a tag are a group, too: that
    /// of the empty name.
    Name(String),
    /// All sections of an HAProxy in which a mail server stands, in order and with commas between. Its users can go
    /// wherever all of these are served.
    Sections {
        /// Sorted, each once, with commas between; never empty.
        sections: String,
    },
}

impl Default for Tag {
    fn default() -> Tag {
        Tag::Name(String::new())
    }
}

/// Most are empty, and memcmp of two empty strings takes a hundred times as long as this on some processors: it looks
/// where an empty string's pointer leads.
impl PartialEq for Tag {
    fn eq(&self, other: &Tag) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Ord for Tag {
    fn cmp(&self, other: &Tag) -> Ordering {
        let (one, another) = (self.name(), other.name());
        let names = match one.is_empty() && another.is_empty() {
            true => Ordering::Equal,
            false => one.cmp(another),
        };
        names.then(self.is_of_sections().cmp(&other.is_of_sections()))
    }
}

impl PartialOrd for Tag {
    fn partial_cmp(&self, other: &Tag) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Tag {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl Tag {
    /// A director's: the name as it is listed, without escaping; empty for backends without a tag.
    pub fn new(name: impl Into<String>) -> Tag {
        Tag::Name(name.into())
    }

    /// Of a mail server that stands in all of these sections of an HAProxy, in any order.
    pub fn of_sections(mut sections: Vec<&str>) -> Tag {
        sections.sort_unstable();
        sections.dedup();
        let sections = sections.join(",");
        Tag::Sections { sections }
    }

    /// The name as the pool lists it. It is text of others: show it through [`Quote`], or by `Display`.
    pub fn name(&self) -> &str {
        match self {
            Tag::Name(name) | Tag::Sections { sections: name } => name,
        }
    }

    /// Whether backends with this tag can take the users of those with the other one.
    pub fn takes_users_of(&self, other: &Tag) -> bool {
        self == other
            || match (self, other) {
                (Tag::Sections { sections }, Tag::Sections { sections: wanted }) => {
                    let is_served = |one| sections.split(',').any(|section| section == one);
                    wanted.split(',').all(is_served)
                }
                _ => false,
            }
    }

    fn is_of_sections(&self) -> bool {
        matches!(self, Tag::Sections { .. })
    }

    /// What follows the word backend or backends, with a space before it; nothing where it goes without saying.
    pub fn among(&self, groups: Groups) -> String {
        match groups {
            Groups::One => String::new(),
            Groups::Several => format!(" {self}"),
        }
    }
}

/// What follows the word backend or backends.
impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tag::Name(name) if name.is_empty() => f.write_str("without a tag"),
            Tag::Name(name) => write!(f, "with tag {}", Quote::new(name)),
            Tag::Sections { sections } => write!(f, "serving {}", Quote::new(sections)),
        }
    }
}

/// Whether a text has to say which group of backends it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Groups {
    /// No backend has a tag, or all serve the same sections.
    One,
    /// A text about some backends names their group.
    Several,
}

impl Groups {
    /// Of backends that have these tags.
    pub fn of<'a>(tags: impl IntoIterator<Item = &'a Tag>) -> Groups {
        let mut tags = tags.into_iter();
        let first = tags.next();
        match (first, tags.find(|tag| Some(*tag) != first)) {
            (None, _) => Groups::One,
            (Some(Tag::Sections { .. }), None) => Groups::One,
            (Some(Tag::Name(name)), None) if name.is_empty() => Groups::One,
            (Some(_), _) => Groups::Several,
        }
    }
}

/// Whether users are sent to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostState {
    /// Users are sent there, if the weight is above 0.
    Up,
    /// No user is sent there; those who are there stay until they are moved.
    Down,
}

impl fmt::Display for HostState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HostState::Up => "up",
            HostState::Down => "down",
        })
    }
}

/// When a state was last changed: whole seconds since 1970 of the clock of whoever carried the change out
/// (the director's `last_updown_change`); zero means never. Compared with other stamps only, never with a running
/// clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamp(pub u64);

/// One member of a pool, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Where it is probed, and what commands name. A pool lists each address once.
    pub address: IpAddr,
    /// The weight. Zero: an operator took the backend out of rotation, which is not `Down`.
    pub vhosts: u32,
    /// How many users the pool has sent to it and not moved away or forgotten.
    pub users: u64,
    /// Whose users it can take, and which of the rules and limits it shares with others.
    pub tag: Tag,
    /// As the pool tells it, or made of the vhost count for a director before 2.2.19.
    pub state: HostState,
    /// When the state was last changed.
    pub changed: Stamp,
}

impl Listed {
    /// Whether it is down by its vhost count alone, which is how a director before 2.2.19 has it: there
    /// is no state, and no change is stamped. A newer one stamps whatever takes a backend down.
    pub fn is_down_by_vhost_count(&self) -> bool {
        self.state == HostState::Down && self.vhosts == 0 && self.changed == Stamp(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directors_tag_takes_the_users_of_no_other_one() {
        let tags = ["", "imap", "imap,pop3"].map(Tag::new);
        for tag in &tags {
            for other in &tags {
                assert_eq!(tag.takes_users_of(other), tag == other, "{tag}, {other}");
            }
        }
    }

    #[test]
    fn who_serves_all_sections_of_another_takes_its_users() {
        let of = |sections: &str| Tag::of_sections(sections.split(' ').collect());
        assert_eq!(of("pop3 imap pop3").name(), "imap,pop3");
        for (tag, other, takes) in [
            ("imap pop3", "imap", true),
            ("imap pop3", "pop3", true),
            ("imap pop3", "pop3 imap", true),
            ("imap", "imap pop3", false),
            ("imap", "pop3", false),
            ("imap pop3 sieve", "imap sieve", true),
            ("imap sieve", "imap pop3", false),
            ("imaps", "imap", false),
        ] {
            assert_eq!(of(tag).takes_users_of(&of(other)), takes, "{tag}, {other}");
        }
        assert!(!of("imap pop3").takes_users_of(&Tag::new("imap")));
        assert_ne!(of("imap"), Tag::new("imap"));
    }

    #[test]
    fn a_group_is_named_where_there_is_another_one_or_it_has_a_tag() {
        let (none, east) = (Tag::default(), Tag::new("east"));
        let (imap, both) = (
            Tag::of_sections(vec!["imap"]),
            Tag::of_sections(vec!["imap", "pop3"]),
        );
        for (tags, expected) in [
            (vec![], ""),
            (vec![&none], ""),
            (vec![&east], " with tag \"east\""),
            (vec![&none, &east], " without a tag"),
            (vec![&both], ""),
            (vec![&imap, &both], " serving \"imap\""),
        ] {
            let tag = tags.first().copied().unwrap_or(&none);
            assert_eq!(tag.among(Groups::of(tags.iter().copied())), expected);
        }
    }

    #[test]
    fn a_tag_is_read_as_it_was_written() {
        let tags = [
            Tag::default(),
            Tag::new("imap,pop3"),
            Tag::of_sections(vec!["imap", "pop3"]),
        ];
        for tag in tags {
            let text = serde_json::to_string(&tag).unwrap();
            assert_eq!(serde_json::from_str::<Tag>(&text).unwrap(), tag, "{text}");
        }
    }
}
