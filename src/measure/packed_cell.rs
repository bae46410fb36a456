//! Cells at rest: of a run as it is judged and read back, second by second.

use super::{BinCell, OutcomeCounts, PackedLatencies};

/// A [`Cell`](super::Cell), packed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackedCell {
    /// Attempts by outcome.
    pub counts: OutcomeCounts,
    /// First attempts among them.
    pub first_attempts: u64,
    /// Attempts that a fault of ours is known to have hit.
    pub injected: u64,
    /// Attempts that were not good, and by the doing of a fault of ours.
    pub injected_bad: u64,
    /// Response times.
    pub response: PackedLatencies,
    /// Service times.
    pub service: PackedLatencies,
}

impl PackedCell {
    /// Adds another cell.
    pub fn merge(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
        self.first_attempts += other.first_attempts;
        self.injected += other.injected;
        self.injected_bad += other.injected_bad;
        self.response.merge(&other.response);
        self.service.merge(&other.service);
    }
}

impl From<&BinCell> for PackedCell {
    fn from(cell: &BinCell) -> Self {
        Self {
            counts: cell.counts,
            first_attempts: cell.first_attempts,
            injected: cell.injected,
            injected_bad: cell.injected_bad,
            response: (&cell.response).into(),
            service: (&cell.service).into(),
        }
    }
}
