//! What a server's certificate says, for a message. Its names are the server's text: quoted and few.

use std::net::{Ipv4Addr, Ipv6Addr};

use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::nid::Nid;
use openssl::ssl::SslRef;
use openssl::x509::{GeneralNameRef, X509Ref, X509};

use crate::outcome::PresentedNames;
use crate::quote::Quote;

/// How many names are shown of a certificate that may bear hundreds.
const MOST: usize = 4;
/// Bytes of one. The longest that DNS knows is longer, and no help in a message.
const LONGEST: usize = 100;

/// What is kept of a certificate that a server presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerCertificate {
    /// Those that count for the check (RFC 6125, 6.4.4), quoted; the first few and how many more.
    pub names: PresentedNames,
    /// The last second of its validity, since 1970.
    pub not_after: i64,
    /// The same second of whichever expires first: this certificate, or one that the server sent with it. It is
    /// `not_after` where those were not read.
    pub chain_not_after: i64,
}

impl ServerCertificate {
    /// Reads the server's own certificate from `der`, without those that the server sent with it.
    pub fn from_der(der: &[u8]) -> Option<ServerCertificate> {
        let certificate = X509::from_der(der).ok()?;
        ServerCertificate::of(&certificate)
    }

    /// Reads the server's own certificate and the others that it sent in the handshake.
    pub(super) fn of_handshake(ssl: &SslRef) -> Option<ServerCertificate> {
        let certificate = ssl.peer_certificate()?;
        let mut own = ServerCertificate::of(&certificate)?;
        for certificate in ssl.peer_cert_chain().into_iter().flatten() {
            if let Some(seconds) = since_1970(certificate.not_after()) {
                own.chain_not_after = own.chain_not_after.min(seconds);
            }
        }
        Some(own)
    }

    fn of(certificate: &X509Ref) -> Option<ServerCertificate> {
        let not_after = since_1970(certificate.not_after())?;
        Some(ServerCertificate {
            names: names_in(certificate),
            not_after,
            chain_not_after: not_after,
        })
    }
}

fn since_1970(time: &Asn1TimeRef) -> Option<i64> {
    let span = Asn1Time::from_unix(0).ok()?.diff(time).ok()?;
    Some(i64::from(span.days) * 24 * 3600 + i64::from(span.secs))
}

/// The names that count: those of the extension, and only without any the common name.
fn names_in(certificate: &X509Ref) -> PresentedNames {
    let mut names = PresentedNames::default();
    for name in certificate.subject_alt_names().iter().flatten() {
        add(&mut names, name);
    }
    if names.first.is_empty() {
        let mut entries = certificate.subject_name().entries_by_nid(Nid::COMMONNAME);
        if let Some(entry) = entries.next() {
            push(&mut names, entry.data().as_slice());
        }
    }
    names
}

/// Names of other kinds are of no use here.
fn add(names: &mut PresentedNames, name: &GeneralNameRef) {
    if let Some(name) = name.dnsname() {
        push(names, name.as_bytes());
    } else if let Some(bytes) = name.ipaddress() {
        let address = match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
            (Ok(four), _) => Ipv4Addr::from(four).to_string(),
            (_, Ok(sixteen)) => Ipv6Addr::from(sixteen).to_string(),
            _ => return,
        };
        push(names, address.as_bytes());
    }
}

fn push(names: &mut PresentedNames, name: &[u8]) {
    if names.first.len() < MOST {
        let name = &name[..name.len().min(LONGEST)];
        names.first.push(Quote::new(name));
    } else {
        names.more += 1;
    }
}
