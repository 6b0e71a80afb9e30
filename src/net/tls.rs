//! TLS on top of a deadline stream: what is trusted, which name is checked, what a failure means.
//!
//! It must not find out names itself (`names`), and never talks before or after the handshake.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use native_tls::{Certificate, HandshakeError, TlsConnector};
use openssl::ssl::{Ssl, SslContextBuilder, SslMethod};

use crate::config::file::FileProblem;
use crate::config::trust::Certificates;
use crate::net::stream::DeadlineStream;
use crate::outcome::Fault;

mod bundle;
mod certificate;
mod fault;
mod versions;

pub use certificate::ServerCertificate;
use fault::{no_tls, of_handshake};
use versions::Versions;

pub type TlsStream = native_tls::TlsStream<DeadlineStream>;

/// The client's side of TLS as configured, shared by all threads.
///
/// The library is first used by the first handshake: reading the system's authorities costs time
/// and a megabyte or more, for nothing where no port has TLS.
pub struct Tls {
    authorities: Vec<Certificate>,
    connectors: Mutex<BTreeMap<Kind, Connector>>,
}

#[derive(Clone)]
struct Connector {
    tls: TlsConnector,
    /// The oldest version that it takes, for a message.
    minimum: &'static str,
}

/// What native-tls settles for all handshakes of one connector.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// The certificate has to be trusted and to bear the name.
    Verifying(ServerName),
    Trusting(ServerName),
}

/// Whether the server is told which name it was called by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ServerName {
    Told,
    Untold,
}

impl ServerName {
    /// An address is no server name (RFC 6066 3), but OpenSSL's older wrapper would send it.
    fn of(name: &str) -> ServerName {
        match name.parse::<IpAddr>() {
            Ok(_) => ServerName::Untold,
            Err(_) => ServerName::Told,
        }
    }
}

/// Whom the server has to prove to be.
#[derive(Clone, Copy, Debug)]
pub enum Peer<'a> {
    /// Its certificate is not looked at.
    Anybody,
    /// A DNS name, or an address in text.
    Named(&'a str),
}

impl Tls {
    pub fn new(certificates: &Certificates) -> Result<Tls, TlsSetupError> {
        let ca_file = certificates.ca_file.as_deref();
        Ok(Tls {
            authorities: ca_file.map_or(Ok(Vec::new()), bundle::read)?,
            connectors: Mutex::default(),
        })
    }

    /// Shakes hands with the peer, or finds that it is another one. What a refused certificate bears is
    /// not known then: native-tls keeps it to itself.
    pub fn upgrade(&self, stream: DeadlineStream, peer: Peer<'_>) -> Result<TlsStream, Fault> {
        match peer {
            Peer::Anybody => self.shake_hands(stream, Kind::Trusting(ServerName::Untold), ""),
            Peer::Named(name) => {
                self.shake_hands(stream, Kind::Verifying(ServerName::of(name)), name)
            }
        }
    }

    /// What the certificate says that the server presents to those who ask for `name`. Verifies
    /// nothing, sends nothing after the handshake, and closes.
    pub fn read_certificate(stream: DeadlineStream, name: &str) -> Option<ServerCertificate> {
        // native-tls shows no more than the server's own certificate.
        let context = SslContextBuilder::new(SslMethod::tls_client())
            .ok()?
            .build();
        let mut ssl = Ssl::new(&context).ok()?;
        if ServerName::of(name) == ServerName::Told {
            ssl.set_hostname(name).ok()?;
        }
        stream.send_at_once().ok()?;
        let stream = ssl.connect(stream).ok()?;
        ServerCertificate::of_handshake(stream.ssl())
    }

    fn shake_hands(
        &self,
        stream: DeadlineStream,
        kind: Kind,
        name: &str,
    ) -> Result<TlsStream, Fault> {
        let connector = self.connector(kind)?;
        stream
            .send_at_once()
            .map_err(|error| Fault::from_io(&error))?;
        connector
            .tls
            .connect(name, stream)
            .map_err(|error| match error {
                HandshakeError::Failure(error) => of_handshake(&error, name, connector.minimum),
                // A deadline stream never gives `WouldBlock`; OpenSSL's wrapper takes `NotConnected`
                // for it too.
                HandshakeError::WouldBlock(_) => Fault::Closed,
            })
    }

    fn connector(&self, kind: Kind) -> Result<Connector, Fault> {
        let mut connectors = self
            .connectors
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(connector) = connectors.get(&kind) {
            return Ok(connector.clone());
        }
        let connector = self.build(kind)?;
        connectors.insert(kind, connector.clone());
        Ok(connector)
    }

    fn build(&self, kind: Kind) -> Result<Connector, Fault> {
        let versions = Versions::of_system()?;
        let mut builder = TlsConnector::builder();
        versions.set(&mut builder)?;
        let (Kind::Verifying(server_name) | Kind::Trusting(server_name)) = kind;
        builder.use_sni(server_name == ServerName::Told);
        match kind {
            Kind::Trusting(_) => {
                builder.danger_accept_invalid_certs(true);
                builder.danger_accept_invalid_hostnames(true);
                builder.disable_built_in_roots(true);
            }
            Kind::Verifying(_) => {
                for certificate in &self.authorities {
                    builder.add_root_certificate(certificate.clone());
                }
            }
        }
        Ok(Connector {
            tls: builder
                .build()
                .map_err(|error| no_tls(&error.to_string()))?,
            minimum: versions.minimum(),
        })
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// Why TLS cannot be set up as configured.
#[derive(Debug)]
pub enum TlsSetupError {
    Read {
        path: PathBuf,
        problem: FileProblem,
    },
    NoCertificate {
        path: PathBuf,
    },
    /// `number` counts the file's certificates from one.
    BadCertificate {
        path: PathBuf,
        number: usize,
        source: native_tls::Error,
    },
}

impl fmt::Display for TlsSetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsSetupError::Read { path, problem } => write!(f, "{}: {problem}", path.display()),
            TlsSetupError::NoCertificate { path } => {
                write!(f, "{}: expected PEM certificates", path.display())
            }
            TlsSetupError::BadCertificate {
                path,
                number,
                source,
            } => write!(f, "{}: certificate {number}: {source}", path.display()),
        }
    }
}

impl Error for TlsSetupError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            TlsSetupError::Read {
                problem: FileProblem::System(cause),
                ..
            } => Some(cause),
            TlsSetupError::Read { .. } | TlsSetupError::NoCertificate { .. } => None,
            TlsSetupError::BadCertificate { source, .. } => Some(source),
        }
    }
}

#[cfg(test)]
mod tests;
