//! TLS on top of a deadline stream: what is trusted, which name is checked, what a failure means.
//!
//! It must not find out names itself (`names`), and never talks before or after the handshake.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use native_tls::{Certificate, HandshakeError, Protocol, TlsConnector};

use crate::config::settings::Verify;
use crate::net::names::is_host_name;
use crate::net::stream::DeadlineStream;
use crate::outcome::Fault;
use crate::quote::Quote;

pub type TlsStream = native_tls::TlsStream<ReadAhead>;

/// OpenSSL reads each record's head and body by themselves, twenty calls a handshake; this fetches
/// what has come in one.
#[derive(Debug)]
pub struct ReadAhead(BufReader<DeadlineStream>);

impl ReadAhead {
    /// A flight of handshake messages with a usual certificate.
    const CAPACITY: usize = 4096;
}

impl Read for ReadAhead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for ReadAhead {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.get_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.get_mut().flush()
    }
}

/// The client's side of TLS as configured, shared by all threads.
///
/// The library is first used by the first handshake: reading the system's authorities costs time
/// and a megabyte or more, for nothing where no port has TLS.
pub struct Tls {
    trust: Trust,
    telling_name: Mutex<Option<TlsConnector>>,
    telling_none: Mutex<Option<TlsConnector>>,
}

enum Trust {
    Everyone,
    /// The system's authorities and these.
    Authorities(Vec<Certificate>),
}

/// Whether the server is told which name it was called by.
#[derive(Clone, Copy)]
enum ServerName {
    Told,
    /// An address is no server name (RFC 6066 3), but OpenSSL's older wrapper would send it.
    Untold,
}

impl Tls {
    /// `ca_file`: a PEM bundle to trust beside the system's authorities.
    pub fn new(verify: &Verify, ca_file: Option<&Path>) -> Result<Tls, TlsSetupError> {
        if let Verify::Name(name) = verify {
            // OpenSSL takes an empty name for none to check, and a leading dot for any below it.
            if !is_host_name(name) && name.parse::<IpAddr>().is_err() {
                return Err(TlsSetupError::BadName(Quote::new(name)));
            }
        }
        let certificates = ca_file.map_or(Ok(Vec::new()), certificates)?;
        Ok(Tls {
            trust: match verify {
                Verify::Off => Trust::Everyone,
                Verify::AddressName | Verify::Name(_) => Trust::Authorities(certificates),
            },
            telling_name: Mutex::default(),
            telling_none: Mutex::default(),
        })
    }

    /// Shakes hands and checks that the certificate bears `name`, a DNS name or an address in text.
    pub fn upgrade(&self, stream: DeadlineStream, name: &str) -> Result<TlsStream, Fault> {
        let connector = self.connector(match name.parse::<IpAddr>() {
            Ok(_) => ServerName::Untold,
            Err(_) => ServerName::Told,
        })?;
        stream
            .send_at_once()
            .map_err(|error| Fault::from_io(&error))?;
        let stream = ReadAhead(BufReader::with_capacity(ReadAhead::CAPACITY, stream));
        connector
            .connect(name, stream)
            .map_err(|error| match error {
                HandshakeError::Failure(error) => fault(&error),
                // A deadline stream never gives `WouldBlock`; OpenSSL's wrapper takes `NotConnected`
                // for it too.
                HandshakeError::WouldBlock(_) => Fault::Closed,
            })
    }

    fn connector(&self, server_name: ServerName) -> Result<TlsConnector, Fault> {
        let place = match server_name {
            ServerName::Told => &self.telling_name,
            ServerName::Untold => &self.telling_none,
        };
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connector) = &*place {
            return Ok(connector.clone());
        }
        let connector = self
            .build(server_name)
            .map_err(|error| Fault::NoTls(Quote::new(library_reason(&error.to_string()))))?;
        *place = Some(connector.clone());
        Ok(connector)
    }

    fn build(&self, server_name: ServerName) -> native_tls::Result<TlsConnector> {
        let mut builder = TlsConnector::builder();
        // The generations of native-tls differ in the version they start from.
        builder.min_protocol_version(Some(Protocol::Tlsv12));
        builder.use_sni(matches!(server_name, ServerName::Told));
        match &self.trust {
            Trust::Everyone => {
                builder.danger_accept_invalid_certs(true);
                builder.danger_accept_invalid_hostnames(true);
                builder.disable_built_in_roots(true);
            }
            Trust::Authorities(certificates) => {
                for certificate in certificates {
                    builder.add_root_certificate(certificate.clone());
                }
            }
        }
        builder.build()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// native-tls hides OpenSSL's codes. Errors of the stream are found among the sources; the rest
/// is told apart by OpenSSL's own wording, the same in 1.1 and 3.
fn fault(error: &native_tls::Error) -> Fault {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            return Fault::from_io(error);
        }
        source = cause.source();
    }
    let text = error.to_string();
    if text.contains("certificate verify failed") {
        Fault::CertificateRefused(Quote::new(verify_reason(&text)))
    } else {
        Fault::TlsFailed(Quote::new(library_reason(&text)))
    }
}

/// The result of the verification, which native-tls puts in brackets at the end: `certificate has
/// expired` of `error:0A000086:...:certificate verify failed:...:1889: (certificate has expired)`.
fn verify_reason(text: &str) -> &str {
    let inner = text
        .strip_suffix(')')
        .and_then(|text| text.rsplit_once(" ("));
    inner.map_or(text, |(_, reason)| reason)
}

/// The reason in OpenSSL's `error:CODE:LIBRARY:FUNCTION:REASON:FILE:LINE:DATA`.
fn library_reason(text: &str) -> &str {
    let fields = text.strip_prefix("error:");
    fields
        .and_then(|fields| fields.split(':').nth(3))
        .unwrap_or(text)
}

/// Far above the bundle of all public authorities.
const LONGEST_BUNDLE: u64 = 8 << 20;

fn certificates(path: &Path) -> Result<Vec<Certificate>, TlsSetupError> {
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST_BUNDLE).read_to_end(&mut text))
        .map_err(|source| TlsSetupError::Read {
            path: path.to_owned(),
            source,
        })?;
    let blocks = pem_blocks(&text);
    if blocks.is_empty() {
        return Err(TlsSetupError::NoCertificate {
            path: path.to_owned(),
        });
    }
    let parse = |(index, block): (usize, &&[u8])| {
        Certificate::from_pem(block).map_err(|source| TlsSetupError::BadCertificate {
            path: path.to_owned(),
            number: index + 1,
            source,
        })
    };
    blocks.iter().enumerate().map(parse).collect()
}

/// The certificates of a bundle, each with its first and last line; one without a last line
/// reaches to the end of the text, for the parser to refuse. Other text is passed over.
fn pem_blocks(text: &[u8]) -> Vec<&[u8]> {
    let mut blocks = Vec::new();
    let mut begin = None;
    let mut position = 0;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let end = position + line.len();
        let marker = line.strip_suffix(b"\n").unwrap_or(line);
        let marker = marker.strip_suffix(b"\r").unwrap_or(marker);
        match marker {
            b"-----BEGIN CERTIFICATE-----" => {
                blocks.extend(begin.map(|begin| &text[begin..position]));
                begin = Some(position);
            }
            b"-----END CERTIFICATE-----" => {
                blocks.extend(begin.take().map(|begin| &text[begin..end]));
            }
            _ => {}
        }
        position = end;
    }
    blocks.extend(begin.map(|begin| &text[begin..]));
    blocks
}

/// Why TLS cannot be set up as configured.
#[derive(Debug)]
pub enum TlsSetupError {
    BadName(Quote),
    Read {
        path: PathBuf,
        source: io::Error,
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
            TlsSetupError::BadName(name) => {
                write!(f, "tls name {name}: expected a dns name or an address")
            }
            TlsSetupError::Read { path, source } => write!(f, "{}: {source}", path.display()),
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
            TlsSetupError::Read { source, .. } => Some(source),
            TlsSetupError::BadName(_) | TlsSetupError::NoCertificate { .. } => None,
            TlsSetupError::BadCertificate { source, .. } => Some(source),
        }
    }
}

#[cfg(test)]
mod tests;
