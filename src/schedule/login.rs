//! One refused login shows two faces: Dovecot delays each further refusal (2 s by default, and up to
//! 17 s more by its anvil process's penalty for the client's address), so that a short time-out sees
//! none. What a time-out at the login means is told by the last definite answer to it.
//!
//! Whether a login is checked at all, and as whom, is not known here.

use crate::outcome::{Failure, Fault, Outcome, Stage};

/// The last definite answer to the account's login at this backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum LastAnswer {
    #[default]
    None,
    Accepted,
    Refused,
}

impl LastAnswer {
    /// Takes the outcome in, and puts a time-out at the login down to what it stands for.
    pub(super) fn interpret(&mut self, outcome: &mut Outcome) {
        if outcome.logged_in {
            *self = LastAnswer::Accepted;
        }
        let failure = match &mut outcome.result {
            Err(failure) if failure.stage == Stage::Login => failure,
            _ => return,
        };
        match (&failure.fault, *self) {
            (Fault::CredentialsRefused(_), _) => *self = LastAnswer::Refused,
            (Fault::TimedOut, LastAnswer::Refused) => put(failure, Fault::RefusalDelayed),
            (Fault::TimedOut, LastAnswer::None) => put(failure, Fault::LoginUnanswered),
            _ => {}
        }
    }
}

fn put(failure: &mut Failure, fault: Fault) {
    failure.fault = fault;
}
