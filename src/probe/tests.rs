//! Attempts at servers of our own: what passes, what fails, and what is told of it.

mod certificates;
mod delivery;
mod matrix;
mod names;
mod told;

use std::io::{Read, Write};
use std::net::IpAddr;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{mpsc, Mutex};
use std::thread;

use openssl::ssl::SslAcceptor;

use super::*;
use crate::account::{Account, Envelope, Secret};
use crate::config::settings::{Auth, PasswordOver, StartTls, Steps};
use crate::config::trust::{Certificates, Verify};
use crate::grid::{self, Wrong};
use crate::in_time::check_in_time;
use crate::net::names::Answer;
use crate::net::stage::{self, Authority, Server, Validity};
use crate::probe::protocols::table::UseOfStartTls;
use crate::slowness::stretched;

const TIMEOUT: Duration = Duration::from_millis(400);
/// Room for a busy machine; only the tests of time itself make it short.
const PATIENCE: Duration = Duration::from_secs(10);

fn probing(certificates: Certificates) -> Probing {
    Probing {
        certificates,
        envelope: Envelope::default(),
        auth: Auth::Login,
        starttls: StartTls::Offered,
        proxy_protocol: ProxyProtocol::No,
        steps: Steps::default(),
    }
}

fn unchecked() -> Certificates {
    Certificates::new(
        Verify::Off,
        None,
        None,
        StartTls::Offered,
        PasswordOver::Any,
    )
}

fn checked(name: Option<&str>, ca_file: PathBuf) -> Certificates {
    let name = name.map(str::to_owned);
    Certificates::new(
        Verify::On,
        name,
        Some(ca_file),
        StartTls::Offered,
        PasswordOver::Any,
    )
}

fn account() -> Option<Account> {
    Some(Account {
        user: b"probe".to_vec(),
        password: Secret::new(*b"hunter2"),
        master: None,
    })
}

fn service(server: &Server, security: Security) -> Service {
    Service::Port(Port {
        protocol: Protocol::Imap,
        security,
        number: server.address.port(),
    })
}

/// A prober, and what it is to probe with.
struct Rig {
    prober: Prober,
    account: Option<Account>,
    timeout: Duration,
}

impl Rig {
    fn outcome(&self, address: IpAddr, service: Service) -> Outcome {
        let target = self.target(address, service);
        self.prober.attempt(&target, &service, self.timeout)
    }

    fn greeting(&self, address: IpAddr, service: Service) -> Outcome {
        let target = self.target(address, service);
        self.prober.greet(&target, &service, self.timeout)
    }

    fn target(&self, address: IpAddr, service: Service) -> Target {
        Target {
            address,
            services: vec![service].into(),
            account: self.account.clone().map(Arc::new),
            former_accounts: Vec::new(),
            tls_name: None,
        }
    }
}

fn attempt(rig: &Rig, server: &Server, security: Security) -> Result<Pass, Failure> {
    let outcome = rig.outcome(server.address.ip(), service(server, security));
    outcome.result
}

/// A prober whose names are settled: the lookup of loopback is over.
fn rig_with(authority: &Authority, account: Option<Account>, answer: Answer) -> Rig {
    rig_with_names(authority, account, settled(answer))
}

/// Names of which loopback's is known.
fn settled(answer: Answer) -> Arc<Names> {
    let names = Arc::new(Names::new(move |_| answer.clone()));
    let loopback = [127, 0, 0, 1].into();
    while names.name_of(loopback, Instant::now()) == Name::Pending {
        // Pause: between two looks.
        thread::sleep(Duration::from_millis(5));
    }
    names
}

fn rig_with_names(authority: &Authority, account: Option<Account>, names: Arc<Names>) -> Rig {
    let probing = probing(checked(None, authority.certificate()));
    Rig {
        prober: Prober::with_names(&probing, names).unwrap(),
        account,
        timeout: PATIENCE,
    }
}

fn without_tls(timeout: Duration) -> Rig {
    Rig {
        prober: Prober::new(&probing(unchecked())).unwrap(),
        account: None,
        timeout,
    }
}

fn named(name: &str) -> Answer {
    Answer::Name(name.to_owned())
}

/// One line without its end; empty once the client is gone.
fn read_line(stream: &mut impl Read) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while let Ok(1) = stream.read(&mut byte) {
        match byte[0] {
            b'\n' => break,
            b'\r' => {}
            other => line.push(other),
        }
    }
    String::from_utf8(line).unwrap()
}

const WITH_STARTTLS: &str = "IMAP4rev1 STARTTLS LOGINDISABLED";

/// Speaks IMAP as Dovecot does, until LOGOUT, the client's end, or the answer to STARTTLS.
fn talk_imap(stream: &mut (impl Read + Write), capabilities: &str, heard: &Heard) {
    loop {
        let line = read_line(stream);
        heard.note(&line);
        let (tag, command) = line.split_once(' ').unwrap_or_default();
        let answer = match command.split(' ').next() {
            Some("CAPABILITY") => format!("* CAPABILITY {capabilities}\r\n{tag} OK done\r\n"),
            Some("LOGIN") => {
                for _ in 0..2 {
                    stream.write_all(b"+ go on\r\n").unwrap();
                    heard.note(&read_line(stream));
                }
                format!("{tag} OK logged in\r\n")
            }
            Some("STARTTLS") => format!("{tag} OK begin TLS\r\n"),
            Some("LOGOUT") => format!("* BYE bye\r\n{tag} OK done\r\n"),
            _ => return,
        };
        let _ = stream.write_all(answer.as_bytes());
        if matches!(command, "STARTTLS" | "LOGOUT") {
            return;
        }
    }
}

/// The lines that a server heard. Once it is dropped and its last connection is over, they have an end: so
/// what comes late is not missed.
struct Heard(Mutex<mpsc::Sender<String>>);

impl Heard {
    fn new() -> (Heard, mpsc::Receiver<String>) {
        let (sender, receiver) = mpsc::channel();
        (Heard(Mutex::new(sender)), receiver)
    }

    fn note(&self, line: &str) {
        let _ = self.0.lock().unwrap().send(line.to_owned());
    }
}

fn greet(stream: &mut impl Write, capabilities: &str) {
    let greeting = format!("* OK [CAPABILITY {capabilities}] ready\r\n");
    let _ = stream.write_all(greeting.as_bytes());
}

fn imaps(acceptor: SslAcceptor) -> Server {
    let (heard, _) = Heard::new();
    Server::start(move |socket| {
        if let Ok(mut stream) = acceptor.accept(socket) {
            greet(&mut stream, "IMAP4rev1");
            talk_imap(&mut stream, "IMAP4rev1", &heard);
        }
    })
}

fn imap_with_starttls(acceptor: SslAcceptor) -> (Server, mpsc::Receiver<String>) {
    let (heard, receiver) = Heard::new();
    let server = Server::start(move |mut socket: TcpStream| {
        greet(&mut socket, WITH_STARTTLS);
        talk_imap(&mut socket, WITH_STARTTLS, &heard);
        if let Ok(mut stream) = acceptor.accept(socket) {
            heard.note("(handshake)");
            talk_imap(&mut stream, "IMAP4rev1", &heard);
        }
    });
    (server, receiver)
}

/// Holds where and with which words an attempt fails.
fn check_failure(result: Result<Pass, Failure>, expected: &str) {
    let shown = result.unwrap_err().to_string();
    assert!(shown.starts_with(expected), "{shown}, expected {expected}");
}

#[test]
fn a_plain_server_that_greets_is_healthy() {
    let (heard, receiver) = Heard::new();
    let server = Server::start(move |mut socket: TcpStream| {
        greet(&mut socket, "IMAP4rev1");
        talk_imap(&mut socket, "IMAP4rev1", &heard);
    });
    let rig = without_tls(PATIENCE);
    let result = attempt(&rig, &server, Security::Plain);
    assert_eq!(result, Ok(Pass::Clean));
    let farewell = receiver.recv_timeout(Duration::from_secs(5)).unwrap();
    assert!(farewell.ends_with("LOGOUT"), "{farewell}");
}

fn stages(outcome: &Outcome) -> Vec<String> {
    let stages = outcome.evidence.stages.iter();
    stages.map(|(stage, _)| stage.to_string()).collect()
}

/// The parts of an attempt do not take longer than the whole.
fn check_times(outcome: &Outcome) {
    let times = outcome.evidence.stages.iter().map(|(_, took)| took);
    let sum: Duration = times.sum();
    assert!(sum <= outcome.latency, "{sum:?} of {:?}", outcome.latency);
}

fn dialogue(outcome: &Outcome) -> Vec<&str> {
    outcome.evidence.dialogue.lines().collect()
}

#[test]
fn a_proxy_header_comes_before_anything_else_with_the_addresses_as_they_are() {
    let authority = Authority::new();
    for (proxy_protocol, remark) in [
        (ProxyProtocol::V1, "-- proxy header, version 1"),
        (ProxyProtocol::V2, "-- proxy header, version 2"),
    ] {
        for security in [Security::Plain, Security::Tls] {
            let acceptor = authority.acceptor("DNS:mail.example", Validity::Current);
            let (sender, headers) = mpsc::channel();
            let sender = Mutex::new(sender);
            let (heard, _lines) = Heard::new();
            let server = Server::start(move |mut socket: TcpStream| {
                let (own, peer) = (socket.local_addr().unwrap(), socket.peer_addr().unwrap());
                let length = match proxy_protocol {
                    ProxyProtocol::V1 => format!(
                        "PROXY TCP4 127.0.0.1 127.0.0.1 {} {}\r\n",
                        peer.port(),
                        own.port()
                    )
                    .len(),
                    _ => 28,
                };
                let mut header = vec![0; length];
                socket.read_exact(&mut header).unwrap();
                let _ = sender.lock().unwrap().send((header, peer, own));
                match security {
                    Security::Plain => {
                        greet(&mut socket, "IMAP4rev1");
                        talk_imap(&mut socket, "IMAP4rev1", &heard);
                    }
                    Security::Tls => {
                        let mut stream = acceptor.accept(socket).unwrap();
                        greet(&mut stream, "IMAP4rev1");
                        talk_imap(&mut stream, "IMAP4rev1", &heard);
                    }
                }
            });
            let probing = Probing {
                proxy_protocol,
                ..probing(unchecked())
            };
            let rig = Rig {
                prober: Prober::new(&probing).unwrap(),
                account: None,
                timeout: PATIENCE,
            };
            let outcome = rig.outcome(server.address.ip(), service(&server, security));
            assert_eq!(outcome.result, Ok(Pass::Clean));
            assert_eq!(dialogue(&outcome)[0], remark);
            let (header, peer, own) = headers.recv_timeout(PATIENCE).unwrap();
            let expected = match proxy_protocol {
                ProxyProtocol::V1 => {
                    let (from, to) = (peer.port(), own.port());
                    format!("PROXY TCP4 127.0.0.1 127.0.0.1 {from} {to}\r\n").into_bytes()
                }
                _ => [
                    &b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\x7f\0\0\x01\x7f\0\0\x01"[..],
                    &peer.port().to_be_bytes(),
                    &own.port().to_be_bytes(),
                ]
                .concat(),
            };
            assert_eq!(header, expected);
        }
    }
}

#[test]
fn a_server_that_dribbles_is_given_up_in_time() {
    let server = Server::start(|mut socket: TcpStream| {
        while socket.write_all(b"x").is_ok() {
            // Pause: the pace at which it dribbles.
            thread::sleep(Duration::from_millis(50));
        }
    });
    let wrong = grid::try_all(vec![server], |server, factor| {
        let timeout = stretched(TIMEOUT) * factor;
        let service = service(server, Security::Plain);
        let outcome = without_tls(timeout).outcome(server.address.ip(), service);
        check_failure(outcome.result, "greeting: timed out");
        let took = outcome.latency;
        assert!(took >= timeout, "{took:?} of {timeout:?}");
        match took <= timeout + timeout / 10 {
            true => Ok(()),
            false => Err(Wrong::Late(format!("{took:?} of {timeout:?}"))),
        }
    });
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// With a deadline each it would take 3.2 s.
#[test]
fn what_a_slow_handshake_has_taken_is_not_left_for_the_talk() {
    let authority = Authority::new();
    let acceptor = authority.acceptor("DNS:mail.example", Validity::Current);
    let limit = Duration::from_secs(2);
    let server = Server::start(move |socket: TcpStream| {
        // Pause: its handshake is so slow.
        thread::sleep(stretched(limit) * 3 / 5);
        let stream = acceptor.accept(socket);
        // Pause: its silence behind the handshake, until the attempt is over.
        thread::sleep(stretched(limit));
        drop(stream);
    });
    let service = service(&server, Security::Tls);
    check_in_time(limit, |deadline| {
        let timeout = deadline.saturating_duration_since(Instant::now());
        let outcome = without_tls(timeout).outcome(server.address.ip(), service);
        check_failure(outcome.result, "greeting: timed out");
        assert!(outcome.latency >= timeout, "{:?}", outcome.latency);
    });
}

#[test]
fn after_starttls_the_login_goes_over_the_checked_channel_only() {
    let authority = Authority::new();
    let acceptor = authority.acceptor("DNS:mail.example", Validity::Current);
    let (server, heard) = imap_with_starttls(acceptor);

    let rig = rig_with(&authority, account(), named("mail.example"));
    let result = attempt(&rig, &server, Security::Plain);
    assert_eq!(result, Ok(Pass::Clean));
    let mut lines = Vec::new();
    while lines
        .last()
        .map_or(true, |line: &String| !line.ends_with("LOGOUT"))
    {
        lines.push(heard.recv_timeout(Duration::from_secs(5)).unwrap());
    }
    let place = |wanted: &str| lines.iter().position(|line| line.contains(wanted)).unwrap();
    assert!(place("STARTTLS") < place("(handshake)"), "{lines:?}");
    assert!(place("(handshake)") < place("hunter2"), "{lines:?}");

    let rig = rig_with(&authority, account(), named("other.example"));
    let result = attempt(&rig, &server, Security::Plain);
    check_failure(result, "tls handshake: certificate refused");
    drop(server);
    assert!(heard.iter().all(|line| !line.contains("hunter2")));
}

#[test]
fn text_behind_the_reply_to_starttls_is_an_attack() {
    let server = Server::start(|mut socket: TcpStream| {
        greet(&mut socket, WITH_STARTTLS);
        let line = read_line(&mut socket);
        let tag = line.split(' ').next().unwrap();
        let _ = socket.write_all(format!("{tag} OK begin\r\n* OK injected\r\n").as_bytes());
        read_line(&mut socket);
    });
    let authority = Authority::new();
    let rig = rig_with(&authority, account(), Answer::Nameless);
    let result = attempt(&rig, &server, Security::Plain);
    check_failure(result, "starttls: clear text behind the reply to starttls");
}

#[test]
fn a_renewed_prober_still_knows_the_names() {
    let authority = Authority::new();
    let server = imaps(authority.acceptor("DNS:mail.example", Validity::Current));
    let rig = rig_with(&authority, None, named("mail.example"));
    let probing = probing(checked(None, authority.certificate()));
    let renewed = Rig {
        prober: rig.prober.renewed(&probing).unwrap(),
        ..rig
    };
    let result = attempt(&renewed, &server, Security::Tls);
    assert_eq!(result, Ok(Pass::Clean));
}

fn port_of(server: &Server, protocol: Protocol) -> Port {
    Port {
        protocol,
        security: Security::Plain,
        number: server.address.port(),
    }
}

/// Who has no IPv6 of its own hears that a way is prohibited from whatever router there is.
#[test]
fn what_ends_a_connection_with_ipv6_is_this_machines_unless_it_has_ipv6_and_may_use_it() {
    let (unreachable, forbidden, family) = (Fault::Unreachable, Fault::Forbidden, Fault::NoFamily);
    for (fault, is_forbidden_here, is_without_ipv6, expected) in [
        (&unreachable, false, false, &unreachable),
        (&unreachable, true, false, &unreachable),
        (&unreachable, false, true, &family),
        (&forbidden, true, false, &forbidden),
        (&forbidden, true, true, &forbidden),
        (&forbidden, false, false, &unreachable),
        (&forbidden, false, true, &family),
        (&Fault::Refused, false, true, &Fault::Refused),
    ] {
        let found = on_way_of_ipv6(fault.clone(), || is_forbidden_here, || is_without_ipv6);
        assert_eq!(
            &found, expected,
            "{fault:?}, {is_forbidden_here}, {is_without_ipv6}"
        );
    }
}
