mod matrix;

use std::io::{Read, Write};
use std::net::IpAddr;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{mpsc, Mutex};
use std::thread;

use openssl::ssl::SslAcceptor;

use super::*;
use crate::account::{Account, Secret};
use crate::config::settings::{Auth, PasswordOver, StartTls, Steps};
use crate::config::trust::Verify;
use crate::net::names::Answer;
use crate::net::stage::{self, Authority, Server, Validity};
use crate::probe::protocols::table::UseOfStartTls;

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
        let target = Target {
            address,
            services: vec![service].into(),
            account: self.account.clone().map(Arc::new),
            tls_name: None,
        };
        self.prober.attempt(&target, &service, self.timeout)
    }
}

fn attempt(rig: &Rig, server: &Server, security: Security) -> Result<Pass, Failure> {
    let outcome = rig.outcome(server.address.ip(), service(server, security));
    outcome.result
}

/// A prober whose names are settled: the lookup of loopback is over.
fn rig_with(authority: &Authority, account: Option<Account>, answer: Answer) -> Rig {
    let names = Arc::new(Names::new(move |_| answer.clone()));
    let loopback = [127, 0, 0, 1].into();
    while names.name_of(loopback, Instant::now()) == Name::Pending {
        thread::sleep(Duration::from_millis(5));
    }
    rig_with_names(authority, account, names)
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

/// The lines that a server heard.
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
fn an_attempt_tells_the_time_of_each_stage_and_what_was_said() {
    let (heard, _receiver) = Heard::new();
    let server = Server::start(move |mut socket: TcpStream| {
        thread::sleep(Duration::from_millis(60));
        greet(&mut socket, "IMAP4rev1");
        talk_imap(&mut socket, "IMAP4rev1", &heard);
    });
    let rig = without_tls(PATIENCE);
    let outcome = rig.outcome(server.address.ip(), service(&server, Security::Plain));
    assert_eq!(outcome.result, Ok(Pass::Clean));
    assert_eq!(stages(&outcome), ["connect", "greeting", "logout"]);
    let took: Vec<Duration> = outcome
        .evidence
        .stages
        .iter()
        .map(|(_, took)| took)
        .collect();
    assert!(took[1] >= Duration::from_millis(60), "{took:?}");
    assert!(took[0] < Duration::from_millis(60), "{took:?}");
    check_times(&outcome);
    let expected = [
        "S: * OK [CAPABILITY IMAP4rev1] ready",
        "C: a5 LOGOUT",
        "S: * BYE bye",
        "S: a5 OK done",
    ];
    assert_eq!(dialogue(&outcome), expected);
    assert_eq!(outcome.evidence.certificate, None);

    let silent = stage::silent();
    let rig = without_tls(TIMEOUT);
    let outcome = rig.outcome(silent.address.ip(), service(&silent, Security::Plain));
    assert_eq!(stages(&outcome), ["connect", "greeting"]);
    let (_, took) = outcome.evidence.stages.iter().last().unwrap();
    assert!(took >= TIMEOUT - Duration::from_millis(50), "{took:?}");
    check_times(&outcome);
    assert!(outcome.evidence.dialogue.is_empty());
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
fn a_login_after_starttls_is_told_without_the_password() {
    let authority = Authority::new();
    let acceptor = authority.acceptor("DNS:mail.example", Validity::Current);
    let (server, _heard) = imap_with_starttls(acceptor);
    let rig = rig_with(&authority, account(), named("mail.example"));
    let outcome = rig.outcome(server.address.ip(), service(&server, Security::Plain));
    assert_eq!(outcome.result, Ok(Pass::Clean));
    let expected = [
        "connect",
        "greeting",
        "starttls",
        "tls handshake",
        "capabilities",
        "login",
        "logout",
    ];
    assert_eq!(stages(&outcome), expected);
    check_times(&outcome);
    let expected = [
        "S: * OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready",
        "C: a2 STARTTLS",
        "S: a2 OK begin TLS",
        "-- tls",
        "C: a3 CAPABILITY",
        "S: * CAPABILITY IMAP4rev1",
        "S: a3 OK done",
        "C: a4 LOGIN {5}",
        "S: + go on",
        "C: probe {<length>}",
        "S: + go on",
        "C: <password>",
        "S: a4 OK logged in",
        "C: a5 LOGOUT",
        "S: * BYE bye",
        "S: a5 OK done",
    ];
    assert_eq!(dialogue(&outcome), expected);
}

#[test]
fn what_fails_is_told_with_its_stage() {
    let rig = without_tls(TIMEOUT);
    let check = |server: &Server, security, expected| {
        check_failure(attempt(&rig, server, security), expected);
    };
    check(&stage::silent(), Security::Plain, "greeting: timed out");
    check(&stage::silent(), Security::Tls, "tls handshake: timed out");
    let closing = Server::start(drop);
    check(&closing, Security::Plain, "greeting: connection closed");
    check(&closing, Security::Tls, "tls handshake: connection closed");
    let plain = Server::start(|mut socket: TcpStream| {
        greet(&mut socket, "IMAP4rev1");
        read_line(&mut socket);
    });
    check(&plain, Security::Tls, "tls handshake: tls failed");
    let address = closing.address;
    drop(closing);
    let gone = Service::Port(Port {
        protocol: Protocol::Imap,
        security: Security::Plain,
        number: address.port(),
    });
    let result = rig.outcome(address.ip(), gone).result;
    check_failure(result, "connect: connection refused");
}

#[test]
fn a_server_that_dribbles_is_given_up_in_time() {
    let server = Server::start(|mut socket: TcpStream| {
        while socket.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    let outcome =
        without_tls(TIMEOUT).outcome(server.address.ip(), service(&server, Security::Plain));
    check_failure(outcome.result, "greeting: timed out");
    assert!(outcome.latency >= TIMEOUT, "{:?}", outcome.latency);
    assert!(outcome.latency < PATIENCE, "{:?}", outcome.latency);
}

#[test]
fn the_certificate_is_checked_against_the_addresss_name_or_the_address() {
    let authority = Authority::new();
    let by_name = imaps(authority.acceptor("DNS:mail.example", Validity::Current));
    let by_address = imaps(authority.acceptor("IP:127.0.0.1", Validity::Current));
    let refused = "tls handshake: certificate refused \"";
    let unknown = "tls handshake: reverse DNS (PTR) did not give the address's name";
    let cases = [
        (named("mail.example"), Ok(()), Err(refused)),
        (named("other.example"), Err(refused), Err(refused)),
        (Answer::Nameless, Err(refused), Ok(())),
        (Answer::Failed, Err(unknown), Ok(())),
    ];
    for (answer, expected_by_name, expected_by_address) in cases {
        let rig = rig_with(&authority, account(), answer);
        for (server, expected) in [
            (&by_name, expected_by_name),
            (&by_address, expected_by_address),
        ] {
            let result = attempt(&rig, server, Security::Tls);
            match expected {
                Ok(()) => assert_eq!(result, Ok(Pass::Clean)),
                Err(expected) => check_failure(result, expected),
            }
        }
    }
}

#[test]
fn a_configured_name_needs_no_dns_and_no_check_needs_no_name() {
    let authority = Authority::new();
    let server = imaps(authority.acceptor("DNS:mail.example", Validity::Current));
    let (asked, lookups) = Heard::new();
    let names = Arc::new(Names::new(move |_| {
        asked.note("a lookup");
        Answer::Failed
    }));
    let named = |name| checked(Some(name), authority.certificate());
    for (certificates, expected) in [
        (named("mail.example"), Ok(Pass::Clean)),
        (named("other.example"), Err(())),
        (unchecked(), Ok(Pass::Clean)),
    ] {
        let probing = probing(certificates);
        let rig = Rig {
            prober: Prober::with_names(&probing, names.clone()).unwrap(),
            account: account(),
            timeout: PATIENCE,
        };
        let result = attempt(&rig, &server, Security::Tls);
        assert_eq!(result.map_err(drop), expected);
    }
    thread::sleep(Duration::from_millis(50));
    assert_eq!(lookups.try_iter().count(), 0);
}

/// SECURITY.md says so.
#[test]
fn whoever_answers_for_dns_chooses_the_name_unless_one_is_configured() {
    let authority = Authority::new();
    let impostor = imaps(authority.acceptor("DNS:impostor.example", Validity::Current));
    let real = imaps(authority.acceptor("IP:127.0.0.1", Validity::Current));
    let forged = rig_with(&authority, account(), named("impostor.example"));
    assert_eq!(attempt(&forged, &impostor, Security::Tls), Ok(Pass::Clean));
    // The address alone is asked for where DNS has no name: a forged one stands in the way.
    let refused = attempt(&forged, &real, Security::Tls).unwrap_err();
    assert_eq!(refused.stage, crate::outcome::Stage::Tls, "{refused}");
    let shown = refused.to_string();
    assert!(shown.contains("impostor.example"), "{shown}");
    for (name, real_one_passes) in [("mail.example", false), ("127.0.0.1", true)] {
        let probing = probing(checked(Some(name), authority.certificate()));
        let names = Arc::new(Names::new(|_| named("impostor.example")));
        let rig = Rig {
            prober: Prober::with_names(&probing, names).unwrap(),
            account: account(),
            timeout: PATIENCE,
        };
        let refused = "tls handshake: certificate refused \"";
        check_failure(attempt(&rig, &impostor, Security::Tls), refused);
        assert_eq!(attempt(&rig, &real, Security::Tls).is_ok(), real_one_passes);
    }
}

#[test]
fn while_the_name_is_pending_the_connection_is_judged_and_no_handshake_begins() {
    let (_hold, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let names = Arc::new(Names::new(move |_| {
        let _ = held.lock().unwrap().recv();
        Answer::Failed
    }));
    let authority = Authority::new();
    let rig = rig_with_names(&authority, account(), names);

    let (heard, bytes) = Heard::new();
    let server = Server::start(move |mut socket: TcpStream| {
        let said = socket.read(&mut [0]).unwrap();
        heard.note(&format!("{said} bytes"));
    });
    let result = attempt(&rig, &server, Security::Tls);
    check_failure(
        result,
        "tls handshake: waiting for the address's name from reverse DNS (PTR)",
    );
    let said = bytes.recv_timeout(PATIENCE).unwrap();
    assert_eq!(said, "0 bytes", "no handshake was begun");
    let service = service(&server, Security::Tls);
    let address = server.address.ip();
    drop(server);
    let result = rig.outcome(address, service).result;
    check_failure(result, "connect: connection refused");

    let acceptor = authority.acceptor("DNS:mail.example", Validity::Current);
    let (server, _heard) = imap_with_starttls(acceptor);
    let result = attempt(&rig, &server, Security::Plain);
    check_failure(
        result,
        "tls handshake: waiting for the address's name from reverse DNS (PTR)",
    );
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
    thread::sleep(Duration::from_millis(50));
    assert!(heard.try_iter().all(|line| !line.contains("hunter2")));
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

/// The LMTP side of a deep probe: takes the message and passes on the mark in it.
fn lmtp_that_takes_all() -> (Server, mpsc::Receiver<String>) {
    let (sender, receiver) = mpsc::channel();
    let sender = Mutex::new(sender);
    let server = Server::start(move |mut socket: TcpStream| {
        let _ = socket.write_all(b"220 ready\r\n");
        let mut in_message = false;
        loop {
            let line = read_line(&mut socket);
            let answer = match line.split(' ').next().unwrap_or_default() {
                "." => {
                    in_message = false;
                    "250 saved"
                }
                "X-Poolmon-Probe:" => {
                    let token = line.split(' ').nth(1).unwrap_or_default();
                    let _ = sender.lock().unwrap().send(token.to_owned());
                    continue;
                }
                _ if in_message => continue,
                "DATA" => {
                    in_message = true;
                    "354 go ahead"
                }
                "QUIT" | "" => return,
                _ => "250 ok",
            };
            let _ = socket.write_all(format!("{answer}\r\n").as_bytes());
        }
    });
    (server, receiver)
}

/// What a look into the mailbox finds.
#[derive(Clone, Copy)]
enum Look {
    Nothing,
    Message,
    /// Nothing is answered.
    Silence,
}

/// The IMAP side: in each session the next of the looks, and the last for ever.
fn imap_with_mail(looks: &'static [Look], marks: mpsc::Receiver<String>) -> Server {
    let next = Mutex::new((0, String::new(), marks));
    Server::start(move |mut socket: TcpStream| {
        let (look, mark) = {
            let mut next = next.lock().unwrap();
            if let Ok(mark) = next.2.try_recv() {
                next.1 = mark;
            }
            let look = looks[next.0.min(looks.len() - 1)];
            next.0 += 1;
            (look, next.1.clone())
        };
        greet(&mut socket, "IMAP4rev1");
        loop {
            let line = read_line(&mut socket);
            let (tag, command) = line.split_once(' ').unwrap_or_default();
            let untagged = match (command.split(' ').next().unwrap_or_default(), look) {
                ("", _) => return,
                ("LOGIN", _) => {
                    for _ in 0..2 {
                        let _ = socket.write_all(b"+ go on\r\n");
                        read_line(&mut socket);
                    }
                    "* CAPABILITY IMAP4rev1 UIDPLUS\r\n".to_owned()
                }
                ("SELECT", _) => "* 1 EXISTS\r\n".to_owned(),
                ("UID", Look::Silence) => {
                    thread::sleep(PATIENCE);
                    return;
                }
                ("UID", Look::Message) if command.starts_with("UID SEARCH") => {
                    "* SEARCH 5\r\n".to_owned()
                }
                ("UID", Look::Message) if command.starts_with("UID FETCH") => {
                    let fields = format!("X-Poolmon-Probe: {mark}\r\n\r\n");
                    let name = "BODY[HEADER.FIELDS (X-POOLMON-PROBE)]<0>";
                    format!(
                        "* 1 FETCH (UID 5 {name} {{{}}}\r\n{fields})\r\n",
                        fields.len()
                    )
                }
                _ => String::new(),
            };
            let _ = socket.write_all(format!("{untagged}{tag} OK done\r\n").as_bytes());
        }
    })
}

fn port_of(server: &Server, protocol: Protocol) -> Port {
    Port {
        protocol,
        security: Security::Plain,
        number: server.address.port(),
    }
}

fn deep_probe(rig: &Rig, deliver: &Server, read: &Server) -> Outcome {
    let service = Service::Delivery {
        deliver: port_of(deliver, Protocol::Lmtp),
        read: port_of(read, Protocol::Imap),
    };
    rig.outcome(deliver.address.ip(), service)
}

fn with_account(timeout: Duration) -> Rig {
    Rig {
        account: account(),
        ..without_tls(timeout)
    }
}

#[test]
fn a_delivered_message_is_looked_for_until_it_is_there() {
    let (lmtp, marks) = lmtp_that_takes_all();
    let imap = imap_with_mail(&[Look::Nothing, Look::Nothing, Look::Message], marks);
    let outcome = deep_probe(&with_account(PATIENCE), &lmtp, &imap);
    assert_eq!(outcome.result, Ok(Pass::Clean));
    let delivery = outcome.delivery.unwrap();
    assert!(delivery >= FIRST_PAUSE * 3, "{delivery:?}");
    assert!(delivery <= outcome.latency);
    // Of the three looks the last one.
    let expected = [
        "connect",
        "greeting",
        "lhlo",
        "mail from",
        "rcpt to",
        "data",
        "logout",
        "connect",
        "greeting",
        "login",
        "select",
        "search",
        "delete",
        "logout",
    ];
    assert_eq!(stages(&outcome), expected);
    check_times(&outcome);
    let dialogue = dialogue(&outcome);
    let is_port = |line: &&&str| line.starts_with("-- ") && !line.starts_with("-- (");
    let remarks = dialogue.iter().filter(is_port);
    let ports: Vec<&str> = remarks.copied().collect();
    let port = |server: &Server, name| format!("-- {name}:{}", server.address.port());
    assert_eq!(ports, [port(&lmtp, "lmtp"), port(&imap, "imap")]);
    let message = dialogue
        .iter()
        .position(|line| line.starts_with("C: From: <poolmon@"));
    let message = message.expect("the message's beginning");
    assert_eq!(dialogue[message + 1], "C: (10 more lines)");
}

#[test]
fn a_message_that_does_not_come_in_time_is_missing() {
    const CASES: [&[Look]; 2] = [
        &[Look::Nothing],
        // The time ends in the second look, and the first one has seen why.
        &[Look::Nothing, Look::Silence],
    ];
    for looks in CASES {
        let (lmtp, marks) = lmtp_that_takes_all();
        let imap = imap_with_mail(looks, marks);
        // Room for what comes before the first look, also on a busy machine.
        let outcome = deep_probe(&with_account(Duration::from_secs(4)), &lmtp, &imap);
        let port = port_of(&imap, Protocol::Imap);
        check_failure(
            outcome.result,
            &format!("at {port} search: the delivered message is not there"),
        );
        assert_eq!(outcome.delivery, None);
        assert!(outcome.latency < PATIENCE, "{:?}", outcome.latency);
    }
}

#[test]
fn what_is_not_delivered_is_not_looked_for() {
    let lmtp = Server::start(|mut socket: TcpStream| {
        let _ = socket.write_all(b"220 ready\r\n");
        read_line(&mut socket);
        let _ = socket.write_all(b"451 later\r\n");
        read_line(&mut socket);
    });
    let (heard, connections) = Heard::new();
    let imap = Server::start(move |_| heard.note("connected"));
    let outcome = deep_probe(&with_account(PATIENCE), &lmtp, &imap);
    let port = port_of(&lmtp, Protocol::Lmtp);
    check_failure(
        outcome.result,
        &format!("at {port} lhlo: server cannot serve \"451 later\""),
    );
    assert_eq!(connections.try_iter().count(), 0);
}

#[test]
fn a_deep_probe_without_an_account_is_content_with_two_greetings() {
    let (lmtp, marks) = lmtp_that_takes_all();
    let imap = Server::start(|mut socket: TcpStream| {
        greet(&mut socket, "IMAP4rev1");
        read_line(&mut socket);
    });
    let outcome = deep_probe(&without_tls(PATIENCE), &lmtp, &imap);
    assert_eq!((outcome.result, outcome.delivery), (Ok(Pass::Clean), None));
    assert_eq!(marks.try_iter().count(), 0);
    let closed = Server::start(drop);
    let outcome = deep_probe(&without_tls(PATIENCE), &lmtp, &closed);
    let port = port_of(&closed, Protocol::Imap);
    check_failure(
        outcome.result,
        &format!("at {port} greeting: connection closed"),
    );
}

/// POP3 that offers STLS, or LMTP that offers STARTTLS.
fn plain_with_tls(acceptor: SslAcceptor, protocol: Protocol) -> Server {
    let (heard, _) = Heard::new();
    Server::start(move |socket| serve_plain(socket, protocol, Some(&acceptor), &heard))
}

/// Takes whatever it is told. Without an acceptor it does not offer TLS.
fn serve_plain(
    mut socket: TcpStream,
    protocol: Protocol,
    acceptor: Option<&SslAcceptor>,
    heard: &Heard,
) {
    let (greeting, ok) = match (protocol, acceptor) {
        (Protocol::Imap, _) => ("* OK ready", "OK"),
        (Protocol::Lmtp | Protocol::Submission, _) => ("220 ready", "220 ok"),
        (Protocol::Sieve, Some(_)) => ("\"SASL\" \"PLAIN\"\r\n\"STARTTLS\"\r\nOK", "OK"),
        (Protocol::Sieve, None) => ("\"SASL\" \"PLAIN\"\r\nOK", "OK"),
        _ => ("+OK ready", "+OK"),
    };
    let offer = match (protocol, acceptor) {
        (Protocol::Imap, Some(_)) => "* CAPABILITY IMAP4rev1 STARTTLS",
        (Protocol::Imap, None) => "* CAPABILITY IMAP4rev1",
        (Protocol::Lmtp, Some(_)) => "250-here\r\n250 STARTTLS",
        (Protocol::Lmtp, None) => "250 here",
        (Protocol::Submission, Some(_)) => "250-here\r\n250-AUTH PLAIN\r\n250 STARTTLS",
        (Protocol::Submission, None) => "250-here\r\n250 AUTH PLAIN",
        (_, Some(_)) => "+OK\r\nSTLS\r\n.",
        (_, None) => "+OK\r\nUSER\r\n.",
    };
    let talk = |mut stream: &mut dyn ReadWrite| loop {
        let line = read_line(&mut stream);
        heard.note(&line);
        let words: Vec<&str> = line.split(' ').collect();
        let (tag, command) = match (protocol, &words[..]) {
            (Protocol::Imap, [tag, command, ..]) => (format!("{tag} "), *command),
            (_, [command, ..]) => (String::new(), *command),
            _ => (String::new(), ""),
        };
        let answer = match command {
            "CAPA" | "LHLO" | "EHLO" => offer.to_owned(),
            "CAPABILITY" => format!("{offer}\r\n{tag}{ok}"),
            "LOGIN" => "+ go on".to_owned(),
            "" => return false,
            _ => format!("{tag}{ok}"),
        };
        let _ = stream.write_all(format!("{answer}\r\n").as_bytes());
        match command {
            "STLS" | "STARTTLS" => return true,
            "QUIT" | "LOGOUT" => return false,
            _ => {}
        }
    };
    let _ = socket.write_all(format!("{greeting}\r\n").as_bytes());
    if talk(&mut socket) {
        if let Some(Ok(mut stream)) = acceptor.map(|acceptor| acceptor.accept(socket)) {
            heard.note("(handshake)");
            talk(&mut stream);
        }
    }
}

trait ReadWrite: Read + Write {}

impl<S: Read + Write> ReadWrite for S {}

/// Whether a self-signed certificate that bears no name of use is refused, port by port.
#[test]
fn a_bad_certificate_fails_only_where_certificates_are_checked() {
    let authority = Authority::new();
    let own = || authority.self_signed("DNS:other.example");
    let (imap, _heard) = imap_with_starttls(own());
    let servers = [
        (imaps(own()), Protocol::Imap, Security::Tls),
        (imap, Protocol::Imap, Security::Plain),
        (
            plain_with_tls(own(), Protocol::Pop3),
            Protocol::Pop3,
            Security::Plain,
        ),
        (
            plain_with_tls(own(), Protocol::Lmtp),
            Protocol::Lmtp,
            Security::Plain,
        ),
    ];
    for (verify, starttls, own_name, expected) in [
        (Verify::On, StartTls::Offered, None, "xx--"),
        (Verify::On, StartTls::Required, None, "xxxx"),
        (Verify::Unsaid, StartTls::Offered, None, "----"),
        (Verify::Unsaid, StartTls::Required, None, "xxxx"),
        (
            Verify::Unsaid,
            StartTls::Offered,
            Some("mail.example"),
            "xxxx",
        ),
        (
            Verify::Off,
            StartTls::Required,
            Some("mail.example"),
            "----",
        ),
    ] {
        let probing = Probing {
            starttls,
            envelope: Envelope {
                to: Some("probe".to_owned()),
                ..Envelope::default()
            },
            ..probing(Certificates::new(
                verify,
                None,
                None,
                starttls,
                PasswordOver::Any,
            ))
        };
        let names = Arc::new(Names::new(|_| Answer::Nameless));
        let loopback = [127, 0, 0, 1].into();
        while names.name_of(loopback, Instant::now()) == Name::Pending {
            thread::sleep(Duration::from_millis(5));
        }
        let prober = Prober::with_names(&probing, names).unwrap();
        let shown = servers.iter().map(|(server, protocol, security)| {
            let service = Service::Port(Port {
                protocol: *protocol,
                security: *security,
                number: server.address.port(),
            });
            let target = Target {
                address: server.address.ip(),
                services: vec![service].into(),
                account: account().map(Arc::new),
                tls_name: own_name.map(Into::into),
            };
            match prober.attempt(&target, &service, PATIENCE).result {
                Ok(_) => '-',
                Err(failure) => {
                    let shown = failure.to_string();
                    let turned = shown.contains("certificate refused after STARTTLS");
                    assert_eq!(turned, *security == Security::Plain, "{shown}");
                    assert!(shown.contains("presented \"other.example\""), "{shown}");
                    'x'
                }
            }
        });
        let shown: String = shown.collect();
        assert_eq!(shown, expected, "{verify:?} {starttls:?} {own_name:?}");
    }
}

#[test]
fn where_no_certificate_is_checked_no_name_is_waited_for() {
    let (asked, lookups) = Heard::new();
    let names = Arc::new(Names::new(move |_| {
        asked.note("a lookup");
        Answer::Failed
    }));
    let authority = Authority::new();
    let acceptor = authority.self_signed("DNS:other.example");
    let server = plain_with_tls(acceptor, Protocol::Pop3);
    let certificates =
        Certificates::new(Verify::On, None, None, StartTls::Offered, PasswordOver::Any);
    let rig = Rig {
        prober: Prober::with_names(&probing(certificates), names).unwrap(),
        account: account(),
        timeout: PATIENCE,
    };
    let port = port_of(&server, Protocol::Pop3);
    let outcome = rig.outcome(server.address.ip(), Service::Port(port));
    assert_eq!(outcome.result, Ok(Pass::Clean));
    assert_eq!(lookups.try_iter().count(), 0);
}

/// The failure of an attempt at a port whose certificate may not be refused for any other reason than
/// that nobody here trusts it.
fn refusal(prober: &Prober, server: &Server, protocol: Protocol, security: Security) -> String {
    let service = Service::Port(Port {
        protocol,
        security,
        number: server.address.port(),
    });
    let target = Target {
        address: server.address.ip(),
        services: vec![service].into(),
        account: account().map(Arc::new),
        tls_name: Some("mail.example".into()),
    };
    let outcome = prober.attempt(&target, &service, PATIENCE);
    let failure = outcome.result.unwrap_err();
    let shown = failure.to_string();
    assert!(shown.contains("certificate refused"), "{shown}");
    shown
}

/// LMTP has something to hide, too, and certificates are checked on request.
fn reading() -> Probing {
    Probing {
        envelope: Envelope {
            to: Some("probe".to_owned()),
            ..Envelope::default()
        },
        ..probing(Certificates::new(
            Verify::On,
            None,
            None,
            StartTls::Offered,
            PasswordOver::Any,
        ))
    }
}

#[test]
fn a_refused_certificate_is_read_by_one_connection_more_that_says_nothing_worth_hiding() {
    let authority = Authority::new();
    for (protocol, security, dialogue) in [
        (Protocol::Imap, Security::Tls, vec![]),
        (
            Protocol::Imap,
            Security::Plain,
            vec!["a1 CAPABILITY", "a2 STARTTLS"],
        ),
        (Protocol::Pop3, Security::Plain, vec!["CAPA", "STLS"]),
        (
            Protocol::Lmtp,
            Security::Plain,
            vec!["LHLO localhost", "STARTTLS"],
        ),
    ] {
        let acceptor = authority.self_signed("DNS:other.example");
        let (heard, lines) = Heard::new();
        let server = Server::start(move |socket| {
            heard.note("(connection)");
            match security {
                Security::Plain => serve_plain(socket, protocol, Some(&acceptor), &heard),
                Security::Tls => {
                    if let Ok(mut stream) = acceptor.accept(socket) {
                        heard.note("(handshake)");
                        heard.note(&read_line(&mut stream));
                    }
                }
            }
        });
        let prober = Prober::new(&reading()).unwrap();
        let shown = refusal(&prober, &server, protocol, security);
        let presented = "expected name \"mail.example\", presented \"other.example\" (";
        assert!(shown.contains(presented), "{shown}");

        let attempt = [&["(connection)"], &dialogue[..]].concat();
        // Nothing comes after the handshake but the end.
        let further = [&attempt[..], &["(handshake)", ""]].concat();
        let expected = [&attempt[..], &further].concat();
        let hear = |count: usize| -> Vec<String> {
            let line = |_| lines.recv_timeout(PATIENCE).unwrap();
            (0..count).map(line).collect()
        };
        assert_eq!(hear(expected.len()), expected);

        // From then on it is known, after a reload, too.
        let renewed = prober.renewed(&reading()).unwrap();
        for prober in [&prober, &renewed] {
            assert_eq!(refusal(prober, &server, protocol, security), shown);
            assert_eq!(hear(attempt.len()), attempt);
        }
        drop(server);
        assert_eq!(lines.try_iter().count(), 0);
    }
}

#[test]
fn an_attempt_tells_what_the_certificate_says_accepted_or_refused() {
    let authority = Authority::new();
    let names = "DNS:mail.example";
    for (validity, accepted) in [(Validity::Current, true), (Validity::Expired, false)] {
        let connections = Arc::new(AtomicUsize::new(0));
        let acceptor = authority.acceptor(names, validity);
        let count = connections.clone();
        let server = Server::start(move |socket| {
            count.fetch_add(1, Ordering::SeqCst);
            if let Ok(mut stream) = acceptor.accept(socket) {
                greet(&mut stream, "IMAP4rev1");
                read_line(&mut stream);
            }
        });
        let rig = rig_with(&authority, None, named("mail.example"));
        let began = Instant::now();
        let outcome = |rig: &Rig| rig.outcome(server.address.ip(), service(&server, Security::Tls));
        let first = outcome(&rig).evidence.certificate.unwrap();
        assert_eq!(first.accepted, accepted);
        assert_eq!(
            first.names.first,
            [crate::quote::Quote::new("mail.example")]
        );
        assert!(first.read >= began);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let in_a_month = now.as_secs() as i64 + 30 * 24 * 3600;
        match validity {
            Validity::Current => assert!((first.not_after - in_a_month).abs() < 60, "{first:?}"),
            Validity::Expired => assert_eq!(first.not_after, 1_580_515_200),
        }
        assert_eq!(first.chain_not_after, first.not_after);
        // The next attempt reads nothing anew.
        let second = outcome(&rig).evidence.certificate.unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        let further = usize::from(!accepted);
        assert_eq!(connections.load(Ordering::SeqCst), 2 + further);
    }
}

#[test]
fn whoever_reads_a_certificate_logs_in_nowhere() {
    let authority = Authority::new();
    let with_starttls = |protocol: &&Protocol| protocol.row().starttls != UseOfStartTls::NEVER;
    for &protocol in Protocol::ALL.iter().filter(with_starttls) {
        let acceptor = authority.self_signed("DNS:other.example");
        let (heard, lines) = Heard::new();
        let connections = AtomicUsize::new(0);
        // TLS is on offer the first time alone.
        let server = Server::start(move |socket| {
            let acceptor = match connections.fetch_add(1, Ordering::SeqCst) {
                0 => Some(&acceptor),
                _ => None,
            };
            serve_plain(socket, protocol, acceptor, &heard);
        });
        let prober = Prober::new(&reading()).unwrap();
        let shown = refusal(&prober, &server, protocol, Security::Plain);
        assert!(!shown.contains("presented"), "{shown}");
        drop(server);
        let said: Vec<String> = lines.try_iter().collect();
        let last = said.last().unwrap();
        assert!(last.contains("QUIT") || last.contains("LOGOUT"), "{said:?}");
        let commands = [
            "a1",
            "CAPABILITY",
            "a2",
            "a5",
            "LOGOUT",
            "CAPA",
            "LHLO",
            "EHLO",
        ];
        let others = ["localhost", "STLS", "STARTTLS", "QUIT", ""];
        for word in said.iter().flat_map(|line| line.split(' ')) {
            let is_expected = commands.contains(&word) || others.contains(&word);
            assert!(is_expected, "{said:?}");
        }
    }
}

#[test]
fn a_certificate_that_cannot_be_read_costs_one_time_limit_and_no_latency() {
    const LIMIT: Duration = Duration::from_secs(3);
    let authority = Authority::new();
    let acceptor = authority.self_signed("DNS:other.example");
    let connections = AtomicUsize::new(0);
    let server = Server::start(
        move |socket| match connections.fetch_add(1, Ordering::SeqCst) {
            1 => thread::sleep(2 * LIMIT),
            _ => drop(acceptor.accept(socket)),
        },
    );
    let rig = Rig {
        timeout: LIMIT,
        ..rig_with(&authority, None, named("mail.example"))
    };
    let service = service(&server, Security::Tls);
    for takes_longer in [true, false] {
        let began = Instant::now();
        let outcome = rig.outcome(server.address.ip(), service);
        let beyond = began.elapsed().saturating_sub(outcome.latency);
        check_failure(outcome.result.clone(), "tls handshake: certificate refused");
        let shown = outcome.result.unwrap_err().to_string();
        assert!(!shown.contains("presented"), "{shown}");
        assert!(outcome.latency < LIMIT, "{:?}", outcome.latency);
        assert_eq!(beyond >= LIMIT, takes_longer, "{beyond:?}");
        assert!(beyond < LIMIT + Duration::from_secs(2), "{beyond:?}");
    }
}

#[test]
fn a_deep_probe_tells_the_names_of_the_port_whose_certificate_was_refused() {
    let authority = Authority::new();
    let acceptor = authority.self_signed("DNS:other.example");
    let lmtp = Server::start(move |socket| drop(acceptor.accept(socket)));
    let rig = rig_with(&authority, account(), named("mail.example"));
    let deliver = Port {
        security: Security::Tls,
        ..port_of(&lmtp, Protocol::Lmtp)
    };
    let read = port_of(&lmtp, Protocol::Imap);
    let service = Service::Delivery { deliver, read };
    let outcome = rig.outcome(lmtp.address.ip(), service);
    let shown = outcome.result.unwrap_err().to_string();
    let expected = format!("at {deliver} tls handshake: certificate refused");
    assert!(shown.starts_with(&expected), "{shown}");
    assert!(shown.contains("presented \"other.example\""), "{shown}");
}
