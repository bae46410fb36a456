//! How a request ended: one closed set, in one place.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! outcomes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// How one attempt of a request ended.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[repr(u8)]
        pub enum Outcome {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $variant,)+
        }

        impl Outcome {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its name in records and reports.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

outcomes! {
    /// A valid response within the deadline.
    Ok = "ok",
    /// A valid response within the deadline, marked as degraded.
    Fallback = "fallback",
    /// A response with an acceptable status that failed another check.
    CheckFailed = "check_failed",
    /// A 4xx (or an unwanted status below 500) that is not honest shedding.
    Http4xx = "http_4xx",
    /// A 5xx that is not honest shedding.
    Http5xx = "http_5xx",
    /// 429, or 503 with Retry-After, within 1 s.
    Shed = "shed",
    /// No connection within the limit.
    TimeoutConnect = "timeout_connect",
    /// Connected, but no response head within the limit.
    TimeoutFirstByte = "timeout_first_byte",
    /// The head came, but not the whole body within the limit.
    TimeoutBody = "timeout_body",
    /// The name does not exist.
    DnsNxdomain = "dns_nxdomain",
    /// The name server failed.
    DnsServfail = "dns_servfail",
    /// The name exists but has no address.
    DnsNoData = "dns_no_data",
    /// The name server did not answer.
    DnsTimeout = "dns_timeout",
    /// Another failure to resolve the name.
    DnsOther = "dns_other",
    /// The connection was refused.
    Refused = "refused",
    /// The connection was reset.
    Reset = "reset",
    /// The connection was closed before the response was complete.
    ClosedEarly = "closed_early",
    /// The TLS handshake or the certificate failed.
    Tls = "tls",
    /// What came back was not HTTP.
    Protocol = "protocol",
    /// Not sent: the limit of connections is full of unanswered requests (the target's doing).
    NotSentLimit = "not_sent_limit",
    /// Not sent: the harness ran out of CPU or time to keep its schedule.
    NotSentLag = "not_sent_lag",
    /// Not sent: the harness ran out of file descriptors.
    NotSentDescriptors = "not_sent_descriptors",
    /// Not sent: the harness ran out of local ports.
    NotSentPorts = "not_sent_ports",
    /// Not sent: the client's circuit breaker was open (the target's doing, before).
    NotSentBreaker = "not_sent_breaker",
    /// Not sent: the guard refused the address.
    Blocked = "blocked",
}

impl Outcome {
    /// Number of outcomes.
    pub const COUNT: usize = Self::ALL.len();

    /// Good: a valid response within the deadline (definition 3).
    #[must_use]
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Ok | Self::Fallback)
    }

    /// Any response came (C in definition 2).
    #[must_use]
    pub const fn is_completed(self) -> bool {
        matches!(
            self,
            Self::Ok
                | Self::Fallback
                | Self::CheckFailed
                | Self::Http4xx
                | Self::Http5xx
                | Self::Shed
        )
    }

    /// Timed out at any stage.
    #[must_use]
    pub const fn is_timeout(self) -> bool {
        matches!(
            self,
            Self::TimeoutConnect | Self::TimeoutFirstByte | Self::TimeoutBody
        )
    }

    /// Name resolution failed.
    #[must_use]
    pub const fn is_dns(self) -> bool {
        matches!(
            self,
            Self::DnsNxdomain
                | Self::DnsServfail
                | Self::DnsNoData
                | Self::DnsTimeout
                | Self::DnsOther
        )
    }

    /// Not sent because of the harness: it leaves O (definition 2).
    #[must_use]
    pub const fn is_unsent_by_harness(self) -> bool {
        matches!(
            self,
            Self::NotSentLag | Self::NotSentDescriptors | Self::NotSentPorts
        )
    }

    /// Was put on the wire, or tried to be.
    #[must_use]
    pub const fn is_sent(self) -> bool {
        !self.is_unsent_by_harness()
            && !matches!(
                self,
                Self::NotSentLimit | Self::NotSentBreaker | Self::Blocked
            )
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is known of our own faults' part in how an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Injected {
    /// No fault of ours is known to have met it.
    #[default]
    No,
    /// One met it (held it for a while), but how it ended is the target's own doing.
    Met,
    /// One decided how it ended: it made or changed the answer, ended the connection, or held the
    /// request until its time was up.
    Made,
}

/// How many attempts ended in which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutcomeCounts([u64; Outcome::COUNT]);

impl Default for OutcomeCounts {
    fn default() -> Self {
        Self([0; Outcome::COUNT])
    }
}

impl OutcomeCounts {
    /// Counts `n` more.
    pub const fn add(&mut self, outcome: Outcome, n: u64) {
        self.0[outcome as usize] += n;
    }

    /// Adds another count.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }

    /// How many ended so.
    #[must_use]
    pub const fn get(&self, outcome: Outcome) -> u64 {
        self.0[outcome as usize]
    }

    /// The sum over the outcomes that satisfy `which`.
    #[must_use]
    pub fn sum(&self, which: impl Fn(Outcome) -> bool) -> u64 {
        Outcome::ALL
            .iter()
            .filter(|o| which(**o))
            .map(|o| self.get(*o))
            .sum()
    }

    /// All attempts, also those never sent.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// O: attempts whose intended start lies here, without those that the harness failed to send.
    #[must_use]
    pub fn offered(&self) -> u64 {
        self.sum(|o| !o.is_unsent_by_harness())
    }

    /// G.
    #[must_use]
    pub fn good(&self) -> u64 {
        self.sum(Outcome::is_good)
    }

    /// H.
    #[must_use]
    pub const fn shed(&self) -> u64 {
        self.get(Outcome::Shed)
    }

    /// Those that are not zero.
    pub fn iter(&self) -> impl Iterator<Item = (Outcome, u64)> {
        Outcome::ALL
            .iter()
            .map(|o| (*o, self.get(*o)))
            .filter(|(_, n)| *n > 0)
    }
}

impl Serialize for OutcomeCounts {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for OutcomeCounts {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let map = std::collections::BTreeMap::<Outcome, u64>::deserialize(d)?;
        let mut counts = Self::default();
        for (outcome, n) in map {
            counts.add(outcome, n);
        }
        Ok(counts)
    }
}
