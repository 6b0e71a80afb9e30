//! What a server's certificate says, for a message. Its names are the server's text: quoted and few.

use std::net::{Ipv4Addr, Ipv6Addr};

use openssl::nid::Nid;
use openssl::x509::{GeneralNameRef, X509Ref, X509};

use crate::outcome::PresentedNames;
use crate::quote::Quote;

/// How many names are shown of a certificate that may bear hundreds.
const MOST: usize = 4;
/// Bytes of one. The longest that DNS knows is longer, and no help in a message.
const LONGEST: usize = 100;

/// What is kept of a certificate that a server presented. Its dates can stand here, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerCertificate {
    pub names: PresentedNames,
}

impl ServerCertificate {
    pub(super) fn from_der(der: &[u8]) -> Option<ServerCertificate> {
        let certificate = X509::from_der(der).ok()?;
        let names = names_in(&certificate);
        Some(ServerCertificate { names })
    }
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
