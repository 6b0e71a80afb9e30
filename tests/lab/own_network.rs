//! A network of a test's own, and a DNS server in it: for faults of the monitor's machine.
//!
//! It owns the thread whose namespaces these are. All that the test starts from there, threads and
//! programs, lives in them; the machine's own network and files are left alone.

use std::collections::HashMap;
use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::panic::resume_unwind;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sched::{unshare, CloneFlags};

use super::place::Place;

/// Runs the test in a thread with a network that has nothing but loopback, and mounts of its own.
/// It takes root, as real Dovecot does.
pub fn within(test: impl FnOnce() + Send + 'static) {
    let inside = thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)
            .expect("root may make namespaces");
        run("mount --make-rprivate /");
        run("ip link set lo up");
        test();
    });
    if let Err(panic) = inside.join() {
        resume_unwind(panic);
    }
}

/// Runs a command of a few words in the network of this thread.
#[track_caller]
pub fn run(words: &str) {
    let mut words = words.split_whitespace();
    let program = words.next().expect("a program");
    let output = Command::new(program).args(words).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {errors}");
}

/// The only DNS server of this thread's network. It knows the names of a few addresses, and answers
/// every other question with SERVFAIL; or it takes questions and answers none.
pub struct Dns {
    is_over: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    answering: Option<JoinHandle<()>>,
}

impl Dns {
    /// From now on what is started from this thread asks it, and nothing else, for names.
    pub fn start(place: &Place, names: &[(Ipv4Addr, &str)]) -> Dns {
        let names: HashMap<String, String> = names
            .iter()
            .map(|(address, name)| (reversed(*address), name.to_string()))
            .collect();
        Dns::answering_by(place, move |question| reply(question, &names))
    }

    /// The same, where no question gets an answer.
    pub fn silent(place: &Place) -> Dns {
        Dns::answering_by(place, |_| None)
    }

    /// How many questions have come.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    fn answering_by(
        place: &Place,
        answer: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'static,
    ) -> Dns {
        let server = Ipv4Addr::LOCALHOST;
        for (file, text) in [
            ("resolv.conf", format!("nameserver {server}\n")),
            ("nsswitch.conf", "hosts: dns\n".to_string()),
        ] {
            let ours = place.path(file);
            fs::write(&ours, text).unwrap();
            run(&format!("mount --bind {} /etc/{file}", ours.display()));
        }
        let socket = UdpSocket::bind((server, 53)).expect("the network is new");
        let glance = Duration::from_millis(50);
        socket.set_read_timeout(Some(glance)).unwrap();
        let (is_over, asked) = (Arc::default(), Arc::default());
        let (told, counted): (Arc<AtomicBool>, Arc<AtomicUsize>) =
            (Arc::clone(&is_over), Arc::clone(&asked));
        let answering = thread::spawn(move || {
            let mut question = [0; 512];
            while !told.load(Ordering::Relaxed) {
                if let Ok((length, from)) = socket.recv_from(&mut question) {
                    counted.fetch_add(1, Ordering::Relaxed);
                    if let Some(reply) = answer(&question[..length]) {
                        let _ = socket.send_to(&reply, from);
                    }
                }
            }
        });
        Dns {
            is_over,
            asked,
            answering: Some(answering),
        }
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(answering) = self.answering.take() {
            let _ = answering.join();
        }
    }
}

/// The name that is asked for when an address's name is looked up.
fn reversed(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("{d}.{c}.{b}.{a}.in-addr.arpa")
}

const HEADER: usize = 12;
const PTR: [u8; 2] = [0, 12];
const INTERNET: [u8; 2] = [0, 1];

/// RFC 1035 4.1; none to what is no question.
fn reply(question: &[u8], names: &HashMap<String, String>) -> Option<Vec<u8>> {
    let mut labels = Vec::new();
    let mut place = HEADER;
    loop {
        let length = usize::from(*question.get(place)?);
        place += 1;
        if length == 0 {
            break;
        }
        let label = question.get(place..place + length)?;
        labels.push(String::from_utf8_lossy(label).into_owned());
        place += length;
    }
    // The type and the class.
    let end = place + 4;
    let asked = question.get(HEADER..end)?;
    let name = names.get(&labels.join("."));
    let (flags, answers) = match name {
        Some(_) => ([0x81, 0x80], 1),
        None => ([0x81, 0x82], 0),
    };
    let mut reply = question[..2].to_vec();
    reply.extend(flags);
    reply.extend([0, 1, 0, answers, 0, 0, 0, 0]);
    reply.extend(asked);
    if let Some(name) = name {
        // The name of the question again, by a pointer to it.
        reply.extend([0xc0, HEADER as u8]);
        reply.extend(PTR);
        reply.extend(INTERNET);
        reply.extend([0, 0, 0, 60]);
        let mut data = Vec::new();
        for label in name.split('.') {
            data.push(label.len() as u8);
            data.extend(label.bytes());
        }
        data.push(0);
        reply.extend([0, data.len() as u8]);
        reply.extend(data);
    }
    Some(reply)
}
