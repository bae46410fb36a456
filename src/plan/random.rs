//! Schedules that are drawn: which faults come when is decided by the seed before the run, so that
//! the plan shows it and the record holds it. Pure.

use std::time::Duration;

use super::{
    mistakes::{File, Mistakes},
    model::{Assumption, Phase},
    windows::is_instant,
};
use crate::{
    diagnostic::Spanned,
    scenario::model::{Anchor, Fault, Random, Until},
    seed::{Seed, Stream},
    time::Story,
};

/// A schedule that draws more is a mistake: each coming is a fault of its own in the report.
const MOST_COMINGS: usize = 100;
/// What is drawn is rounded to this.
const GRAIN: Duration = Duration::from_millis(1);

/// What schedules are drawn against.
pub(super) struct Ground<'a> {
    pub(super) phases: &'a [Phase],
    /// The run's.
    pub(super) seed: Seed,
}

/// The faults with the comings that schedules draw in place of what they are drawn from. Each is a
/// fault of its own (`sms_late.1`), so that a kill may come again and each removal is verified by
/// itself; and what was drawn, for the report.
pub(super) fn draw(
    faults: Vec<Fault>,
    schedules: &[Random],
    ground: &Ground<'_>,
    out: &mut Mistakes<'_>,
) -> (Vec<Fault>, Vec<Assumption>) {
    let mut drawn: Vec<(String, Vec<Fault>)> = Vec::new();
    let mut told = Vec::new();
    for schedule in schedules {
        let name = &schedule.name.value;
        let from = faults.iter();
        let from: Vec<&Fault> = from.filter(|f| f.drawn_by.as_ref() == Some(name)).collect();
        let comings = of_schedule(schedule, &from, ground, out).unwrap_or_default();
        told.push(tell(schedule, &from, &comings, ground));
        let comings = comings.iter().enumerate().map(|(index, coming)| {
            let before = comings[..index].iter().filter(|c| c.fault == coming.fault);
            instance(schedule, from[coming.fault], coming, before.count() + 1)
        });
        drawn.push((name.clone(), comings.collect()));
    }
    let mut all = Vec::new();
    for fault in faults {
        match &fault.drawn_by {
            None => all.push(fault),
            // where the first of them stands all comings stand, in order of time
            Some(schedule) => {
                let comings = drawn.iter_mut().find(|(name, _)| name == schedule);
                all.extend(
                    comings
                        .map(|(_, comings)| std::mem::take(comings))
                        .unwrap_or_default(),
                );
            }
        }
    }
    (all, told)
}

/// One coming of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Coming {
    /// Which of those that are drawn from.
    fault: usize,
    /// Story time since the schedule's start.
    at: Duration,
    lasts: Duration,
}

/// What is drawn by. Story time; the schedule begins at zero.
#[derive(Debug, Clone)]
struct Rules {
    faults: usize,
    length: Duration,
    every: (Duration, Duration),
    lasting: (Duration, Duration),
    at_most: usize,
}

/// Draws the comings in order of time. One that would be too many is left out; among the faults that
/// are not in force those come first that came least often.
fn comings(rules: &Rules, stream: &mut Stream) -> Vec<Coming> {
    let mut out: Vec<Coming> = Vec::new();
    let mut at = Duration::ZERO;
    let draw = |stream: &mut Stream, (low, high)| {
        let drawn: Duration = stream.duration(low, high);
        Duration::from_millis(u64::try_from(drawn.as_millis()).unwrap_or(u64::MAX)).max(GRAIN)
    };
    loop {
        at = at.saturating_add(draw(stream, rules.every));
        let lasts = draw(stream, rules.lasting);
        let room = rules.length.saturating_sub(at);
        if room < rules.lasting.0 || room.is_zero() || out.len() > MOST_COMINGS {
            return out;
        }
        let in_force = out.iter().filter(|c| c.at.saturating_add(c.lasts) >= at);
        let in_force: Vec<usize> = in_force.map(|c| c.fault).collect();
        let came = |fault: &usize| out.iter().filter(|c| c.fault == *fault).count();
        let free = || (0..rules.faults).filter(|fault| !in_force.contains(fault));
        let Some(least) = free().map(|fault| came(&fault)).min() else {
            continue;
        };
        if in_force.len() >= rules.at_most {
            continue;
        }
        let next: Vec<usize> = free().filter(|fault| came(fault) == least).collect();
        let chosen = stream.between(0, next.len() as u64 - 1);
        let Some(fault) = usize::try_from(chosen).ok().and_then(|i| next.get(i)) else {
            continue;
        };
        out.push(Coming {
            fault: *fault,
            at,
            lasts: lasts.min(room),
        });
    }
}

fn of_schedule(
    schedule: &Random,
    faults: &[&Fault],
    ground: &Ground<'_>,
    out: &mut Mistakes<'_>,
) -> Option<Vec<Coming>> {
    let name = &schedule.name.value;
    let from = instant(schedule, &schedule.from, ground, out);
    let until = instant(schedule, &schedule.until, ground, out);
    let (from, until) = (from?, until?);
    let shortest = schedule.lasting.value.0;
    for fault in faults {
        let slopes = fault.ramp.0.saturating_add(fault.ramp_out.0);
        let last = fault
            .shape
            .steps
            .last()
            .map_or(Duration::ZERO, |(at, _)| at.0);
        if slopes > shortest.0 || last >= shortest.0 {
            out.error(
                File::Scenario,
                schedule.lasting.place,
                format!("{shortest} at the shortest"),
                format!("`{}` takes longer to change its share", fault.name.value),
            )
            .hint("shorten its `ramp`, `ramp_out` or steps, or let it last longer");
            return None;
        }
    }
    let rules = Rules {
        faults: faults.len(),
        length: until.0.saturating_sub(from.0),
        every: (schedule.every.0.0, schedule.every.1.0),
        lasting: (shortest.0, schedule.lasting.value.1.0),
        at_most: usize::try_from(schedule.at_most).unwrap_or(usize::MAX),
    };
    let comings = comings(&rules, &mut seed(schedule, ground).named(name).stream());
    let place = schedule.name.place;
    if comings.len() > MOST_COMINGS {
        let message = format!("`{name}` draws more than {MOST_COMINGS} comings");
        out.error(File::Scenario, place, "too many", message)
            .hint("let `every` be longer, or the schedule shorter");
        return None;
    }
    let never = (0..faults.len()).filter(|index| comings.iter().all(|c| c.fault != *index));
    let never: Vec<&str> = never
        .map(|index| faults[index].name.value.as_str())
        .collect();
    if !never.is_empty() {
        out.warning(
            File::Scenario,
            place,
            format!("{} comings", comings.len()),
            format!("`{name}` never draws {}", never.join(", ")),
        )
        .hint("let `every` be shorter, or the schedule longer");
    }
    Some(comings)
}

fn seed(schedule: &Random, ground: &Ground<'_>) -> Seed {
    schedule.seed.unwrap_or(ground.seed).named("random")
}

/// When in the story a schedule begins or ends, which is known before the run: at a phase.
fn instant(
    schedule: &Random,
    anchor: &Spanned<Anchor>,
    ground: &Ground<'_>,
    out: &mut Mistakes<'_>,
) -> Option<Story> {
    let of = &anchor.value.of;
    let Some(phase) = ground.phases.iter().find(|p| p.name == of.value) else {
        let name = &schedule.name.value;
        out.error(
            File::Scenario,
            anchor.place,
            "not a phase",
            format!("`{name}` is drawn before the run, so it begins and ends at phases"),
        )
        .hint("write a phase, such as `opening + 2m`");
        return None;
    };
    let edge = match anchor.value.edge {
        crate::scenario::model::Edge::Start => phase.story_from,
        crate::scenario::model::Edge::End => phase.story_to,
    };
    Some(Story(edge.0.saturating_add(anchor.value.plus.0)))
}

fn instance(schedule: &Random, fault: &Fault, coming: &Coming, number: usize) -> Fault {
    let mut own = fault.clone();
    own.name.value = format!("{}.{number}", fault.name.value);
    own.from = schedule.from.clone();
    own.from.value.plus = Story(own.from.value.plus.0.saturating_add(coming.at));
    let lasts = Until::For(Story(coming.lasts));
    own.until = (!is_instant(fault)).then(|| Spanned::new(lasts, schedule.lasting.place));
    own
}

/// What a schedule drew, and by which seed.
fn tell(
    schedule: &Random,
    faults: &[&Fault],
    comings: &[Coming],
    ground: &Ground<'_>,
) -> Assumption {
    let each = faults.iter().enumerate().map(|(index, fault)| {
        let count = comings.iter().filter(|c| c.fault == index).count();
        format!("{} {count}", fault.name.value)
    });
    let each: Vec<String> = each.collect();
    Assumption {
        about: format!("random {}", schedule.name.value),
        note: format!(
            "{} comings, drawn by seed {}: {}",
            comings.len(),
            schedule.seed.unwrap_or(ground.seed).0,
            each.join(", ")
        ),
        assumed: false,
    }
}

#[cfg(test)]
mod tests;
