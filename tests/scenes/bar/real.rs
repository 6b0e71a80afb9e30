//! At real backends: their certificates and logins; `delays` has those that are answered late.
//!
//! Monitors that are to be compared with each other look at the same backends, each with a director of
//! its own.

mod delays;

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::super::ring::REACTION;
use super::{account, alarms, dovemon, wait_for_alarm, A_WHILE, INTERVAL};
use crate::lab::admin_socket::host_list;
use crate::lab::authority::Authority;
use crate::lab::fake_director::{FakeDirector, FakeHost};
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
