//! `portal/slots admitted success >= 95% during opening`.

use super::{
    finding::Finding,
    window::{self, Window},
};
use crate::{
    analysis::{
        baseline,
        measured::{self, Value},
        samples::{JudgedBy, Samples},
        text,
        world::{World, label},
    },
    plan::WindowPlan,
    scenario::model::{Comparison, Limit, Measure, Subject},
};

/// What a claim wants to be so.
pub(crate) struct Wanted<'c> {
    /// Who.
    pub(crate) subject: &'c Subject,
    /// What.
    pub(crate) measure: Measure,
    /// Which side.
    pub(crate) comparison: Comparison,
    /// The limit.
    pub(crate) limit: Limit,
}

/// Judges a measure over a window.
pub(crate) fn judge(world: &World<'_>, wanted: &Wanted<'_>, window: &WindowPlan) -> Finding {
    let Some(samples) = samples(world, wanted) else {
        return Finding::unclear(format!("{} is not known", label(wanted.subject)));
    };
    let usual = of_baseline(world, wanted, samples);
    let capacity = baseline::capacity(world.plan, wanted.subject);
    let Some(limit) = measured::resolve(wanted.limit, usual, capacity) else {
        let what = match wanted.limit {
            Limit::OfBaseline(_) => "there is no baseline to compare with",
            Limit::OfCapacity(_)
            | Limit::Ratio(_)
            | Limit::Time(_)
            | Limit::Rate(_)
            | Limit::Number(_) => "the capacity is not known",
        };
        return Finding::unclear(what);
    };
    let sign = wanted.comparison.as_str();
    let required = format!("{sign} {}", measured::show(wanted.measure, limit));
    let window = match window::resolve(world, window) {
        Ok(window) => window,
        Err(finding) => return finding.requiring(required),
    };
    if !window.whole {
        let why = "the window was not observed to its end";
        return Finding::unfinished(world, why).requiring(required);
    }
    let seconds = window.to.since(window.from).as_secs_f64();
    let Some(seen) = measured::measure(samples, wanted.measure, window.bins.clone(), seconds)
    else {
        return Finding::unclear("there was nothing to measure in the window").requiring(required);
    };
    let holds = wanted.comparison.holds(seen.value, limit);
    let what = unit(wanted, samples.by);
    let shown = measured::show(wanted.measure, seen.value);
    let observed = match seen.interval {
        Some(_) => format!("{shown} (of {} {what})", text::count(seen.of)),
        None => shown,
    };
    let mut finding = Finding::decided(holds, observed).requiring(required);
    if let Some((low, high)) = seen.interval {
        let (low, high) = (text::percent(low), text::percent(high));
        finding = finding.because(format!("95% interval {low} to {high}"));
    }
    if too_few(world, samples, &seen, limit) {
        finding.detail = Some(format!(
            "only {} {what} in the window: too few to tell {} from the limit",
            text::count(seen.of),
            measured::show(wanted.measure, seen.value)
        ));
        finding.at_s = None;
        finding.verdict = crate::analysis::Verdict::Inconclusive;
        return finding;
    }
    if holds {
        return finding.at(window.to.as_secs_f64());
    }
    let first = first_violation(world, wanted, samples, limit, &window);
    finding.at(first)
}

const fn unit(wanted: &Wanted<'_>, by: JudgedBy) -> &'static str {
    match (wanted.measure, by) {
        (Measure::Fallback, _) => "good answers",
        (_, JudgedBy::Journeys) => "journeys",
        (_, JudgedBy::Probe) => "probes",
        (_, JudgedBy::Requests | JudgedBy::Nothing) => "requests",
    }
}

/// A population succeeds by its journeys; everything else of it is about its requests.
fn samples<'w, 'a>(world: &'w World<'a>, wanted: &Wanted<'_>) -> Option<&'w Samples<'a>> {
    match (wanted.subject, wanted.measure) {
        (Subject::Service(_) | Subject::Feature { .. }, _) => {
            world.judged(wanted.subject).map(|j| &j.samples)
        }
        (Subject::Population(name), Measure::Success | Measure::Goodput) => {
            world.people.get(name).map(|j| &j.samples)
        }
        (
            Subject::Population(name),
            Measure::AdmittedSuccess
            | Measure::Latency(_)
            | Measure::Shed
            | Measure::Fallback
            | Measure::Timeouts
            | Measure::Errors
            | Measure::Amplification,
        ) => world.requests.get(name),
    }
}

fn of_baseline(world: &World<'_>, wanted: &Wanted<'_>, samples: &Samples<'_>) -> Option<f64> {
    let bins = world.baseline.clone();
    let seconds = world.grid.seconds(bins.len());
    measured::measure(samples, wanted.measure, bins, seconds).map(|v| v.value)
}

/// Fewer samples than a judgement needs, and chance could have put the share on either side. A
/// probe has few by design, and all or nothing is clear enough.
fn too_few(world: &World<'_>, samples: &Samples<'_>, seen: &Value, limit: f64) -> bool {
    let Some((low, high)) = seen.interval else {
        return false;
    };
    let least = u64::from(world.plan.measure.min_samples);
    let mixed = seen.value > 0.0 && seen.value < 1.0;
    samples.by != JudgedBy::Probe && seen.of < least && mixed && low < limit && limit < high
}

/// The first bin that stands on the wrong side by itself; else the window's end, where the sum of
/// all of them does.
fn first_violation(
    world: &World<'_>,
    wanted: &Wanted<'_>,
    samples: &Samples<'_>,
    limit: f64,
    window: &Window,
) -> f64 {
    let second = world.grid.seconds(1);
    window
        .bins
        .clone()
        .find(|bin| {
            measured::measure(samples, wanted.measure, *bin..bin + 1, second)
                .is_some_and(|v| !wanted.comparison.holds(v.value, limit))
        })
        .map_or(window.to.as_secs_f64(), |bin| world.grid.start(bin))
}
