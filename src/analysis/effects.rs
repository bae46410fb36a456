//! Faults, as people read them.

use std::time::Duration;

use super::timeline::FaultTimes;
use crate::{
    plan::{FaultPlan, PlacePlan, Plan},
    scenario::model::Effect,
    units::{Ratio, Span},
};

/// What a fault met. Of none that lay in a Toxiproxy elsewhere it is not known that it met nothing:
/// only a `brownout proxy` counts.
pub(crate) fn hits(plan: &Plan, fault: &FaultPlan, times: &FaultTimes) -> Option<u64> {
    let elsewhere = match &fault.place {
        PlacePlan::Link { link, .. } => plan.links.get(*link).is_some_and(|l| l.via.is_some()),
        PlacePlan::Dns { .. } | PlacePlan::Process(_) | PlacePlan::Host { .. } => false,
    };
    let counted = times.hits > 0 || !elsewhere || times.injected.is_none();
    counted.then_some(times.hits)
}

/// What a fault does: `http: delay 12s`, with its share and ramps if it has any.
pub(crate) fn describe(fault: &FaultPlan) -> String {
    let mut text = match &fault.effect {
        Effect::Http(effect) => format!("http: {}{}", effect.action, effect.matching),
        Effect::Tcp(effect) => format!("tcp: {effect}"),
        Effect::Tls(effect) => format!("tls: {effect}"),
        Effect::Dns(effect) => format!("dns: {effect}"),
        Effect::Process(effect) => format!("process: {effect}"),
        Effect::Exec(exec) => format!("exec: {}", exec.inject.join(" ")),
    };
    text.push_str(&fault.turns.to_string());
    if fault.share != Ratio::ONE {
        text.push_str(&format!(", share {}", fault.share));
    }
    if let [(_, first), later @ ..] = &fault.shape.steps[..] {
        text.push_str(&format!(", share {first}"));
        for (after, share) in later {
            text.push_str(&format!(", {share} after {}", Span(*after)));
        }
    }
    if let Some(flap) = &fault.shape.flap {
        let (within, out) = (Span(flap.within), Span(flap.out));
        text.push_str(&format!(", in for {within} and out for {out}"));
    }
    if !fault.ramp.is_zero() {
        text.push_str(&format!(", ramp {}", Span(fault.ramp).whole_millis()));
    }
    if !fault.ramp_out.is_zero() {
        text.push_str(&format!(
            ", ramp out {}",
            Span(fault.ramp_out).whole_millis()
        ));
    }
    text
}

/// For how long caches may hide a DNS fault, or keep it: the TTL of its zone, as far as it is
/// ours, or the longer one that the fault itself gives out; `None` for other faults, and for
/// foreign names whose TTL nobody told.
pub(crate) fn dns_ttl(plan: &Plan, fault: &FaultPlan) -> Option<Duration> {
    let PlacePlan::Dns { name, .. } = &fault.place else {
        return None;
    };
    let given_out = if let Effect::Dns(effect) = &fault.effect {
        effect.ttl
    } else {
        None
    };
    plan.zones
        .iter()
        .filter(|zone| *name == zone.name || name.ends_with(&format!(".{}", zone.name)))
        .map(|zone| zone.ttl)
        .chain(given_out)
        .max()
}
