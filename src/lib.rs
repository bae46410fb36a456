//! brownout rehearses outages.
//!
//! One scenario file, on one clock, drives request floods and injected faults against a staging
//! system, and judges in numbers how it crashed, degraded and recovered.
//!
//! The modules stand in the order in which a run passes through them:
//! scenario -> plan -> run { load + fault + probe } -> measure -> record -> analysis -> report.

// leaves: they import nothing of ours
pub mod diagnostic;
pub mod document;
mod fine_timer;
pub mod guard;
pub mod marks;
pub mod seed;
pub mod time;
pub mod units;

// what others recorded
pub mod import;

// what people write, and what will happen because of it
pub mod plan;
pub mod scenario;
pub mod target;

// what is measured and what is told, while it happens
pub mod event;
pub mod measure;

// what makes it happen
pub mod client;
pub mod fault;
pub mod guardian;
pub mod launch;
pub mod load;
pub mod probe;
pub mod run;
pub mod tls;

// what is kept, what it means, and what people and CI read
pub mod analysis;
pub mod record;
pub mod report;

pub mod stage;

// doors for fuzz targets into what is not public
#[cfg(fuzzing)]
pub mod fuzzing;
