//! TLS towards services: whom to trust, and what to show.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::pem::{certificates, private_key};
use crate::plan::ServicePlan;

/// Whose signature is good.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trust<'a> {
    /// As the service's settings say.
    AsSet,
    /// That of this authority alone, since a link of ours answers for the service; nobody's need be
    /// where the settings say `verify: false`.
    Only(&'a CertificateDer<'static>),
    /// Anybody's.
    Anyone,
}

/// The name that a service's certificate is to bear.
///
/// # Errors
/// When no certificate can bear it.
pub(crate) fn name(service: &ServicePlan) -> Result<ServerName<'static>, String> {
    let settings = &service.tls;
    let expected = if settings.server_name.is_empty() {
        &service.host
    } else {
        &settings.server_name
    };
    ServerName::try_from(expected.clone())
        .map_err(|_| format!("`{expected}` is not a name that a certificate can bear"))
}

/// How a client speaks TLS to a service; `protocols` are offered by ALPN.
///
/// # Errors
/// What is wrong with which of the service's files, for people.
pub(crate) fn client(
    service: &ServicePlan,
    trust: Trust<'_>,
    protocols: &[&[u8]],
) -> Result<Arc<ClientConfig>, String> {
    let settings = &service.tls;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match trust {
        Trust::AsSet | Trust::Only(_) if settings.insecure => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(TrustAnyone(provider))),
        Trust::Anyone => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(TrustAnyone(provider))),
        Trust::AsSet => builder.with_root_certificates(roots(settings.ca.as_deref())?),
        Trust::Only(authority) => {
            let mut store = RootCertStore::empty();
            store
                .add(authority.clone())
                .map_err(|error| error.to_string())?;
            builder.with_root_certificates(store)
        }
    };
    let mut config = match (&settings.cert, &settings.key) {
        (Some(cert), Some(key)) => builder
            .with_client_auth_cert(certificates(cert)?, private_key(key)?)
            .map_err(|error| format!("{}: {error}", cert.display()))?,
        _ => builder.with_no_client_auth(),
    };
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    if let Some(path) = ca {
        for certificate in certificates(path)? {
            store
                .add(certificate)
                .map_err(|error| format!("{}: {error}", path.display()))?;
        }
    } else {
        let native = rustls_native_certs::load_native_certs();
        store.add_parsable_certificates(native.certs);
        if store.is_empty() {
            return Err("this system has no certificate authorities; name one by `ca`".to_owned());
        }
    }
    Ok(store)
}

/// For `verify: false`. Signatures are still checked, so that what is no TLS at all is noticed.
#[derive(Debug)]
struct TrustAnyone(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustAnyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
