//! A PEM bundle of certificates to trust, read and parsed. It must not know what they are used for.

use std::io::Read;
use std::path::Path;

use native_tls::Certificate;

use super::TlsSetupError;
use crate::config::file::{self, FileProblem, Readers};

/// Far above the bundle of all public authorities.
const LONGEST: u64 = 8 << 20;

pub(super) fn read(path: &Path) -> Result<Vec<Certificate>, TlsSetupError> {
    let unread = |problem| TlsSetupError::Read {
        path: path.to_owned(),
        problem,
    };
    let file = file::open(path, Readers::Anybody).map_err(unread)?;
    let mut text = Vec::new();
    file.take(LONGEST)
        .read_to_end(&mut text)
        .map_err(|cause| unread(FileProblem::System(cause)))?;
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
