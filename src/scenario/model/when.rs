//! A fault whose start or end is no instant of the story, but a measured condition.

use super::{Anchor, StopCondition};
use crate::{diagnostic::Spanned, time::Story};

/// `{when: portal p99 > 1s for 10s, before: evening}`. Where a start waits for it, the fault's `from`
/// is when it is watched from; an end waits for it while the fault is in force.
#[derive(Debug, Clone, PartialEq)]
pub struct When {
    /// The condition as written.
    pub text: String,
    /// The condition, and how long it must hold. Real time.
    pub condition: Spanned<StopCondition>,
    /// Until when it is watched; where nothing is said, as long as the fault fits into the run.
    pub before: Option<Anchor>,
    /// How long after it has come true: of a list with `stagger`.
    pub plus: Story,
}
