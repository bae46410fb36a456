//! The whole of it: a record in, its meaning out.

use std::collections::BTreeMap;

use super::{
    Analysis, AssumptionResult, BaselineResult, FaultResult, REPORT_VERSION, RunInfo,
    ServiceResult, Spell, StateSpan, SubjectResult, baseline, blame, curves, doubt, effects,
    harness,
    incidents::incidents,
    load, losses,
    recovery::recovery,
    returns,
    samples::{JudgedBy, Reading},
    stats::{summarise, wilson},
    subjects::Judged,
    summary, thresholds,
    timeline::Ending,
    verdict,
    world::World,
};
use crate::{
    event::BaselineVerdict,
    record::{Host, Record},
    time::Offset,
};

/// A 30-day error budget.
const BUDGET_SECONDS: f64 = 30.0 * 86_400.0;

/// Says what a record means. Pure: the same record gives the same analysis.
#[must_use]
pub fn analyse(record: &Record) -> Analysis {
    let world = World::new(record, Reading::Measured);
    let readings = doubt::Readings::new(&world);
    let plan = world.plan;
    let gates: Vec<_> = plan.gates.iter().map(|g| readings.judge(g)).collect();
    let symptoms: Vec<_> = plan.symptoms.iter().map(|s| readings.judge(s)).collect();
    let (judged, baseline) = baseline_of(&world);
    let (verdict, exit_code) = verdict::decide(&world.timeline.ending, judged, &gates);
    let services = services(&world);
    let matter = summary::Matter {
        verdict,
        gates: &gates,
        symptoms: &symptoms,
        services: &services,
        baseline: &baseline,
    };
    let summary = summary::summary(&world, &matter);
    Analysis {
        report: REPORT_VERSION,
        run: run_info(&world),
        verdict,
        summary,
        exit_code,
        gates,
        symptoms,
        load: load::totals(&world),
        populations: load::populations(&world),
        order_of_return: returns::order(&services, world.grid.width.as_secs_f64()),
        services,
        faults: faults(&world),
        losses: losses::losses(&world),
        phases: load::phases(&world),
        baseline,
        amplification: world.all.total.amplification().unwrap_or(1.0),
        harness: harness::harness(&world),
        warnings: doubt::warnings(&world),
        seed: plan.seed.0,
        assumptions: plan
            .assumptions
            .iter()
            .map(|a| AssumptionResult {
                about: a.about.clone(),
                note: a.note.clone(),
                assumed: a.assumed,
            })
            .collect(),
        thresholds: thresholds::thresholds(plan),
        curves: curves::curves(&world),
    }
}

/// The numbers of the baseline are those of the whole record; its verdict is the one that the run
/// acted upon.
fn baseline_of(world: &World<'_>) -> (Option<BaselineVerdict>, BaselineResult) {
    let (_, mut result) = baseline::judge_baseline(world.plan, &world.record.cells);
    if let Some((verdict, detail)) = &world.timeline.baseline {
        result.verdict = baseline::name(*verdict).to_owned();
        result.detail.clone_from(detail);
        return (Some(*verdict), result);
    }
    // the run ended before it could be judged, and its ending says all about it
    result.verdict = baseline::name(BaselineVerdict::Unsteady).to_owned();
    result.detail = "the run ended before the baseline was judged".to_owned();
    (None, result)
}

fn run_info(world: &World<'_>) -> RunInfo {
    let (header, plan) = (&world.record.header, world.plan);
    let stopped = match &world.timeline.ending {
        Ending::Stopped { detail, .. } => Some(detail.clone()),
        Ending::Complete | Ending::CutOff { .. } => None,
    };
    let cut_off = match &world.timeline.ending {
        Ending::CutOff { detail } => Some(format!("{}: {detail}", world.timeline.end)),
        Ending::Complete | Ending::Stopped { .. } => {
            let cut = world.record.cut_off.as_ref();
            cut.map(|cut| format!("{}: {}", cut.at, cut.detail))
        }
    };
    RunInfo {
        id: header.run_id.clone(),
        scenario: plan.scenario.clone(),
        title: plan.title.clone(),
        target: plan.target.clone(),
        environment: plan.environment.clone(),
        started_at: header.started_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        brownout: header.brownout.clone(),
        host: host(&header.host),
        load_scale: plan.load_scale,
        time_scale: plan.time_scale.get(),
        planned_s: plan.length.as_secs_f64(),
        observed_s: world.timeline.end.as_secs_f64(),
        complete: world.complete(),
        cut_off,
        stopped,
    }
}

fn host(host: &Host) -> String {
    let gigabytes = host.memory as f64 / f64::from(1 << 30);
    format!(
        "{}, {} processors, {gigabytes:.1} GiB",
        host.system, host.processors
    )
}

fn services(world: &World<'_>) -> BTreeMap<String, ServiceResult> {
    let plan = world.plan;
    let mut out = BTreeMap::new();
    for service in &plan.services {
        let Some(whole) = world.places.get(&service.name) else {
            continue;
        };
        let features = service.features.iter().filter_map(|feature| {
            let judged = world
                .places
                .get(&format!("{}/{}", service.name, feature.name))?;
            Some((feature.name.clone(), subject(world, judged)))
        });
        let result = ServiceResult {
            whole: subject(world, whole),
            events: world.events.get(&service.name).cloned().unwrap_or_default(),
            capacity: service.capacity.map(|rate| rate.get()),
            features: features.collect(),
        };
        out.insert(service.name.clone(), result);
    }
    out
}

fn subject(world: &World<'_>, judged: &Judged<'_>) -> SubjectResult {
    let total = &judged.samples.total;
    let success = total.success();
    let allowed = 1.0 - judged.criteria.slo;
    let burn = |success: f64| (allowed > 0.0).then(|| (1.0 - success) / allowed);
    let load = judged.samples.by == JudgedBy::Requests;
    let month = judged
        .usual
        .offered_rate()
        .map(|rate| rate * BUDGET_SECONDS * allowed)
        .filter(|month| load && *month > 0.0);
    SubjectResult {
        judged_by: judged.samples.by.name().to_owned(),
        states: spans(world, judged),
        incidents: incidents(world, judged),
        recovery: recovery(world, judged),
        offered: total.offered,
        good: total.good,
        shed: total.shed,
        success,
        admitted_success: total.admitted_success(),
        success_interval: wilson(total.good, total.offered),
        budget_burn: success.and_then(burn),
        budget_30d: month.map(|month| total.bad() as f64 / month),
        lost_goodput: judged.lost(0..judged.samples.bins.len()),
        latency: summarise(&judged.samples.all_latencies()),
    }
}

fn spans(world: &World<'_>, judged: &Judged<'_>) -> Vec<StateSpan> {
    let mut out: Vec<StateSpan> = Vec::new();
    let end = world.timeline.end.as_secs_f64();
    for (bin, state) in judged.states.iter().enumerate() {
        let to_s = world.grid.start(bin + 1).min(end);
        match out.last_mut() {
            Some(last) if last.state == *state => last.to_s = to_s,
            _ => out.push(StateSpan {
                state: *state,
                from_s: world.grid.start(bin),
                to_s,
            }),
        }
    }
    out
}

fn spell((from, to): &(Offset, Option<Offset>)) -> Spell {
    Spell {
        injected_s: from.as_secs_f64(),
        removed_s: to.map(Offset::as_secs_f64),
    }
}

fn faults(world: &World<'_>) -> Vec<FaultResult> {
    let faults = world.plan.faults.iter().zip(&world.timeline.faults);
    faults
        .enumerate()
        .map(|(index, (fault, times))| {
            let why_never = || {
                let absent = times.injected.is_none();
                let why = world.timeline.why_never(world.plan, index);
                why.filter(|_| absent)
                    .map(|why| format!("never put in{why}"))
            };
            let blame = blame::during(world, fault, times);
            FaultResult {
                name: fault.name.clone(),
                at: fault.at.clone(),
                effect: effects::describe(fault),
                planned_s: fault.start.expected().as_secs_f64(),
                condition: times.condition.clone(),
                end_condition: times.end_condition.clone(),
                injected_s: times.injected.map(|at| at.as_secs_f64()),
                removed_s: times.removed.map(|at| at.as_secs_f64()),
                verified: times.verified,
                detail: times
                    .failed
                    .clone()
                    .or_else(why_never)
                    .unwrap_or_else(|| times.detail.clone()),
                hits: effects::hits(world.plan, fault, times),
                spared: times.spared,
                failures: blame.map(|blame| blame.failures),
                failures_injected: blame.map(|blame| blame.injected),
                spells: times.spells.iter().map(spell).collect(),
            }
        })
        .collect()
}
