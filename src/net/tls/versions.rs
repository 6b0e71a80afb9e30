//! The versions of TLS that the system's configuration of OpenSSL allows (MinProtocol, MaxProtocol).
//!
//! native-tls sets both ends itself, in any case, and so erases what the configuration says. Here it is
//! read from OpenSSL, to be set again by native-tls.

use native_tls::{Protocol, TlsConnectorBuilder};
use openssl::ssl::{SslContextBuilder, SslMethod, SslVersion};

use crate::outcome::Fault;
use crate::quote::Quote;

use super::fault::no_tls;

/// `None` is no limit.
pub(super) struct Versions {
    oldest: Option<SslVersion>,
    newest: Option<SslVersion>,
}

impl Versions {
    pub(super) fn of_system() -> Result<Versions, Fault> {
        // Each new context takes the system's settings over.
        let mut context = SslContextBuilder::new(SslMethod::tls_client())
            .map_err(|error| no_tls(&error.to_string()))?;
        Ok(Versions {
            oldest: context.min_proto_version(),
            newest: context.max_proto_version(),
        })
    }

    pub(super) fn set(&self, builder: &mut TlsConnectorBuilder) -> Result<(), Fault> {
        // Nothing older takes its place: the configuration forbids it.
        if self.oldest == Some(SslVersion::TLS1_3) && !knows_tls_1_3() {
            return Err(Fault::NoTls(Quote::new(
                "MinProtocol is TLSv1.3, which the native-tls that poolmon was built with cannot set",
            )));
        }
        builder.min_protocol_version(self.oldest.map(protocol));
        // There is no newer version than 1.3, so that as the newest one is no limit.
        let newest = self.newest.filter(|newest| *newest != SslVersion::TLS1_3);
        builder.max_protocol_version(newest.map(protocol));
        Ok(())
    }

    /// Which version is the oldest, and who says so.
    pub(super) fn minimum(&self) -> &'static str {
        match self.oldest {
            Some(SslVersion::TLS1_3) => "TLS 1.3, by MinProtocol",
            Some(SslVersion::TLS1_2) => "TLS 1.2, by MinProtocol",
            Some(SslVersion::TLS1_1) => "TLS 1.1, by MinProtocol",
            Some(_) => "TLS 1.0, by MinProtocol",
            // From level 1 on, OpenSSL 3 takes no signature of the versions before 1.2, so that only
            // handshakes without one are left there (SSL_CTX_set_security_level(3)).
            None => {
                "TLS 1.0, as no MinProtocol is set, but OpenSSL's security level lets in little before TLS 1.2"
            }
        }
    }
}

fn protocol(version: SslVersion) -> Protocol {
    match version {
        SslVersion::SSL3 => Protocol::Sslv3,
        SslVersion::TLS1 => Protocol::Tlsv10,
        SslVersion::TLS1_1 => Protocol::Tlsv11,
        SslVersion::TLS1_2 => Protocol::Tlsv12,
        _ => Protocol::Tlsv13,
    }
}

/// Older generations of native-tls (Debian 12 has 0.2.11) know no `Protocol::Tlsv13`. There, that path
/// means this constant; where the enum has such a variant, Rust takes the variant.
#[allow(dead_code, non_upper_case_globals)]
trait Tls13InOlderGenerations {
    const Tlsv13: Protocol;
}

#[allow(non_upper_case_globals)]
impl Tls13InOlderGenerations for Protocol {
    const Tlsv13: Protocol = Protocol::Tlsv12;
}

pub(super) fn knows_tls_1_3() -> bool {
    !matches!(protocol(SslVersion::TLS1_3), Protocol::Tlsv12)
}
