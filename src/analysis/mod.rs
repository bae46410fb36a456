//! What a record means: pure, `&Record -> Analysis`, by the definitions in docs/definitions.md.
//!
//! The path inside: a [`Record`](crate::record::Record) becomes a *timeline* (when things really
//! happened) and *samples* (each subject's bins); samples are judged into *groups* (health), those
//! into *conditions* (hysteresis) and *states*; incidents, recoveries and claims read these. A
//! *world* holds all of it under one *reading* of the counts; doubt compares readings.

mod analyse;
mod baseline;
mod blame;
mod claims;
mod crashes;
mod curves;
mod doubt;
mod effects;
mod grid;
mod harness;
mod health;
mod hysteresis;
mod incidents;
mod load;
mod losses;
mod measured;
pub mod model;
mod recovery;
mod returns;
mod samples;
mod states;
mod stats;
mod subjects;
mod summary;
mod text;
mod thresholds;
mod timeline;
mod verdict;
mod world;

pub use analyse::analyse;
pub use baseline::judge_baseline;
pub use harness::HarnessResult;
pub use model::*;

#[cfg(test)]
mod tests;
