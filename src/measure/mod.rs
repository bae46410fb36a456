//! What is measured: outcomes, samples, and the bins that they are added up in.

mod cell;
mod outcome;
mod recorder;

pub use cell::{BinCell, BinDelta, Cell, JourneyCell, Latencies};
pub use outcome::{Injected, Outcome, OutcomeCounts};
pub use recorder::{Recorder, Sample};
