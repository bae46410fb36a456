//! Whose doing failures were, where it is known request by request.

use std::collections::BTreeSet;

use super::{stats::Counts, timeline::FaultTimes, world::World};
use crate::{
    plan::{FaultPlan, Origin, PlacePlan, Series},
    scenario::model::Effect,
};

/// The failures of a service while a fault was in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blame {
    /// Attempts of visitors that were not good.
    pub(crate) failures: u64,
    /// Those that were the doing of faults of ours.
    pub(crate) injected: u64,
}

/// The failures of the service that a fault stands before; `None` where nobody can tell them
/// apart: on inner links, and of faults that are about neither requests nor handshakes. A bin counts when the fault was
/// in force for at least half of it.
pub(crate) fn during(world: &World<'_>, fault: &FaultPlan, times: &FaultTimes) -> Option<Blame> {
    let (PlacePlan::Link { link, .. }, Effect::Http(_) | Effect::Tls(_)) =
        (&fault.place, &fault.effect)
    else {
        return None;
    };
    let link = world.plan.links.get(*link).filter(|link| link.visitors)?;
    let end = world.timeline.end;
    let bins: BTreeSet<usize> = times
        .spells
        .iter()
        .flat_map(|(from, to)| world.grid.range(*from, to.unwrap_or(end)))
        .collect();
    let mut blame = Blame {
        failures: 0,
        injected: 0,
    };
    // counted, not judged: the last bins of a run that was stopped are in it
    for ((bin, id), cell) in &world.record.cells {
        let series = world.plan.series.get(usize::from(id.0));
        let wanted = |series: &Series| series.service == link.to && series.origin != Origin::Probe;
        if series.is_some_and(wanted) && bins.contains(&(*bin as usize)) {
            let counts = Counts::from(cell);
            blame.failures += counts.bad();
            blame.injected += counts.injected_bad;
        }
    }
    Some(blame)
}
