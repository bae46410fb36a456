//! How much traffic comes, and when.

use serde::{Deserialize, Serialize};

use crate::{diagnostic::Spanned, time::Story, units::Rate};

/// A population's demand over the phases.
#[derive(Debug, Clone)]
pub struct Demand {
    /// What the rates count.
    pub kind: DemandKind,
    /// A curve for each phase that has one; a phase without one has none of this traffic.
    pub phases: Vec<PhaseCurve>,
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
pub struct PhaseCurve {
    /// The phase.
    pub phase: Spanned<String>,
    /// Its curve.
    pub curve: Spanned<Curve>,
}

/// A rate over a phase: `5_000/s -> 45_000/s in 1m hold 10m then 20_000/s`.
/// After its last piece the rate stays.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// The rate at the phase's start.
    pub start: Rate,
    /// What follows, one after the other.
    pub pieces: Vec<Piece>,
}

/// A piece of a curve, in story time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Piece {
    /// `-> RATE in SPAN`: a straight line to another rate.
    Ramp {
        /// Where it ends.
        to: Rate,
        /// How long it takes.
        over: Story,
    },
    /// `hold SPAN`: the rate stays.
    Hold {
        /// For how long.
        span: Story,
    },
    /// `then RATE`: a step.
    Step {
        /// The new rate.
        to: Rate,
    },
}
