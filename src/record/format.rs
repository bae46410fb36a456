//! The record's format, version 1.
//!
//! One JSON object a line. The first line is a [`Header`]; each further line is a [`Line`]. A
//! reader ignores a last line without its newline: there the record was cut off.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    event::{HarnessTick, RunEvent},
    measure::{JourneyCell, PackedCell},
    plan::{Plan, SeriesId},
    time::Offset,
};

/// The name of a record in its run's folder.
pub const FILE_NAME: &str = "record.jsonl";

/// The version that this program writes.
pub const FORMAT_VERSION: u32 = 1;

/// The first line of a record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Header {
    /// The format's version.
    pub record: u32,
    /// The version of brownout that wrote it.
    pub brownout: String,
    /// The run's id, also its folder's name: `cowin-2021-20261122T030405Z`.
    pub run_id: String,
    /// When the run was begun (its preparation, not its zero).
    pub started_at: jiff::Timestamp,
    /// Where it ran.
    pub host: Host,
    /// What was to happen.
    pub plan: Plan,
}

/// The machine that a run was made on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Operating system and kernel.
    pub system: String,
    /// Number of processors.
    pub processors: u32,
    /// Memory in bytes.
    pub memory: u64,
}

/// Each further line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    /// When it happened, nanoseconds since the run's zero.
    pub at: Offset,
    /// What happened.
    #[serde(flatten)]
    pub event: RunEvent,
}

/// A record, read back: events in order, measurements added up.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its first line.
    pub header: Header,
    /// Events, without the measurements and harness ticks.
    pub events: Vec<(Offset, RunEvent)>,
    /// How the harness fared, second by second.
    pub harness: Vec<(Offset, HarnessTick)>,
    /// Requests by (bin, series).
    pub cells: BTreeMap<(u32, SeriesId), PackedCell>,
    /// Journeys by (bin, population).
    pub journeys: BTreeMap<(u32, u16), JourneyCell>,
    /// Set when the record has no end.
    pub cut_off: Option<CutOff>,
}

/// Where and how a record was cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutOff {
    /// The last instant that it knows of.
    pub at: Offset,
    /// What was found there.
    pub detail: String,
    /// The run is still going on: its writer lives.
    pub running: bool,
}
