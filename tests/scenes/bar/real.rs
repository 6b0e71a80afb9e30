//! At real backends: their certificates, logins, delays and penalties.
//!
//! Monitors that are to be compared with each other look at the same backends, each with a director of
//! its own.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::super::ring::REACTION;
use super::{account, alarms, dovemon, wait_for_alarm, A_WHILE, INTERVAL};
use crate::lab::admin_socket::host_list;
use crate::lab::authority::Authority;
use crate::lab::fake_director::{FakeDirector, FakeHost};
use crate::lab::mail_client::Session;
use crate::lab::monitor::{Monitor, MonitorPlan};
use crate::lab::patience::{hold_for, wait_until};
use crate::lab::place::Place;
use crate::lab::ring::{
    Backend, Plaintext, Ring, RingPlan, Serves, IMAP, IMAPS, LMTP, PASSWORD, POP3, PROBE_USER,
    TLS_NAME,
};

const RING: RingPlan = RingPlan {
    directors: 1,
    backends: 3,
    plaintext: Plaintext::Allowed,
    serves: Serves::Mail,
};

/// A director that nobody else speaks to, with these backends.
fn director_of(place: &Place, name: &str, backends: &[Backend]) -> Director {
    let hosts = backends.iter().map(|backend| FakeHost {
        users: 10,
        ..FakeHost::new(backend.address)
    });
    Director::Fake(FakeDirector::start(&place.path(name), hosts.collect()))
}

/// What all backends have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shared {
    Nothing,
    /// The certificates are of an authority that this monitor does not know.
    Certificate,
    Password,
}

impl Shared {
    fn authority(self, ring: &Ring) -> String {
        match self {
            Shared::Certificate => String::new(),
            _ => format!("--ca-file {}", ring.authority.file().display()),
        }
    }

    fn password(self) -> &'static str {
        match self {
            Shared::Password => "forgotten",
            _ => PASSWORD,
        }
    }
}

/// A check, what spoils it, and what the alarm names.
struct Check {
    name: &'static str,
    flags: String,
    login: bool,
    shared: Shared,
    alarm: String,
}

fn checks() -> Vec<Check> {
    let check = |name, flags: String, login, shared, alarm| Check {
        name,
        flags,
        login,
        shared,
        alarm,
    };
    use Shared::*;
    vec![
        check(
            "imaps",
            format!("-s IMAP:{IMAPS} -v 1"),
            false,
            Certificate,
            format!("imap+tls:{IMAPS} tls handshake"),
        ),
        check(
            "imap",
            format!("-p IMAP:{IMAP} -v 1"),
            true,
            Certificate,
            format!("imap:{IMAP} tls handshake"),
        ),
        check(
            "pop3",
            format!("-p POP3:{POP3} --starttls=require"),
            true,
            Certificate,
            format!("pop3:{POP3} tls handshake"),
        ),
        check(
            "lmtp",
            format!("-p LMTP:{LMTP} --lmtp-to={PROBE_USER} --starttls=require"),
            false,
            Certificate,
            format!("lmtp:{LMTP} tls handshake"),
        ),
        check(
            "password",
            format!("-p IMAP:{IMAP} --starttls=no"),
            true,
            Password,
            format!("imap:{IMAP} login"),
        ),
        check(
            "pop3-password",
            format!("-p POP3:{POP3} --starttls=no"),
            true,
            Password,
            format!("pop3:{POP3} login"),
        ),
    ]
}

impl Check {
    fn plan(&self, ring: &Ring, shared: Shared, socket: &Path) -> MonitorPlan {
        let plan = MonitorPlan::new(&ring.place, socket)
            .flags("-i 1 -t 3 --retries=1 --retry-delay=0.3")
            .flags(&self.flags)
            .flags(&shared.authority(ring))
            .flags(match self.shared {
                Shared::Certificate => "--tls-name backend.lab.test",
                _ => "",
            });
        match self.login {
            true => plan.credentials(PROBE_USER, shared.password()),
            false => plan,
        }
    }
}

/// Whom a monitor speaks to.
enum Director {
    Fake(FakeDirector),
    Real { socket: PathBuf, log: PathBuf },
}

impl Director {
    /// The ring's only one.
    fn of_ring(ring: &Ring) -> Director {
        Director::Real {
            socket: ring.directors[0].socket(),
            log: ring.directors[0].dovecot.folder().join("log"),
        }
    }

    fn socket(&self) -> PathBuf {
        match self {
            Director::Fake(director) => director.socket(),
            Director::Real { socket, .. } => socket.clone(),
        }
    }

    fn states(&self) -> String {
        match self {
            Director::Fake(director) => director.states(),
            Director::Real { socket, .. } => {
                let hosts = host_list(socket).expect("the director answers HOST-LIST");
                hosts.iter().map(|line| line.state).collect()
            }
        }
    }

    /// The downs and ups that it was told.
    fn changes(&self) -> Vec<String> {
        match self {
            Director::Fake(director) => {
                let mut changes = director.changes();
                changes.retain(|line| !line.starts_with("HOST-RESET-USERS"));
                changes
            }
            Director::Real { log, .. } => {
                let log = fs::read_to_string(log).unwrap();
                let told = log
                    .lines()
                    .filter_map(|line| line.split_once("doveadm: Host "));
                told.filter_map(|(_, told)| {
                    let (address, change) = told.split_once(" changed ")?;
                    let change = change.split_whitespace().next()?.to_uppercase();
                    Some(format!("HOST-{change} {address}"))
                })
                .collect()
            }
        }
    }
}

/// A monitor, its director, and how soon that listed the dead backend down.
struct Watched {
    name: String,
    director: Director,
    monitor: Monitor,
    down_after: Option<Duration>,
}

impl Watched {
    fn new(name: String, director: Director, plan: &MonitorPlan) -> Watched {
        Watched {
            name,
            director,
            monitor: plan.start(),
            down_after: None,
        }
    }
}

/// A check with the fault that all share, beside the same without it.
struct Pair {
    troubled: Watched,
    sound: Watched,
    alarm: String,
}

impl Pair {
    fn both(&mut self) -> [&mut Watched; 2] {
        [&mut self.troubled, &mut self.sound]
    }
}

fn pair(ring: &Ring, check: &Check) -> Pair {
    let watched = |kind: &str, shared: Shared| {
        let name = format!("{}-{kind}", check.name);
        let director = director_of(&ring.place, &name, &ring.backends[..3]);
        let plan = check.plan(ring, shared, &director.socket());
        Watched::new(name, director, &plan)
    };
    Pair {
        troubled: watched("troubled", check.shared),
        sound: watched("sound", Shared::Nothing),
        alarm: check.alarm.clone(),
    }
}

/// dovemon's plan, with STARTTLS on offer and certificates checked.
fn dovemon_pair(ring: &Ring) -> Pair {
    let accounts: String = ring.backends[..3]
        .iter()
        .map(|backend| account(backend.address, PROBE_USER, PASSWORD))
        .collect();
    let watched = |name: &str, director: Director, more: &str| {
        let keys = format!("interval: 1\nssl_verify: True\ntls_name: {TLS_NAME}\n{more}");
        let plan = dovemon(&ring.place, name, &director.socket(), &keys, &accounts);
        Watched::new(name.to_string(), director, &plan)
    };
    let of_its_own = director_of(&ring.place, "dovemon-sound", &ring.backends[..3]);
    let trust = format!("ca_file: {}\n", ring.authority.file().display());
    Pair {
        troubled: watched("dovemon-troubled", Director::of_ring(ring), ""),
        sound: watched("dovemon-sound", of_its_own, &trust),
        alarm: format!("imap:{IMAP} tls handshake"),
    }
}

#[test]
fn a_dead_backend_goes_down_as_soon_beside_a_fault_that_all_share_as_without() {
    let mut ring = Ring::start(RING);
    let mut pairs: Vec<Pair> = checks().iter().map(|check| pair(&ring, check)).collect();
    pairs.push(dovemon_pair(&ring));
    for pair in &pairs {
        wait_for_alarm(&pair.troubled.monitor, &pair.alarm);
        for backend in &ring.backends[..3] {
            let line = format!("{} is healthy", backend.address);
            pair.sound.monitor.wait_for_line(&[&line], REACTION);
        }
    }

    ring.backends[1].dovecot.kill();
    let killed = Instant::now();
    wait_until("the dead backend to be down everywhere", REACTION, || {
        for watched in pairs.iter_mut().flat_map(Pair::both) {
            if watched.down_after.is_none() && watched.director.states() == "UDU" {
                watched.down_after = Some(killed.elapsed());
            }
        }
        let mut all = pairs.iter_mut().flat_map(Pair::both);
        all.all(|watched| watched.down_after.is_some())
    });
    for pair in &pairs {
        let sound = pair.sound.down_after.unwrap();
        let troubled = pair.troubled.down_after.unwrap();
        // The two do not probe in step: the one that happened to probe at once is taken as if it had
        // probed an interval later.
        let limit = sound.max(INTERVAL).mul_f64(1.5) + INTERVAL;
        assert!(
            troubled <= limit,
            "{}: down after {troubled:?}, without the shared fault after {sound:?}",
            pair.troubled.name
        );
    }

    ring.backends[1].start();
    for watched in pairs.iter_mut().flat_map(Pair::both) {
        wait_until(&format!("{}: all up", watched.name), REACTION, || {
            watched.director.states() == "UUU"
        });
    }
    hold_for("all to stay up", A_WHILE, || {
        let mut all = pairs.iter_mut().flat_map(Pair::both);
        all.all(|watched| watched.director.states() == "UUU")
    });
    let dead = ring.backends[1].address.to_string();
    for pair in &mut pairs {
        let alarms = alarms(&pair.troubled.monitor, &pair.alarm);
        assert_eq!(alarms.len(), 1, "{}: {alarms:?}", pair.troubled.name);
        for watched in pair.both() {
            let changes = watched.director.changes();
            let expected = [format!("HOST-DOWN {dead}"), format!("HOST-UP {dead}")];
            assert_eq!(changes, expected, "{}", watched.name);
        }
    }
}

#[test]
fn one_backend_that_gets_a_good_certificate_or_password_condemns_nobody_and_two_condemn_the_third()
{
    let ring = Ring::start(RING);
    let renewed = Authority::make(ring.place.folder(), "renewed-ca");
    let addresses: Vec<Ipv4Addr> = ring.backends.iter().map(|other| other.address).collect();
    let certificate = renewed.issue(TLS_NAME, &addresses);
    let repair = |backend: usize| {
        ring.backends[backend].set_certificate(&certificate);
        ring.backends[backend].set_password("changed");
    };

    let start = |name: &str, flags: &str, password: Option<&str>| {
        let director = director_of(&ring.place, name, &ring.backends[..3]);
        let plan = MonitorPlan::new(&ring.place, &director.socket())
            .flags("-i 1 -t 3 --retries=1 --retry-delay=0.3")
            .flags(flags);
        let plan = match password {
            Some(password) => plan.credentials(PROBE_USER, password),
            None => plan,
        };
        Watched::new(name.to_string(), director, &plan)
    };
    let trust = format!(
        "--tls-name {TLS_NAME} --ca-file {}",
        renewed.file().display()
    );
    let at_imaps = start(
        "certificates",
        &format!("-s IMAP:{IMAPS} -v 1 {trust}"),
        None,
    );
    let at_imap = start(
        "passwords",
        &format!("-p IMAP:{IMAP} --starttls=no"),
        Some("changed"),
    );
    wait_for_alarm(
        &at_imaps.monitor,
        &format!("imap+tls:{IMAPS} tls handshake"),
    );
    wait_for_alarm(&at_imap.monitor, &format!("imap:{IMAP} login"));
    let both = [&at_imaps, &at_imap];

    repair(0);
    for watched in both {
        let line = format!("{} is healthy", addresses[0]);
        watched.monitor.wait_for_line(&[&line], REACTION);
    }
    hold_for("all to stay up", A_WHILE, || {
        both.iter()
            .all(|watched| watched.director.states() == "UUU")
    });
    repair(1);
    for watched in both {
        let what = format!("{}: the third to go down", watched.name);
        wait_until(&what, REACTION, || watched.director.states() == "UUD");
    }
    repair(2);
    for watched in both {
        let what = format!("{}: the third to come up", watched.name);
        wait_until(&what, REACTION, || watched.director.states() == "UUU");
        let changes = watched.director.changes();
        let third = addresses[2].to_string();
        let of_third = |change: &String| change.contains(&third);
        assert!(changes.iter().all(of_third), "{changes:?}");
    }
}

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
    // rapid round's.
    let (three, two) = ring.backends[..5].split_at(3);
    let director = director_of(&ring.place, "three", three);
    let accounts = [
        account(three[0].address, "user1", PASSWORD),
        account(three[1].address, "user2", "forgotten"),
        account(three[2].address, "user3", PASSWORD),
    ];
    let keys = "interval: 1\nstarttls: no\n";
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
