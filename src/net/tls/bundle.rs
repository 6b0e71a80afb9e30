//! A PEM bundle of certificates to trust, read and parsed. It must not know what they are used for.

use std::path::Path;

use native_tls::Certificate;

use super::TlsSetupError;
use crate::config::file::{self, Readers};

/// Far above the bundle of all public authorities.
const LONGEST: usize = 8 << 20;

pub(super) fn read(path: &Path) -> Result<Vec<Certificate>, TlsSetupError> {
    let text =
        file::read(path, Readers::Anybody, LONGEST).map_err(|problem| TlsSetupError::Read {
            path: path.to_owned(),
            problem,
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
        if is_marker(line, "BEGIN") {
            blocks.extend(begin.map(|begin| &text[begin..position]));
            begin = Some(position);
        } else if is_marker(line, "END") {
            blocks.extend(begin.take().map(|begin| &text[begin..end]));
        }
        position = end;
    }
    blocks.extend(begin.map(|begin| &text[begin..]));
    blocks
}

/// Whether a certificate begins or ends with this line, by any of the names that OpenSSL has for one. The parser
/// refuses those that come with OpenSSL's own trust settings: passed over they would be missed in silence.
fn is_marker(line: &[u8], which: &str) -> bool {
    let line = std::str::from_utf8(line).unwrap_or_default().trim_end();
    let inner = line
        .strip_prefix("-----")
        .and_then(|line| line.strip_suffix("-----"));
    let name = inner.and_then(|inner| inner.strip_prefix(which));
    matches!(
        name,
        Some(" CERTIFICATE" | " X509 CERTIFICATE" | " TRUSTED CERTIFICATE")
    )
}
