//! Which fault an incident belongs to.

use crate::{analysis::world::World, time::Offset};

/// Faults that went in together (within one bin): what followed cannot be told apart.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Indices into the plan's faults.
    pub(super) faults: Vec<usize>,
    /// When they went in; `None` = never.
    pub(super) from: Option<Offset>,
    /// When the last of them was out; `None` = not within the run.
    pub(super) to: Option<Offset>,
}

impl Group {
    /// Whether it had an end of its own: a kill has none.
    pub(super) fn lasts(&self, world: &World<'_>) -> bool {
        let mut faults = self.faults.iter();
        faults.any(|i| world.plan.faults[*i].end.is_some())
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
        let together = |group: &&mut Group| {
            let begins = group.from.zip(from);
            begins.is_some_and(|(a, b)| b.since(a) < world.grid.width)
        };
        if let Some(group) = out.last_mut().filter(together) {
            group.faults.push(fault);
            group.to = group.to.zip(gone).map(|(a, b)| a.max(b));
        } else {
            out.push(Group {
                faults: vec![fault],
                from,
                to: gone,
            });
        }
    }
    out
}

/// The group that explains what began at `at_s`: the latest in force, or else the latest that was
/// out for no longer than a recovery has to hold. `None` = none does.
pub(super) fn owner(world: &World<'_>, groups: &[Group], at_s: f64) -> Option<usize> {
    let slack = world.grid.seconds(1) / 2.0;
    let hold = world.plan.measure.hold.as_secs_f64();
    let within = |reach: f64| {
        groups.iter().rposition(|group| {
            let begun = group
                .from
                .is_some_and(|t0| t0.as_secs_f64() <= at_s + slack);
            begun && group.to.is_none_or(|t1| at_s < t1.as_secs_f64() + reach)
        })
    };
    within(slack).or_else(|| within(hold))
}
