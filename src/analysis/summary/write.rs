//! Which sentences are written, and in which order.

use std::collections::BTreeMap;

use super::{faults, outcome, service};
use crate::analysis::{BaselineResult, ClaimResult, ServiceResult, Verdict, world::World};

/// What the sentences are made of.
pub(crate) struct Matter<'m> {
    /// The run.
    pub(crate) verdict: Verdict,
    /// The gates.
    pub(crate) gates: &'m [ClaimResult],
    /// The symptoms.
    pub(crate) symptoms: &'m [ClaimResult],
    /// The services.
    pub(crate) services: &'m BTreeMap<String, ServiceResult>,
    /// The baseline.
    pub(crate) baseline: &'m BaselineResult,
}

/// Writes the summary: how it ended; what each fault did where there were several, else what
/// became of each service; and whether that was history.
pub(crate) fn summary(world: &World<'_>, matter: &Matter<'_>) -> Vec<String> {
    let mut out = vec![outcome::outcome(world, matter)];
    let told = if world.plan.faults.len() > 1 {
        faults::stories(world, matter.services)
    } else {
        service::stories(world, matter.services)
    };
    if told.is_empty() && world.complete() {
        out.push(outcome::calm(world, matter));
    }
    out.extend(told);
    out.extend(outcome::history(matter.symptoms));
    out
}
