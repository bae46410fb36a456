//! Definition 10: the stretches in which a subject was unwell, and what they cost.

use std::ops::Range;

use super::{Incident, State, hysteresis::Condition, subjects::Judged, world::World};
use crate::plan::Origin;

/// The stretches of bins in which a subject was unwell. Silence within one does not end it.
pub(crate) fn stretches(judged: &Judged<'_>) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = Vec::new();
    for (bin, condition) in judged.conditions.iter().enumerate() {
        if *condition != Condition::Unwell {
            continue;
        }
        match out.last_mut() {
            Some(last) if last.end == bin => last.end += 1,
            _ => out.push(bin..bin + 1),
        }
    }
    out
}

/// Names of the faults that were in force in some bins.
pub(crate) fn faults_in(world: &World<'_>, bins: &Range<usize>) -> Vec<usize> {
    let (from, to) = (world.grid.offset(bins.start), world.grid.offset(bins.end));
    (0..world.plan.faults.len())
        .filter(|i| {
            world
                .timeline
                .in_force(*i)
                .is_some_and(|(begin, end)| begin < to && from <= end)
        })
        .collect()
}

/// A subject's incidents, in order.
pub(crate) fn incidents(world: &World<'_>, judged: &Judged<'_>) -> Vec<Incident> {
    stretches(judged)
        .into_iter()
        .map(|bins| Incident {
            onset_s: world.grid.start(bins.start),
            end_s: ended(judged, &bins).then(|| world.grid.start(bins.end)),
            worst: worst(judged, &bins),
            depth: depth(judged, &bins),
            lost_goodput: judged.lost(bins.clone()),
            detected_after_s: detected(world, judged, &bins),
            faults: faults_in(world, &bins)
                .into_iter()
                .map(|i| world.plan.faults[i].name.clone())
                .collect(),
        })
        .collect()
}

/// Whether a confirmed run of good bins follows.
pub(crate) fn ended(judged: &Judged<'_>, bins: &Range<usize>) -> bool {
    judged.conditions.get(bins.end) == Some(&Condition::Well)
}

fn worst(judged: &Judged<'_>, bins: &Range<usize>) -> State {
    let states = judged.states[bins.clone()].iter().copied();
    states.min().unwrap_or(State::Unknown)
}

/// 1 - min G / min(g_b * O, K).
fn depth(judged: &Judged<'_>, bins: &Range<usize>) -> f64 {
    judged
        .groups
        .iter()
        .filter(|group| bins.start <= group.from && group.to <= bins.end)
        .filter_map(|group| {
            let counts = &group.tally.counts;
            let due = judged.due(counts, group.to - group.from);
            (due > 0.0).then(|| 1.0 - counts.good as f64 / due)
        })
        .fold(0.0, f64::max)
        .clamp(0.0, 1.0)
}

/// Onset to the first failed probe of the subject; a service is also watched by its features'.
fn detected(world: &World<'_>, judged: &Judged<'_>, bins: &Range<usize>) -> Option<f64> {
    let service = judged.service?;
    let feature = judged.name.split_once('/').map(|(_, feature)| feature);
    let first = world
        .record
        .cells
        .iter()
        .filter(|((bin, id), cell)| {
            let series = world.plan.series.get(usize::from(id.0));
            bins.contains(&(*bin as usize))
                && cell.counts.offered() > cell.counts.good()
                && series.is_some_and(|s| {
                    s.origin == Origin::Probe
                        && usize::from(s.service.0) == service
                        && (feature.is_none() || s.feature.as_deref() == feature)
                })
        })
        .map(|((bin, _), _)| *bin as usize)
        .next()?;
    Some(world.grid.start(first) - world.grid.start(bins.start))
}
