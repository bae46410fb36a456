//! Definition 17: the harness doubts itself. A doubt is a warning; it makes a gate inconclusive
//! only where the gate's verdict would differ under another reading of the same run.

mod machine;
mod readings;
mod schedule;
mod warnings;

pub(crate) use readings::{Readings, is_late, lag_limit};
pub(crate) use warnings::warnings;
