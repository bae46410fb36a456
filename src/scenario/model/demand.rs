//! How much traffic comes, and when.

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use crate::import::{CurvePoint, ReplayLog};
use crate::{
    diagnostic::{Place, Spanned},
    time::{Compression, Story},
    units::{Rate, Users},
};

/// What decides when a population's members begin their journeys.
#[derive(Debug, Clone)]
pub enum Traffic {
    /// The open model: they come when the plan says so, whatever the target does.
    Open(Demand),
    /// The closed model: each begins again some time after its last journey has ended.
    Closed(Crowd),
}

/// `users:` a crowd that walks its journey again and again.
#[derive(Debug, Clone)]
pub struct Crowd {
    /// How many there are, for each phase that says so; in a phase without a curve nobody is there.
    pub phases: Vec<PhaseCurve<Users>>,
    /// Shortest pause between a user's journeys, real time.
    pub pause_min: Duration,
    /// Longest pause.
    pub pause_max: Duration,
}

/// The pause between a user's journeys unless the scenario says otherwise. Real time.
pub const DEFAULT_PAUSE: Duration = Duration::from_secs(1);

/// A population's demand over the phases.
#[derive(Debug, Clone)]
pub struct Demand {
    /// What the rates count.
    pub kind: DemandKind,
    /// A curve for each phase that has one; a phase without one has none of this traffic.
    pub phases: Vec<PhaseCurve>,
    /// What files tell, in place of curves.
    pub recorded: Vec<Recorded>,
    /// How arrivals are spread.
    pub spacing: Spacing,
}

/// What a demand's rates count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DemandKind {
    /// `arrivals:` started journeys.
    Arrivals,
    /// `requests:` a budget of first attempts, divided by the journey's length.
    Requests,
}

/// How arrivals are spread over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spacing {
    /// Evenly: the n-th comes when the integral of the rate reaches n.
    #[default]
    Uniform,
    /// As a Poisson process with exactly the planned count.
    Poisson,
}

/// The curve of one phase.
#[derive(Debug, Clone)]
pub struct PhaseCurve<Q = Rate> {
    /// The phase.
    pub phase: Spanned<String>,
    /// Its curve.
    pub curve: Spanned<Curve<Q>>,
}

/// Traffic that a file tells, for a phase or for the whole run.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The phase at whose start it begins; `None` = it begins with the run.
    pub phase: Option<Spanned<String>>,
    /// The file, as written.
    pub file: String,
    /// Where it is written.
    pub place: Place,
    /// What it holds.
    pub what: RecordedTraffic,
}

/// What a file of traffic holds. It was read when the scenario was.
#[derive(Debug, Clone)]
pub enum RecordedTraffic {
    /// `{file: curve.csv}`: rates over story time.
    Curve {
        /// At least two, in order of time.
        points: Vec<CurvePoint>,
        /// The rate stays until the next point, rather than going there in a straight line.
        step: bool,
    },
    /// `{replay: access.log}`: each line is an arrival, at its own time.
    Replay {
        /// When the lines came.
        log: ReplayLog,
        /// So much faster than the story they pass.
        speed: Compression,
    },
}

/// A rate over a phase (`5_000/s -> 45_000/s in 1m hold 10m then 20_000/s`), or a number of users.
/// After its last piece it stays.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve<Q = Rate> {
    /// Its value at the phase's start.
    pub start: Q,
    /// What follows, one after the other.
    pub pieces: Vec<Piece<Q>>,
}

/// A piece of a curve, in story time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Piece<Q = Rate> {
    /// `-> VALUE in SPAN`: a straight line to another value.
    Ramp {
        /// Where it ends.
        to: Q,
        /// How long it takes.
        over: Story,
    },
    /// `hold SPAN`: it stays.
    Hold {
        /// For how long.
        span: Story,
    },
    /// `then VALUE`: a step.
    Step {
        /// The new value.
        to: Q,
    },
}
