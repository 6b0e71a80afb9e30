//! One refused login shows two faces: Dovecot delays each further refusal (2 s by default, and up to
//! 17 s more by its anvil process's penalty for the client's address), so that a short time-out sees
//! none. What a time-out at the login means is told by the last definite answer to it.
//!
//! Whether a login is checked at all, and as whom, is not known here.

use std::time::{Duration, Instant};

use crate::outcome::{Failure, Fault, Outcome, Stage};

/// Dovecot refuses a login up to 17 s after the attempt began, and may delay other logins from this machine for 15 s
/// after that (`AUTH_PENALTY_MAX_SECS`): 32 s. A minute leaves room for a busy server.
const PENALTY_LASTS: Duration = Duration::from_secs(60);

/// The last definite answer to the account's login at this backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum LastAnswer {
    #[default]
    None,
    Accepted,
    Refused {
        /// When the latest attempt began that was refused, or whose refusal came too late to be seen.
        latest: Instant,
    },
    /// The account before this one was refused. The penalty belongs to the client's address, so it may delay this
    /// account's logins, too, for `PENALTY_LASTS`.
    OtherRefused {
        /// The same, of that other account.
        latest: Instant,
    },
}

impl LastAnswer {
    pub(super) fn on_other_login(&mut self) {
        *self = match self {
            LastAnswer::Refused { latest } | LastAnswer::OtherRefused { latest } => {
                LastAnswer::OtherRefused { latest: *latest }
            }
            LastAnswer::None | LastAnswer::Accepted => LastAnswer::None,
        };
    }

    /// Takes the outcome in, and puts a time-out at the login down to what it stands for.
    pub(super) fn interpret(&mut self, outcome: &mut Outcome) {
        if outcome.logged_in {
            *self = LastAnswer::Accepted;
        }
        let began = outcome.began;
        let failure = match &mut outcome.result {
            Err(failure) if failure.stage == Stage::Login => failure,
            _ => return,
        };
        match (&failure.fault, *self) {
            (Fault::CredentialsRefused(_), _) => *self = LastAnswer::Refused { latest: began },
            (Fault::TimedOut, LastAnswer::Refused { .. }) => {
                *self = LastAnswer::Refused { latest: began };
                put(failure, Fault::RefusalDelayed);
            }
            (Fault::TimedOut, LastAnswer::None) => put(failure, Fault::LoginUnanswered),
            (Fault::TimedOut, LastAnswer::OtherRefused { latest }) => {
                let is_over = began.saturating_duration_since(latest) >= PENALTY_LASTS;
                put(
                    failure,
                    match is_over {
                        true => Fault::LoginUnanswered,
                        false => Fault::LoginDelayed,
                    },
                );
            }
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

    fn outcome(began: Instant, result: Result<Pass, Fault>) -> Outcome {
        Outcome {
            logged_in: result.is_ok(),
            ..Outcome::new(
                began,
                Duration::from_secs(1),
                result.map_err(|fault| Failure::new(Stage::Login, fault)),
            )
        }
    }

    /// What a time-out at the login stands for.
    fn timed_out(answer: &mut LastAnswer, began: Instant) -> Fault {
        let mut outcome = outcome(began, Err(Fault::TimedOut));
        answer.interpret(&mut outcome);
        outcome.result.unwrap_err().fault
    }

    #[test]
    fn a_time_out_at_the_login_stands_for_the_last_definite_answer() {
        let now = Instant::now();
        let mut answer = LastAnswer::default();
        assert_eq!(timed_out(&mut answer, now), Fault::LoginUnanswered);
        let refused = || outcome(now, Err(Fault::CredentialsRefused(Quote::new("no"))));
        answer.interpret(&mut refused());
        assert_eq!(timed_out(&mut answer, now), Fault::RefusalDelayed);
        answer.on_other_login();
        assert_eq!(timed_out(&mut answer, now), Fault::LoginDelayed);
        answer.on_other_login();
        assert_eq!(timed_out(&mut answer, now), Fault::LoginDelayed);
        answer.interpret(&mut outcome(now, Ok(Pass::Clean)));
        assert_eq!(timed_out(&mut answer, now), Fault::TimedOut);
        answer.on_other_login();
        assert_eq!(timed_out(&mut answer, now), Fault::LoginUnanswered);
    }

    /// A server that answers nobody must not be excused for ever by what it refused before.
    #[test]
    fn a_time_out_is_put_down_to_another_accounts_refusal_for_a_minute_only() {
        let refused_at = Instant::now();
        let after = |seconds| refused_at + Duration::from_secs(seconds);
        let mut answer = LastAnswer::default();
        let refused = Err(Fault::CredentialsRefused(Quote::new("no")));
        answer.interpret(&mut outcome(refused_at, refused));
        assert_eq!(timed_out(&mut answer, after(3000)), Fault::RefusalDelayed);
        answer.on_other_login();
        assert_eq!(timed_out(&mut answer, after(3059)), Fault::LoginDelayed);
        assert_eq!(timed_out(&mut answer, after(3060)), Fault::LoginUnanswered);
    }
}
