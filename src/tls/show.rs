//! What a link shows to who dials it.

use std::{path::Path, sync::Arc};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer},
};

use super::{
    H2, HTTP_1_1,
    authority::{Authority, untrusted},
    pem,
};
use crate::scenario::model::TlsEffect;

/// A certificate with what leads from it to its authority, and its key.
pub(crate) struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Identity {
    /// The operator's own, from two files.
    ///
    /// # Errors
    /// What is wrong with which file, for people.
    pub(crate) fn read(cert: &Path, key: &Path) -> Result<Self, String> {
        Ok(Self {
            chain: pem::certificates(cert)?,
            key: pem::private_key(key)?,
        })
    }

    /// One with a flaw, for these names. Only `untrusted` needs no authority that is trusted.
    ///
    /// # Errors
    /// When nobody can sign it, or a name cannot stand in a certificate.
    pub(crate) fn flawed(
        authority: Option<&Authority>,
        names: &[String],
        flaw: TlsEffect,
    ) -> Result<Self, String> {
        match (authority, flaw) {
            (Some(authority), flaw) => authority.leaf(names, Some(flaw)),
            (None, TlsEffect::Untrusted) => untrusted(names),
            (None, _) => Err(format!(
                "no authority of ours stands behind its certificate: nothing {flaw} can be signed"
            )),
        }
    }
}

/// A certificate, ready to be shown. Sessions are resumed with it alone: one that began under another
/// certificate is not known to it, and the handshake is a whole one.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    leaf: CertificateDer<'static>,
    http1: Arc<ServerConfig>,
    both: Arc<ServerConfig>,
}

impl Shown {
    /// Prepares it.
    ///
    /// # Errors
    /// When key and certificate do not belong together, or cannot be used.
    pub(crate) fn new(identity: Identity) -> Result<Self, String> {
        let Identity { chain, key } = identity;
        let leaf = chain.first().cloned().unwrap_or_else(|| Vec::new().into());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut http1 = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| error.to_string())?;
        http1.alpn_protocols = vec![HTTP_1_1.to_vec()];
        let mut both = http1.clone();
        both.alpn_protocols.insert(0, H2.to_vec());
        Ok(Self {
            leaf,
            http1: Arc::new(http1),
            both: Arc::new(both),
        })
    }

    /// What a handshake goes by that may agree on HTTP/2, or may not.
    pub(crate) const fn config(&self, http2: bool) -> &Arc<ServerConfig> {
        if http2 { &self.both } else { &self.http1 }
    }

    /// The certificate itself.
    pub(crate) const fn leaf(&self) -> &CertificateDer<'static> {
        &self.leaf
    }
}

/// Whether this is the certificate that a server has shown to us.
pub(crate) fn shows(seen: Option<&[CertificateDer<'_>]>, leaf: &CertificateDer<'_>) -> bool {
    seen.and_then(<[_]>::first).is_some_and(|seen| seen == leaf)
}
