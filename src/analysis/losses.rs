//! Features that were lost on purpose: the lost one, the others, and the fallback, each apart.

use super::{
    LossResult, Meanwhile,
    hysteresis::Condition,
    recovery::{self, Back},
    stats::ratio,
    subjects::Judged,
    world::World,
};
use crate::{scenario::model::FeatureName, time::Offset};

/// Each lost feature, in the order of the plan. Faults of one list that lose the same are one loss.
pub(crate) fn losses(world: &World<'_>) -> Vec<LossResult> {
    let mut losses: Vec<(&FeatureName, &str, Vec<usize>)> = Vec::new();
    for (index, fault) in world.plan.faults.iter().enumerate() {
        let Some(lost) = &fault.loses else { continue };
        let list = fault.name.split('.').next().unwrap_or_default();
        // what a schedule drew stands in order of time
        let same = losses
            .iter_mut()
            .find(|(feature, name, _)| *feature == lost && *name == list);
        match same {
            Some((.., faults)) => faults.push(index),
            None => losses.push((lost, list, vec![index])),
        }
    }
    let told = losses.into_iter();
    told.map(|(feature, fault, faults)| loss(world, feature, fault, &faults))
        .collect()
}

fn loss(world: &World<'_>, feature: &FeatureName, fault: &str, faults: &[usize]) -> LossResult {
    let feature = feature.to_string();
    let times = || faults.iter().map(|fault| &world.timeline.faults[*fault]);
    let in_force = world.timeline.any_in_force(faults);
    // one that was undone when the run had been stopped was not seen to return
    let out = in_force.is_some()
        && times().all(|t| t.verified && t.removed.is_some_and(|at| at < world.timeline.end));
    let removed = times().filter_map(|t| t.removed).max().filter(|_| out);
    let mut features = Vec::new();
    if let Some((from, _)) = in_force {
        let window = Window {
            faults,
            from,
            removed,
        };
        let all = world
            .places
            .values()
            .filter(|judged| judged.name.contains('/'));
        let told = all.filter_map(|judged| meanwhile(world, judged, &window, &feature));
        features.extend(told);
        features.sort_by_key(|meanwhile| !meanwhile.lost);
    }
    LossResult {
        feature,
        fault: fault.to_owned(),
        from_s: in_force.map(|(from, _)| from.as_secs_f64()),
        to_s: removed.map(Offset::as_secs_f64),
        features,
    }
}

/// When something was lost.
struct Window<'a> {
    faults: &'a [usize],
    from: Offset,
    removed: Option<Offset>,
}

/// What became of a feature; `None` of one that nobody looked at and that was not lost.
fn meanwhile(
    world: &World<'_>,
    judged: &Judged<'_>,
    window: &Window<'_>,
    lost: &str,
) -> Option<Meanwhile> {
    let known = world.known_to();
    let spells = window.faults.iter().flat_map(|f| world.timeline.spells(*f));
    let mut spells: Vec<_> = spells.filter(|(from, _)| *from < known).collect();
    spells.sort_unstable();
    let bins = spells.into_iter();
    let bins = bins.map(|(from, to)| world.grid.range(from, to.min(known).max(from)));
    let counts = judged.samples.sum_of(bins);
    let is_lost = judged.name == lost;
    if counts.offered == 0 && !is_lost {
        return None;
    }
    let observe = world.plan.measure.observe;
    let watched_to = window
        .removed
        .map_or(known, |t1| t1.plus(observe).min(known));
    let watched = world.grid.range(window.from, watched_to.max(window.from));
    let unwell = judged.conditions[watched].contains(&Condition::Unwell);
    let back = window.removed.filter(|_| unwell).and_then(|t1| {
        match recovery::back(world, judged, t1, observe) {
            Back::At(at) => Some((at - t1.as_secs_f64()).max(0.0)),
            Back::Not { .. } => None,
        }
    });
    Some(Meanwhile {
        feature: judged.name.clone(),
        lost: is_lost,
        offered: counts.offered,
        success: counts.success(),
        baseline_success: judged.usual.success(),
        fallback: ratio(counts.fallback, counts.good),
        unwell,
        back_after_s: back,
    })
}
