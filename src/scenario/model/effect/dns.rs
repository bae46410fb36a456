//! What happens to questions about names.

use std::{fmt, net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::units::Span;

/// What happens to a question about a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Kept")]
pub struct DnsEffect {
    /// What is answered.
    pub answer: DnsAnswer,
    /// How long the answer is held back (real time), drawn evenly between the two.
    pub delay: Option<(Duration, Duration)>,
    /// The time to live of what is answered (real time, whole seconds); the zone's own if `None`.
    pub ttl: Option<Duration>,
    /// What the fault's share is a share of.
    pub share_of: ShareOf,
    /// Only the first so many of the zone's servers do it; all of them if `None`.
    pub servers: Option<u32>,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DnsAnswer {
    /// What would be answered without the fault.
    Truth,
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
    /// Over UDP only that the answer is too long for UDP (TC), so that clients ask over TCP.
    Truncate {
        /// What they find there.
        over_tcp: OverTcp,
    },
    /// These addresses in place of the name's own.
    Wrong(Vec<IpAddr>),
    /// These addresses, which the name had earlier, as a server that serves expired data would
    /// (RFC 8767): for 30 s unless `ttl` says otherwise.
    Stale(Vec<IpAddr>),
    /// The first so many addresses of each kind.
    Keep(u32),
    /// Addresses of this kind; of the other kind there are none.
    Only(Family),
}

/// What becomes of a question over TCP while answers over UDP are truncated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverTcp {
    /// It is answered.
    #[default]
    Answer,
    /// It is never answered.
    Drop,
    /// The connection is closed.
    Close,
}

/// A kind of address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// IPv4.
    A,
    /// IPv6.
    Aaaa,
}

/// What a share of a DNS fault is a share of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShareOf {
    /// Of the questions, in order of arrival.
    #[default]
    Questions,
    /// Of the names: a name fails for everybody or for nobody.
    Names,
}

/// An effect as records keep it. Those of older versions hold one word.
#[derive(Deserialize)]
#[serde(untagged)]
enum Kept {
    Whole {
        answer: DnsAnswer,
        delay: Option<(Duration, Duration)>,
        ttl: Option<Duration>,
        share_of: ShareOf,
        servers: Option<u32>,
    },
    Word(DnsAnswer),
}

impl From<Kept> for DnsEffect {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Word(answer) => answer.into(),
            Kept::Whole {
                answer,
                delay,
                ttl,
                share_of,
                servers,
            } => Self {
                answer,
                delay,
                ttl,
                share_of,
                servers,
            },
        }
    }
}

impl From<DnsAnswer> for DnsEffect {
    fn from(answer: DnsAnswer) -> Self {
        Self {
            answer,
            delay: None,
            ttl: None,
            share_of: ShareOf::default(),
            servers: None,
        }
    }
}

impl DnsEffect {
    /// The addresses that somebody wrote into it.
    #[must_use]
    pub fn addresses(&self) -> &[IpAddr] {
        match &self.answer {
            DnsAnswer::Wrong(addresses) | DnsAnswer::Stale(addresses) => addresses,
            DnsAnswer::Truth
            | DnsAnswer::Servfail
            | DnsAnswer::Nxdomain
            | DnsAnswer::Refused
            | DnsAnswer::NoData
            | DnsAnswer::Drop
            | DnsAnswer::Truncate { .. }
            | DnsAnswer::Keep(_)
            | DnsAnswer::Only(_) => &[],
        }
    }
}

impl fmt::Display for DnsAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |addresses: &[IpAddr]| {
            let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            texts.join(", ")
        };
        match self {
            Self::Truth => f.write_str("true answers"),
            Self::Servfail => f.write_str("SERVFAIL"),
            Self::Nxdomain => f.write_str("NXDOMAIN"),
            Self::Refused => f.write_str("REFUSED"),
            Self::NoData => f.write_str("no data"),
            Self::Drop => f.write_str("questions dropped"),
            Self::Truncate { over_tcp } => f.write_str(match over_tcp {
                OverTcp::Answer => "truncated, whole over TCP",
                OverTcp::Drop => "truncated, and dropped over TCP",
                OverTcp::Close => "truncated, and TCP closed",
            }),
            Self::Wrong(addresses) => write!(f, "wrongly {}", list(addresses)),
            Self::Stale(addresses) => write!(f, "still {}", list(addresses)),
            Self::Keep(1) => f.write_str("one address of each kind"),
            Self::Keep(most) => write!(f, "{most} addresses of each kind"),
            Self::Only(Family::A) => f.write_str("IPv4 addresses only"),
            Self::Only(Family::Aaaa) => f.write_str("IPv6 addresses only"),
        }
    }
}

impl fmt::Display for DnsEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.answer.fmt(f)?;
        if let Some(ttl) = self.ttl {
            write!(f, ", kept for {}", Span(ttl))?;
        }
        match self.delay {
            None => {}
            Some((low, high)) if low == high => write!(f, ", {} late", Span(low))?,
            Some((low, high)) => write!(f, ", {} to {} late", Span(low), Span(high))?,
        }
        match self.servers {
            None => {}
            Some(1) => f.write_str(", by the first server")?,
            Some(count) => write!(f, ", by the first {count} servers")?,
        }
        match self.share_of {
            ShareOf::Questions => Ok(()),
            ShareOf::Names => f.write_str(", name by name"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_records_hold_a_word() {
        for (kept, answer) in [
            ("\"servfail\"", DnsAnswer::Servfail),
            ("\"no_data\"", DnsAnswer::NoData),
        ] {
            let read: DnsEffect = serde_json::from_str(kept).expect(kept);
            assert_eq!(read, DnsEffect::from(answer), "{kept}");
        }
        let whole = DnsEffect {
            answer: DnsAnswer::Wrong(vec![[192, 0, 2, 1].into()]),
            delay: Some((Duration::from_secs(1), Duration::from_millis(2500))),
            ttl: Some(Duration::from_secs(300)),
            share_of: ShareOf::Names,
            servers: Some(2),
        };
        let kept = serde_json::to_string(&whole).expect("writes");
        assert_eq!(
            serde_json::from_str::<DnsEffect>(&kept).expect("reads"),
            whole
        );
        assert_eq!(
            whole.to_string(),
            "wrongly 192.0.2.1, kept for 5m, 1s to 2.5s late, by the first 2 servers, name by name"
        );
    }
}
