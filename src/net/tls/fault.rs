//! What a handshake that failed means, by the errors that OpenSSL and native-tls give.

use std::error::Error;
use std::io;

use openssl::error::ErrorStack;

use crate::outcome::{BadCertificate, Fault, NoCommonVersion};
use crate::quote::Quote;

/// The library's text for something that failed before a handshake.
pub(super) fn no_tls(text: &str) -> Fault {
    Fault::NoTls(Quote::new(library_reason(text)))
}

/// native-tls hides OpenSSL's errors, but names them as the source of its own: the stream's error, or
/// OpenSSL's list. They are told apart by OpenSSL's own wording, the same in 1.1 and 3.
pub(super) fn of_handshake(error: &native_tls::Error, name: &str, minimum: &'static str) -> Fault {
    let text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            return Fault::from_io(error);
        }
        if let Some(stack) = cause.downcast_ref::<ErrorStack>() {
            return library_fault(stack, &text, name, minimum);
        }
        source = cause.source();
    }
    // Without a source, OpenSSL's list is the error itself: there was no handshake.
    match error.source().is_none() && text.starts_with("error:") {
        true => no_tls(&text),
        false => Fault::TlsFailed(Quote::new(library_reason(&text))),
    }
}

/// What OpenSSL's list of errors means; `text` is native-tls's, which ends with the result of the
/// verification.
fn library_fault(stack: &ErrorStack, text: &str, name: &str, minimum: &'static str) -> Fault {
    let reasons: Vec<&str> = stack.errors().iter().filter_map(|e| e.reason()).collect();
    let has_any = |wanted: &[&str]| reasons.iter().any(|reason| wanted.contains(reason));
    let first = reasons.first().copied();
    let reason = Quote::new(first.unwrap_or_else(|| library_reason(text)));
    let refused = |reason| Fault::CertificateRefused(Box::new(BadCertificate::new(reason, name)));
    if has_any(&["certificate verify failed"]) {
        let reason = verify_reason(text);
        match WEAK_CERTIFICATE.contains(&reason) {
            true => Fault::TlsPolicy(Quote::new(reason)),
            false => refused(reason),
        }
    } else if has_any(&[NO_SUCH_NAME]) {
        match name {
            "" => Fault::PolicyRefused(reason),
            _ => refused(NO_SUCH_NAME),
        }
    } else if has_any(NOTHING_TO_OFFER) {
        Fault::NoTls(reason)
    } else if has_any(OLD_VERSION) {
        Fault::TlsVersion(Box::new(NoCommonVersion {
            reason,
            minimum: minimum.into(),
        }))
    } else if has_any(OWN_POLICY) {
        Fault::TlsPolicy(reason)
    } else {
        Fault::TlsFailed(reason)
    }
}

/// The server has no certificate for the name that it was asked for, or is asked for none (RFC 6066 3): what DNS or an
/// option says of the name is wrong, or all servers that are set up the same say this.
const NO_SUCH_NAME: &str = "tlsv1 unrecognized name";

/// The configuration here leaves nothing that could be offered to any server, as with MinProtocol
/// above MaxProtocol.
const NOTHING_TO_OFFER: &[&str] = &[
    "no protocols available",
    "no ciphers available",
    "no suitable groups",
    "no suitable signature algorithm",
];

/// The server answers with a version that is too old here, or with a signature that only old versions
/// have, or finds none of those offered.
const OLD_VERSION: &[&str] = &[
    "unsupported protocol",
    "version too low",
    "wrong ssl version",
    "legacy sigalg disallowed or unsupported",
    "tlsv1 alert protocol version",
];

/// What the server offers would do for a lower security level, for other settings (Options, Groups,
/// SignatureAlgorithms), or outside of FIPS mode.
const OWN_POLICY: &[&str] = &[
    "dh key too small",
    "unsafe legacy renegotiation disabled",
    "wrong signature type",
    "wrong curve",
    "ems not enabled",
    "digest not allowed",
    "invalid digest",
];

/// Results of the verification that come from the security level, and have nothing to do with trust or
/// names.
const WEAK_CERTIFICATE: &[&str] = &[
    "EE certificate key too weak",
    "CA certificate key too weak",
    "CA signature digest algorithm too weak",
];

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
