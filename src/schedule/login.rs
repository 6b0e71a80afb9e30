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
    /// To another account, before this one took its place: the penalty is the client address's, and goes
    /// on delaying whoever logs in from there.
    OtherRefused,
}

impl LastAnswer {
    pub(super) fn on_other_login(&mut self) {
        *self = match self {
            LastAnswer::Refused | LastAnswer::OtherRefused => LastAnswer::OtherRefused,
            LastAnswer::None | LastAnswer::Accepted => LastAnswer::None,
        };
    }

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
            (Fault::TimedOut, LastAnswer::OtherRefused) => put(failure, Fault::LoginDelayed),
            _ => {}
        }
    }
}

fn put(failure: &mut Failure, fault: Fault) {
    failure.fault = fault;
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::outcome::Pass;
    use crate::quote::Quote;

    fn outcome(result: Result<Pass, Fault>) -> Outcome {
        Outcome {
            began: Instant::now(),
            latency: Duration::from_secs(1),
            delivery: None,
            evidence: Default::default(),
            logged_in: result.is_ok(),
            result: result.map_err(|fault| Failure::new(Stage::Login, fault)),
        }
    }

    /// What a time-out at the login stands for.
    fn timed_out(answer: &mut LastAnswer) -> Fault {
        let mut outcome = outcome(Err(Fault::TimedOut));
        answer.interpret(&mut outcome);
        outcome.result.unwrap_err().fault
    }

    #[test]
    fn a_time_out_at_the_login_stands_for_the_last_definite_answer() {
        let mut answer = LastAnswer::default();
        assert_eq!(timed_out(&mut answer), Fault::LoginUnanswered);
        let refused = || outcome(Err(Fault::CredentialsRefused(Quote::new("no"))));
        answer.interpret(&mut refused());
        assert_eq!(timed_out(&mut answer), Fault::RefusalDelayed);
        answer.on_other_login();
        assert_eq!(timed_out(&mut answer), Fault::LoginDelayed);
        answer.on_other_login();
        assert_eq!(timed_out(&mut answer), Fault::LoginDelayed);
        answer.interpret(&mut outcome(Ok(Pass::Clean)));
        assert_eq!(timed_out(&mut answer), Fault::TimedOut);
        answer.on_other_login();
        assert_eq!(timed_out(&mut answer), Fault::LoginUnanswered);
    }
}
