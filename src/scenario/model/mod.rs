//! The scenario as written. Every value that the plan may have to complain about keeps its place.

mod claim;
mod client;
mod demand;
mod effect;
mod fault;
mod journey;
mod loss;
mod random;
mod rows;
mod shape;
mod template;
mod turns;
mod when;

pub use claim::{
    Anchor, Claim, Comparison, Condition, Edge, Happening, Limit, Measure, StopCondition, Subject,
    Window,
};
pub use client::{
    BreakerPolicy, ClientPolicy, DnsCache, Retry, RetryAfter, RetryBudget, RetryOn, RetryWait,
    Reuse, Trip,
};
pub use demand::{
    Crowd, Curve, CurvePoint, DEFAULT_PAUSE, Demand, DemandKind, PhaseCurve, Piece, Recorded,
    RecordedTraffic, ReplayLog, Spacing, Traffic,
};
pub use effect::{
    Cut, DnsAnswer, DnsEffect, Effect, ExecEffect, Family, FieldMatch, HttpAction, HttpClose,
    HttpDelay, HttpEffect, HttpMatch, JsonEdit, JsonMatch, OverTcp, Person, ProcessEffect,
    RateLimit, RateWindow, ShareOf, Spread, TcpEffect, TcpStream, TlsEffect, Wanted,
};
pub use fault::{Fault, FaultPlace, Until};
pub use journey::{
    Body, Branch, BranchOn, Check, CsvSource, DataSource, Goto, Journey, Method, RequestStep,
    RoutePattern, RowOrder, StatusSet, Step, Take, TakeFrom, WaitStep,
};
pub use loss::{FeatureName, Loss};
pub use random::Random;
pub use rows::{LARGEST_ROWS, Rows, RowsError};
pub use shape::{Flap, Shape};
pub(crate) use template::is_hole_name;
pub use template::{Template, TemplateError, TemplatePiece};
pub use turns::Turns;
pub use when::When;

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    diagnostic::{Source, Spanned},
    seed::Seed,
    time::{Compression, Story},
    units::Ratio,
};

/// A scenario file, checked by itself.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The file.
    pub source: Source,
    /// Its short name; the run's id begins with it.
    pub name: Spanned<String>,
    /// One line for people.
    pub title: String,
    /// The target file, relative to the scenario's folder unless absolute.
    pub target: Option<Spanned<PathBuf>>,
    /// History's rates are multiplied by this.
    pub load_scale: f64,
    /// Story time is compressed by this.
    pub time_scale: Compression,
    /// The seed of every random choice.
    pub seed: Seed,
    /// The phases, in order, at least one.
    pub phases: Vec<ScenarioPhase>,
    /// The kinds of traffic.
    pub load: Vec<ScenarioPopulation>,
    /// What visitors do.
    pub journeys: Vec<Journey>,
    /// Named generators that templates may use beside the built-in ones.
    pub data: Vec<(Spanned<String>, DataSource)>,
    /// What breaks.
    pub faults: Vec<Fault>,
    /// What breaks at random.
    pub random: Vec<Random>,
    /// What must hold before anything is injected, and what "healthy" means.
    pub steady_state: Vec<Spanned<Claim>>,
    /// What history saw.
    pub symptoms: Vec<Spanned<Claim>>,
    /// What must hold.
    pub gates: Vec<Spanned<Claim>>,
    /// When to stop early.
    pub stop: Vec<Spanned<StopCondition>>,
    /// Thresholds of measuring.
    pub measure: MeasureSettings,
}

impl Scenario {
    /// Where its target file is, seen from where brownout was started.
    #[must_use]
    pub fn target_path(&self) -> Option<PathBuf> {
        let target = self.target.as_ref()?;
        Some(crate::document::beside(&self.source, &target.value))
    }
}

/// A stretch of the story.
#[derive(Debug, Clone)]
pub struct ScenarioPhase {
    /// Its name, in the one namespace of the file.
    pub name: Spanned<String>,
    /// How long it lasts in the story.
    pub length: Spanned<Story>,
}

/// One kind of traffic.
#[derive(Debug, Clone)]
pub struct ScenarioPopulation {
    /// Its name.
    pub name: Spanned<String>,
    /// The journeys that its members walk, at least one.
    pub journeys: Vec<JourneyShare>,
    /// How many come, and when.
    pub traffic: Traffic,
    /// Who comes at once, on top.
    pub herds: Vec<Herd>,
    /// How its members behave.
    pub client: ClientPolicy,
    /// Where its numbers come from.
    pub provenance: Provenance,
}

/// A journey and how many walk it.
#[derive(Debug, Clone)]
pub struct JourneyShare {
    /// The journey.
    pub name: Spanned<String>,
    /// Its part of all arrivals is this over the sum of the weights; at least 1.
    pub weight: u32,
}

/// Many who come at the same time: `500 at sms_late.end in 2s`.
#[derive(Debug, Clone)]
pub struct Herd {
    /// How many; `scale.load` applies.
    pub count: u32,
    /// When the first of them come. A fault's edge means when it is planned.
    pub at: Spanned<Anchor>,
    /// They are spread over so much real time. Default 1 s.
    pub over: Duration,
}

/// Where a number comes from; the report lists what is assumed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// A citation.
    pub source: Option<String>,
    /// Nobody knows; somebody chose.
    pub assumed: bool,
    /// History's value where this one differs (a limit shortened to fit compressed time).
    pub history: Option<String>,
}

/// The thresholds of `definitions`: bins, health and recovery. All of real time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasureSettings {
    /// Width of a bin (D), 1 s.
    pub bin: Duration,
    /// Left out of the baseline at its start, 3 s.
    pub warm_up: Duration,
    /// Bins are merged until they hold this many samples, 100.
    pub min_samples: u32,
    /// Consecutive bad bins that make unhealthy, 3.
    pub bad_bins: u32,
    /// Consecutive good bins that make healthy, 10.
    pub good_bins: u32,
    /// How long health must last to be a recovery (R), 10 s.
    pub hold: Duration,
    /// How long after the last removal recovery is waited for (X), 30 s.
    pub observe: Duration,
    /// Success at or below this is an outage, 5%.
    pub outage_below: Ratio,
    /// Share of good answers that may be fallbacks before it counts as graceful degradation, 1%.
    pub fallback_above: Ratio,
    /// Requests that a baseline needs, 500.
    pub baseline_requests: u32,
    /// Real time that a baseline needs, 15 s.
    pub baseline_span: Duration,
    /// Run on without a usable baseline (`baseline: optional`).
    pub baseline_optional: bool,
}

impl Default for MeasureSettings {
    fn default() -> Self {
        Self {
            bin: Duration::from_secs(1),
            warm_up: Duration::from_secs(3),
            min_samples: 100,
            bad_bins: 3,
            good_bins: 10,
            hold: Duration::from_secs(10),
            observe: Duration::from_secs(30),
            outage_below: Ratio::new(0.05).unwrap_or(Ratio::ZERO),
            fallback_above: Ratio::new(0.01).unwrap_or(Ratio::ZERO),
            baseline_requests: 500,
            baseline_span: Duration::from_secs(15),
            baseline_optional: false,
        }
    }
}
