//! What is measured: outcomes, samples, and the bins that they are added up in.

mod buckets;
mod cell;
mod outcome;
mod packed;
mod packed_cell;
mod recorder;

pub use cell::{BinCell, BinDelta, Cell, JourneyCell, Latencies};
pub use outcome::{Injected, Outcome, OutcomeCounts};
pub use packed::PackedLatencies;
pub use packed_cell::PackedCell;
pub use recorder::{Recorder, Sample};
