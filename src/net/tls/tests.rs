use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use native_tls::TlsAcceptor;
use nix::errno::Errno;

use super::*;
use crate::net::stage::{self, Authority, Folder, Server, Validity};

const TIMEOUT: Duration = Duration::from_secs(5);

fn upgrade(server: &Server, tls: &Tls, name: &str, timeout: Duration) -> Result<TlsStream, Fault> {
    let address = server.address;
    let deadline = Instant::now() + timeout;
    let stream = DeadlineStream::connect(address.ip(), address.port(), deadline).unwrap();
    tls.upgrade(stream, name)
}

/// Shakes hands and then sends a line.
fn tls_server(acceptor: TlsAcceptor) -> Server {
    Server::start(move |socket| {
        if let Ok(mut stream) = acceptor.accept(socket) {
            let _ = stream.write_all(b"* OK\r\n");
        }
    })
}

/// Holds that the handshake passes, and the first line comes, or that it fails with `expected`.
fn check(server: &Server, tls: &Tls, name: &str, expected: Result<(), &str>) {
    let result = upgrade(server, tls, name, TIMEOUT);
    match (result, expected) {
        (Ok(mut stream), Ok(())) => {
            let mut line = [0; 6];
            stream.read_exact(&mut line).unwrap();
            assert_eq!(&line, b"* OK\r\n");
        }
        (Err(Fault::CertificateRefused(quote)), Err(reason)) => {
            let shown = quote.to_string();
            assert!(shown.contains(reason), "{name}: {shown}");
        }
        (result, _) => panic!("{name}: {:?}, expected {expected:?}", result.err()),
    }
}

#[test]
fn a_certificate_passes_if_it_is_trusted_and_bears_the_name() {
    let authority = Authority::new();
    let path = authority.certificate();
    let strict = Tls::new(&Verify::AddressName, Some(&path)).unwrap();
    let elsewhere = Tls::new(&Verify::AddressName, None).unwrap();
    let off = Tls::new(&Verify::Off, None).unwrap();

    let server = tls_server(authority.acceptor("DNS:mail.example,IP:127.0.0.1", Validity::Current));
    check(&server, &strict, "mail.example", Ok(()));
    check(&server, &strict, "127.0.0.1", Ok(()));
    check(&server, &strict, "127.0.0.2", Err("IP address mismatch"));
    check(&server, &strict, "other.example", Err("ostname mismatch"));
    check(&server, &elsewhere, "mail.example", Err("unable to get"));
    check(&server, &off, "other.example", Ok(()));

    let server = tls_server(authority.acceptor("DNS:mail.example", Validity::Expired));
    check(&server, &strict, "mail.example", Err("has expired"));
    check(&server, &strict, "127.0.0.1", Err("")); // Whichever fault is found first.
    check(&server, &off, "127.0.0.1", Ok(()));

    let server = tls_server(authority.self_signed("DNS:mail.example"));
    check(&server, &strict, "mail.example", Err("self"));
    check(&server, &off, "mail.example", Ok(()));
}

#[test]
fn each_certificate_of_a_bundle_is_trusted() {
    let folder = Folder::new();
    let (first, second) = (Authority::new(), Authority::new());
    let bundle = folder.path("bundle.pem");
    let read = |authority: &Authority| fs::read_to_string(authority.certificate()).unwrap();
    let text = format!("First\n{}\n{}", read(&first), read(&second));
    fs::write(&bundle, text.replace('\n', "\r\n")).unwrap();
    let tls = Tls::new(&Verify::AddressName, Some(&bundle)).unwrap();
    for authority in [first, second] {
        let server = tls_server(authority.acceptor("DNS:mail.example", Validity::Current));
        check(&server, &tls, "mail.example", Ok(()));
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
    ];
    for (name, text, expected) in cases {
        let path = folder.path(name);
        if let Some(text) = text {
            fs::write(&path, text).unwrap();
        }
        let error = Tls::new(&Verify::AddressName, Some(&path))
            .unwrap_err()
            .to_string();
        assert!(error.contains(name), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_configured_name_that_would_not_be_checked_is_refused() {
    let make = |name: &str| Tls::new(&Verify::Name(name.to_owned()), None);
    for name in ["mail.example", "192.0.2.1", "2001:db8::1"] {
        make(name).unwrap();
    }
    for name in ["", ".", ".example", "*.example", "a\0b"] {
        let error = make(name).unwrap_err().to_string();
        assert!(
            error.ends_with("expected a dns name or an address"),
            "{error}"
        );
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
    let tls = Tls::new(&Verify::Off, None).unwrap();
    let connector = tls.connector(ServerName::Told).unwrap();
    for (errno, expected) in [
        (Errno::EACCES, Fault::Forbidden),
        (Errno::ENOBUFS, Fault::NoMemory),
        (Errno::ECONNRESET, Fault::Closed),
        (Errno::ETIMEDOUT, Fault::TimedOut),
    ] {
        match connector.connect("a.example", Failing(errno as i32)) {
            Err(HandshakeError::Failure(error)) => assert_eq!(fault(&error), expected),
            other => panic!("{errno}: {other:?}"),
        }
    }
}

#[test]
fn faults_other_than_the_certificate_keep_their_names() {
    let off = Tls::new(&Verify::Off, None).unwrap();
    let check = |server: Server, expected: &str| {
        let fault = upgrade(&server, &off, "mail.example", Duration::from_millis(300)).unwrap_err();
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

fn read_something(mut socket: TcpStream) {
    let _ = socket.read(&mut [0; 4096]);
}

#[test]
fn a_tls_stream_cut_off_without_farewell_is_closed() {
    let authority = Authority::new();
    let off = Tls::new(&Verify::Off, None).unwrap();
    let server = tls_server(authority.self_signed("DNS:mail.example"));
    let mut stream = upgrade(&server, &off, "mail.example", TIMEOUT).unwrap();
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
    let off = Tls::new(&Verify::Off, None).unwrap();
    let hello = |name: &str| {
        let (sender, receiver) = mpsc::channel();
        let sender = std::sync::Mutex::new(sender);
        let server = Server::start(move |mut socket| {
            let mut buffer = vec![0; 4096];
            let length = socket.read(&mut buffer).unwrap();
            buffer.truncate(length);
            sender.lock().unwrap().send(buffer).unwrap();
        });
        let _ = upgrade(&server, &off, name, TIMEOUT);
        receiver.recv_timeout(TIMEOUT).unwrap()
    };
    let has = |hello: &[u8], name: &str| hello.windows(name.len()).any(|w| w == name.as_bytes());
    assert!(has(&hello("mail.example"), "mail.example"));
    assert!(!has(&hello("127.0.0.1"), "127.0.0.1"));
}

#[test]
fn the_reason_is_cut_out_of_the_librarys_text() {
    let refused =
        "error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify \
                   failed:../ssl/statem/statem_clnt.c:1889: (certificate has expired)";
    assert_eq!(verify_reason(refused), "certificate has expired");
    assert_eq!(
        verify_reason("certificate verify failed"),
        "certificate verify failed"
    );
    let failed = "error:0A00010B:SSL routines:ssl3_get_record:wrong version number:record.c:354:";
    assert_eq!(library_reason(failed), "wrong version number");
    assert_eq!(library_reason("unexpected EOF"), "unexpected EOF");
}
