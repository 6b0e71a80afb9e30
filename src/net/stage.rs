//! What the tests of `net` and `probe` play on: servers on loopback, and certificates made by the
//! `openssl` command. Compiled for tests only.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use openssl::dh::Dh;
use openssl::ssl::{
    SniError, SslAcceptor, SslAcceptorBuilder, SslFiletype, SslMethod, SslOptions, SslVerifyMode,
    SslVersion,
};
use openssl::x509::X509;
use socket2::{Domain, Socket, Type};

use crate::scratch::Folder;

/// Longer than any test takes; ends what a failed test left waiting.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server on a port of its own with a thread for each connection. Dropped, it listens no more.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    ending: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let ending = Arc::new(AtomicBool::new(false));
        let listening = thread::spawn({
            let (ending, serve) = (ending.clone(), Arc::new(serve));
            move || loop {
                let (socket, _) = listener.accept().unwrap();
                if ending.load(Ordering::SeqCst) {
                    break;
                }
                socket.set_read_timeout(Some(PATIENCE)).unwrap();
                socket.set_write_timeout(Some(PATIENCE)).unwrap();
                let serve = serve.clone();
                thread::spawn(move || serve(socket));
            }
        });
        Server {
            address,
            ending,
            listening: Some(listening),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

/// A port of loopback at which nobody listens, and which nobody else can take while the socket is there.
pub(crate) fn unheard() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&anywhere.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// Takes connections, and neither reads nor writes.
pub(crate) fn silent() -> Server {
    Server::start(|socket| {
        // Pause: its silence, until the test is over.
        thread::sleep(PATIENCE);
        drop(socket);
    })
}

/// When a made certificate is valid.
#[derive(Clone, Copy)]
pub(crate) enum Validity {
    Current,
    Expired,
}

/// A certificate authority with a folder of its own.
pub(crate) struct Authority {
    folder: Folder,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let folder = Folder::new();
        fs::write(folder.path("index"), "").unwrap();
        fs::write(folder.path("serial"), "1000\n").unwrap();
        fs::write(
            folder.path("ca.cnf"),
            "[ca]\ndefault_ca=ca\ndatabase=index\nserial=serial\nnew_certs_dir=.\n\
             certificate=ca.pem\nprivate_key=ca.key\ndefault_md=sha256\npolicy=any\n\
             unique_subject=no\n[any]\ncommonName=supplied\n",
        )
        .unwrap();
        let authority = Authority { folder };
        authority.openssl(&format!(
            "req -x509 {NEW_KEY} -keyout ca.key -out ca.pem -days 30 -subj /CN=test-authority"
        ));
        authority
    }

    /// The certificate to trust.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path("ca.pem")
    }

    /// A server's side of TLS whose certificate bears `names`, such as `DNS:a.example,IP:192.0.2.1`.
    pub(crate) fn acceptor(&self, names: &str, validity: Validity) -> SslAcceptor {
        let dates = match validity {
            Validity::Current => "-days 30",
            Validity::Expired => "-startdate 20200101000000Z -enddate 20200201000000Z",
        };
        fs::write(
            self.folder.path("leaf.ext"),
            format!("subjectAltName={names}\n"),
        )
        .unwrap();
        self.openssl(&format!(
            "req -new {NEW_KEY} -keyout leaf.key -out leaf.csr -subj /CN=leaf"
        ));
        self.openssl(&format!(
            "ca -batch -notext -config ca.cnf -in leaf.csr -out leaf.pem -extfile leaf.ext {dates}"
        ));
        self.pack("leaf")
    }

    /// A current certificate, sent together with one that has expired, and when that was.
    pub(crate) fn with_expired_issuer(&self, names: &str) -> (SslAcceptor, i64) {
        self.acceptor(names, Validity::Expired);
        let issuer = fs::read(self.folder.path("leaf.pem")).unwrap();
        self.acceptor(names, Validity::Current);
        let mut builder = self.builder("leaf");
        builder
            .add_extra_chain_cert(X509::from_pem(&issuer).unwrap())
            .unwrap();
        // 2020-02-01 00:00:00 UTC
        (builder.build(), 1_580_515_200)
    }

    /// The same with a certificate that nobody else has signed.
    pub(crate) fn self_signed(&self, names: &str) -> SslAcceptor {
        self.openssl(&format!(
            "req -x509 {NEW_KEY} -keyout own.key -out own.pem -days 30 -subj /CN=own \
             -addext subjectAltName={names}"
        ));
        self.pack("own")
    }

    /// A server that serves nobody without a certificate, and says so in TLS 1.3.
    pub(crate) fn asking_for_a_certificate(&self, names: &str) -> SslAcceptor {
        self.self_signed(names);
        let mut builder = self.builder("own");
        builder.set_min_proto_version(None).unwrap();
        builder
            .set_max_proto_version(Some(SslVersion::TLS1_3))
            .unwrap();
        builder.clear_options(SslOptions::NO_TLSV1_3);
        builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        builder.build()
    }

    /// A server that has no certificate for any name, and shows none without one.
    pub(crate) fn that_knows_no_name(&self) -> SslAcceptor {
        self.self_signed("DNS:mail.example");
        let mut builder = self.builder("own");
        builder.set_servername_callback(|_, _| Err(SniError::ALERT_FATAL));
        builder.build()
    }

    /// A server that speaks no version newer than this one.
    pub(crate) fn no_newer_than(&self, newest: SslVersion) -> SslAcceptor {
        self.self_signed("DNS:mail.example");
        let mut builder = self.builder("own");
        builder.clear_options(SslOptions::NO_TLSV1 | SslOptions::NO_TLSV1_1);
        builder.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
        builder.set_min_proto_version(None).unwrap();
        builder.set_max_proto_version(Some(newest)).unwrap();
        builder.build()
    }

    /// A server with an RSA key of 2048 bits, good for security level 2, and the certificate to trust.
    pub(crate) fn with_rsa_key(&self) -> (SslAcceptor, PathBuf) {
        self.make_rsa_key();
        (self.pack("rsa"), self.folder.path("rsa.pem"))
    }

    /// The same whose key exchange is DHE with 1024 bits, good for security level 1.
    pub(crate) fn with_short_dh_key(&self) -> SslAcceptor {
        self.make_rsa_key();
        let mut builder = self.builder("rsa");
        let newest = Some(SslVersion::TLS1_2);
        builder.set_max_proto_version(newest).unwrap();
        let cipher = "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0";
        builder.set_cipher_list(cipher).unwrap();
        builder.set_tmp_dh(&Dh::get_1024_160().unwrap()).unwrap();
        builder.build()
    }

    fn make_rsa_key(&self) {
        self.openssl(
            "req -x509 -newkey rsa:2048 -nodes -keyout rsa.key -out rsa.pem -days 30 -subj /CN=rsa \
             -addext subjectAltName=DNS:mail.example",
        );
    }

    fn pack(&self, name: &str) -> SslAcceptor {
        self.builder(name).build()
    }

    fn builder(&self, name: &str) -> SslAcceptorBuilder {
        let path = |ending: &str| self.folder.path(&format!("{name}.{ending}"));
        let mut builder = SslAcceptor::mozilla_intermediate(SslMethod::tls()).unwrap();
        builder
            .set_certificate_file(path("pem"), SslFiletype::PEM)
            .unwrap();
        builder
            .set_private_key_file(path("key"), SslFiletype::PEM)
            .unwrap();
        builder
    }

    fn openssl(&self, arguments: &str) {
        run_openssl(&self.folder.0, arguments);
    }
}

const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";

fn run_openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("the openssl command is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments}: {errors}");
}
