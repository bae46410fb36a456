//! Which fault an incident belongs to.

use std::collections::BTreeSet;

use crate::{analysis::world::World, plan::ServiceId, time::Offset};

/// Faults that went in together (within one bin) and can reach the same services: what followed
/// cannot be told apart.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Indices into the plan's faults.
    pub(super) faults: Vec<usize>,
    /// When they went in; `None` = never.
    pub(super) from: Option<Offset>,
    /// When the last of them was out; `None` = not within the run.
    pub(super) to: Option<Offset>,
    /// The services that they can reach.
    reach: BTreeSet<ServiceId>,
}

impl Group {
    /// Whether it had an end of its own: a kill has none.
    pub(super) fn lasts(&self, world: &World<'_>) -> bool {
        let mut faults = self.faults.iter();
        faults.any(|i| world.plan.faults[*i].end.is_some())
    }

    /// Whether one of them can reach a service.
    pub(super) fn reaches(&self, world: &World<'_>, service: &str) -> bool {
        let named = |id: &ServiceId| {
            let service = world.plan.services.get(usize::from(id.0));
            service.map(|s| s.name.as_str())
        };
        self.reach.iter().any(|id| named(id) == Some(service))
    }
}

/// The faults in the order in which they went in; those that never did come last.
pub(super) fn groups(world: &World<'_>) -> Vec<Group> {
    let times = &world.timeline.faults;
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_by_key(|i| (times[*i].injected.is_none(), times[*i].injected));
    let mut out: Vec<Group> = Vec::new();
    for fault in order {
        let from = times[fault].injected;
        // what was undone when the run had ended ended nothing that was observed
        let gone = times[fault].removed.filter(|at| *at < world.timeline.end);
        let reach = world.plan.reached(&world.plan.faults[fault]);
        let together = |group: &&mut Group| {
            let begins = group.from.zip(from);
            begins.is_some_and(|(a, b)| b.since(a) < world.grid.width)
                && !group.reach.is_disjoint(&reach)
        };
        if let Some(group) = out.iter_mut().rev().find(together) {
            group.faults.push(fault);
            group.to = group.to.zip(gone).map(|(a, b)| a.max(b));
            group.reach.extend(reach);
        } else {
            out.push(Group {
                faults: vec![fault],
                from,
                to: gone,
                reach,
            });
        }
    }
    out
}

/// The group that explains what began at a service at `at_s`: of those that can reach it the latest
/// in force, or else the latest that was out for no longer than a recovery has to hold. `None` = none
/// does.
pub(super) fn owner(
    world: &World<'_>,
    groups: &[Group],
    service: &str,
    at_s: f64,
) -> Option<usize> {
    let slack = world.grid.seconds(1) / 2.0;
    let hold = world.plan.measure.hold.as_secs_f64();
    let within = |late: f64| {
        groups.iter().rposition(|group| {
            let begun = group
                .from
                .is_some_and(|t0| t0.as_secs_f64() <= at_s + slack);
            begun
                && group.reaches(world, service)
                && group.to.is_none_or(|t1| at_s < t1.as_secs_f64() + late)
        })
    };
    within(slack).or_else(|| within(hold))
}
