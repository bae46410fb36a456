//! `portal/login recovers within 20s of sms_late.end`, `portal/slots tolerates sms_late`,
//! `facebook returns before instagram`.

use std::{ops::Range, time::Duration};

use super::{finding::Finding, window::edge_name};
use crate::{
    analysis::{
        effects,
        hysteresis::Condition,
        incidents,
        recovery::{self, Back},
        subjects::Judged,
        text,
        world::{World, label},
    },
    plan::{Plan, Point, whole_list},
    scenario::model::{Edge, Subject},
    time::Offset,
    units::Span,
};

/// At most so many gaps in what is known are named.
const GAPS: usize = 3;

/// Judges that a subject is well again in time.
pub(crate) fn recovers(
    world: &World<'_>,
    subject: &Subject,
    within: Duration,
    of: &Point,
) -> Finding {
    let required = format!("within {}", Span(within));
    find_recovery(world, subject, within, of).requiring(required)
}

fn find_recovery(world: &World<'_>, subject: &Subject, within: Duration, of: &Point) -> Finding {
    let Some(judged) = world.judged(subject) else {
        return Finding::unclear(format!("{} is not known", label(subject)));
    };
    let t1 = match world.timeline.resolve(world.plan, of) {
        Ok(t1) if t1 < world.timeline.end => t1,
        Ok(_) => return Finding::unfinished(world, "the run ended before"),
        Err(missing) => return Finding::unfinished(world, missing.reason),
    };
    let known = world.known_to();
    let observed_enough = world.complete() || t1.plus(within) <= known;
    if let Some(finding) = stayed(world, judged, t1, of, observed_enough) {
        return finding;
    }
    let observe = within.max(world.plan.measure.observe);
    match recovery::back(world, judged, t1, observe) {
        Back::At(at) => {
            let took = at - t1.as_secs_f64();
            let band = dns_band(world.plan, of);
            let limit = within + band.unwrap_or_default();
            let holds = took <= limit.as_secs_f64();
            let observed = if took == 0.0 {
                "healthy already (0.0 s)".to_owned()
            } else {
                format!("recovered after {}", text::seconds(took))
            };
            let finding = Finding::decided(holds, observed).at(at);
            match band {
                Some(ttl) if holds && took > within.as_secs_f64() => finding.because(format!(
                    "names may stay wrong for their time to live ({}) after the removal",
                    Span(ttl)
                )),
                Some(_) | None => finding.because(counted_from(world.plan, of, t1)),
            }
        }
        Back::Not { watched, tentative } => {
            let in_time = tentative.is_some_and(|at| at <= t1.plus(within).as_secs_f64());
            if !world.complete() && (in_time || !observed_enough) {
                return Finding::unfinished(world, "the run ended before it could be seen");
            }
            let mut detail = counted_from(world.plan, of, t1);
            if let Some(at) = tentative {
                let long = known.as_secs_f64() - at >= world.plan.measure.hold.as_secs_f64();
                let took = text::seconds(at - t1.as_secs_f64());
                let watched = Span(round(watched));
                detail.push_str(&if long {
                    format!(
                        "; recovered {took} after it, later than the {watched} that are waited for"
                    )
                } else {
                    format!("; healthy again {took} after it, too short before the end to count")
                });
            }
            Finding::decided(false, format!("> {}", Span(round(watched))))
                .at(t1.as_secs_f64() + watched)
                .because(detail)
        }
    }
}

/// It was never unwell from the fault's injection on; `None` when it was.
fn stayed(
    world: &World<'_>,
    judged: &Judged<'_>,
    t1: Offset,
    of: &Point,
    observed_enough: bool,
) -> Option<Finding> {
    let t0 = match of {
        Point::At(_) => Offset::ZERO,
        Point::Fault { fault, others, .. } => {
            let faults = whole_list(*fault, others);
            world.timeline.any_in_force(&faults)?.0.min(t1)
        }
    };
    let watched = world.grid.range(t0, t1.plus(world.plan.measure.observe));
    let after = world.grid.edge(t1)..watched.end;
    if judged.conditions[watched.clone()].contains(&Condition::Unwell) {
        return None;
    }
    if !judged.conditions[after].contains(&Condition::Well) {
        let who = label_of(judged);
        let why = format!("{who} was not heard of afterwards");
        return Some(Finding::unfinished(world, why));
    }
    if !observed_enough {
        return Some(Finding::unfinished(world, "the run ended before"));
    }
    let observed = silence(world, judged, watched).unwrap_or_else(|| "stayed healthy".to_owned());
    let finding = Finding::decided(true, observed).at(t1.as_secs_f64());
    Some(finding.because(counted_from(world.plan, of, t1)))
}

/// `never seen unhealthy; no data 40.0–43.0 s, healthy from 43.0 s on`: nobody stays healthy while
/// nobody looks. `None` when all of these bins are known, as far as the run was observed.
fn silence(world: &World<'_>, judged: &Judged<'_>, watched: Range<usize>) -> Option<String> {
    let grid = world.grid;
    let known = watched.start..watched.end.min(grid.known).max(watched.start);
    let mut from = known.start;
    let mut gaps: Vec<Range<usize>> = Vec::new();
    for run in judged.conditions[known.clone()].chunk_by(|a, b| a == b) {
        let to = from + run.len();
        if run[0] == Condition::Unknown {
            gaps.push(from..to);
        }
        from = to;
    }
    let last = gaps.last()?.end;
    let silent = |gap: &Range<usize>| judged.samples.sum(gap.clone()).offered == 0;
    let what = if gaps.iter().all(silent) {
        "no data"
    } else {
        "too little data"
    };
    let mut spans: Vec<String> = gaps
        .iter()
        .take(GAPS)
        .map(|gap| {
            let (from, to) = (grid.start(gap.start), grid.start(gap.end));
            format!("{from:.1}–{}", text::seconds(to))
        })
        .collect();
    if gaps.len() > GAPS {
        spans.push(format!("{} times more", gaps.len() - GAPS));
    }
    let spans = text::list(&spans);
    let healthy = if last < known.end {
        format!(", healthy from {} on", text::seconds(grid.start(last)))
    } else {
        String::new()
    };
    Some(format!("never seen unhealthy; {what} {spans}{healthy}"))
}

fn label_of<'j>(judged: &'j Judged<'_>) -> &'j str {
    &judged.name
}

fn counted_from(plan: &Plan, of: &Point, t1: Offset) -> String {
    let at = text::seconds(t1.as_secs_f64());
    match of {
        Point::At(_) => format!("counted from {at}"),
        Point::Fault {
            fault,
            others,
            edge,
            ..
        } => {
            let name = plan.fault_name(*fault, others);
            format!("counted from {at}, {name} {}", edge_name(*edge))
        }
    }
}

fn round(seconds: f64) -> Duration {
    Duration::from_millis((seconds * 10.0).round() as u64 * 100)
}

/// For how long after its removal a DNS fault may linger in caches that honour the TTL
/// (definition 16); `None` for other faults.
fn dns_band(plan: &Plan, of: &Point) -> Option<Duration> {
    let Point::Fault {
        fault,
        others,
        edge: Edge::End,
        ..
    } = of
    else {
        return None;
    };
    let faults = whole_list(*fault, others).into_iter();
    let ttl = |fault| effects::dns_ttl(plan, plan.faults.get(fault)?);
    faults.filter_map(ttl).max()
}

/// Judges that a fault (at one place, or at all of its list) does no harm: never unwell in it, and
/// the SLO held over all of it, so that flaps shorter than the hysteresis do not hide.
pub(crate) fn tolerates(world: &World<'_>, subject: &Subject, faults: &[usize]) -> Finding {
    let required = "healthy while it is in force".to_owned();
    let Some(judged) = world.judged(subject) else {
        return Finding::unclear(format!("{} is not known", label(subject)));
    };
    let missing = faults
        .iter()
        .find(|f| world.timeline.in_force(**f).is_none());
    if let Some(missing) = missing {
        let name = world.plan.fault_name(*missing, &[]);
        let never = world.timeline.never(world.plan, *missing);
        return Finding::unfinished(world, format!("{name} {never}")).requiring(required);
    }
    let Some((from, to)) = world.timeline.any_in_force(faults) else {
        return Finding::unclear("no fault is meant").requiring(required);
    };
    let known = world.known_to();
    let bins = world.grid.range(from, to.min(known).max(from));
    let slo = judged.criteria.slo;
    // one that comes and goes has to be borne while it is there
    let spells = faults
        .iter()
        .flat_map(|fault| world.timeline.spells(*fault));
    let mut spells: Vec<_> = spells.filter(|(from, _)| *from < known).collect();
    spells.sort_unstable();
    let spells = spells.into_iter();
    let spells = spells.map(|(from, to)| world.grid.range(from, to.min(known).max(from)));
    let success = judged.samples.sum_of(spells).success();
    let shown = success.map_or_else(|| "nothing offered".to_owned(), text::percent);
    let required = format!("{required}, success >= {}", text::percent(slo));
    let unwell = bins
        .clone()
        .find(|bin| judged.conditions[*bin] == Condition::Unwell);
    let finding = if let Some(bin) = unwell {
        let state = super::happenings::state_name(judged.states[bin]);
        let at = world.grid.start(bin);
        let observed = format!("{state} from {}; success {shown}", text::seconds(at));
        Finding::decided(false, observed).at(at)
    } else if to > known
        || faults
            .iter()
            .any(|f| world.timeline.faults[*f].removed.is_none())
    {
        Finding::unfinished(world, "the fault was not removed")
    } else {
        match success {
            None => Finding::unclear("nothing was offered while it was in force"),
            Some(success) => Finding::decided(success >= slo, format!("success {shown}"))
                .at(to.as_secs_f64())
                .because(format!(
                    "never bad for {} bins in a row",
                    world.plan.measure.bad_bins
                )),
        }
    };
    finding.requiring(required)
}

/// When a subject came back from its last incident.
enum Return {
    Never,
    Away,
    At(f64),
}

fn last_return(world: &World<'_>, judged: &Judged<'_>) -> Return {
    let Some(last) = incidents::stretches(judged).pop() else {
        return Return::Never;
    };
    if incidents::ended(judged, &last) {
        Return::At(world.grid.start(last.end))
    } else {
        Return::Away
    }
}

/// Judges the order of two returns; within one bin is a tie, and a tie is not *before*.
pub(crate) fn returns_before(world: &World<'_>, first: &Subject, second: &Subject) -> Finding {
    let required = format!("{} before {}", label(first), label(second));
    let (Some(a), Some(b)) = (world.judged(first), world.judged(second)) else {
        return Finding::unclear("one of them is not known").requiring(required);
    };
    let bin = world.grid.seconds(1) + 1e-9;
    let (a_name, b_name) = (&a.name, &b.name);
    let finding = match (last_return(world, a), last_return(world, b)) {
        (_, Return::Never) => Finding::unclear(format!("{b_name} was never away")),
        (Return::Never, _) => Finding::decided(true, format!("{a_name} was never away")),
        (Return::Away, _) if !world.complete() => {
            Finding::unfinished(world, "the run ended before")
        }
        (Return::Away, _) => Finding::decided(false, format!("{a_name} did not return")),
        (Return::At(at), Return::Away) => {
            let at_text = text::seconds(at);
            Finding::decided(true, format!("{a_name} at {at_text}, {b_name} not at all")).at(at)
        }
        (Return::At(a), Return::At(b)) => {
            let (a_at, b_at) = (text::seconds(a), text::seconds(b));
            let observed = format!("{a_name} at {a_at}, {b_name} at {b_at}");
            let finding = Finding::decided(b - a > bin, observed).at(a.max(b));
            if (b - a).abs() <= bin {
                finding.because("within one bin: a tie")
            } else {
                finding
            }
        }
    };
    finding.requiring(required)
}
