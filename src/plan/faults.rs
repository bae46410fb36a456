//! Faults resolved: where each is put in, and whether its effect fits there.

use std::path::Path;

use super::{
    launch, links,
    mistakes::{File, Mistakes},
    model::{FaultPlan, LinkPlan, LinkTls, PlacePlan, Plan, ServiceId, ServicePlan, ZonePlan},
    names, services,
    windows::Times,
};
use crate::{
    diagnostic::Place,
    guard::Guard,
    scenario::model::{
        Effect, Fault, FaultPlace, ProcessEffect, RoutePattern, Scenario, TcpEffect, TlsEffect,
    },
    target::model::Launch,
    time::Compression,
    units::Ratio,
};

/// What places are resolved against. Links of visitors are added as faults need them.
pub(super) struct Ground<'a> {
    pub(super) services: &'a [ServicePlan],
    pub(super) zones: &'a [ZonePlan],
    pub(super) launch: &'a [Launch],
    pub(super) links: &'a mut Vec<LinkPlan>,
    pub(super) time: Compression,
    /// Of the scenario's file.
    pub(super) folder: &'a Path,
    pub(super) executable: &'a Path,
    pub(super) guard: &'a Guard,
    /// How many servers answer for the zones.
    pub(super) dns_servers: u32,
}

impl Ground<'_> {
    fn host(&self, service: Option<ServiceId>) -> PlacePlan {
        // the folder of a bare file name is "", where nothing can be started
        let folder = match self.folder {
            bare if bare == Path::new("") => Path::new("."),
            folder => folder,
        };
        PlacePlan::Host {
            service,
            folder: folder.to_owned(),
        }
    }
}

/// The faults of a plan, each with what was written of it: one that is lost where its needs are is
/// written once, for several places.
pub(super) fn written_faults<'a>(
    scenario: &'a Scenario,
    plan: &'a Plan,
) -> impl Iterator<Item = (&'a FaultPlan, &'a Fault)> {
    plan.faults.iter().filter_map(|fault| {
        let mut written = scenario.faults.iter();
        let own = |f: &&Fault| {
            let rest = fault.name.strip_prefix(&f.name.value);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        Some((fault, written.find(own)?))
    })
}

/// Resolves one fault; its place is checked even when its window is wrong (`times` is `None`).
pub(super) fn resolve(
    fault: &Fault,
    times: Option<&Times>,
    ground: &mut Ground<'_>,
    out: &mut Mistakes<'_>,
) -> Option<FaultPlan> {
    check_shape(fault, out);
    let mut effect = fault.effect.value.clone();
    if let Effect::Exec(exec) = &mut effect {
        for command in [&mut exec.inject, &mut exec.undo]
            .into_iter()
            .chain(&mut exec.check)
        {
            launch::own_name(command, ground.executable);
        }
    }
    let place = place(fault, &mut effect, ground, out)?;
    let times = times?;
    Some(FaultPlan {
        name: fault.name.value.clone(),
        at: written(&fault.at.value),
        loses: fault.lose.as_ref().map(|loss| loss.value.feature.clone()),
        drawn_by: fault.drawn_by.clone(),
        place,
        start: times.start.clone(),
        end: times.end.clone(),
        ramp: ground.time.real(fault.ramp),
        ramp_out: ground.time.real(fault.ramp_out),
        share: fault.share,
        turns: fault.turns,
        shape: super::shapes::resolve(&fault.shape, ground.time),
        effect,
        provenance: fault.provenance.clone(),
    })
}

/// A place as it is written.
fn written(place: &FaultPlace) -> String {
    match place {
        FaultPlace::Link { from, to } => format!("{from} -> {to}"),
        FaultPlace::Service(service) => format!("service {service}"),
        FaultPlace::Feature { service, feature } => format!("feature {service}/{feature}"),
        FaultPlace::Process(service) => format!("process {service}"),
        FaultPlace::Host => "host".to_owned(),
        FaultPlace::Dns(name) => format!("dns {name}"),
    }
}

/// Ramps need something that grows, shares something that can be divided.
fn check_shape(fault: &Fault, out: &mut Mistakes<'_>) {
    let name = &fault.name.value;
    let whole = match &fault.effect.value {
        Effect::Process(process) if process.grows() => None,
        Effect::Process(_) => Some("a process is stopped as a whole"),
        Effect::Exec(_) => Some("a command is run or not"),
        Effect::Tcp(TcpEffect::Down) => Some("a listener is closed as a whole"),
        Effect::Tcp(_) | Effect::Tls(_) | Effect::Http(_) | Effect::Dns(_) => None,
    };
    let Some(reason) = whole else { return };
    if !fault.ramp.0.is_zero() || !fault.ramp_out.0.is_zero() {
        out.error(
            File::Scenario,
            fault.effect.place,
            "cannot grow or shrink",
            format!("fault `{name}` has a ramp, but {reason}"),
        )
        .hint("take out `ramp` and `ramp_out`");
    }
    if fault.share < Ratio::ONE {
        out.error(
            File::Scenario,
            fault.effect.place,
            "cannot meet a part",
            format!("fault `{name}` has a share, but {reason}"),
        )
        .hint("take out `share`");
    }
}

/// Which plane an effect belongs to, as it is written.
const fn plane(effect: &Effect) -> &'static str {
    match effect {
        Effect::Http(_) => "http",
        Effect::Tcp(_) => "tcp",
        Effect::Tls(_) => "tls",
        Effect::Dns(_) => "dns",
        Effect::Process(_) => "process",
        Effect::Exec(_) => "exec",
    }
}

/// Where effects of a plane may stand.
const fn home(effect: &Effect) -> &'static str {
    match effect {
        Effect::Http(_) => "http faults stand at a link, `service NAME` or `feature SERVICE/NAME`",
        Effect::Tcp(_) => "tcp faults stand at a link or `service NAME`",
        Effect::Tls(_) => "tls faults stand at a link or `service NAME`",
        Effect::Dns(_) => "dns faults stand at `dns NAME`",
        Effect::Process(_) => "process faults stand at `process NAME`",
        Effect::Exec(_) => "exec faults stand at `host` or `service NAME`",
    }
}

fn place(
    fault: &Fault,
    effect: &mut Effect,
    ground: &mut Ground<'_>,
    out: &mut Mistakes<'_>,
) -> Option<PlacePlan> {
    let at = fault.at.place;
    let fits = match &*effect {
        Effect::Http(_) => matches!(
            fault.at.value,
            FaultPlace::Link { .. } | FaultPlace::Service(_) | FaultPlace::Feature { .. }
        ),
        Effect::Tcp(_) | Effect::Tls(_) => matches!(
            fault.at.value,
            FaultPlace::Link { .. } | FaultPlace::Service(_)
        ),
        Effect::Dns(_) => matches!(fault.at.value, FaultPlace::Dns(_)),
        Effect::Process(_) => matches!(fault.at.value, FaultPlace::Process(_)),
        Effect::Exec(_) => matches!(fault.at.value, FaultPlace::Host | FaultPlace::Service(_)),
    };
    if !fits {
        let name = &fault.name.value;
        let plane = plane(effect);
        let written = written(&fault.at.value);
        out.error(
            File::Scenario,
            fault.effect.place,
            format!("a {plane} fault"),
            format!("fault `{name}` cannot do this at `{written}`"),
        )
        .also(at, "here")
        .hint(home(effect));
    }
    let found = match &fault.at.value {
        FaultPlace::Link { from, to } => link(from, to, fault, effect, ground, out),
        FaultPlace::Service(name) if matches!(effect, Effect::Exec(_)) => {
            let id = service(name, at, ground, out);
            id.map(|id| ground.host(Some(id)))
        }
        FaultPlace::Host => Some(ground.host(None)),
        FaultPlace::Service(service) => visitors(service, None, fault, effect, ground, out),
        FaultPlace::Feature { service, feature } => {
            visitors(service, Some(feature), fault, effect, ground, out)
        }
        FaultPlace::Process(service) => process(service, fault, ground, out),
        FaultPlace::Dns(name) => {
            if let Effect::Dns(effect) = &*effect {
                names::check(fault, effect, ground, out);
            }
            names::place(name, at, ground, out)
        }
    };
    found.filter(|_| fits)
}

fn link(
    from: &str,
    to: &str,
    fault: &Fault,
    effect: &Effect,
    ground: &Ground<'_>,
    out: &mut Mistakes<'_>,
) -> Option<PlacePlan> {
    let name = format!("{from} -> {to}");
    let declared = ground.links.iter().filter(|l| !l.visitors);
    let Some(index) = declared.clone().position(|l| l.name == name) else {
        let known: Vec<&str> = declared.map(|l| l.name.as_str()).collect();
        out.unknown(File::Scenario, fault.at.place, "link", &name, known);
        return None;
    };
    if matches!(effect, Effect::Http(_)) && !ground.links[index].http {
        out.error(
            File::Scenario,
            fault.effect.place,
            "an http fault",
            format!("link `{name}` passes bytes on and sees no requests"),
        )
        .also(fault.at.place, "a tcp link")
        .hint(match ground.links[index].via {
            Some(_) => "a link `via: toxiproxy` takes tcp faults only",
            None => "declare the link with `layer: http` in the target (it takes tcp faults too)",
        });
        return None;
    }
    if ground.links[index].via.is_some() && !fault.turns.is_all() {
        out.error(
            File::Scenario,
            fault.effect.place,
            "`every` or `first`",
            format!("the Toxiproxy of link `{name}` does not count connections"),
        )
        .hint("take out `every` and `first`, or give a `share`");
        return None;
    }
    if ground.links[index].via.is_some() && matches!(effect, Effect::Tcp(TcpEffect::Corrupt { .. }))
    {
        out.error(
            File::Scenario,
            fault.effect.place,
            "`corrupt`",
            format!("the Toxiproxy of link `{name}` has no such toxic"),
        )
        .hint("without `via` the link is brownout's own, which has it");
        return None;
    }
    if let Effect::Tls(effect) = effect
        && !can_show(&ground.links[index], *effect, fault, out)
    {
        return None;
    }
    Some(PlacePlan::Link {
        link: index,
        feature: None,
    })
}

/// Whether a declared link can show a certificate with that flaw.
fn can_show(link: &LinkPlan, flaw: TlsEffect, fault: &Fault, out: &mut Mistakes<'_>) -> bool {
    let at = fault.at.place;
    let (what, why, hint) = match (&link.tls, flaw) {
        (Some(LinkTls::Generated), _) | (Some(LinkTls::Files { .. }), TlsEffect::Untrusted) => {
            return true;
        }
        (Some(LinkTls::Files { .. }), _) => (
            "its certificate is yours",
            format!(
                "link `{}` can show nothing {flaw}: only your authority could sign it",
                link.name
            ),
            "with `tls: generated` an authority of ours signs; `untrusted` needs none",
        ),
        (None, _) => (
            "no TLS with who dials it",
            format!("link `{}` shows nobody a certificate", link.name),
            "give the link `tls: generated` in the target, and let the application dial it by https",
        ),
    };
    out.error(File::Scenario, fault.effect.place, "a tls fault", why)
        .also(at, what)
        .hint(hint);
    false
}

fn visitors(
    name: &str,
    feature: Option<&str>,
    fault: &Fault,
    effect: &mut Effect,
    ground: &mut Ground<'_>,
    out: &mut Mistakes<'_>,
) -> Option<PlacePlan> {
    let at = fault.at.place;
    let id = service(name, at, ground, out)?;
    let service = &ground.services[usize::from(id.0)];
    let tls = matches!(effect, Effect::Tls(_));
    // certificates are shown by who understands what comes after them
    let http = tls || matches!(effect, Effect::Http(_));
    if let Some(wanted) = feature {
        let Some(plan) = service.features.iter().find(|f| f.name == wanted) else {
            let known: Vec<&str> = service.features.iter().map(|f| f.name.as_str()).collect();
            out.unknown(File::Scenario, at, "feature", wanted, known);
            return None;
        };
        if let Effect::Http(http) = effect {
            http.matching.routes = plan.routes.clone();
            // its probe is one of its visitors, also when none of its routes covers it
            if let Some(probe) = &plan.probe {
                let covered = |r: &RoutePattern| r.matches(probe.method.as_str(), &probe.path);
                if !plan.routes.iter().any(covered) {
                    http.matching.routes.push(exact(probe.method, &probe.path));
                }
            }
        }
    }
    if tls && feature.is_none() && !service.https {
        out.error(
            File::Scenario,
            fault.effect.place,
            "a tls fault",
            format!("`{name}` is reached in plain: nobody shows a certificate there"),
        )
        .also(at, "its URL is http")
        .hint("tls faults stand in front of services with an https URL");
        return None;
    }
    let link = links::visitors(ground.links, id, ground.services, ground.zones, http);
    if link.is_none() {
        out.error(
            File::Scenario,
            at,
            "where does it listen?",
            format!("nothing says where the way to `{name}` leads, so it cannot be stood in"),
        )
        .hint(format!(
            "give service `{name}` an `at: ADDRESS:PORT` in the target"
        ));
    }
    Some(PlacePlan::Link {
        link: link?,
        feature: feature.map(str::to_owned),
    })
}

/// The pattern that means one path only (its query left out).
fn exact(method: crate::scenario::model::Method, path: &str) -> RoutePattern {
    let path = path.split('?').next().unwrap_or(path);
    RoutePattern {
        method: Some(method),
        segments: path
            .trim_start_matches('/')
            .split('/')
            .map(str::to_owned)
            .collect(),
    }
}

fn process(
    name: &str,
    fault: &Fault,
    ground: &Ground<'_>,
    out: &mut Mistakes<'_>,
) -> Option<PlacePlan> {
    let at = fault.at.place;
    let id = service(name, at, ground, out)?;
    let Some(launch) = ground.launch.iter().find(|l| l.service.value == name) else {
        out.error(
            File::Scenario,
            at,
            "not launched by brownout",
            format!("`{name}` is no process of ours to stop"),
        )
        .hint(format!("add `{name}` to `launch:` in the target"));
        return None;
    };
    if let Effect::Process(effect) = fault.effect.value
        && effect.needs_restart()
        && !launch.restart
    {
        let word = effect.word();
        out.error(
            File::Scenario,
            fault.effect.place,
            format!("`{word}`"),
            format!("`{name}` is not started again after it has ended"),
        )
        .hint("its `restart` is false in the target's `launch:`; `kill` and `stop` are possible");
        return None;
    }
    if matches!(
        fault.effect.value,
        Effect::Process(ProcessEffect::Disk { .. })
    ) && launch.disk.is_none()
    {
        out.error(
            File::Scenario,
            fault.effect.place,
            "which disk?",
            format!("`{name}` has no disk of its own that could be filled"),
        )
        .hint(format!(
            "give it one in the target: `launch: {{{name}: {{disk: {{path: data, size: 64MB}}}}}}`"
        ));
        return None;
    }
    Some(PlacePlan::Process(id))
}

fn service(
    name: &str,
    at: Place,
    ground: &Ground<'_>,
    out: &mut Mistakes<'_>,
) -> Option<ServiceId> {
    let found = services::find(ground.services, name);
    if found.is_none() {
        let known = ground.services.iter().map(|s| s.name.as_str());
        out.unknown(File::Scenario, at, "service", name, known);
    }
    found
}
