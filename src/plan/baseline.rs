//! Whether the run begins and ends in a way that recovery can be measured against: a baseline
//! thick enough, and baseline load at the end for long enough.

use std::time::Duration;

use super::{
    faults::written_faults,
    limits::rounded,
    mistakes::{File, Mistakes},
    model::{FaultPlan, Plan},
    needs::request_rates,
    users::crowds,
};
use crate::{
    scenario::model::{Claim, Scenario},
    time::Offset,
    units::{Rate, Span},
};

/// How far the load of the end may lie from the baseline's.
const SAME_LOAD: f64 = 0.1;
/// What compression may round away.
const TOLERANCE: Duration = Duration::from_millis(1);

impl Plan {
    /// The stretch that is judged as the baseline: from the end of the warm-up to the end of the
    /// first phase, or to the first fault if that comes before. Empty when there is no such time.
    #[must_use]
    pub fn baseline_window(&self) -> (Offset, Offset) {
        let from = Offset(self.measure.warm_up);
        let phase_end = self.phases.first().map_or(Offset::ZERO, |p| p.to);
        let to = match first_fault(self) {
            Some(fault) => phase_end.min(fault.start.expected()),
            None => phase_end,
        };
        (from.min(to), to)
    }

    /// When a fault should be out, or its instant if it has no end.
    fn over(fault: &FaultPlan) -> Offset {
        fault.end.as_ref().unwrap_or(&fault.start).expected()
    }
}

fn first_fault(plan: &Plan) -> Option<&FaultPlan> {
    plan.faults.iter().min_by_key(|f| f.start.expected())
}

/// Refuses a baseline that is too thin to judge, and says what would be enough.
pub(super) fn check_thickness(scenario: &Scenario, plan: &Plan, out: &mut Mistakes<'_>) {
    let measure = &plan.measure;
    let (Some(phase), Some(written)) = (plan.phases.first(), scenario.phases.first()) else {
        return;
    };
    let (from, to) = plan.baseline_window();
    let span = to.since(from);
    let seen = request_rates(&plan.populations)
        .integral_between(from, to)
        .round();
    let wanted = f64::from(measure.baseline_requests);
    let short = span + TOLERANCE < measure.baseline_span;
    // how often users come is seen only when they do; it is judged then
    let crowd = crowds(&plan.populations).mean_between(from, to) > 0.0;
    if !short && (crowd || seen >= wanted) {
        return;
    }
    let cut_by = first_fault(plan).filter(|f| f.start.expected() < phase.to);
    let message = if short {
        format!(
            "the baseline lasts {} of real time; {} are needed",
            Span(span),
            Span(measure.baseline_span)
        )
    } else {
        format!("the baseline holds {seen} requests; {wanted} are needed")
    };
    // how long it would have to last at the mean rate that it has, and which rate in the time
    let rate = if span.is_zero() {
        request_rates(&plan.populations).rate_at(from)
    } else {
        seen / span.as_secs_f64()
    };
    let mut length = measure.baseline_span.as_secs_f64();
    if rate > 0.0 && !crowd {
        length = length.max(wanted / rate);
    }
    let length = Duration::from_secs_f64(length.ceil()) + measure.warm_up;
    let story = plan.time_scale.story(length);
    let mut hint = match cut_by {
        Some(fault) => format!(
            "let `{}` begin {story} into the story or later, in a `{}` that lasts as long",
            fault.name, phase.name
        ),
        None => format!("let `{}` last {story} or longer", phase.name),
    };
    let in_time = wanted / span.max(measure.baseline_span).as_secs_f64();
    if rate < in_time && !crowd {
        let real = Rate::per_second(in_time).unwrap_or_default();
        let history = Rate::per_second((in_time / plan.load_scale).ceil()).unwrap_or_default();
        hint = if rate == 0.0 {
            format!("let somebody come: {}", rates_needed(real, history))
        } else {
            format!(
                "{hint}, or raise its load to {}",
                rates_needed(real, history)
            )
        };
    }
    if measure.baseline_optional {
        let hint = format!("nothing will be compared with it ({hint})");
        out.warning(
            File::Scenario,
            written.length.place,
            "the baseline",
            message,
        )
        .hint(hint);
    } else {
        hint.push_str("; `baseline: optional` runs on without");
        out.error(
            File::Scenario,
            written.length.place,
            "the baseline",
            message,
        )
        .hint(hint);
    }
}

fn rates_needed(real: Rate, history: Rate) -> String {
    format!(
        "{} requests in all ({history} before scaling)",
        rounded(real)
    )
}

/// Refuses a run that does not end at baseline load for as long as a recovery takes to be seen.
pub(super) fn check_end(scenario: &Scenario, plan: &Plan, out: &mut Mistakes<'_>) {
    let recovers = |c: &Claim| matches!(c, Claim::Recovers { .. });
    let judged = scenario.gates.iter().any(|g| recovers(&g.value));
    if !judged && plan.faults.iter().all(|f| f.end.is_none()) {
        return;
    }
    let (Some(last), Some(written)) = (plan.phases.last(), scenario.phases.last()) else {
        return;
    };
    let needed = plan.measure.hold + plan.measure.observe;
    let rates = request_rates(&plan.populations);
    let (from, to) = plan.baseline_window();
    let baseline = if from < to {
        rates.integral_between(from, to) / to.since(from).as_secs_f64()
    } else {
        rates.rate_at(Offset::ZERO)
    };
    let crowds = crowds(&plan.populations);
    let crowd = crowds.mean_between(from, to);
    if baseline == 0.0 && crowd == 0.0 {
        return;
    }
    let end = Offset(plan.length);
    let begin = Offset(plan.length.saturating_sub(needed.saturating_sub(TOLERANCE)));
    let (low, high) = rates.range_between(begin, end);
    let (few, many) = crowds.range_between(begin, end);
    let same = |seen: f64, usual: f64| (seen - usual).abs() <= SAME_LOAD * usual;
    let level = [low, high].iter().all(|rate| same(*rate, baseline))
        && [few, many].iter().all(|users| same(users.get(), crowd));
    let too_short = plan.length + TOLERANCE < needed;
    if too_short || !level {
        let story = plan.time_scale.story(needed);
        let real = last.to.since(last.from);
        out.error(
            File::Scenario,
            written.length.place,
            format!("`{}` lasts {} of real time", last.name, Span(real)),
            format!(
                "the run does not end at baseline load for {}, so no recovery could be told",
                Span(needed)
            ),
        )
        .hint(format!(
            "let `{}` last {story} or longer at the load of `{}` ({} in all)",
            last.name,
            plan.phases[0].name,
            load(baseline, crowd),
        ));
    }
    check_room(scenario, plan, needed, out);
}

/// A rate of requests and a number of users, in words.
pub(super) fn load(rate: f64, users: f64) -> String {
    let rate =
        (rate > 0.0).then(|| rounded(Rate::per_second(rate).unwrap_or_default()).to_string());
    let users = (users > 0.0).then(|| format!("{} users", users.round()));
    let parts: Vec<String> = rate.into_iter().chain(users).collect();
    parts.join(" and ")
}

/// Warns of faults after which the run ends too soon.
fn check_room(scenario: &Scenario, plan: &Plan, needed: Duration, out: &mut Mistakes<'_>) {
    let mut said = Vec::new();
    for (fault, written) in written_faults(scenario, plan) {
        let room = Offset(plan.length).since(Plan::over(fault));
        // of all comings of one that is drawn the first that is too late says enough
        let again = fault.drawn_by.is_some() && said.contains(&written.name.place);
        if room + TOLERANCE < needed && !again {
            said.push(written.name.place);
            out.warning(
                File::Scenario,
                written.name.place,
                "late",
                format!(
                    "the run ends {} after `{}` is over; a recovery is waited for {}",
                    Span(room),
                    fault.name,
                    Span(needed)
                ),
            )
            .hint("lengthen the last phase, or let the fault end earlier");
        }
    }
}
