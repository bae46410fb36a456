//! Crashes are events, not states (definition 9).

use std::collections::BTreeMap;

use super::{ServiceEvent, text, world::World};
use crate::{
    event::{ExitCause, RunEvent},
    plan::{PlacePlan, ServiceId},
    time::Offset,
};

/// Crashes and restarts by service, in order.
pub(crate) fn events(world: &World<'_>) -> BTreeMap<String, Vec<ServiceEvent>> {
    let mut out: BTreeMap<String, Vec<ServiceEvent>> = BTreeMap::new();
    let mut last_was_ours: BTreeMap<&str, bool> = BTreeMap::new();
    for (at, event) in &world.record.events {
        let told = match event {
            RunEvent::ProcessExited {
                service,
                status,
                cause,
            } => {
                let Some((kind, injected, why)) = exit(world, service, *at, *cause) else {
                    continue;
                };
                last_was_ours.insert(service, injected);
                Some((service, kind, format!("{why} ({status})"), injected))
            }
            RunEvent::ProcessStarted {
                service,
                pid,
                restarts,
            } if *restarts > 0 => {
                let ours = last_was_ours.get(service.as_str()).copied();
                let detail = format!("restart {restarts}, process {pid}");
                Some((service, "restart", detail, ours.unwrap_or(false)))
            }
            RunEvent::ProcessReady { service, took } => {
                let detail = format!("ready after {}", text::seconds(took.as_secs_f64()));
                Some((service, "ready", detail, false))
            }
            _ => None,
        };
        if let Some((service, kind, detail, injected)) = told {
            out.entry(service.clone()).or_default().push(ServiceEvent {
                kind: kind.to_owned(),
                at_s: at.as_secs_f64(),
                detail,
                injected,
            });
        }
    }
    for (id, service) in world.plan.services.iter().enumerate() {
        let lost = listeners_lost(world, id);
        if !lost.is_empty() {
            out.entry(service.name.clone()).or_default().extend(lost);
        }
    }
    for events in out.values_mut() {
        events.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    }
    out
}

/// Kind, whether it was our doing, and why; `None` for the shutdown at the end.
fn exit(
    world: &World<'_>,
    service: &str,
    at: Offset,
    cause: ExitCause,
) -> Option<(&'static str, bool, &'static str)> {
    match cause {
        ExitCause::Own => Some(("crash", false, "exited by itself")),
        // a process that we had paused cannot answer its liveness probe: that is our doing
        ExitCause::Liveness if held(world, service, at) => {
            Some(("killed_by_us", true, "liveness while a fault held it"))
        }
        ExitCause::Liveness => Some(("crash", false, "liveness")),
        ExitCause::Injected => Some(("killed_by_us", true, "killed by a fault")),
        ExitCause::Shutdown => None,
    }
}

fn held(world: &World<'_>, service: &str, at: Offset) -> bool {
    let plan = world.plan;
    let id = plan.services.iter().position(|s| s.name == service);
    let Some(id) = id.and_then(|id| u16::try_from(id).ok()).map(ServiceId) else {
        return false;
    };
    let reach = world.grid.width;
    world.timeline.tampered(plan, id, at, reach)
}

/// Of a service whose process we cannot see: bins in which most requests were refused, and no
/// fault of ours on its process or on a link to it explains that.
fn listeners_lost(world: &World<'_>, id: usize) -> Vec<ServiceEvent> {
    let plan = world.plan;
    let launched = plan.launch.iter().any(|l| usize::from(l.service.0) == id);
    let Some(judged) = world.places.get(&plan.services[id].name) else {
        return Vec::new();
    };
    if launched {
        return Vec::new();
    }
    let ours: Vec<_> = (0..plan.faults.len())
        .filter(|i| reaches(world, *i, id))
        .filter_map(|i| world.timeline.in_force(i))
        .map(|(from, to)| (from, to.plus(world.grid.width)))
        .collect();
    let mut lost = Vec::new();
    let mut before = false;
    for (bin, samples) in judged.samples.bins.iter().enumerate() {
        let counts = &samples.counts;
        let at = world.grid.offset(bin);
        let end = world.grid.offset(bin + 1);
        let explained = ours.iter().any(|(from, to)| *from < end && at < *to);
        let gone = counts.offered > 0 && counts.refused * 2 >= counts.offered && !explained;
        if gone && !before {
            lost.push(ServiceEvent {
                kind: "crash".to_owned(),
                at_s: at.as_secs_f64(),
                detail: "listener lost: connections refused".to_owned(),
                injected: false,
            });
        }
        // silence says nothing about the listener
        before = gone || (before && counts.offered == 0);
    }
    lost
}

fn reaches(world: &World<'_>, fault: usize, service: usize) -> bool {
    match &world.plan.faults[fault].place {
        PlacePlan::Link { link, .. } => {
            let link = world.plan.links.get(*link);
            link.is_some_and(|l| usize::from(l.to.0) == service)
        }
        PlacePlan::Process(id) => usize::from(id.0) == service,
        // what nobody knows explains anything
        PlacePlan::Host { service: hit, .. } => hit.is_none_or(|id| usize::from(id.0) == service),
        PlacePlan::Dns { .. } => false,
    }
}
