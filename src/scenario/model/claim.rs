//! What is said about a run: steady state, symptoms, gates and stop conditions share one grammar.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{diagnostic::Spanned, time::Story};

/// A point of the story: `opening`, `sms_late.end`, `opening + 2m`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// A phase or a fault.
    pub of: Spanned<String>,
    /// Its start or end. A phase alone means its start, and so does a fault.
    pub edge: Edge,
    /// Story time after it.
    pub plus: Story,
}

/// An edge of a phase or fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edge {
    /// A phase's start; a fault's acknowledged injection.
    Start,
    /// A phase's end; a fault's verified removal.
    End,
}

/// Who a claim is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// `portal`: a service, by its requests.
    Service(String),
    /// `portal/login`: a feature, by its requests (or its probe).
    Feature {
        /// The service.
        service: String,
        /// The feature.
        feature: String,
    },
    /// `citizens`: a population, by its journeys.
    Population(String),
}

/// One sentence about a run. The anchors keep names; the plan checks that they exist.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// `portal p99 <= 500ms during opening`, `amplification of citizens <= 1.5`.
    Measured {
        /// Who.
        subject: Spanned<Subject>,
        /// What is measured.
        measure: Measure,
        /// At least or at most.
        comparison: Comparison,
        /// The limit.
        limit: Limit,
        /// Over which part of the run; the whole after the warm-up when not given.
        window: Option<Window>,
    },
    /// `portal never crashes`.
    Never {
        /// Who.
        subject: Spanned<Subject>,
        /// What must not happen.
        what: Happening,
        /// Over which part of the run.
        window: Option<Window>,
    },
    /// `portal collapses within 5m of opening`, `portal crashes during opening`.
    Happens {
        /// Who.
        subject: Spanned<Subject>,
        /// What happens.
        what: Happening,
        /// When.
        window: Option<Window>,
    },
    /// `portal/login recovers within 20s of sms_late.end`.
    Recovers {
        /// Who.
        subject: Spanned<Subject>,
        /// The longest time that it may take.
        within: Duration,
        /// After what.
        of: Anchor,
    },
    /// `portal/slots tolerates sms_late`: never unhealthy while the fault is in force.
    Tolerates {
        /// Who.
        subject: Spanned<Subject>,
        /// The fault.
        fault: Spanned<String>,
    },
    /// `facebook returns before instagram`.
    ReturnsBefore {
        /// The first one.
        first: Spanned<Subject>,
        /// The later one.
        second: Spanned<Subject>,
    },
}

/// Something that can be measured over a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// `success`: good / offered.
    Success,
    /// `admitted success`: good / (offered - shed).
    AdmittedSuccess,
    /// `goodput`: good requests a second.
    Goodput,
    /// `p50`, `p90`, `p95`, `p99`, `p999`: response time from the intended start, in
    /// hundredths of a percent (9900 = p99).
    Latency(u16),
    /// `shed`: the share of offered requests that were shed.
    Shed,
    /// `fallback`: the share of good answers that were degraded.
    Fallback,
    /// `timeouts`: the share of offered requests that timed out.
    Timeouts,
    /// `errors`: the share of offered requests that were neither good nor shed.
    Errors,
    /// `amplification of`: attempts / first attempts.
    Amplification,
}

/// Which side of the limit is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `<`
    Below,
}

/// A limit, in the unit of its measure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// A share (0..=1).
    Ratio(f64),
    /// A length of real time.
    Time(Duration),
    /// Events a second.
    Rate(f64),
    /// A plain number.
    Number(f64),
    /// `80% of baseline`.
    OfBaseline(f64),
    /// `80% of capacity`.
    OfCapacity(f64),
}

/// Something that can happen to a service or feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    /// `crashes`: an unexpected exit or a restart by its supervisor, not by a fault of ours.
    Crash,
    /// `collapses`: the state *collapse*.
    Collapse,
    /// `fails`: the state *outage* or *collapse*.
    Outage,
    /// `degrades`: any unhealthy state.
    Unhealthy,
    /// `sheds`: the state *shedding*.
    Shedding,
    /// `degrades gracefully`: the state *graceful*.
    Graceful,
}

/// A part of the run.
#[derive(Debug, Clone, PartialEq)]
pub enum Window {
    /// `during NAME`: a phase or the time that a fault is in force.
    During(Spanned<String>),
    /// `within SPAN of ANCHOR`. Story time in symptoms, real time in gates.
    Within {
        /// How long.
        span: Duration,
        /// After what.
        of: Anchor,
    },
    /// `from ANCHOR to ANCHOR`.
    Between(Anchor, Anchor),
}

/// `portal success < 10% for 20s`: ends the run early. Real time, judged on completions.
#[derive(Debug, Clone, PartialEq)]
pub struct StopCondition {
    /// The condition.
    pub condition: Condition,
    /// How long it must hold without a break.
    pub lasting: Duration,
}

/// A live condition on one measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Who.
    pub subject: Spanned<Subject>,
    /// What is measured.
    pub measure: Measure,
    /// Which side of the limit.
    pub comparison: Comparison,
    /// The limit.
    pub limit: Limit,
}

impl Comparison {
    /// Whether `value` stands on the right side of `limit`.
    #[must_use]
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::AtLeast => value >= limit,
            Self::AtMost => value <= limit,
            Self::Above => value > limit,
            Self::Below => value < limit,
        }
    }

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtLeast => ">=",
            Self::AtMost => "<=",
            Self::Above => ">",
            Self::Below => "<",
        }
    }
}
