//! The target's services and zones, and whether the guard lets brownout talk to them.

use std::net::{IpAddr, SocketAddr};

use super::{
    mistakes::{File, Mistakes},
    model::{FeaturePlan, ProbePlan, ServiceId, ServicePlan, TlsPlan, ZonePlan},
};
use crate::target::model::{ProbeRequest, Service, Target, Zone};

/// The services in the order of the file.
pub(super) fn services(target: &Target, zones: &[ZonePlan]) -> Vec<ServicePlan> {
    let folder = target.source.path.parent();
    target
        .services
        .iter()
        .map(|service| {
            let url = &service.url.value;
            let within = |path: &crate::diagnostic::Spanned<std::path::PathBuf>| match folder {
                Some(folder) => folder.join(&path.value),
                None => path.value.clone(),
            };
            let host = url.host.to_ascii_lowercase();
            ServicePlan {
                name: service.name.value.clone(),
                https: url.https,
                in_zone: zones.iter().any(|zone| below(&host, &zone.name)),
                host: host.clone(),
                port: url.port,
                at: service.at.as_ref().map(|at| at.value),
                health: service.health.as_ref().map(probe),
                capacity: service.capacity,
                headers: service
                    .headers
                    .iter()
                    .map(|(name, value)| (name.clone(), value.0.clone()))
                    .collect(),
                protocol: service.protocol,
                tls: TlsPlan {
                    ca: service.tls.ca.as_ref().map(within),
                    cert: service.tls.cert.as_ref().map(within),
                    key: service.tls.key.as_ref().map(within),
                    server_name: service.tls.server_name.clone().unwrap_or(host),
                    insecure: service.tls.insecure,
                },
                features: features(service),
            }
        })
        .collect()
}

fn features(service: &Service) -> Vec<FeaturePlan> {
    service
        .features
        .iter()
        .map(|feature| FeaturePlan {
            name: feature.name.value.clone(),
            routes: feature.routes.iter().map(|r| r.value.clone()).collect(),
            probe: feature.probe.as_ref().map(probe),
            fallback: feature.fallback.clone(),
        })
        .collect()
}

pub(super) fn probe(request: &ProbeRequest) -> ProbePlan {
    ProbePlan {
        method: request.method,
        path: request.path.clone(),
    }
}

/// The zones with full names, in lower case and without a final dot. `@` is the zone itself.
#[must_use]
pub fn zones(zones: &[Zone]) -> Vec<ZonePlan> {
    zones
        .iter()
        .map(|zone| {
            let name = canonical(&zone.name.value);
            ZonePlan {
                records: zone
                    .records
                    .iter()
                    .map(|(record, ips)| (full_name(&record.value, &name), ips.clone()))
                    .collect(),
                name,
                ttl: zone.ttl,
            }
        })
        .collect()
}

fn full_name(record: &str, zone: &str) -> String {
    let record = canonical(record);
    if record == "@" || record.is_empty() {
        zone.to_owned()
    } else {
        format!("{record}.{zone}")
    }
}

/// A name in lower case, without a final dot (RFC 4343).
pub(super) fn canonical(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Whether `name` is `zone` or lies below it.
pub(super) fn below(name: &str, zone: &str) -> bool {
    name == zone
        || name
            .strip_suffix(zone)
            .is_some_and(|rest| rest.ends_with('.'))
}

/// Where a service really listens, as far as the files tell: `at`, else a literal address, else
/// the address that a zone gives its name.
pub(super) fn address(service: &ServicePlan, zones: &[ZonePlan]) -> Option<SocketAddr> {
    if let Some(at) = service.at {
        return Some(at);
    }
    if let Ok(ip) = service.host.parse::<IpAddr>() {
        return Some(SocketAddr::new(ip, service.port));
    }
    zones
        .iter()
        .flat_map(|zone| &zone.records)
        .find(|(name, _)| *name == service.host)
        .and_then(|(_, ips)| ips.first())
        .map(|ip| SocketAddr::new(*ip, service.port))
}

/// The service called `name`.
pub(super) fn find(services: &[ServicePlan], name: &str) -> Option<ServiceId> {
    let index = services.iter().position(|s| s.name == name)?;
    u16::try_from(index).ok().map(ServiceId)
}

/// Refuses every address in the file that lies outside the guard, before anything is sent.
pub(super) fn check_guard(target: &Target, out: &mut Mistakes<'_>) {
    let guard = &target.guard;
    let allowed: Vec<String> = guard.allow.iter().map(ToString::to_string).collect();
    let mut refuse = |ip: IpAddr, place, what: String| {
        if !guard.allows(ip) {
            out.error(
                File::Target,
                place,
                "outside the guard",
                format!("{what} is {ip}, which lies outside `guard.allow`"),
            )
            .hint(format!(
                "allowed is {}; add the network to `guard.allow` only if it is yours to break",
                allowed.join(", ")
            ));
        }
    };
    for service in &target.services {
        let name = &service.name.value;
        if let Some(at) = &service.at {
            refuse(at.value.ip(), at.place, format!("`at` of service `{name}`"));
        } else if let Ok(ip) = service.url.value.host.parse() {
            refuse(
                ip,
                service.url.place,
                format!("the host of service `{name}`"),
            );
        }
    }
    for zone in &target.zones {
        for (record, ips) in &zone.records {
            for ip in ips {
                refuse(*ip, record.place, format!("the record `{}`", record.value));
            }
        }
    }
}
