//! Certificates and keys in files (RFC 7468).

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

/// Characters a line (RFC 7468 section 2).
const LINE: usize = 64;

/// The certificates of a file; at least one.
///
/// # Errors
/// What is wrong with it, for people.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(|error| told(&error))?
        .collect::<Result<_, _>>()
        .map_err(|error| told(&error))?;
    if found.is_empty() {
        return Err(told(&"no certificate in it"));
    }
    Ok(found)
}

/// The key of a file.
///
/// # Errors
/// What is wrong with it, for people.
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// A certificate as text.
pub(super) fn text(certificate: &CertificateDer<'_>) -> String {
    let coded = STANDARD.encode(certificate);
    let mut text = String::with_capacity(coded.len() + coded.len() / LINE + 64);
    text.push_str("-----BEGIN CERTIFICATE-----\n");
    let mut rest = coded.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(LINE.min(rest.len()));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

/// The system's authorities and one more, as text: for programs that trust one file and none beside it.
#[must_use]
pub fn system_and(certificate: &str) -> String {
    let native = rustls_native_certs::load_native_certs().certs;
    let native: String = native.iter().map(text).collect();
    format!("{certificate}{native}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        for length in [0, 1, 47, 48, 49, 1000] {
            let bytes: Vec<u8> = (0..length).map(|n: u16| n.to_be_bytes()[1]).collect();
            let text = text(&CertificateDer::from(bytes.clone()));
            assert!(text.lines().all(|line| line.len() <= LINE), "{text}");
            let read = CertificateDer::from_pem_slice(text.as_bytes()).expect("it is PEM");
            assert_eq!(read.as_ref(), bytes);
        }
    }
}
