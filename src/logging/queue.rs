//! What lies between those who log and the thread that writes: bounded, in order, and nobody who
//! puts something in ever waits.
//!
//! Where there is no room lines are counted, and the count takes their place.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use log::Level;

use super::line::{loss, Line};
use super::lost;
use crate::config::settings::LogTarget;

/// How many bytes may wait: the last polls of a few thousand backends, which SIGHUP logs at once.
const LIMIT: usize = 4 * 1024 * 1024;

/// For so many lines memory is kept.
const USUAL_BACKLOG: usize = 64;

/// What a line takes beside its text.
const OVERHEAD: usize = 64;

const TOO_SLOW: &str = "the log did not take them in time";

/// What the thread that writes is to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Order {
    Line(Line),
    /// Text for standard error alone, with its line feed.
    Aside(String),
    Reopen,
    Switch(LogTarget),
}

impl Order {
    fn size(&self) -> usize {
        match self {
            Order::Line(line) => OVERHEAD + line.text.len(),
            Order::Aside(text) => OVERHEAD + text.len(),
            Order::Reopen | Order::Switch(_) => 0,
        }
    }
}

pub struct Queue {
    limit: usize,
    state: Mutex<State>,
    filled: Condvar,
    written: Condvar,
}

#[derive(Default)]
struct State {
    orders: VecDeque<Order>,
    bytes: usize,
    /// Lines for which there was no room, after all that lies in the queue.
    lost: u64,
    /// The thread is at work on what it has taken.
    busy: bool,
}

impl Queue {
    pub fn new() -> Queue {
        Queue::with_limit(LIMIT)
    }

    fn with_limit(limit: usize) -> Queue {
        Queue {
            limit,
            state: Mutex::default(),
            filled: Condvar::new(),
            written: Condvar::new(),
        }
    }

    /// A line is lost where there is no room for it.
    pub fn push(&self, order: Order) {
        let mut state = self.lock();
        let room = match state.lost {
            0 => self.limit,
            // Much of it must be free again: one notice of loss for each line would be no gain.
            _ => self.limit / 2,
        };
        if state.bytes + order.size() > room {
            state.lost = state.lost.saturating_add(1);
            lost::count();
            return;
        }
        if let Some(notice) = state.take_loss() {
            state.put(notice);
        }
        state.put(order);
        self.filled.notify_one();
    }

    /// One that waits already will do it after now, so it is enough.
    pub fn push_reopen(&self) {
        let mut state = self.lock();
        if !state.orders.contains(&Order::Reopen) {
            state.put(Order::Reopen);
            self.filled.notify_one();
        }
    }

    /// Only the latest one counts.
    pub fn push_switch(&self, target: &LogTarget) {
        let mut state = self.lock();
        state
            .orders
            .retain(|order| !matches!(order, Order::Switch(_)));
        state.put(Order::Switch(target.clone()));
        self.filled.notify_one();
    }

    /// Waits for the next one; what was taken before has been done by now.
    pub fn next(&self) -> Order {
        let mut state = self.lock();
        state.busy = false;
        loop {
            if let Some(order) = state.take() {
                state.busy = true;
                return order;
            }
            self.written.notify_all();
            let woken = self.filled.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub fn try_next(&self) -> Option<Order> {
        self.lock().take()
    }

    /// Waits until all is written, but not for longer than this.
    pub fn wait_until_written(&self, patience: Duration) {
        let end = Instant::now() + patience;
        let mut state = self.lock();
        while !state.is_done() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let woken = self.written.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// No code that holds the lock can panic.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(&mut self, order: Order) {
        self.bytes += order.size();
        self.orders.push_back(order);
    }

    fn take(&mut self) -> Option<Order> {
        match self.orders.pop_front() {
            Some(order) => {
                self.bytes -= order.size();
                Some(order)
            }
            None => {
                // After a large backlog the memory is given back.
                self.orders.shrink_to(USUAL_BACKLOG);
                self.take_loss()
            }
        }
    }

    fn take_loss(&mut self) -> Option<Order> {
        match std::mem::take(&mut self.lost) {
            0 => None,
            lost => Some(Order::Line(Line::now(Level::Error, &loss(lost, TOO_SLOW)))),
        }
    }

    fn is_done(&self) -> bool {
        self.orders.is_empty() && self.lost == 0 && !self.busy
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;
    use crate::slowness::stretched;

    fn line(text: &str) -> Order {
        Order::Line(Line::now(Level::Info, text))
    }

    fn texts(queue: &Queue) -> Vec<String> {
        let text = |order| match order {
            Order::Line(line) => line.text,
            Order::Aside(text) => format!("aside: {text}"),
            Order::Reopen => "reopen".to_owned(),
            Order::Switch(target) => format!("{target:?}"),
        };
        std::iter::from_fn(|| queue.try_next()).map(text).collect()
    }

    /// For so many lines of one byte.
    fn queue_for(lines: usize) -> Queue {
        Queue::with_limit(lines * (OVERHEAD + 1))
    }

    #[test]
    fn what_is_put_in_comes_out_in_order() {
        let queue = Queue::new();
        queue.push(line("1"));
        queue.push_reopen();
        queue.push(Order::Aside("2".to_owned()));
        queue.push(line("3"));
        assert_eq!(texts(&queue), ["1", "reopen", "aside: 2", "3"]);
    }

    #[test]
    fn lines_without_room_are_counted_and_the_count_takes_their_place() {
        let queue = queue_for(4);
        for text in ["1", "2", "3", "4", "5", "6"] {
            queue.push(line(text));
        }
        // One line taken is not room enough to begin again.
        assert!(queue.try_next().is_some());
        queue.push(line("7"));
        for _ in 0..2 {
            assert!(queue.try_next().is_some());
        }
        queue.push(line("8"));
        let loss = "3 log lines lost: the log did not take them in time";
        assert_eq!(texts(&queue), ["4", loss, "8"]);
    }

    #[test]
    fn a_loss_is_told_even_if_no_line_follows() {
        let queue = queue_for(1);
        queue.push(line("1"));
        queue.push(line("2"));
        assert_eq!(
            texts(&queue),
            ["1", "1 log line lost: the log did not take them in time"]
        );
        assert_eq!(texts(&queue), [""; 0]);
    }

    #[test]
    fn orders_have_room_in_a_full_queue_and_do_not_pile_up() {
        let queue = queue_for(1);
        let file = |name: &str| LogTarget::File(name.into());
        queue.push(line("1"));
        for name in ["a", "b", "c"] {
            queue.push(line("lost"));
            queue.push_reopen();
            queue.push_switch(&file(name));
        }
        let expected = [
            "1",
            "reopen",
            &format!("{:?}", file("c")),
            "3 log lines lost: the log did not take them in time",
        ];
        assert_eq!(texts(&queue), expected);
    }

    #[test]
    fn the_end_waits_for_what_is_being_written_and_no_longer_than_it_may() {
        let queue = Arc::new(Queue::new());
        let began = Instant::now();
        queue.wait_until_written(Duration::from_secs(60));
        assert!(
            began.elapsed() < stretched(Duration::from_secs(30)),
            "nothing to do"
        );

        queue.push(line("1"));
        queue.push(line("2"));
        let hung = Duration::from_millis(20);
        queue.wait_until_written(hung);
        assert!(began.elapsed() >= hung);

        queue.next();
        let writer = Arc::clone(&queue);
        let (written, is_written) = std::sync::mpsc::channel();
        thread::spawn(move || {
            // Pause: the disk takes a while.
            thread::sleep(Duration::from_millis(50));
            written.send(()).unwrap();
            writer.next();
            writer.next();
        });
        queue.wait_until_written(Duration::from_secs(60));
        assert!(
            is_written.try_recv().is_ok(),
            "the line in hand was written"
        );
    }
}
