//! Which command carries out an act, by the director's age, and what is learnt from its answers.
//!
//! Pure: it is driven by the engine, and so by the simulator.

use std::num::NonZeroU32;
use std::time::Duration;

use super::wire::Change;
use crate::backend::HostState;
use crate::pool::{Action, Acts, DrainMode, Effect, MoveLimit, Order, PoolError, Reply};

/// The director waits for the ring twice, 30 s each time.
const RING_PATIENCE: Duration = Duration::from_secs(65);

/// Dovecot's `director_user_kick_delay`: what a limited number of moves at a time takes.
const KICK_DELAY: Duration = Duration::from_secs(2);

/// What is known of how this director is told something.
#[derive(Clone, Debug, Default)]
pub struct Ways {
    /// HOST-UP and HOST-DOWN since 2.2.19; before, only HOST-SET.
    acts: Acts,
    reset: ResetWay,
    /// The connection for reading during which `reset` was learnt; another may be to a newer director.
    connection: u64,
}

/// How much of HOST-RESET-USERS the director knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ResetWay {
    /// Since 2.2.26: with a limit.
    #[default]
    WithLimit,
    /// Since 2.2.19: a limit closes the connection.
    WithoutLimit,
    /// Not at all: HOST-FLUSH.
    Unknown,
}

impl Ways {
    /// A list was read over this connection, of a director with these acts.
    pub fn on_reading(&mut self, connection: u64, acts: Acts) {
        self.acts = acts;
        if connection != self.connection {
            self.connection = connection;
            self.reset = ResetWay::WithLimit;
        }
    }

    /// What carries the order out; nothing does if a weight is to be given back that is not known, or users
    /// are not to be moved.
    pub fn change(&self, order: &Order) -> Option<Change> {
        let address = order.address;
        match (order.action, self.acts) {
            (Action::MarkDown, Acts::UpAndDown) => Some(Change::HostDown(address)),
            (Action::MarkUp, Acts::UpAndDown) => Some(Change::HostUp(address)),
            (Action::MarkDown, Acts::WeightsOnly) => Some(Change::HostSet { address, vhosts: 0 }),
            (Action::MarkUp, Acts::WeightsOnly) => {
                let vhosts = order.vhosts_before?;
                Some(Change::HostSet { address, vhosts })
            }
            (Action::Drain, _) => self.drain(order),
        }
    }

    fn drain(&self, order: &Order) -> Option<Change> {
        let address = order.address;
        let limit = match order.drain {
            DrainMode::Leave => return None,
            DrainMode::Drop => return Some(Change::HostFlush(address)),
            DrainMode::Move { limit } => limit,
        };
        let reset = |limit| Change::HostResetUsers { address, limit };
        Some(match (self.acts, self.reset) {
            (Acts::UpAndDown, ResetWay::WithLimit) => reset(match limit {
                // Without a limit it would be 100, that is 50 users a second.
                MoveLimit::All => NonZeroU32::new(u32::MAX),
                MoveLimit::AtMost(limit) => Some(limit),
            }),
            (Acts::UpAndDown, ResetWay::WithoutLimit) => reset(None),
            (Acts::UpAndDown, ResetWay::Unknown) | (Acts::WeightsOnly, _) => {
                Change::HostFlush(address)
            }
        })
    }

    /// A director that closes the connection where the answer to a reset is due may not know this form of it.
    pub fn on_answer(&mut self, change: &Change, answer: &Result<Reply, PoolError>) {
        match (change, answer) {
            (Change::HostResetUsers { limit, .. }, Err(cause)) if cause.is_close_for_reply() => {
                self.reset = match limit {
                    Some(_) => ResetWay::WithoutLimit,
                    None => ResetWay::Unknown,
                };
            }
            _ => {}
        }
    }
}

/// How long the director may take to answer, with so many users on the backend.
pub fn patience(change: &Change, users: u64) -> Duration {
    let batches = match change {
        Change::HostResetUsers {
            limit: Some(limit), ..
        } => u32::try_from(users).unwrap_or(u32::MAX) / *limit,
        _ => 0,
    };
    RING_PATIENCE.saturating_add(KICK_DELAY.saturating_mul(batches))
}

/// What the director lists once it has carried the command out.
pub fn effect(change: &Change) -> Effect {
    match *change {
        Change::HostDown(_) => Effect::State(HostState::Down),
        Change::HostUp(_) => Effect::State(HostState::Up),
        Change::HostSet { vhosts, .. } => Effect::Weight(vhosts),
        Change::HostFlush(_) => Effect::UsersForgotten,
        Change::HostResetUsers { .. } => Effect::UsersMoved,
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::pool::director::error::{DirectorError, DirectorFault, DirectorStage};
    use crate::pool::Owner;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    fn order(action: Action) -> Order {
        Order {
            address: ADDRESS,
            action,
            drain: DrainMode::Move {
                limit: MoveLimit::All,
            },
            vhosts_before: None,
            owner: Owner::Us,
        }
    }

    fn line(ways: &Ways, order: Order) -> Option<String> {
        let line = ways.change(&order)?.to_string();
        Some(line.replace('\t', " "))
    }

    fn check(ways: &Ways, order: Order, expected: &str) {
        assert_eq!(line(ways, order).as_deref(), Some(expected));
    }

    fn closed() -> Result<Reply, PoolError> {
        Err(DirectorError {
            socket: "/admin".into(),
            stage: DirectorStage::Reply,
            fault: DirectorFault::Closed,
        }
        .into())
    }

    #[test]
    fn a_director_since_2_2_19_is_told_up_and_down() {
        let ways = Ways::default();
        check(&ways, order(Action::MarkDown), "HOST-DOWN 192.0.2.7");
        check(&ways, order(Action::MarkUp), "HOST-UP 192.0.2.7");
    }

    #[test]
    fn an_older_one_is_told_vhost_counts_and_forgets_users() {
        let mut ways = Ways::default();
        ways.on_reading(1, Acts::WeightsOnly);
        check(&ways, order(Action::MarkDown), "HOST-SET 192.0.2.7 0");
        assert_eq!(line(&ways, order(Action::MarkUp)), None);
        let known = Order {
            vhosts_before: Some(50),
            ..order(Action::MarkUp)
        };
        check(&ways, known, "HOST-SET 192.0.2.7 50");
        check(&ways, order(Action::Drain), "HOST-FLUSH 192.0.2.7");
    }

    #[test]
    fn users_are_moved_as_the_operator_wants() {
        let ways = Ways::default();
        let drain = |drain| Order {
            drain,
            ..order(Action::Drain)
        };
        let limit = MoveLimit::AtMost(NonZeroU32::new(7).unwrap());
        let few = drain(DrainMode::Move { limit });
        check(&ways, few, "HOST-RESET-USERS 192.0.2.7 7");
        check(&ways, drain(DrainMode::Drop), "HOST-FLUSH 192.0.2.7");
        assert_eq!(line(&ways, drain(DrainMode::Leave)), None);
    }

    #[test]
    fn a_form_that_closes_the_connection_is_given_up_until_the_lists_come_over_another() {
        let mut ways = Ways::default();
        ways.on_reading(1, Acts::UpAndDown);
        let with_limit = "HOST-RESET-USERS 192.0.2.7 4294967295";
        for expected in [
            with_limit,
            "HOST-RESET-USERS 192.0.2.7",
            "HOST-FLUSH 192.0.2.7",
        ] {
            check(&ways, order(Action::Drain), expected);
            let change = ways.change(&order(Action::Drain)).unwrap();
            ways.on_answer(&change, &closed());
        }
        ways.on_reading(1, Acts::UpAndDown);
        check(&ways, order(Action::Drain), "HOST-FLUSH 192.0.2.7");
        ways.on_reading(2, Acts::UpAndDown);
        check(&ways, order(Action::Drain), with_limit);
    }

    #[test]
    fn another_answer_or_another_command_teaches_nothing() {
        let mut ways = Ways::default();
        let reset = ways.change(&order(Action::Drain)).unwrap();
        ways.on_answer(&reset, &Ok(Reply::RingSyncTimedOut));
        ways.on_answer(&Change::HostDown(ADDRESS), &closed());
        let unanswered = DirectorError {
            socket: "/admin".into(),
            stage: DirectorStage::Reply,
            fault: DirectorFault::TimedOut,
        };
        ways.on_answer(&reset, &Err(unanswered.into()));
        assert_eq!(ways.change(&order(Action::Drain)), Some(reset));
    }

    #[test]
    fn moving_users_a_few_at_a_time_is_waited_for() {
        let reset = |limit| Change::HostResetUsers {
            address: ADDRESS,
            limit: NonZeroU32::new(limit),
        };
        let seconds = Duration::from_secs;
        assert_eq!(patience(&Change::HostDown(ADDRESS), 1000), seconds(65));
        assert_eq!(patience(&reset(u32::MAX), 1000), seconds(65));
        assert_eq!(patience(&reset(100), 1000), seconds(65 + 20));
    }
}
