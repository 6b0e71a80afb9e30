//! What the document says of a group of backends: those that can take the users of one tag.
//!
//! Behind a director these are the backends with that tag, behind HAProxy also those that serve more sections.
//! The document counts the backends of each tag alone, so that the sums are right; a text about a tag says how
//! those that serve it fare.

use super::document::{Document, PoolKind, Tag};
use crate::backend::{self, Groups};
use crate::few::counted;

impl Document {
    /// Whether backends with this tag can take the users of those with the other one.
    pub(crate) fn takes_users_of(&self, tag: &str, other: &str) -> bool {
        tag == other || self.named(tag).takes_users_of(&self.named(other))
    }

    /// The numbers of all backends that can take the users of this tag.
    pub(crate) fn serving(&self, tag: &Tag) -> Tag {
        let mut all = tag.clone();
        if self.director.kind == PoolKind::Director {
            return all;
        }
        let others = self.tags.iter().filter(|other| other.tag != tag.tag);
        for other in others.filter(|other| self.takes_users_of(&other.tag, &tag.tag)) {
            let Tag {
                tag: _,
                backends,
                up,
                passing,
                refuges,
                vhosts_up,
                vhosts,
                users,
            } = other;
            all.backends = all.backends.saturating_add(*backends);
            all.up = all.up.saturating_add(*up);
            all.passing = all.passing.saturating_add(*passing);
            all.refuges = all.refuges.saturating_add(*refuges);
            all.vhosts_up = all.vhosts_up.saturating_add(*vhosts_up);
            all.vhosts = all.vhosts.saturating_add(*vhosts);
            all.users = all.users.saturating_add(*users);
        }
        all
    }

    /// Whether a text has to say which group of backends it is about.
    pub(crate) fn groups(&self) -> Groups {
        // Whether there is another one is all that counts.
        let tags = self.tags.iter().take(2).map(|tag| self.named(&tag.tag));
        Groups::of(&tags.collect::<Vec<backend::Tag>>())
    }

    /// Which backends, after that word, with the tag's name as this face shows it; nothing where all backends are
    /// one group.
    pub(crate) fn which(&self, tag: &str, shown: impl Fn(&str) -> String) -> String {
        match self.groups() {
            Groups::One => String::new(),
            Groups::Several => format!(" {}", self.with_tag(tag, shown)),
        }
    }

    /// The same where it has to be said.
    pub(crate) fn with_tag(&self, tag: &str, shown: impl Fn(&str) -> String) -> String {
        match (self.director.kind, tag) {
            (PoolKind::Haproxy, _) => format!("serving {}", shown(tag)),
            (PoolKind::Director, "") => "without a tag".to_string(),
            (PoolKind::Director, tag) => format!("with tag {}", shown(tag)),
        }
    }

    /// What a group of backends is called over a column of its names.
    pub(crate) fn group_noun(&self) -> &'static str {
        match self.director.kind {
            PoolKind::Director => "tag",
            PoolKind::Haproxy => "sections",
        }
    }

    /// So many groups of backends, in words.
    pub(crate) fn groups_counted(&self, count: usize) -> String {
        match self.director.kind {
            PoolKind::Director => counted(count, "tag"),
            PoolKind::Haproxy => format!("{} of sections", counted(count, "group")),
        }
    }

    fn named(&self, tag: &str) -> backend::Tag {
        match self.director.kind {
            PoolKind::Director => backend::Tag::new(tag),
            PoolKind::Haproxy => backend::Tag::of_sections(tag.split(',').collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::document::sample;

    fn serving(document: &Document, place: usize) -> Tag {
        document.serving(&document.tags[place])
    }

    #[test]
    fn behind_a_director_a_tag_is_served_by_its_own_backends() {
        let document = sample::five_troubles();
        assert_eq!(serving(&document, 0), document.tags[0]);
        assert_eq!(serving(&document, 1), document.tags[1]);
        assert!(!document.takes_users_of("a,b", "a"));
    }

    #[test]
    fn behind_haproxy_those_that_serve_more_count_as_well() {
        let document = sample::behind_haproxy();
        let (both, imap) = (&document.tags[0], &document.tags[1]);
        assert_eq!((&*both.tag, &*imap.tag), ("imap,imaps", "imap"));
        assert_eq!(serving(&document, 0), *both);
        let all = serving(&document, 1);
        assert_eq!(all.tag, "imap");
        assert_eq!(all.backends, both.backends + imap.backends);
        assert_eq!(all.up, both.up + imap.up);
        assert_eq!(all.passing, both.passing + imap.passing);
        assert_eq!(all.refuges, both.refuges + imap.refuges);
        assert_eq!(all.vhosts_up, both.vhosts_up + imap.vhosts_up);
        assert_eq!(all.vhosts, both.vhosts + imap.vhosts);
        assert_eq!(all.users, both.users + imap.users);
    }

    #[test]
    fn one_group_is_not_named() {
        let mut document = sample::five_troubles();
        let which = |document: &Document| document.which(&document.tags[0].tag, str::to_owned);
        assert_eq!(which(&document), " without a tag");
        document.tags.truncate(1);
        assert_eq!(which(&document), "");
        let mut document = sample::behind_haproxy();
        assert_eq!(which(&document), " serving imap,imaps");
        document.tags.truncate(1);
        assert_eq!(which(&document), "");
    }
}
