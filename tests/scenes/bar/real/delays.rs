//! Logins that are answered late or never: Dovecot's delays and penalties, and an auth process that hangs.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use nix::sys::signal::Signal;

use super::*;
use crate::lab::mail_client::Session;
use crate::lab::patience::hold_for;

/// With stock Dovecot's delays, so that a refused login is a time-out to whoever waits less.
#[test]
fn a_refusal_that_comes_too_late_is_no_time_out_of_the_backends() {
    let mut ring = Ring::start(RingPlan {
        backends: 5,
        ..RING
    });
    for backend in &mut ring.backends[..5] {
        backend.delay_refusals();
    }
    // One wrong password among three accounts: refused within the poll's time, and too late for the
    // rapid round's. Dovecot counts its two seconds in whole ones: a refusal comes after more than one.
    let (three, two) = ring.backends[..5].split_at(3);
    let director = director_of(&ring.place, "three", three);
    let accounts = [
        account(three[0].address, "user1", PASSWORD),
        account(three[1].address, "user2", "forgotten"),
        account(three[2].address, "user3", PASSWORD),
    ];
    let keys = "interval: 1\nrapidpoll_timeout: 1\nstarttls: no\n";
    let plan = dovemon(
        &ring.place,
        "three",
        &director.socket(),
        keys,
        &accounts.concat(),
    );
    let one_account = Watched::new("three".to_string(), director, &plan);
    // And a time-out that no refusal is within: the password stops working, or never worked.
    let start = |name: &str| {
        let director = director_of(&ring.place, name, two);
        let plan = MonitorPlan::new(&ring.place, &director.socket())
            .flags(&format!(
                "-i 1 -t 1 --max-down=all -p IMAP:{IMAP} --starttls=no"
            ))
            .credentials(PROBE_USER, PASSWORD);
        Watched::new(name.to_string(), director, &plan)
    };
    let changed = start("changed");
    for backend in two {
        let line = format!("{} is healthy", backend.address);
        changed.monitor.wait_for_line(&[&line], REACTION);
    }
    for backend in two {
        backend.set_password("changed");
    }
    let never = start("never");

    let all = [&one_account, &changed, &never];
    hold_for("no command", Duration::from_secs(62), || {
        all.iter()
            .all(|watched| watched.director.changes().is_empty())
    });
    for (watched, word) in [
        (&one_account, "login refused"),
        (&one_account, "timed out"),
        (&changed, "timed out"),
        (&never, "timed out"),
    ] {
        let line = format!("imap:{IMAP}: login: {word}");
        // On a machine that is slow a time-out may take longer to be met.
        wait_until(
            &format!("{}: {word}", watched.name),
            Duration::from_secs(60),
            || !watched.monitor.lines_with(&[&line]).is_empty(),
        );
    }
    for watched in all {
        assert!(
            !alarms(&watched.monitor, &format!("imap:{IMAP} login")).is_empty(),
            "{}: {:?}",
            watched.name,
            watched.monitor.errors()
        );
    }
}

/// Tries passwords at these backends, from the address that the monitor has, until it is dropped.
struct Guessing {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Guessing {
    fn start(backends: &[Backend]) -> Guessing {
        let over = Arc::new(AtomicBool::new(false));
        let guess = |server: SocketAddr| {
            let over = Arc::clone(&over);
            thread::spawn(move || {
                for word in 0.. {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    let password = format!("guess-{word}");
                    let refused = Session::log_in(server, "user7", &password);
                    assert!(refused.is_err(), "{password} is none");
                }
            })
        };
        let threads = backends
            .iter()
            .map(|backend| guess(SocketAddr::from((backend.address, IMAP))))
            .collect();
        Guessing { over, threads }
    }
}

impl Drop for Guessing {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let ended = thread.join();
            if !thread::panicking() {
                ended.unwrap();
            }
        }
    }
}

#[test]
fn a_repaired_password_whose_login_is_delayed_takes_nobody_down() {
    let mut ring = Ring::start(RING);
    for backend in &mut ring.backends[..3] {
        backend.delay_refusals();
    }
    let director = director_of(&ring.place, "admin", &ring.backends[..3]);
    let plan = MonitorPlan::new(&ring.place, &director.socket())
        .flags(&format!("-i 1 -t 6 -p IMAP:{IMAP} --starttls=no"))
        .credentials(PROBE_USER, "forgotten");
    let watched = Watched::new("admin".to_string(), director, &plan);
    wait_for_alarm(&watched.monitor, &format!("imap:{IMAP} login"));
    // The third answers at once, and so is somewhere for the users of the other two to go.
    let guessing = Guessing::start(&ring.backends[..2]);
    let no_command = || watched.director.changes().is_empty();
    hold_for("no command", Duration::from_secs(8), no_command);

    // Of the password before, a time-out says that it was refused.
    let delayed = || {
        let late = watched.monitor.lines_with(&["login: timed out"]);
        let of_another = late.iter().filter(|line| !line.contains("refused here"));
        of_another.count()
    };
    let before = delayed();
    let credentials = plan.credentials_file();
    fs::write(credentials, format!("{PROBE_USER}\n{PASSWORD}\n")).unwrap();
    watched.monitor.signal(Signal::SIGHUP);
    let third = format!("{} is healthy", ring.backends[2].address);
    watched.monitor.wait_for_line(&[&third], REACTION);
    // The penalty shrinks by itself, so the guessing goes on until it has met the good password.
    wait_until("a delayed login", REACTION, || delayed() > before);
    // What is left of it delays a login by up to 15 s: less than a whole series of time-outs.
    drop(guessing);
    for backend in &ring.backends[..3] {
        let line = format!("{} is healthy", backend.address);
        watched.monitor.wait_for_line(&[&line], REACTION);
    }
    hold_for("no command", A_WHILE, no_command);
}

/// A monitor that had logged in there before sees a time-out where others pass; one that starts
/// later does not know whether the password would do, and goes by most of the others.
#[test]
fn a_backend_whose_logins_are_never_answered_goes_down_whoever_is_probed_where() {
    let mut ring = Ring::start(RING);
    // One process for all connections, that has found its way to the passwords: or there would be no
    // greeting.
    let second = &mut ring.backends[1];
    second.dovecot.stop();
    let service = "service imap-login {\n";
    let kept = format!("{service}service_count = 0\n");
    second.dovecot.replace_setting(service, &kept);
    second.start();
    let passwords = |first: &str| -> String {
        let accounts = ring.backends[..3].iter().zip(1..).map(|(backend, number)| {
            let password = if number == 1 { first } else { PASSWORD };
            account(backend.address, &format!("user{number}"), password)
        });
        accounts.collect()
    };
    let one_for_all: String = ring.backends[..3]
        .iter()
        .map(|backend| account(backend.address, PROBE_USER, PASSWORD))
        .collect();
    let keys = "interval: 1\ntimeout: 1\nrapidpoll_timeout: 1\nstarttls: no\n";
    let start = |name: &str, accounts: &str| {
        let director = director_of(&ring.place, name, &ring.backends[..3]);
        let plan = dovemon(&ring.place, name, &director.socket(), keys, accounts);
        Watched::new(name.to_string(), director, &plan)
    };
    let mut all = vec![
        start("own", &passwords(PASSWORD)),
        start("shared", &one_for_all),
        // The first is refused, and is nobody's business.
        start("one-refused", &passwords("forgotten")),
    ];
    for watched in &all {
        let line = format!("{} is healthy", ring.backends[1].address);
        watched.monitor.wait_for_line(&[&line], REACTION);
    }
    wait_for_alarm(&all[2].monitor, &format!("imap:{IMAP} login"));

    ring.backends[1].dovecot.freeze_service("auth");
    all.push(start("own-later", &passwords(PASSWORD)));
    all.push(start("shared-later", &one_for_all));
    for watched in &all {
        let what = format!("{}: the second to go down", watched.name);
        wait_until(&what, REACTION, || watched.director.states() == "UDU");
    }
    for watched in &all {
        let line = format!("{} imap:{IMAP}: login: timed out", ring.backends[1].address);
        watched.monitor.wait_for_line(&[&line], REACTION);
    }
    ring.backends[1].dovecot.thaw();
    for watched in &all {
        let what = format!("{}: all up", watched.name);
        wait_until(&what, REACTION, || watched.director.states() == "UUU");
        assert_eq!(watched.director.changes().len(), 2, "{}", watched.name);
    }
}
