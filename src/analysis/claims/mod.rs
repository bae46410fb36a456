//! Gates and symptoms: sentences about a run, judged against what was measured.

mod finding;
mod happenings;
mod measures;
mod recoveries;
mod window;

pub(crate) use finding::judge;
pub(crate) use window::bounds;
