//! The orders to one thread that keeps a pace of its own, and its sleep until the next thing to do.
//!
//! Not a channel: crossbeam's receiver yields the CPU eight times before it sleeps, a thousand times a
//! second with many backends, and std's `recv_timeout` could panic before Rust 1.67.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Both ends of an empty mailbox.
pub(crate) fn mailbox<Order>() -> (Sender<Order>, Mailbox<Order>) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            orders: VecDeque::new(),
            closed: false,
        }),
        changed: Condvar::new(),
    });
    (Sender(Arc::clone(&shared)), Mailbox(shared))
}

/// Dropping it closes the mailbox, which ends the thread.
pub(crate) struct Sender<Order>(Arc<Shared<Order>>);

pub(crate) struct Mailbox<Order>(Arc<Shared<Order>>);

/// What the thread finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mail<Order> {
    Order(Order),
    Nothing,
    /// Nobody will order anything any more; orders before that count no longer.
    Closed,
}

struct Shared<Order> {
    state: Mutex<State<Order>>,
    changed: Condvar,
}

struct State<Order> {
    orders: VecDeque<Order>,
    closed: bool,
}

impl<Order> Shared<Order> {
    /// No code that holds the lock can panic half-way through a change.
    fn lock(&self) -> MutexGuard<'_, State<Order>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Order> Sender<Order> {
    pub(crate) fn send(&self, order: Order) {
        self.0.lock().orders.push_back(order);
        self.0.changed.notify_one();
    }
}

impl<Order> Drop for Sender<Order> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_one();
    }
}

impl<Order> Mailbox<Order> {
    /// What is there now.
    pub(crate) fn look(&self) -> Mail<Order> {
        self.0.lock().take()
    }

    /// What comes before `until`.
    pub(crate) fn wait(&self, until: Instant) -> Mail<Order> {
        let mut state = self.0.lock();
        loop {
            let mail = state.take();
            let left = until.saturating_duration_since(Instant::now());
            if !matches!(mail, Mail::Nothing) || left.is_zero() {
                return mail;
            }
            let woken = self.0.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl<Order> State<Order> {
    fn take(&mut self) -> Mail<Order> {
        match self.orders.pop_front() {
            _ if self.closed => Mail::Closed,
            Some(order) => Mail::Order(order),
            None => Mail::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn orders_come_in_order_and_wake_the_sleeper() {
        let (sender, mailbox) = mailbox();
        assert_eq!(mailbox.look(), Mail::Nothing);
        let far = Instant::now() + Duration::from_secs(60);
        let sleeper =
            thread::spawn(move || [mailbox.wait(far), mailbox.wait(far), mailbox.wait(far)]);
        sender.send(1);
        sender.send(2);
        while !sender.0.lock().orders.is_empty() {
            thread::yield_now();
        }
        drop(sender);
        assert_eq!(
            sleeper.join().unwrap(),
            [Mail::Order(1), Mail::Order(2), Mail::Closed]
        );
    }

    #[test]
    fn nothing_comes_at_the_end_of_the_wait() {
        let (_sender, mailbox) = mailbox::<()>();
        let until = Instant::now() + Duration::from_millis(20);
        assert_eq!(mailbox.wait(until), Mail::Nothing);
        assert!(Instant::now() >= until);
        assert_eq!(mailbox.wait(until), Mail::Nothing, "a time that is past");
    }

    #[test]
    fn a_closed_mailbox_overrules_its_orders() {
        let (sender, mailbox) = mailbox();
        sender.send(1);
        drop(sender);
        assert_eq!(mailbox.look(), Mail::Closed);
    }
}
