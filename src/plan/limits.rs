//! Whether this machine and the target's guard bear what is planned.

use super::{
    Here,
    mistakes::{File, Mistakes},
    model::Plan,
    needs::{Needs, fastest},
    ports,
};
use crate::{
    diagnostic::Place,
    scenario::model::Scenario,
    target::model::Target,
    units::{Rate, Span},
};

/// The part of a limit of this machine that a run may use.
const USABLE: f64 = 0.8;

/// Reports every limit that the plan would break.
pub(super) fn check(
    scenario: &Scenario,
    target: &Target,
    plan: &Plan,
    here: &Here,
    out: &mut Mistakes<'_>,
) {
    let needs = Needs::of(plan);
    check_guard_rate(scenario, target, plan, &needs, out);
    let Some(place) = heaviest(scenario, &needs) else {
        return;
    };
    let limits = [
        (
            needs.descriptors,
            here.descriptor_limit,
            "file descriptors",
            "raise the limit (`ulimit -n`)",
        ),
        (
            needs.ports,
            u64::from(here.local_ports),
            "local ports",
            "widen net.ipv4.ip_local_port_range",
        ),
    ];
    for (needed, limit, what, remedy) in limits {
        let usable = (limit as f64 * USABLE).floor();
        if needed as f64 <= usable {
            continue;
        }
        let fits = plan.load_scale * usable / needed as f64;
        let closed = plan.populations.iter().any(|p| p.users.is_some());
        let fewer = if closed { ", let fewer users come" } else { "" };
        out.error(
            File::Scenario,
            place,
            format!("up to {} requests in flight", needs.in_flight),
            format!("this load may need {needed} {what}; {usable} of the {limit} here may be used"),
        )
        .hint(format!(
            "{remedy}{fewer}, shorten `timeout` or `patience`, or run with `--load-scale {}`",
            percent_below(fits)
        ));
    }
}

/// Warns where connections that are dialled anew may use up the local ports.
pub(super) fn check_port_churn(
    scenario: &Scenario,
    plan: &Plan,
    here: &Here,
    out: &mut Mistakes<'_>,
) {
    let churn = ports::churn(plan, here);
    let worst = churn.iter().max_by_key(|c| c.opened);
    let Some(worst) = worst.filter(|c| c.exhausts()) else {
        return;
    };
    let Some(place) = heaviest(scenario, &Needs::of(plan)) else {
        return;
    };
    let (opened, held) = (worst.opened, Span(worst.held_for));
    let service = &plan.services[usize::from(worst.service.0)].name;
    out.warning(
        File::Scenario,
        place,
        format!("up to {opened} new connections in {held}"),
        format!(
            "connections to `{service}` may use up the {} local ports: one that is closed holds its port for {held}, and up to {opened} are opened within that time",
            worst.ports
        ),
    )
    .hint("keep connections (`reuse: shared`), widen net.ipv4.ip_local_port_range, or set net.ipv4.tcp_tw_reuse to 1");
}

/// A share as people write it, rounded down to two digits that count.
fn percent_below(share: f64) -> String {
    if share <= 0.0 {
        return "0%".to_owned();
    }
    let digits = 10f64.powf((share * 100.0).log10().floor() - 1.0);
    let percent = (share * 100.0 / digits).floor() * digits;
    let text = format!("{percent:.6}");
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Where the population that needs most has its rates.
fn heaviest(scenario: &Scenario, needs: &Needs) -> Option<Place> {
    let most = needs.populations.iter().max_by_key(|p| p.connections)?;
    let population = scenario.load.iter().find(|p| p.name.value == most.name)?;
    Some(population.name.place)
}

fn check_guard_rate(
    scenario: &Scenario,
    target: &Target,
    plan: &Plan,
    needs: &Needs,
    out: &mut Mistakes<'_>,
) {
    let Some(limit) = &target.max_rate else {
        return;
    };
    let mut reached = needs.requests.get();
    for (population, written) in plan.populations.iter().zip(&scenario.load) {
        let Some(users) = &population.users else {
            continue;
        };
        let Some(most) = fastest(&population.journey, users) else {
            out.error(
                File::Scenario,
                written.name.place,
                "no pause, no bound",
                format!(
                    "`{}` may send at any rate, and the guard of `{}` allows {}",
                    population.name, plan.target, limit.value
                ),
            )
            .hint("give its users a `pause`");
            return;
        };
        reached += most;
    }
    if reached <= limit.value.get() {
        return;
    }
    if reached > needs.requests.get() {
        guard_of_users(scenario, plan, limit.value, reached, out);
        return;
    }
    let highest = needs.populations.iter().max_by(|a, b| {
        a.highest_requests
            .get()
            .total_cmp(&b.highest_requests.get())
    });
    let place = highest
        .and_then(|h| scenario.load.iter().find(|p| p.name.value == h.name))
        .map_or(scenario.name.place, |p| p.name.place);
    let fits = plan.load_scale * limit.value.get() / needs.requests.get();
    out.error(
        File::Scenario,
        place,
        format!(
            "{} at {}",
            rounded(needs.requests),
            Span(whole(needs.peak.0))
        ),
        format!(
            "the load reaches {}, and the guard of `{}` allows {}",
            rounded(needs.requests),
            plan.target,
            limit.value
        ),
    )
    .hint(format!(
        "run with `--load-scale {}`, or raise `guard.max_rate` in the target",
        percent_below(fits)
    ));
}

/// The load is too much for the guard, users included if they are answered at once.
fn guard_of_users(
    scenario: &Scenario,
    plan: &Plan,
    limit: Rate,
    reached: f64,
    out: &mut Mistakes<'_>,
) {
    let users = |name: &str| {
        plan.populations
            .iter()
            .find(|p| p.name == name)?
            .users
            .as_ref()
    };
    let most = scenario
        .load
        .iter()
        .max_by_key(|p| users(&p.name.value).map_or(0, |u| u.most));
    out.error(
        File::Scenario,
        most.map_or(scenario.name.place, |p| p.name.place),
        "if answered at once",
        format!(
            "the load may reach {}, and the guard of `{}` allows {limit}",
            rounded(Rate::per_second(reached).unwrap_or_default()),
            plan.target,
        ),
    )
    .hint(format!(
        "lengthen the `pause` of its users, run with `--load-scale {}`, or raise `guard.max_rate` in \
         the target",
        percent_below(plan.load_scale * limit.get() / reached)
    ));
}

/// Whole milliseconds: more digits only distract.
fn whole(length: std::time::Duration) -> std::time::Duration {
    std::time::Duration::from_millis(u64::try_from(length.as_millis()).unwrap_or(u64::MAX))
}

/// A rate with no more digits than people read.
pub(super) fn rounded(rate: Rate) -> Rate {
    let digits = if rate.get() < 10.0 { 100.0 } else { 10.0 };
    Rate::per_second((rate.get() * digits).round() / digits).unwrap_or_default()
}
