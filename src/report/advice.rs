//! What a person can do: about an action that a rule holds back (`of_hold`, which the status file has), and about
//! a backend (`steps`, which `explain` and the page show). Both find the words and the commands here and nowhere
//! else.

mod of_hold;
mod steps;

use std::path::Path;

use crate::pool::director::by_hand;
use crate::pool::haproxy::reading::Watched;
use crate::pool::{Access, ByHand};
use crate::report::document::{Document, PoolKind};

pub(super) use of_hold::of_hold;
pub(crate) use steps::{steps, Step, Trial};

/// With what a person changes the pool, and where it is told.
#[derive(Clone, Copy)]
pub(crate) struct Hands<'a> {
    pub(crate) by: ByHand,
    pub(crate) socket: &'a str,
}

impl<'a> Hands<'a> {
    fn of(document: &'a Document) -> Hands<'a> {
        Hands {
            by: match document.director.kind {
                PoolKind::Director => ByHand::Doveadm,
                PoolKind::Haproxy => ByHand::StatsSocket,
            },
            socket: &document.director.socket,
        }
    }

    fn doveadm(self, act: &str, about: &str) -> String {
        by_hand::doveadm(Path::new(self.socket), act, about)
    }

    /// The pool as its own room speaks of it.
    fn access(self) -> Access {
        let socket = self.socket.into();
        match self.by {
            ByHand::Doveadm => Access::Director { socket },
            // Which of its sections are watched makes no difference to what is typed.
            ByHand::StatsSocket => Access::HaProxy {
                socket,
                watched: Watched::Ports(Vec::new()),
            },
        }
    }
}
