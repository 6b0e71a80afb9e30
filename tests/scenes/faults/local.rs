//! Faults of the monitor's own machine: no backend is taken down for them, one line says what is wrong,
//! and whatever can still be checked is judged as ever.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv6Addr, TcpListener};

use nix::sys::signal::Signal;

use super::{assert_no_more_changes, A_WHILE};
use crate::lab::acceptor::Acceptor;
use crate::lab::authority::Authority;
use crate::lab::fake_backend::{Mood, IMAP};
use crate::lab::fake_director::FakeHost;
use crate::lab::fake_pool::{FakePool, REACTION};
use crate::lab::monitor::Monitor;
use crate::lab::own_network::{self, run, Dns};
use crate::lab::patience::wait_until;
use crate::lab::tls_port::TlsPort;

/// The one line about it, with these words.
fn alarm(monitor: &Monitor, words: &[&str]) -> String {
    let words: Vec<&str> = ["cannot be checked"].iter().chain(words).copied().collect();
    let line = monitor.wait_for_line(&words, REACTION);
    let lines = monitor.lines_with(&["cannot be checked"]);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    line
}

/// Taken down when it refuses, brought up when it answers again.
fn check_judged(pool: &FakePool, backend: usize) {
    pool.backends[backend].set(Mood::Refusing);
    pool.wait_for_state(backend, 'D');
    pool.backends[backend].set(Mood::Healthy);
    pool.wait_for_state(backend, 'U');
}

#[test]
fn a_route_that_prohibits_takes_nobody_down_and_is_named() {
    own_network::within(|| {
        let pool = FakePool::start(3);
        let monitor = pool.monitor().start();
        pool.wait_for_visits();
        let route = format!("prohibit {} table local", pool.address(1));
        run(&format!("ip route add {route}"));
        let line = alarm(
            &monitor,
            &[
                " ERR ",
                &pool.address(1).to_string(),
                "forbidden by this machine's firewall, routing or security policy",
            ],
        );
        assert!(!line.contains(&pool.address(0).to_string()), "{line}");
        assert_no_more_changes(&pool, A_WHILE);
        assert!(pool.changes().is_empty());
        check_judged(&pool, 0);
        assert_eq!(pool.state_of(1), 'U');
        assert_eq!(monitor.lines_with(&["cannot be checked"]).len(), 1);

        run(&format!("ip route del {route}"));
        monitor.wait_for_line(&["can be checked again from this machine"], REACTION);
        check_judged(&pool, 1);
    });
}

#[test]
fn a_route_that_prohibits_all_takes_nobody_down_and_one_line_names_them() {
    own_network::within(|| {
        let pool = FakePool::start(3);
        let monitor = pool.monitor().start();
        pool.wait_for_visits();
        for backend in 0..3 {
            run(&format!(
                "ip route add prohibit {} table local",
                pool.address(backend)
            ));
        }
        let line = alarm(&monitor, &["forbidden by this machine's firewall"]);
        for backend in 0..3 {
            assert!(line.contains(&pool.address(backend).to_string()), "{line}");
        }
        assert_no_more_changes(&pool, A_WHILE);
        assert!(pool.changes().is_empty());
        assert_eq!(monitor.lines_with(&["cut off"]), Vec::<String>::new());
    });
}

/// The kernel has one error for no address of the family, and another for none but loopback's.
#[test]
fn an_ipv6_backend_stays_up_where_this_machine_has_no_ipv6() {
    for (switch, words) in [
        (
            Some("/proc/sys/net/ipv6/conf/all/disable_ipv6"),
            "no address: this machine has none of this family",
        ),
        (None, "no address family: this machine has no ipv6"),
    ] {
        own_network::within(move || {
            if let Some(switch) = switch {
                fs::write(switch, "1").unwrap();
            }
            let pool = FakePool::start(2);
            let far = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7);
            pool.director.add(FakeHost {
                users: 10,
                ..FakeHost::new(far)
            });
            let monitor = pool.monitor().start();
            pool.wait_for_visits();
            alarm(&monitor, &["2001:db8::7", words]);
            check_judged(&pool, 0);
            assert_no_more_changes(&pool, A_WHILE);
            assert_eq!(pool.director.state_of(far), 'U');
            assert_eq!(pool.director.users_of(far), 10);
        });
    }
}

/// The kernel has one error for both. The one behind the cable answers with ICMPv6, as a firewall that
/// rejects; of the other the routes of this machine know.
#[test]
fn an_ipv6_backend_that_a_firewall_on_the_way_rejects_goes_down_and_one_that_this_machine_forbids_does_not(
) {
    own_network::within(|| {
        for command in [
            "ip link add near type veth peer name far address 02:00:00:00:00:02",
            "ip link set near up",
            "ip link set far up",
            "ip address add 2001:db8::1/64 dev near nodad",
            "ip neighbour add 2001:db8::7 lladdr 02:00:00:00:00:02 dev near",
            "ip -6 route add prohibit default table 100",
            "ip -6 rule add pref 10 iif far table 100",
            "ip -6 rule add pref 100 table local",
            "ip -6 rule del pref 0",
            "ip -6 route add prohibit 2001:db8::8",
        ] {
            run(command);
        }
        let pool = FakePool::start(2);
        let backend = |last| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last);
        let (rejected, forbidden) = (backend(7), backend(8));
        pool.director.add(FakeHost::new(rejected));
        pool.director.add(FakeHost::new(forbidden));
        // This cable ends where it begins: its answer comes while the first packet is being sent, and counts from
        // the second one on, after a second.
        let monitor = pool.monitor().flags("-t 3").start();
        let line = alarm(
            &monitor,
            &[&forbidden.to_string(), "forbidden by this machine's"],
        );
        assert!(!line.contains(&rejected.to_string()), "{line}");
        wait_until("the down of the rejected one", REACTION, || {
            pool.director.state_of(rejected) == 'D'
        });
        monitor.wait_for_line(
            &[&rejected.to_string(), "no route to the backend"],
            REACTION,
        );
        assert_no_more_changes(&pool, A_WHILE);
        assert_eq!(pool.director.state_of(forbidden), 'U');
    });
}

#[test]
fn an_unreachable_ipv4_backend_goes_down_where_this_machine_has_no_ipv6() {
    own_network::within(|| {
        let pool = FakePool::start(3);
        let _monitor = pool.monitor().start();
        pool.wait_for_visits();
        let route = format!("unreachable {} table local", pool.address(1));
        run(&format!("ip route add {route}"));
        pool.wait_for_state(1, 'D');
        run(&format!("ip route del {route}"));
        pool.wait_for_state(1, 'U');
    });
}

#[test]
fn an_ipv6_backend_goes_down_and_comes_up_like_any_other() {
    own_network::within(|| {
        let pool = FakePool::start(2);
        let sixth = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 6);
        run(&format!("ip address add {sixth}/128 dev lo nodad"));
        let serve = || {
            let listener = TcpListener::bind((sixth, IMAP)).expect("the network is new");
            Acceptor::tcp(listener, |mut visitor| {
                let _ = visitor.write_all(b"* OK ready\r\n");
                let _ = visitor.read(&mut [0; 100]);
            })
        };
        pool.director.add(FakeHost::new(sixth));
        let served = serve();
        let monitor = pool.monitor().start();
        monitor.wait_for_line(&[&format!("{sixth} is healthy")], REACTION);
        drop(served);
        wait_until("its down", REACTION, || {
            pool.director.state_of(sixth) == 'D'
        });
        let _served = serve();
        wait_until("its up", REACTION, || pool.director.state_of(sixth) == 'U');
        assert_eq!(pool.director.states(), "UUU");
    });
}

const IMAPS: u16 = 1993;

/// A pool with a TLS port each, whose certificates bear nothing but these names.
fn with_tls_ports(names: &[&str]) -> (FakePool, Vec<TlsPort>, Authority) {
    let pool = FakePool::start(names.len() as u8);
    let authority = Authority::make(pool.place.folder(), "ca");
    let port = |(backend, name): (usize, &&str)| {
        TlsPort::start(pool.address(backend), IMAPS, &authority.issue(name, &[]))
    };
    let ports = names.iter().enumerate().map(port).collect();
    (pool, ports, authority)
}

fn connections(pool: &FakePool, backend: usize) -> usize {
    pool.backends[backend].connections()
}

#[test]
fn without_names_the_other_ports_are_watched_as_if_no_certificate_were_checked() {
    own_network::within(|| {
        let (pool, _ports, authority) = with_tls_ports(&["one.test", "two.test", "three.test"]);
        let _dns = Dns::start(&pool.place, &[]);
        let plan = pool
            .monitor()
            // DNS gives up after 5 s on a machine that is slow, and then an attempt is not to be over.
            .flags(&format!("-t 10 -s IMAP:{IMAPS} --ca-file"))
            .flag(authority.file());
        let monitor = plan.start();
        let line = alarm(
            &monitor,
            &[
                " ERR ",
                "reverse DNS (PTR) did not give the address's name",
                "--tls-name",
            ],
        );
        for backend in 0..3 {
            assert!(line.contains(&pool.address(backend).to_string()), "{line}");
        }
        let before = connections(&pool, 0);
        wait_until("a probe a second of the plain port", REACTION, || {
            connections(&pool, 0) > before + 5
        });
        check_judged(&pool, 0);
        check_judged(&pool, 2);
        let errors = monitor.errors();
        let others: Vec<_> = errors
            .iter()
            .filter(|line| !line.contains(" has failed"))
            .collect();
        assert_eq!(others.len(), 1, "{errors:#?}");

        monitor.signal(Signal::SIGUSR1);
        let status = format!(
            "imap+tls:{IMAPS} cannot be checked from this machine: reverse DNS (PTR) did not give"
        );
        let backend = format!("{} is up", pool.address(1));
        monitor.wait_for_line(&[&backend, "healthy", &status], REACTION);

        let ended = plan.run("--once", REACTION);
        assert_eq!(ended.status.code(), Some(2), "{}", ended.text);
        let expected = format!(
            "{} healthy, but imap+tls:{IMAPS} cannot be checked from here: tls handshake: reverse DNS (PTR) did not",
            pool.address(0)
        );
        assert!(ended.text.contains(&expected), "{}", ended.text);
    });
}

#[test]
fn one_backend_without_a_name_is_a_refuge_and_is_judged_by_its_other_port() {
    own_network::within(|| {
        let (pool, _ports, authority) = with_tls_ports(&["one.test", "two.test"]);
        let _dns = Dns::start(&pool.place, &[(pool.address(0), "one.test")]);
        let monitor = pool
            .monitor()
            .flags(&format!("-s IMAP:{IMAPS} --ca-file"))
            .flag(authority.file())
            .start();
        let line = alarm(&monitor, &[&pool.address(1).to_string(), "--tls-name"]);
        assert!(!line.contains(&pool.address(0).to_string()), "{line}");
        check_judged(&pool, 0);
        check_judged(&pool, 1);
    });
}

#[test]
fn with_tls_ports_alone_a_backend_that_refuses_goes_down_whatever_its_name() {
    own_network::within(|| {
        let (pool, mut ports, authority) = with_tls_ports(&["one.test", "two.test", "three.test"]);
        let _dns = Dns::start(&pool.place, &[(pool.address(0), "one.test")]);
        let monitor = pool
            .bare_monitor()
            .flags(&format!(
                "-i 1 -t 1 --retries=0 --retry-delay=0.2 -s IMAP:{IMAPS} --ca-file"
            ))
            .flag(authority.file())
            .start();
        alarm(&monitor, &["--tls-name"]);
        assert!(pool.changes().is_empty());
        drop(ports.remove(1));
        pool.wait_for_state(1, 'D');
        pool.wait_for_no_users(1);
        assert_no_more_changes(&pool, A_WHILE);
        assert_eq!(pool.director.states(), "UDU");
    });
}

/// The monitor goes on without the names after 5 s, and the resolver gives up after 10 s: the one backend is dead
/// while they are awaited, the other one dies when they are known to be missing.
#[test]
fn a_silent_dns_takes_no_backend_down_and_hides_no_dead_one_while_another_port_is_watched() {
    own_network::within(|| {
        let (pool, _ports, authority) = with_tls_ports(&["one.test", "two.test", "three.test"]);
        let dns = Dns::silent(&pool.place);
        pool.backends[2].set(Mood::Refusing);
        let monitor = pool
            .monitor()
            .flags(&format!("-s IMAP:{IMAPS} --ca-file"))
            .flag(authority.file())
            .start();
        pool.wait_for_state(2, 'D');
        pool.wait_for_no_users(2);
        assert_eq!(monitor.lines_with(&["cannot be checked"]), [""; 0]);
        alarm(&monitor, &["--tls-name"]);
        assert_eq!(pool.director.states(), "UUD");
        pool.backends[1].set(Mood::Refusing);
        pool.wait_for_state(1, 'D');
        pool.wait_for_no_users(1);
        assert_no_more_changes(&pool, A_WHILE);
        assert_eq!(pool.director.states(), "UDD");
        assert!(dns.asked() >= 3, "{} questions", dns.asked());
    });
}

#[test]
fn with_a_silent_dns_and_tls_ports_alone_no_backend_goes_down_and_a_dead_one_is_told() {
    own_network::within(|| {
        let (pool, mut ports, authority) = with_tls_ports(&["one.test", "two.test", "three.test"]);
        let dns = Dns::silent(&pool.place);
        drop(ports.remove(2));
        let monitor = pool
            .bare_monitor()
            .flags(&format!(
                "-i 1 -t 1 --retries=0 --retry-delay=0.2 -s IMAP:{IMAPS} --ca-file"
            ))
            .flag(authority.file())
            .start();
        let dead = pool.address(2).to_string();
        monitor.wait_for_line(&[" ERR ", &dead, "has failed", "refused"], REACTION);
        alarm(&monitor, &["--tls-name"]);
        assert_no_more_changes(&pool, A_WHILE);
        assert!(pool.changes().is_empty());
        assert!(dns.asked() >= 2, "{} questions", dns.asked());
    });
}
