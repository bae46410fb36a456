//! The part of the run that a claim is about.

use std::ops::Range;

use super::finding::Finding;
use crate::{
    analysis::world::World,
    plan::{Rule, WindowPlan, whole_list},
    scenario::model::Edge,
    time::Offset,
};

/// A window, resolved.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    /// Its begin.
    pub(crate) from: Offset,
    /// Its end, at most the plan's.
    pub(crate) to: Offset,
    /// Its bins.
    pub(crate) bins: Range<usize>,
    /// Whether all of it was observed.
    pub(crate) whole: bool,
}

impl Window {
    /// Whether an instant lies in it.
    pub(crate) fn holds(&self, at_s: f64) -> bool {
        self.from.as_secs_f64() <= at_s && at_s < self.to.as_secs_f64()
    }
}

/// Resolves a window.
///
/// # Errors
/// A finding that says why it cannot be: a fault that never was, or a run that ended before.
pub(crate) fn resolve(world: &World<'_>, window: &WindowPlan) -> Result<Window, Box<Finding>> {
    let resolve = |point| world.timeline.resolve(world.plan, point);
    let cannot = |why: String| Box::new(Finding::unfinished(world, why));
    let from = resolve(&window.from).map_err(|missing| cannot(missing.reason))?;
    let (to, ended) = match resolve(&window.to) {
        Ok(to) => (to, true),
        // what has begun can still be violated before the run was stopped
        Err(_) if !world.complete() => (world.known_to(), false),
        Err(missing) => return Err(cannot(missing.reason)),
    };
    let to = to.min(Offset(world.plan.length));
    let known = world.known_to();
    if from >= to {
        return Err(cannot("the window lies outside the run".to_owned()));
    }
    Ok(Window {
        bins: world.grid.range(from, to.min(known).max(from)),
        whole: ended && to <= known,
        from,
        to,
    })
}

/// The instants between which a claim's evidence lies; `None` when that is not known. Used to ask
/// how the harness fared there.
pub(crate) fn bounds(world: &World<'_>, rule: &Rule) -> Option<(Offset, Offset)> {
    let resolve = |point| world.timeline.resolve(world.plan, point).ok();
    let end = world.timeline.end;
    match rule {
        Rule::Measured { window, .. }
        | Rule::Never { window, .. }
        | Rule::Happens { window, .. } => {
            let from = resolve(&window.from)?;
            Some((from, resolve(&window.to).unwrap_or(end).min(end)))
        }
        Rule::Recovers { within, of, .. } => {
            let from = resolve(of)?;
            Some((from, from.plus(*within).min(end)))
        }
        Rule::Tolerates { fault, others, .. } => {
            let faults = whole_list(*fault, others);
            world.timeline.any_in_force(&faults)
        }
        Rule::ReturnsBefore { .. } => Some((Offset::ZERO, end)),
    }
}

/// The edge of a fault, as people say it.
pub(crate) const fn edge_name(edge: Edge) -> &'static str {
    match edge {
        Edge::Start => "in force",
        Edge::End => "removed",
    }
}
