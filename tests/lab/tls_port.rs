//! A port that greets as an IMAP server does, over TLS, with a certificate of the test's choice.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

use native_tls::{Identity, TlsAcceptor};

use super::acceptor::Acceptor;
use super::authority::Certificate;
use super::command::run;

const PATIENCE: Duration = Duration::from_secs(10);

/// Dropped, it listens no more.
pub struct TlsPort {
    _listening: Acceptor,
}

impl TlsPort {
    pub fn start(address: Ipv4Addr, port: u16, certificate: &Certificate) -> TlsPort {
        let acceptor = acceptor(certificate);
        let listener = TcpListener::bind((address, port)).expect("the port is free");
        let _listening = Acceptor::tcp(listener, move |socket| {
            let acceptor = acceptor.clone();
            thread::spawn(move || serve(socket, &acceptor));
        });
        TlsPort { _listening }
    }
}

fn serve(socket: TcpStream, acceptor: &TlsAcceptor) {
    let _ = socket.set_read_timeout(Some(PATIENCE));
    let mut stream = match acceptor.accept(socket) {
        Ok(stream) => stream,
        Err(_) => return,
    };
    let _ = stream.write_all(b"* OK ready\r\n");
    // Whatever is said means that the visitor leaves.
    let _ = stream.read(&mut [0; 100]);
    let _ = stream.shutdown();
}

fn acceptor(certificate: &Certificate) -> TlsAcceptor {
    let packed = certificate.certificate.with_extension("p12");
    let mut command = Command::new("openssl");
    command
        .args(["pkcs12", "-export", "-passout", "pass:lab", "-inkey"])
        .arg(&certificate.key)
        .arg("-in")
        .arg(&certificate.certificate)
        .arg("-out")
        .arg(&packed);
    let folder = packed.parent().expect("a file in a folder");
    run(&mut command, folder, PATIENCE).success();
    let packed = fs::read(packed).unwrap();
    TlsAcceptor::new(Identity::from_pkcs12(&packed, "lab").unwrap()).unwrap()
}
