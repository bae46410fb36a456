//! Warnings: what was seen, and what to do about it.

use std::time::Duration;

use super::readings::{LEAST_LAG, UNSENT_SHARE, lag_limit, late_seconds, missing_arrivals};
use crate::{
    analysis::{
        Warning, effects, health::Sign, samples::JudgedBy, text, timeline::Ending, world::World,
    },
    event::{BaselineVerdict, HarnessTick},
    plan::PlacePlan,
    scenario::model::Reuse,
    units::Span,
};

/// So much of the processors' time is saturation.
const SATURATED: f64 = 0.9;
/// So much of the descriptors' limit is too much.
const DESCRIPTORS: f64 = 0.8;
/// The two clocks may differ by this much in a second.
const CLOCK_GAP: Duration = Duration::from_millis(250);
/// One late second in so many is nothing unusual.
const LATE_ONE_IN: usize = 100;

/// Every doubt that this run gives rise to.
pub(crate) fn warnings(world: &World<'_>) -> Vec<Warning> {
    let mut out = Vec::new();
    if let Ending::CutOff { detail } = &world.timeline.ending {
        out.push(warning(
            "cut_off",
            format!(
                "the record was cut off at {}: {detail}",
                text::seconds(world.timeline.end.as_secs_f64())
            ),
            "what came later is not known; run again for a verdict",
        ));
    }
    out.extend(lag(world));
    out.extend(unsent(world));
    out.extend(machine(world));
    out.extend(faults(world));
    out.extend(few_samples(world));
    out.extend(baseline(world));
    out.extend(world.plan.advice.iter().map(|advice| Warning {
        kind: "advice".to_owned(),
        message: advice.clone(),
        hint: String::new(),
    }));
    out
}

fn warning(kind: &str, message: String, hint: &str) -> Warning {
    Warning {
        kind: kind.to_owned(),
        message,
        hint: hint.to_owned(),
    }
}

fn lag(world: &World<'_>) -> Option<Warning> {
    let limit = lag_limit(world.plan).max(LEAST_LAG);
    let late = late_seconds(world, limit, None);
    let ticks = world.record.harness.len();
    let worst = world.record.harness.iter().map(|(_, t)| t.lag_max).max()?;
    (late > 0 && late * LATE_ONE_IN > ticks).then(|| {
        warning(
            "lag",
            format!(
                "requests started late: in {late} of {ticks} s the 99th percentile of the lag was \
                 above {}, at most {}",
                Span(limit),
                text::latency(worst.as_secs_f64())
            ),
            "give brownout a machine or processors of its own, or lower --load-scale",
        )
    })
}

fn unsent(world: &World<'_>) -> Vec<Warning> {
    let mut out = Vec::new();
    let share = world.all.total.unsent_share();
    if share > 0.0 {
        let above = if share > UNSENT_SHARE {
            "; gates that it could turn are inconclusive"
        } else {
            ""
        };
        out.push(warning(
            "not_sent",
            format!(
                "the harness failed to send {} requests ({}){above}",
                text::count(world.all.total.unsent),
                text::percent(share)
            ),
            "lower --load-scale, or give brownout more processors, descriptors or ports",
        ));
    }
    let missing = missing_arrivals(world);
    if missing > 0.0 {
        out.push(warning(
            "not_sent",
            format!(
                "{} of the planned arrivals never began",
                text::percent(missing)
            ),
            "the harness could not keep up: lower --load-scale",
        ));
    }
    for (reason, n) in crate::analysis::load::totals(world).not_sent {
        let (kind, hint) = match reason.as_str() {
            "descriptors" => ("descriptors", "raise the limit with `ulimit -n`"),
            "ports" => (
                "ports",
                "widen net.ipv4.ip_local_port_range, or reuse connections",
            ),
            _ => continue,
        };
        let n = text::count(n);
        out.push(warning(
            kind,
            format!("{n} requests found no free {reason}"),
            hint,
        ));
    }
    out
}

fn machine(world: &World<'_>) -> Vec<Warning> {
    let ticks = &world.record.harness;
    let count = |is: &dyn Fn(&HarnessTick) -> bool| ticks.iter().filter(|(_, t)| is(t)).count();
    let mut out = Vec::new();
    let all = |t: &HarnessTick| f64::from(t.processors) * SATURATED;
    let own = count(&|t| t.processors > 0 && t.cpu >= all(t));
    if own > 0 {
        out.push(warning(
            "cpu",
            format!("brownout itself used all processors in {own} s"),
            "lower --load-scale, or run it on a larger machine",
        ));
    }
    let busy = count(&|t| t.processors > 0 && t.machine_cpu >= all(t));
    if busy > own {
        out.push(warning(
            "cpu",
            format!("the machine's processors were all busy in {busy} s"),
            "the target and brownout share them: latencies may be the machine's, not the target's",
        ));
    }
    let full = count(&|t| {
        t.descriptor_limit > 0 && t.descriptors as f64 >= t.descriptor_limit as f64 * DESCRIPTORS
    });
    if full > 0 {
        out.push(warning(
            "descriptors",
            format!("more than 80% of the file descriptors were in use in {full} s"),
            "raise the limit with `ulimit -n`",
        ));
    }
    if let Some(gap) = ticks.iter().map(|(_, t)| t.clock_gap).max()
        && gap > CLOCK_GAP
    {
        let gap = text::latency(gap.as_secs_f64());
        out.push(warning(
            "clock_gap",
            format!("the clocks moved apart by {gap} within a second"),
            "the machine was suspended or paused: run again",
        ));
    }
    out
}

fn faults(world: &World<'_>) -> Vec<Warning> {
    let mut out = Vec::new();
    for (fault, times) in world.plan.faults.iter().zip(&world.timeline.faults) {
        let name = &fault.name;
        if let Some(why) = &times.failed {
            out.push(warning(
                "fault_not_removed",
                format!("{name} failed: {why}"),
                "see to it that nothing is left behind; what depends on it was not judged",
            ));
        } else if times.injected.is_some() && !times.verified && world.complete() {
            let detail = if times.detail.is_empty() {
                "no removal was seen"
            } else {
                &times.detail
            };
            out.push(warning(
                "fault_not_removed",
                format!("the removal of {name} was not verified: {detail}"),
                "see to it that nothing is left behind; recovery from it was not judged",
            ));
        }
        let (PlacePlan::Dns { .. }, Some(from)) = (&fault.place, times.injected) else {
            continue;
        };
        let ttl = effects::dns_ttl(world.plan, fault);
        if let (Some(ttl), Some(to)) = (ttl, times.removed)
            && to.since(from) < ttl
        {
            out.push(warning(
                "dns_band",
                format!("{name} was in force for less than the time to live of its names"),
                "caches may have hidden it: make it longer, or the TTL shorter",
            ));
        }
        let kept = |p: &crate::plan::PopulationPlan| p.client.reuse == Reuse::Shared;
        if times.hits == 0 && times.removed.is_some() {
            let hint = if world.plan.populations.iter().any(kept) {
                "kept connections hide DNS faults: use `reuse: journey`"
            } else {
                "nobody asked for these names while it was in force"
            };
            out.push(warning("dns_band", format!("{name} met no question"), hint));
        }
    }
    out
}

/// Subjects with traffic whose health is not known for most of the run, for want of samples.
fn few_samples(world: &World<'_>) -> Vec<Warning> {
    let mut out = Vec::new();
    for judged in world.places.values() {
        let unknown: usize = judged
            .groups
            .iter()
            .filter(|g| g.sign == Sign::Unknown && g.tally.counts.offered > 0)
            .map(|g| g.to - g.from)
            .sum();
        let few = judged.samples.by == JudgedBy::Requests && unknown * 4 > world.grid.known.max(1);
        if few {
            let name = &judged.name;
            out.push(warning(
                "few_samples",
                format!("{name} had too few requests to be judged for {unknown} bins"),
                "raise --load-scale, give it a probe, or lower `measure: min_samples`",
            ));
        }
    }
    out
}

fn baseline(world: &World<'_>) -> Option<Warning> {
    let (verdict, detail) = world.timeline.baseline.as_ref()?;
    (*verdict == BaselineVerdict::Waived).then(|| {
        warning(
            "few_samples",
            format!("the run went on without a usable baseline ({detail})"),
            "losses are counted against the promised success instead of the usual one",
        )
    })
}
