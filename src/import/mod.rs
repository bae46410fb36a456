//! Real traffic, from what others recorded: access logs, JSON lines, Prometheus answers, tables.
//!
//! bytes -> lines -> entries (when, method, path, status) -> tally (routes, bins) -> scenario.
//! A line is parsed where it lies: nothing is allocated for it and no regular expression is run,
//! and memory depends on the number of routes and bins, never on the length of the log. A line that
//! cannot be read is counted and shown, never fatal.
//!
//! The same readers serve `arrivals: {file: ...}` ([`curve_file`]) and `{replay: ...}`
//! ([`replay_file`]).

mod access;
mod bins;
mod curve;
mod dates;
mod entry;
mod error;
mod fields;
mod format;
mod grid;
mod json;
mod lines;
mod moments;
mod names;
mod parser;
mod prometheus;
mod read;
mod replay;
mod routes;
mod scenario;
mod segments;
mod stamp;
mod table;
mod tally;
mod target;
mod traffic;

#[cfg(test)]
mod tests;

pub use curve::{CurvePoint, curve_file, parse_curve};
pub use error::ImportError;
pub use fields::FieldNames;
pub use format::Format;
pub use read::{Input, Settings, read};
pub use replay::{ReplayLog, replay, replay_file};
pub use scenario::{Skeleton, SkeletonFile, skeleton};
pub use stamp::{Stamp, parse_stamp};
pub use traffic::{BadLine, Traffic, Way};
