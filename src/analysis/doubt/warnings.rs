//! Warnings: what was seen, and what to do about it.

use super::{machine, schedule};
use crate::{
    analysis::{
        Warning, effects,
        health::Sign,
        samples::JudgedBy,
        text,
        timeline::{Ending, FaultTimes},
        world::World,
    },
    event::BaselineVerdict,
    plan::{FaultPlan, PlacePlan, Plan},
    scenario::model::{Effect, Reuse, TcpEffect},
};

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
    out.extend(schedule::warnings(world));
    out.extend(machine::warnings(world));
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

pub(super) fn warning(kind: &str, message: String, hint: &str) -> Warning {
    Warning {
        kind: kind.to_owned(),
        message,
        hint: hint.to_owned(),
    }
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
        out.extend(unmet(world.plan, fault, times));
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

/// A fault on a link that nothing came by to meet: what it was meant to show was not tried. One that
/// closes the listener counts the connections that it ended only, for who is refused never comes.
fn unmet(plan: &Plan, fault: &FaultPlan, times: &FaultTimes) -> Option<Warning> {
    let PlacePlan::Link { link, .. } = &fault.place else {
        return None;
    };
    let link = plan.links.get(*link)?;
    let counts = !matches!(fault.effect, Effect::Tcp(TcpEffect::Down));
    let out = times.removed.is_some() && times.spared == 0;
    if !counts || !out || effects::hits(plan, fault, times) != Some(0) {
        return None;
    }
    let hint = if link.visitors {
        "nothing that it means came by: look at its routes, conditions, share and length".to_owned()
    } else {
        format!(
            "does the application dial {}? What goes past the link meets none of its faults",
            link.listen
        )
    };
    let message = format!("{} met nothing on `{}`", fault.name, link.name);
    Some(warning("fault_unmet", message, &hint))
}

/// Subjects with traffic whose health is not known for most of the run, for want of samples.
fn few_samples(world: &World<'_>) -> Option<Warning> {
    let mut few = Vec::new();
    for judged in world.places.values() {
        let unknown: usize = judged
            .groups
            .iter()
            .filter(|g| g.sign == Sign::Unknown && g.tally.counts.offered > 0)
            .map(|g| g.to - g.from)
            .sum();
        if judged.samples.by == JudgedBy::Requests && unknown * 4 > world.grid.known.max(1) {
            few.push(format!("{} ({unknown} bins)", judged.name));
        }
    }
    (!few.is_empty()).then(|| {
        warning(
            "few_samples",
            format!("too few requests to be judged: {}", text::list(&few)),
            "raise --load-scale, give it a probe, or lower `measure: min_samples`",
        )
    })
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
