//! What is wrong with a certificate.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The certificate that a link shows in TLS handshakes, in place of a good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsEffect {
    /// It was good until two days ago.
    Expired,
    /// It will be good in two days.
    NotYetValid,
    /// It bears another name.
    WrongName,
    /// Nobody whom clients trust has signed it.
    Untrusted,
}

impl TlsEffect {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Expired,
        Self::NotYetValid,
        Self::WrongName,
        Self::Untrusted,
    ];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongName => "wrong_name",
            Self::Untrusted => "untrusted",
        }
    }
}

/// What the certificate is said to be.
impl fmt::Display for TlsEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "expired",
            Self::NotYetValid => "not yet valid",
            Self::WrongName => "of another name",
            Self::Untrusted => "untrusted",
        })
    }
}
