//! What happens to questions about names.

use serde::{Deserialize, Serialize};

/// What happens to a question about a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DnsEffect {
    /// SERVFAIL (RFC 1035 section 4.1.1, code 2).
    Servfail,
    /// NXDOMAIN (code 3).
    Nxdomain,
    /// REFUSED (code 5).
    Refused,
    /// NOERROR with no answer (RFC 2308 section 2.2).
    NoData,
    /// No answer at all.
    Drop,
}
