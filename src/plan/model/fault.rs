//! Faults, resolved: what is put in, where and when.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::{ConditionPlan, ServiceId, ShapePlan};
use crate::{
    scenario::model::{Edge, Effect, FeatureName, Provenance, Turns},
    time::Offset,
    units::Ratio,
};

/// A fault, resolved.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FaultPlan {
    /// Its name.
    pub name: String,
    /// Where, for people: `portal -> sms`.
    pub at: String,
    /// The feature that is lost by it, where it is there for that.
    #[serde(default)]
    pub loses: Option<FeatureName>,
    /// The schedule that drew when it comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawn_by: Option<String>,
    /// Where it is put in.
    pub place: PlacePlan,
    /// When it is put in.
    pub start: Trigger,
    /// When it is taken out; `None` = it is an instant (a kill).
    pub end: Option<Trigger>,
    /// Real time to grow.
    pub ramp: Duration,
    /// Real time to shrink, before its end.
    pub ramp_out: Duration,
    /// The part that it meets.
    pub share: Ratio,
    /// Which connections or questions it meets, by their order (tcp and dns).
    #[serde(default, skip_serializing_if = "Turns::is_all")]
    pub turns: Turns,
    /// How it comes and goes.
    #[serde(default)]
    pub shape: ShapePlan,
    /// What it does.
    pub effect: Effect,
    /// Where its numbers come from.
    pub provenance: Provenance,
}

/// Where a fault is put in, resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlacePlan {
    /// On the link of that index in [`Plan::links`](super::Plan::links); `feature` narrows it.
    Link {
        /// The link.
        link: usize,
        /// Only this feature's requests (its routes are in the effect's match).
        feature: Option<String>,
    },
    /// On the launched process of that service.
    Process(ServiceId),
    /// Wherever a command reaches.
    Host {
        /// The service that it is said to hit; `None` = nobody knows, perhaps all.
        service: Option<ServiceId>,
        /// Where the command runs: the scenario file's folder.
        folder: PathBuf,
    },
    /// On these names (lower case, no final dot); a zone means every name below it.
    Dns {
        /// The zone or name.
        name: String,
        /// Whether names below it are meant too.
        zone: bool,
    },
}

/// When something is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// At an instant known beforehand.
    At(Offset),
    /// A real time after an edge of another fault, which is known only when it happens.
    After {
        /// Index of the other fault.
        fault: usize,
        /// The others of its list, where the whole list is meant: its start is the first of their
        /// starts, its end the last of their ends.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        others: Vec<usize>,
        /// Which edge.
        edge: Edge,
        /// Real time after it.
        plus: Duration,
        /// When that should be, if all goes as planned.
        expected: Offset,
    },
    /// When a condition has come true that is judged while the run goes on. Where it never does, a
    /// start never comes, and an end comes when the condition is given up.
    When {
        /// The condition.
        condition: ConditionPlan,
        /// From then on it is watched; an instant or an edge of another fault.
        after: Box<Trigger>,
        /// Then it is given up; likewise.
        before: Box<Trigger>,
        /// Real time after it has come true.
        plus: Duration,
        /// The earliest time of a start, the latest of an end.
        expected: Offset,
    },
}

impl Trigger {
    /// When it should happen, if all goes as planned: of a start that waits for a condition the
    /// earliest time, of such an end the latest.
    #[must_use]
    pub const fn expected(&self) -> Offset {
        match self {
            Self::At(offset)
            | Self::After {
                expected: offset, ..
            }
            | Self::When {
                expected: offset, ..
            } => *offset,
        }
    }
}
