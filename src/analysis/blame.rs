//! Whose doing failures were, where it is known request by request.

use std::collections::BTreeSet;

use super::{timeline::FaultTimes, world::World};
use crate::{
    plan::{FaultPlan, PlacePlan},
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
/// apart: on inner links, and of faults that are not about requests. A bin counts when the fault was
/// in force for at least half of it.
pub(crate) fn during(world: &World<'_>, fault: &FaultPlan, times: &FaultTimes) -> Option<Blame> {
    let (PlacePlan::Link { link, .. }, Effect::Http(_)) = (&fault.place, &fault.effect) else {
        return None;
    };
    let link = world.plan.links.get(*link).filter(|link| link.visitors)?;
    let service = world.plan.services.get(usize::from(link.to.0))?;
    let judged = world.places.get(&service.name)?;
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
    let bins = bins.iter().filter_map(|bin| judged.samples.bins.get(*bin));
    for bin in bins.filter(|bin| !bin.probe) {
        blame.failures += bin.counts.bad();
        blame.injected += bin.counts.injected_bad;
    }
    Some(blame)
}
