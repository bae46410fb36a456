//! What is allowed but rarely meant: limits that compressed time outruns, and DNS faults that
//! caches or kept connections hide.

use super::{
    faults::written_faults,
    mistakes::{File, Mistakes},
    model::{FaultPlan, PlacePlan, Plan, ServiceId, ServicePlan},
    services::below,
};
use crate::{
    diagnostic::Place,
    scenario::model::{Reuse, Scenario},
    target::model::Protocol,
    units::Span,
};

/// A phase should leave room for this many timeouts.
const TIMEOUTS_IN_A_PHASE: u32 = 3;

/// Warns of phases without any load: what happens in them is seen by probes alone.
pub(super) fn check_silence(scenario: &Scenario, plan: &Plan, out: &mut Mistakes<'_>) {
    let crowds = super::users::crowds(&plan.populations);
    for (phase, written) in plan.phases.iter().zip(&scenario.phases) {
        let comes =
            |p: &super::model::PopulationPlan| p.curve.integral_between(phase.from, phase.to);
        let users = crowds.mean_between(phase.from, phase.to);
        if users + plan.populations.iter().map(comes).sum::<f64>() > 0.0 {
            continue;
        }
        out.warning(
            File::Scenario,
            written.name.place,
            "nobody comes",
            format!("there is no load in phase `{}`", phase.name),
        )
        .hint(
            "a phase that a curve does not name has none of it; probes alone see what happens then",
        );
    }
}

/// Warns of phases that compression makes too short for the clients' limits.
pub(super) fn check_phases(scenario: &Scenario, plan: &Plan, out: &mut Mistakes<'_>) {
    let timeouts = plan.populations.iter().map(|p| p.client.timeout);
    let Some(longest) = timeouts.max() else {
        return;
    };
    if plan.time_scale.get() <= 1.0 {
        return;
    }
    let needed = longest * TIMEOUTS_IN_A_PHASE;
    for (phase, written) in plan.phases.iter().zip(&scenario.phases) {
        let real = phase.to.since(phase.from);
        if real < needed {
            out.warning(
                File::Scenario,
                written.length.place,
                format!("{} of real time", Span(real)),
                format!(
                    "phase `{}` is shorter than {TIMEOUTS_IN_A_PHASE} times the longest client timeout ({})",
                    phase.name,
                    Span(longest)
                ),
            )
            .hint(
                "timeouts are not compressed: shorten them (with `assumed: true` and history's \
                 value), or compress less",
            );
        }
    }
}

/// A limit of connections that a population would not keep to.
pub(super) fn check_connections(scenario: &Scenario, plan: &Plan, out: &mut Mistakes<'_>) {
    for (population, written) in plan.populations.iter().zip(&scenario.load) {
        let client = &population.client;
        let streams = |id: &ServiceId| {
            let protocol = plan.services[usize::from(id.0)].protocol;
            matches!(protocol, Protocol::Http2 { .. })
        };
        let mut services = population.journey.services().into_iter();
        if client.connections.is_some()
            && client.reuse == Reuse::Shared
            && services.any(|id| streams(&id))
        {
            out.error(
                File::Scenario,
                written.name.place,
                "`connections` here",
                "shared connections of HTTP/2 are opened as their streams need them",
            )
            .hint(
                "leave `connections` out; the target's `streams` says how many requests share one",
            );
        }
    }
}

/// Warns of DNS faults that caches or kept connections would hide.
pub(super) fn check_names(scenario: &Scenario, plan: &Plan, out: &mut Mistakes<'_>) {
    let mut seen = Vec::new();
    for (fault, written) in written_faults(scenario, plan) {
        let place = written.at.place;
        // one coming of one that is drawn stands for all of them
        if fault.drawn_by.is_some() && seen.contains(&written.name.place) {
            continue;
        }
        seen.push(written.name.place);
        let PlacePlan::Dns { name, .. } = &fault.place else {
            continue;
        };
        check_ttl(plan, fault, name, place, out);
        for population in &plan.populations {
            let reached = |id: &ServiceId| fault.meets_host(&plan.services[usize::from(id.0)]);
            let visits = population.journey.services().iter().any(reached);
            if visits && population.client.reuse == Reuse::Shared {
                out.warning(
                    File::Scenario,
                    place,
                    "hidden by kept connections",
                    format!(
                        "`{}` keep their connections, so they hardly notice `{}`",
                        population.name, fault.name
                    ),
                )
                .hint("set `reuse: journey` or `reuse: none` for the population's client");
            }
        }
    }
}

fn check_ttl(plan: &Plan, fault: &FaultPlan, name: &str, place: Place, out: &mut Mistakes<'_>) {
    let zones = plan.zones.iter();
    let touched = zones.filter(|z| below(name, &z.name) || below(&z.name, name));
    let ttl = touched.map(|z| z.ttl).max();
    let (Some(ttl), Some(end)) = (ttl, &fault.end) else {
        return;
    };
    let lasts = end.expected().since(fault.start.expected());
    if lasts < ttl {
        out.warning(
            File::Scenario,
            place,
            format!("{} of real time", Span(lasts)),
            format!(
                "fault `{}` is shorter than the time that answers are cached for ({})",
                fault.name,
                Span(ttl)
            ),
        )
        .hint("lengthen the fault, or shorten the zone's `ttl` in the target");
    }
}

impl FaultPlan {
    /// Whether this is a DNS fault that meets a service's host.
    #[must_use]
    pub fn meets_host(&self, service: &ServicePlan) -> bool {
        match &self.place {
            PlacePlan::Dns { name, zone: true } => below(&service.host, name),
            PlacePlan::Dns { name, zone: false } => service.host == *name,
            PlacePlan::Link { .. } | PlacePlan::Process(_) | PlacePlan::Host { .. } => false,
        }
    }
}
