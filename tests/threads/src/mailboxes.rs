//! `src/mailbox.rs`: nothing lost, nothing twice, in order; no sleep that nobody ends.

use shuttled_std::choice::{self, TimeOuts};
use std::thread;
use std::time::{Duration, Instant};

use crate::mailbox::{mailbox, Mail};

const LONG: Duration = Duration::from_secs(60);

/// While the sender lives, every order comes, once and in order, whether waits time out or not. Without
/// time-outs a lost wake-up would be a deadlock.
pub fn orders_come_once_and_in_order() {
    let time_outs = match choice::below(2) {
        0 => TimeOuts::Never,
        _ => TimeOuts::AtAnyMoment,
    };
    choice::begin(time_outs);
    let (sender, mailbox) = mailbox();
    let receiver = thread::spawn(move || {
        let mut came = Vec::new();
        while came.len() < 4 {
            match choice::below(2) {
                0 => thread::yield_now(),
                _ => {
                    let until = Instant::now() + LONG;
                    came.extend(order(mailbox.wait(until)));
                    continue;
                }
            }
            came.extend(order(mailbox.look()));
        }
        assert_eq!(mailbox.look(), Mail::Nothing);
        came
    });
    for number in 1..=4 {
        sender.send(number);
    }
    assert_eq!(receiver.join().unwrap(), [1, 2, 3, 4]);
}

fn order(mail: Mail<u32>) -> Option<u32> {
    match mail {
        Mail::Order(number) => Some(number),
        Mail::Nothing => None,
        Mail::Closed => panic!("the sender lives"),
    }
}

/// A sender that goes ends a sleep without time-outs, and what it sent before counts no longer.
pub fn the_end_wakes_the_sleeper() {
    choice::begin(TimeOuts::Never);
    let (sender, mailbox) = mailbox();
    let receiver = thread::spawn(move || {
        let mut last = 0;
        loop {
            match mailbox.wait(Instant::now() + LONG) {
                Mail::Order(number) => {
                    assert_eq!(number, last + 1);
                    last = number;
                }
                Mail::Nothing => panic!("no wait times out here"),
                Mail::Closed => break,
            }
        }
        assert_eq!(mailbox.look(), Mail::Closed, "it stays closed");
    });
    sender.send(1);
    sender.send(2);
    drop(sender);
    receiver.join().unwrap();
}

/// `Nothing` comes only when the time is over, however often the sleeper is woken.
pub fn a_wait_lasts_its_time() {
    choice::begin(TimeOuts::AtAnyMoment);
    let (sender, mailbox) = mailbox();
    let receiver = thread::spawn(move || {
        // A schedule may have every wait time out.
        for _ in 0..6 {
            let until = Instant::now() + LONG;
            match mailbox.wait(until) {
                Mail::Nothing => assert!(Instant::now() >= until),
                Mail::Order(()) => {}
                Mail::Closed => return,
            }
        }
    });
    sender.send(());
    thread::yield_now();
    sender.send(());
    drop(sender);
    receiver.join().unwrap();
}
