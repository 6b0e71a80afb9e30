//! The backends together with the comparison of all backends: what the rules are asked with.
//!
//! The comparison is the one that `Backends` keeps, or made for this one use; no rule can be asked without.

use std::borrow::Cow;
use std::ops::Deref;

use super::bar::Bar;
use super::{Backends, Member};
use crate::outcome::Failure;
use crate::schedule::Verdict;

/// The backends, and how they compare.
#[derive(Debug)]
pub struct Compared<'a> {
    backends: &'a Backends,
    bar: Cow<'a, Bar>,
}

impl<'a> Compared<'a> {
    pub(super) fn new(backends: &'a Backends, bar: Cow<'a, Bar>) -> Compared<'a> {
        Compared { backends, bar }
    }

    /// How far the backends get.
    pub(super) fn bar(&self) -> &Bar {
        &self.bar
    }

    /// The service that has failed, and its failure: the one at which the backend stops short of the others, or else the
    /// one in the verdict.
    pub fn failed_for<'m>(&self, member: &'m Member) -> Option<(usize, &'m Failure)> {
        match (self.bar.falls_short(member), member.evidence.verdict()?) {
            (_, Verdict::Healthy(_)) => None,
            (Some(failing), _) => Some((failing.service, &failing.failure)),
            (None, Verdict::Failed { service, failure }) => Some((*service, failure)),
        }
    }

    /// Whether this backend could take the users of another one of its tag.
    pub fn is_refuge(&self, member: &Member) -> bool {
        member.may_take_users() && self.bar.stands(member)
    }
}

impl Deref for Compared<'_> {
    type Target = Backends;

    fn deref(&self) -> &Backends {
        self.backends
    }
}
