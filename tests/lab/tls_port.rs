//! A port that greets as an IMAP server does, over TLS, with a certificate of the test's choice.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{self, sleep, JoinHandle};
use std::time::Duration;

use native_tls::{Identity, TlsAcceptor};

use super::authority::Certificate;
use super::command::run;

const GLANCE: Duration = Duration::from_millis(3);
const PATIENCE: Duration = Duration::from_secs(10);

/// Dropped, it listens no more.
pub struct TlsPort {
    is_over: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

impl TlsPort {
    pub fn start(address: Ipv4Addr, port: u16, certificate: &Certificate) -> TlsPort {
        let acceptor = acceptor(certificate);
        let listener = TcpListener::bind((address, port)).expect("the port is free");
        listener.set_nonblocking(true).unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let told = is_over.clone();
        let listening = thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((socket, _)) => {
                        let acceptor = acceptor.clone();
                        thread::spawn(move || serve(socket, &acceptor));
                    }
                    Err(_) => sleep(GLANCE),
                }
            }
        });
        TlsPort {
            is_over,
            listening: Some(listening),
        }
    }
}

impl Drop for TlsPort {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

fn serve(socket: TcpStream, acceptor: &TlsAcceptor) {
    let _ = socket.set_nonblocking(false);
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
