//! Claims, resolved: what is asked, of whom, and when.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    scenario::model::{Comparison, Edge, Happening, Limit, Measure, Subject},
    time::Offset,
};

/// A claim, resolved: `text` as written, times real.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClaimPlan {
    /// As written.
    pub text: String,
    /// Its meaning.
    pub rule: Rule,
}

/// The meaning of a claim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// A measure over a window stands on the right side of a limit.
    Measured {
        /// Who.
        subject: Subject,
        /// What.
        measure: Measure,
        /// Which side.
        comparison: Comparison,
        /// The limit.
        limit: Limit,
        /// When.
        window: WindowPlan,
    },
    /// Something never happens in a window.
    Never {
        /// Who.
        subject: Subject,
        /// What.
        what: Happening,
        /// When.
        window: WindowPlan,
    },
    /// Something happens in a window.
    Happens {
        /// Who.
        subject: Subject,
        /// What.
        what: Happening,
        /// When.
        window: WindowPlan,
    },
    /// Healthy (or shedding) again in time.
    Recovers {
        /// Who.
        subject: Subject,
        /// Real time.
        within: Duration,
        /// After what.
        of: Point,
    },
    /// Never unhealthy while a fault is in force.
    Tolerates {
        /// Who.
        subject: Subject,
        /// Index of the fault.
        fault: usize,
        /// The others of its list, where the whole list is meant.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        others: Vec<usize>,
    },
    /// One recovers before the other, each after its own last incident.
    ReturnsBefore {
        /// The first one.
        first: Subject,
        /// The later one.
        second: Subject,
    },
}

/// A point of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Point {
    /// Known beforehand.
    At(Offset),
    /// The edge of a fault (acknowledged injection, verified removal) plus real time.
    Fault {
        /// Index of the fault.
        fault: usize,
        /// The others of its list, where the whole list is meant: its start is the first of their
        /// starts, its end the last of their ends.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        others: Vec<usize>,
        /// Which edge.
        edge: Edge,
        /// Real time after it.
        plus: Duration,
    },
}

/// A part of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowPlan {
    /// Its begin.
    pub from: Point,
    /// Its end (not included).
    pub to: Point,
}

/// A condition that is judged while the run goes on, resolved: it stops the run, or a fault waits for
/// it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConditionPlan {
    /// As written.
    pub text: String,
    /// Who.
    pub subject: Subject,
    /// What is measured.
    pub measure: Measure,
    /// On which side of the limit it is true.
    pub comparison: Comparison,
    /// The limit.
    pub limit: Limit,
    /// How long it must hold.
    pub lasting: Duration,
}
