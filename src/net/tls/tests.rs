use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use openssl::ssl::{SslAcceptor, SslVersion};

use super::*;
use crate::config::settings::{PasswordOver, StartTls};
use crate::config::trust::Verify;
use crate::net::stage::{self, Authority, Server, Validity};
use crate::outcome::Blame;
use crate::scratch::Folder;

const TIMEOUT: Duration = Duration::from_secs(5);

fn upgrade(
    server: &Server,
    tls: &Tls,
    peer: Peer<'_>,
    timeout: Duration,
) -> Result<TlsStream, Fault> {
    tls.upgrade(connect(server, timeout), peer)
}

fn connect(server: &Server, timeout: Duration) -> DeadlineStream {
    let address = server.address;
    let deadline = Instant::now() + timeout;
    DeadlineStream::connect(address.ip(), address.port(), deadline).unwrap()
}

/// The authorities of a bundle beside the system's.
fn trusting(ca_file: Option<PathBuf>) -> Tls {
    let certificates = Certificates::new(
        Verify::On,
        None,
        ca_file,
        StartTls::Offered,
        PasswordOver::Any,
    );
    Tls::new(&certificates).unwrap()
}

/// Shakes hands and then sends a line.
fn tls_server(acceptor: SslAcceptor) -> Server {
    Server::start(move |socket| {
        if let Ok(mut stream) = acceptor.accept(socket) {
            let _ = stream.write_all(b"* OK\r\n");
        }
    })
}

/// Holds that the handshake passes, and the first line comes, or that it fails with `expected`.
fn check(server: &Server, tls: &Tls, peer: Peer<'_>, expected: Result<(), &str>) {
    let result = upgrade(server, tls, peer, TIMEOUT);
    match (result, expected) {
        (Ok(mut stream), Ok(())) => {
            let mut line = [0; 6];
            stream.read_exact(&mut line).unwrap();
            assert_eq!(&line, b"* OK\r\n");
        }
        (Err(Fault::CertificateRefused(bad)), Err(reason)) => {
            let shown = bad.reason.to_string();
            assert!(shown.contains(reason), "{peer:?}: {shown}");
        }
        (result, _) => panic!("{peer:?}: {:?}, expected {expected:?}", result.err()),
    }
}

#[test]
fn a_certificate_passes_if_it_is_trusted_and_bears_the_name() {
    let authority = Authority::new();
    let path = authority.certificate();
    let strict = trusting(Some(path));
    let elsewhere = trusting(None);

    let server = tls_server(authority.acceptor("DNS:mail.example,IP:127.0.0.1", Validity::Current));
    check(&server, &strict, Peer::Named("mail.example"), Ok(()));
    check(&server, &strict, Peer::Named("127.0.0.1"), Ok(()));
    check(
        &server,
        &strict,
        Peer::Named("127.0.0.2"),
        Err("IP address mismatch"),
    );
    check(
        &server,
        &strict,
        Peer::Named("other.example"),
        Err("ostname mismatch"),
    );
    check(
        &server,
        &elsewhere,
        Peer::Named("mail.example"),
        Err("unable to get"),
    );
    check(&server, &strict, Peer::Anybody, Ok(()));

    let server = tls_server(authority.acceptor("DNS:mail.example", Validity::Expired));
    check(
        &server,
        &strict,
        Peer::Named("mail.example"),
        Err("has expired"),
    );
    check(&server, &strict, Peer::Named("127.0.0.1"), Err("")); // Whichever fault is found first.
    check(&server, &strict, Peer::Anybody, Ok(()));

    let server = tls_server(authority.self_signed("DNS:mail.example"));
    check(&server, &strict, Peer::Named("mail.example"), Err("self"));
    check(&server, &strict, Peer::Anybody, Ok(()));
}

#[test]
fn each_certificate_of_a_bundle_is_trusted() {
    let folder = Folder::new();
    let (first, second) = (Authority::new(), Authority::new());
    let bundle = folder.path("bundle.pem");
    let read = |authority: &Authority| fs::read_to_string(authority.certificate()).unwrap();
    let text = format!("First\n{}\n{}", read(&first), read(&second));
    let text = text
        .replace("-----\n", "----- \n")
        .replacen("CERTIFICATE", "X509 CERTIFICATE", 2);
    fs::write(&bundle, text.replace('\n', "\r\n")).unwrap();
    let tls = trusting(Some(bundle));
    for authority in [first, second] {
        let server = tls_server(authority.acceptor("DNS:mail.example", Validity::Current));
        check(&server, &tls, Peer::Named("mail.example"), Ok(()));
    }
}

#[test]
fn a_bundle_that_is_missing_empty_or_broken_is_refused_by_name() {
    let folder = Folder::new();
    let whole = fs::read_to_string(Authority::new().certificate()).unwrap();
    let cases = [
        ("missing.pem", None, "No such file"),
        ("empty.pem", Some(String::new()), "expected PEM"),
        ("other.pem", Some("no PEM\n".to_owned()), "expected PEM"),
        (
            "broken.pem",
            Some(format!("{whole}{}", whole.replace('M', "!"))),
            "certificate 2: ",
        ),
        (
            "cut.pem",
            Some(format!("{whole}{}", &whole[..whole.len() / 2])),
            "certificate 2: ",
        ),
        (
            "settings.pem",
            Some(format!("{whole}{}", whole.replace("CERT", "TRUSTED CERT"))),
            "certificate 2: ",
        ),
        (
            "long.pem",
            Some(format!("{whole}{}", " \n".repeat(4 << 20))),
            "expected at most 8388608 bytes",
        ),
    ];
    for (name, text, expected) in cases {
        let path = folder.path(name);
        if let Some(text) = text {
            fs::write(&path, text).unwrap();
        }
        let certificates = Certificates::new(
            Verify::On,
            None,
            Some(path),
            StartTls::Offered,
            PasswordOver::Any,
        );
        let error = Tls::new(&certificates).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}

/// A stream of which every read gives this error.
#[derive(Debug)]
struct Failing(i32);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::from_raw_os_error(self.0))
    }
}

impl Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_error_of_the_system_within_the_handshake_keeps_its_meaning() {
    let kind = Kind::Trusting(ServerName::Told);
    let connector = trusting(None).connector(kind).unwrap();
    for (errno, expected) in [
        (Errno::EACCES, Fault::Forbidden),
        (Errno::ENOBUFS, Fault::NoMemory),
        (Errno::ECONNRESET, Fault::Closed),
        (Errno::ETIMEDOUT, Fault::TimedOut),
    ] {
        match connector.tls.connect("a.example", Failing(errno as i32)) {
            Err(HandshakeError::Failure(error)) => {
                assert_eq!(of_handshake(&error, "a.example", ""), expected);
            }
            other => panic!("{errno}: {other:?}"),
        }
    }
}

#[test]
fn faults_other_than_the_certificate_keep_their_names() {
    let tls = trusting(None);
    let check = |server: Server, expected: &str| {
        let fault = upgrade(&server, &tls, Peer::Anybody, Duration::from_millis(300)).unwrap_err();
        assert_eq!(fault.to_string(), expected);
    };
    check(stage::silent(), "timed out");
    // Reads the greeting first: closing with unread bytes would reset the connection.
    check(Server::start(read_something), "connection closed");
    check(Server::start(drop), "connection closed");
    check(
        Server::start(|mut socket: TcpStream| {
            socket.write_all(b"* OK ready\r\n").unwrap();
            read_something(socket);
        }),
        "tls failed \"wrong version number\"",
    );
}

#[test]
fn a_server_without_a_certificate_for_the_name_asked_for_is_not_broken() {
    let authority = Authority::new();
    let tls = trusting(None);
    let server = tls_server(authority.that_knows_no_name());
    let fault = |peer| upgrade(&server, &tls, peer, TIMEOUT).unwrap_err();
    let named = fault(Peer::Named("mail.example"));
    let shown = named.to_string();
    let expected =
        "certificate refused \"tlsv1 unrecognized name\": expected name \"mail.example\" (";
    assert!(shown.starts_with(expected), "{shown}");
    assert_eq!(named.blame(), Blame::Shared);
    let unnamed = fault(Peer::Anybody);
    assert_eq!(
        unnamed.to_string(),
        "refused by the server's policy \"tlsv1 unrecognized name\""
    );
    assert_eq!(unnamed.blame(), Blame::Shared);
}

fn read_something(mut socket: TcpStream) {
    let _ = socket.read(&mut [0; 4096]);
}

#[test]
fn a_tls_stream_cut_off_without_farewell_is_closed() {
    let authority = Authority::new();
    let tls = trusting(None);
    let server = tls_server(authority.self_signed("DNS:mail.example"));
    let mut stream = upgrade(&server, &tls, Peer::Anybody, TIMEOUT).unwrap();
    let mut buffer = [0; 100];
    let error = loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(Fault::from_io(&error), Fault::Closed, "{error:?}");
}

#[test]
fn the_server_is_told_a_dns_name_and_never_an_address() {
    let tls = trusting(None);
    let hello = |name: &str, is_reading: bool| {
        let (sender, receiver) = mpsc::channel();
        let sender = std::sync::Mutex::new(sender);
        let server = Server::start(move |mut socket| {
            let mut buffer = vec![0; 4096];
            let length = socket.read(&mut buffer).unwrap();
            buffer.truncate(length);
            sender.lock().unwrap().send(buffer).unwrap();
        });
        if is_reading {
            let read = Tls::read_certificate(connect(&server, TIMEOUT), name);
            assert_eq!(read, None);
        } else {
            let _ = upgrade(&server, &tls, Peer::Named(name), TIMEOUT);
        }
        receiver.recv_timeout(TIMEOUT).unwrap()
    };
    let has = |hello: &[u8], name: &str| hello.windows(name.len()).any(|w| w == name.as_bytes());
    // Whoever reads a refused certificate has to be shown the same one.
    for is_reading in [false, true] {
        assert!(has(&hello("mail.example", is_reading), "mail.example"));
        assert!(!has(&hello("127.0.0.1", is_reading), "127.0.0.1"));
    }
}

#[test]
fn a_read_certificate_says_when_it_expires_and_the_earliest_of_its_chain() {
    let authority = Authority::new();
    let expired = tls_server(authority.acceptor("DNS:a.example", Validity::Expired));
    let read = Tls::read_certificate(connect(&expired, TIMEOUT), "a.example").unwrap();
    // 2020-02-01 00:00:00 UTC
    assert_eq!(read.not_after, 1_580_515_200);
    assert_eq!(read.chain_not_after, read.not_after);

    // The one that is sent with it expires first.
    let (acceptor, issuer_expires) = authority.with_expired_issuer("DNS:a.example");
    let read = Tls::read_certificate(connect(&tls_server(acceptor), TIMEOUT), "a.example").unwrap();
    assert!(read.not_after > issuer_expires, "{read:?}");
    assert_eq!(read.chain_not_after, issuer_expires);
}

#[test]
fn a_refused_certificate_is_told_with_the_names_expected_and_presented() {
    let authority = Authority::new();
    let tls = trusting(Some(authority.certificate()));
    let refused = |server: &Server, name| {
        let refused = upgrade(server, &tls, Peer::Named(name), TIMEOUT);
        let mut bad = match refused {
            Err(Fault::CertificateRefused(bad)) => bad,
            other => panic!("{:?}", other.err()),
        };
        let unread = bad.to_string();
        let expected = format!("expected name \"{name}\" (--ca-file");
        assert!(unread.contains(&expected), "{unread}");
        let certificate = Tls::read_certificate(connect(server, TIMEOUT), name);
        bad.presented = certificate.map(|certificate| certificate.names);
        Fault::CertificateRefused(bad).to_string()
    };
    let of = |names: &str| tls_server(authority.acceptor(names, Validity::Current));

    let shown = refused(
        &of("DNS:a.example,IP:192.0.2.1,IP:2001:db8::1"),
        "b.example",
    );
    assert!(shown.contains("ostname mismatch"), "{shown}");
    assert!(
        shown.contains(
            "expected name \"b.example\", presented \"a.example\", \"192.0.2.1\", \"2001:db8::1\" ("
        ),
        "{shown}"
    );
    for option in ["--ca-file", "--tls-name", "-v 0"] {
        assert!(shown.contains(option), "{shown}");
    }

    let many: Vec<String> = (0..100).map(|n| format!("DNS:n{n}.example")).collect();
    let shown = refused(&of(&many.join(",")), "b.example");
    assert!(shown.contains("\"n3.example\" and 96 more"), "{shown}");
    assert!(!shown.contains("n4.example"), "{shown}");

    // Without a name of use there, the common name counts. It is the server's text, too.
    let shown = refused(&of("email:a@example"), "b.example");
    assert!(shown.contains("presented \"leaf\""), "{shown}");
    let hostile = format!("DNS:{}\u{1b}[31m", "x".repeat(500));
    let shown = refused(&of(&hostile), "b.example");
    assert!(!shown.contains('\u{1b}'), "{shown}");
    assert!(shown.len() < 500, "{shown}");

    let server = tls_server(authority.self_signed("DNS:b.example"));
    let shown = refused(&server, "b.example");
    assert!(shown.contains("self"), "{shown}");
    assert!(
        shown.contains("its name is \"b.example\", as expected (--ca-file"),
        "{shown}"
    );
}

/// Names the port of the server in a process that has another configuration of OpenSSL, which is read
/// once in a process's life.
const PORT: &str = "POOLMON_TEST_TLS_PORT";
/// Names the file of the authority that is trusted there; without one, certificates are not looked at.
const CA_FILE: &str = "POOLMON_TEST_TLS_CA_FILE";

/// In that process, says what the handshake came to; false in any other.
fn is_other_process() -> bool {
    let port = match std::env::var(PORT) {
        Ok(port) => port.parse().unwrap(),
        Err(_) => return false,
    };
    let deadline = Instant::now() + TIMEOUT;
    let stream = DeadlineStream::connect([127, 0, 0, 1].into(), port, deadline).unwrap();
    let ca_file = std::env::var_os(CA_FILE).map(PathBuf::from);
    let peer = match ca_file {
        Some(_) => Peer::Named("mail.example"),
        None => Peer::Anybody,
    };
    match trusting(ca_file).upgrade(stream, peer) {
        Ok(_) => println!("(passed)"),
        Err(fault) => {
            let blame = match fault.blame() {
                Blame::Service => "service",
                Blame::Shared => "shared",
                _ => "local",
            };
            println!("({fault}; {blame})");
        }
    }
    true
}

/// What a handshake comes to with these settings of OpenSSL, and whose fault that is. `test` begins with
/// a look whether it is the other process.
fn handshake(test: &str, server: &Server, settings: &str, ca_file: Option<PathBuf>) -> String {
    let folder = Folder::new();
    let path = folder.path("openssl.cnf");
    let sections = "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n";
    fs::write(&path, format!("{sections}{settings}\n")).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args([
            "--exact",
            &format!("net::tls::tests::{test}"),
            "--nocapture",
        ])
        .env(PORT, server.address.port().to_string())
        .env("OPENSSL_CONF", path);
    if let Some(ca_file) = ca_file {
        child.env(CA_FILE, ca_file);
    }
    let text = String::from_utf8_lossy(&child.output().unwrap().stdout).into_owned();
    let shown = text
        .split_once('(')
        .and_then(|(_, text)| text.split_once("\n"));
    shown.unwrap_or_else(|| panic!("{text}")).0.to_owned()
}

#[test]
fn the_oldest_version_is_the_systems_and_is_named() {
    const TEST: &str = "the_oldest_version_is_the_systems_and_is_named";
    if is_other_process() {
        return;
    }
    let authority = Authority::new();
    // What native-tls cannot set is refused rather than passed over.
    let (at_least_1_3, nothing_left): (&[&str], &[&str]) = match versions::knows_tls_1_3() {
        true => (
            &[
                "no version in common",
                "TLS 1.3, by MinProtocol",
                "; shared",
            ],
            &["tls library unusable", "no protocols available", "; local"],
        ),
        false => {
            let refused: &[&str] = &["tls library unusable", "MinProtocol is TLSv1.3", "; local"];
            (refused, refused)
        }
    };
    let old = tls_server(authority.no_newer_than(SslVersion::TLS1_1));
    let present = tls_server(authority.no_newer_than(SslVersion::TLS1_2));
    let level = "CipherString = DEFAULT:@SECLEVEL=0";
    for (server, settings, expected) in [
        (
            &old,
            format!("MinProtocol = TLSv1.1\n{level}"),
            &["passed"][..],
        ),
        (
            &old,
            format!("MinProtocol = TLSv1.2\n{level}"),
            &[
                "no version in common",
                "TLS 1.2, by MinProtocol",
                "; shared",
            ],
        ),
        (&present, String::new(), &["passed"]),
        (
            &present,
            format!("MinProtocol = TLSv1.3\n{level}"),
            at_least_1_3,
        ),
        // Of its own making: nothing is left to offer.
        (
            &present,
            "MinProtocol = TLSv1.3\nMaxProtocol = TLSv1.2".to_owned(),
            nothing_left,
        ),
        (
            &present,
            "MinProtocol = TLSv1.1\nMaxProtocol = TLSv1.1".to_owned(),
            &[
                "no version in common",
                "TLS 1.1, by MinProtocol",
                "; shared",
            ],
        ),
    ] {
        let shown = handshake(TEST, server, &settings, None);
        for words in expected {
            assert!(shown.contains(words), "{settings}: {shown}");
        }
    }
    if openssl::version::number() >= 0x3000_0000 {
        let shown = handshake(TEST, &old, "CipherString = DEFAULT:@SECLEVEL=1", None);
        assert!(
            shown.contains("TLS 1.0, as no MinProtocol is set"),
            "{shown}"
        );
    }
}

#[test]
fn what_this_machines_openssl_refuses_by_its_policy_is_shared_and_says_so() {
    const TEST: &str = "what_this_machines_openssl_refuses_by_its_policy_is_shared_and_says_so";
    if is_other_process() {
        return;
    }
    let check = |shown: String, reason: &str| {
        assert!(shown.contains(reason), "{shown}");
        assert!(shown.contains("by this monitor's OpenSSL"), "{shown}");
        assert!(shown.ends_with("; shared)"), "{shown}");
    };
    let level = |level: u8| format!("CipherString = DEFAULT:@SECLEVEL={level}");
    let authority = Authority::new();

    let server = tls_server(authority.with_short_dh_key());
    assert_eq!(handshake(TEST, &server, &level(0), None), "passed)");
    check(
        handshake(TEST, &server, &level(2), None),
        "dh key too small",
    );

    let (acceptor, certificate) = authority.with_rsa_key();
    let server = tls_server(acceptor);
    let trusted = || Some(certificate.clone());
    assert_eq!(handshake(TEST, &server, &level(2), trusted()), "passed)");
    let shown = handshake(TEST, &server, &level(3), trusted());
    check(shown, "EE certificate key too weak");

    // OpenSSL 1.1 asks for no secure renegotiation by itself.
    if openssl::version::number() >= 0x3000_0000 {
        let server = Server::start(|mut socket| {
            let _ = socket.read(&mut [0; 4096]);
            let _ = socket.write_all(&hello_without_extensions());
            read_something(socket);
        });
        let reason = "unsafe legacy renegotiation disabled";
        check(handshake(TEST, &server, &level(1), None), reason);
    }
}

/// A ServerHello of TLS 1.2 that picks ECDHE-RSA-AES128-GCM-SHA256.
fn hello_without_extensions() -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]); // random
    body.extend([0, 0xc0, 0x2f, 0]); // no session, the cipher, no compression
    let mut message = vec![2, 0, 0, body.len() as u8];
    message.extend(body);
    let mut record = vec![22, 3, 3, 0, message.len() as u8];
    record.extend(message);
    record
}

#[test]
fn a_fifo_in_a_bundles_place_is_refused_at_once() {
    let folder = Folder::new();
    let path = folder.path("fifo.pem");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for place in [path, folder.path("")] {
        let certificates = Certificates::new(
            Verify::On,
            None,
            Some(place),
            StartTls::Offered,
            PasswordOver::Any,
        );
        let error = Tls::new(&certificates).unwrap_err().to_string();
        assert!(error.ends_with("expected a regular file"), "{error}");
    }
}

/// In TLS 1.3 the client has ended its handshake before the server refuses it for lack of a certificate.
#[test]
fn what_tls_says_after_the_handshake_is_a_fault_of_tls_as_before_it() {
    let authority = Authority::new();
    let tls = trusting(None);
    let server = tls_server(authority.asking_for_a_certificate("DNS:mail.example"));
    let mut stream = upgrade(&server, &tls, Peer::Anybody, TIMEOUT).unwrap();
    let error = stream.read(&mut [0; 100]).unwrap_err();
    let fault = Fault::from_io(&error);
    assert_eq!(
        fault.to_string(),
        "tls failed \"tlsv13 alert certificate required\""
    );
    assert!(matches!(fault, Fault::TlsFailed(_)), "{fault:?}");
}
