//! `src/net/names.rs`: every address that is asked for is looked up, once, by a few threads.

use shuttled_std::choice::{self, TimeOuts};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::names::{Answer, Name, Names};

/// More than there may be threads.
const ADDRESSES: u8 = 5;
const MOST_THREADS: usize = 4;

#[derive(Default)]
struct Asked {
    addresses: Vec<IpAddr>,
    at_once: usize,
    most: usize,
}

fn address(number: u8) -> IpAddr {
    [192, 0, 2, number].into()
}

fn names(asked: &Arc<Mutex<Asked>>) -> Arc<Names> {
    let asked = asked.clone();
    Arc::new(Names::new(move |address| {
        {
            let mut asked = asked.lock().unwrap();
            asked.addresses.push(address);
            asked.at_once += 1;
            asked.most = asked.most.max(asked.at_once);
        }
        thread::yield_now();
        asked.lock().unwrap().at_once -= 1;
        Answer::Name("backend.lab.test".to_owned())
    }))
}

/// Two workers ask for the same addresses. In the end each has its name, after one lookup; a lookup that
/// was put in the queue as the last thread ended would leave its address without one for ever.
pub fn each_is_looked_up_once() {
    choice::begin(TimeOuts::Never);
    let asked = Arc::new(Mutex::new(Asked::default()));
    let names = names(&asked);
    let workers: Vec<_> = (0..2)
        .map(|_| {
            let names = names.clone();
            thread::spawn(move || {
                for number in 1..=ADDRESSES {
                    let name = names.name_of(address(number), Instant::now());
                    assert_ne!(name, Name::Unknown, "a lookup does not fail here");
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().unwrap();
    }
    wait_for(|| {
        (1..=ADDRESSES).all(|number| {
            let known = Name::Known("backend.lab.test".to_owned());
            names.name_of(address(number), Instant::now()) == known
        })
    });
    let asked = asked.lock().unwrap();
    let mut addresses = asked.addresses.clone();
    addresses.sort_unstable();
    assert_eq!(addresses, (1..=ADDRESSES).map(address).collect::<Vec<_>>());
    assert!(asked.most <= MOST_THREADS);
}

/// Where no thread can be started, or only one or two, an address has failed, or another thread looks it up:
/// none is left pending for good. A thread that ends just as an address comes must not be counted on.
pub fn without_threads() {
    choice::begin(TimeOuts::Never);
    choice::limit_threads(choice::below(3));
    let addresses = 2 + choice::below(2) as u8;
    let asked = Arc::new(Mutex::new(Asked::default()));
    let names = names(&asked);
    for number in 1..=addresses {
        names.name_of(address(number), Instant::now());
        if choice::below(2) == 0 {
            thread::yield_now();
        }
    }
    // Not by the patience of who asks, for which a pending name is an unknown one after 5 s.
    let soon = Instant::now() + Duration::from_secs(1);
    wait_for(|| {
        (1..=addresses).all(|number| names.name_of(address(number), soon) != Name::Pending)
    });
}

/// The lookups' threads are never joined; whoever looks often enough sees their end. A schedule that lets
/// none of them run for so long counts as one in which they hang.
fn wait_for(is_so: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if is_so() {
            return;
        }
        thread::yield_now();
    }
    panic!("not within 1,000 looks");
}
