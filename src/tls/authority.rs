//! An authority of ours, and the certificates that it signs.

use jiff::{Span, tz::Offset};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::{Identity, pem};
use crate::{scenario::model::TlsEffect, time::wall};

/// What the authority is called; nobody else bears its key.
const OURS: &str = "brownout, authority of one run";
/// The name of an authority that nobody trusts.
const NOBODYS: &str = "brownout, authority that nobody trusts";
/// The name that a certificate bears when it is the wrong one; no host has it (RFC 6761 section 6.4).
const WRONG_NAME: &str = "wrong-name.invalid";
/// From so many days before today to so many after it: an authority, and what is good. Days are
/// enough of a margin for clocks that differ.
const AUTHORITY: (i64, i64) = (-90, 90);
const GOOD: (i64, i64) = (-2, 60);
const EXPIRED: (i64, i64) = (-60, -2);
const NOT_YET_VALID: (i64, i64) = (2, 60);

/// An authority that was made here. Its key lives in memory, and goes with it.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// What the cryptographic library says.
    pub fn new() -> Result<Self, String> {
        Self::named(OURS)
    }

    fn named(name: &str) -> Result<Self, String> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        // it signs leaves, and no authorities
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        valid(&mut params, AUTHORITY)?;
        let key = KeyPair::generate().map_err(|error| error.to_string())?;
        let issuer = CertifiedIssuer::self_signed(params, key);
        Ok(Self {
            issuer: issuer.map_err(|error| error.to_string())?,
        })
    }

    /// What to trust.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        self.issuer.der()
    }

    /// The same as text (PEM).
    #[must_use]
    pub fn pem(&self) -> String {
        pem::text(self.certificate())
    }

    /// A certificate for these names and addresses, and its key; with a flaw, if one is wanted.
    ///
    /// # Errors
    /// When one of the names cannot stand in a certificate.
    pub(crate) fn leaf(
        &self,
        names: &[String],
        flaw: Option<TlsEffect>,
    ) -> Result<Identity, String> {
        let told = |error: rcgen::Error| error.to_string();
        if flaw == Some(TlsEffect::Untrusted) {
            return untrusted(names);
        }
        let (names, days) = match flaw {
            Some(TlsEffect::Expired) => (names, EXPIRED),
            Some(TlsEffect::NotYetValid) => (names, NOT_YET_VALID),
            Some(TlsEffect::WrongName) => (&[WRONG_NAME.to_owned()][..], GOOD),
            Some(TlsEffect::Untrusted) | None => (names, GOOD),
        };
        let mut params = CertificateParams::new(names).map_err(told)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, "brownout");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // strict verifiers want it (RFC 5280 section 4.2.1.1)
        params.use_authority_key_identifier_extension = true;
        valid(&mut params, days)?;
        let key = KeyPair::generate().map_err(told)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(told)?;
        Ok(Identity {
            chain: vec![certificate.der().clone()],
            key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        })
    }
}

/// A certificate that is right but for who signed it.
///
/// # Errors
/// When one of the names cannot stand in a certificate.
pub(super) fn untrusted(names: &[String]) -> Result<Identity, String> {
    Authority::named(NOBODYS)?.leaf(names, None)
}

fn valid(params: &mut CertificateParams, (from, to): (i64, i64)) -> Result<(), String> {
    let today = Offset::UTC.to_datetime(wall()).date();
    let day = |days: i64| {
        let day = today
            .checked_add(Span::new().days(days))
            .map_err(|error| error.to_string())?;
        let part = |part: i8| u8::try_from(part).unwrap_or(1);
        Ok::<_, String>(date_time_ymd(
            day.year().into(),
            part(day.month()),
            part(day.day()),
        ))
    };
    params.not_before = day(from)?;
    params.not_after = day(to)?;
    Ok(())
}
