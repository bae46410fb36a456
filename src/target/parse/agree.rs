//! What the parts of a target file must agree on with each other.

use std::{collections::HashMap, net::IpAddr, net::SocketAddr};

use crate::{
    diagnostic::Place,
    document::{Mistakes, closest_hint},
    guard::Guard,
    target::model::{Launch, Link, Service, Zone},
};

/// Everything in which the parts could contradict each other.
pub(super) struct Parts<'a> {
    /// `None`: it could not be read.
    pub(super) guard: Option<&'a Guard>,
    pub(super) services: &'a [Service],
    pub(super) links: &'a [Link],
    pub(super) zones: &'a [Zone],
    pub(super) launch: &'a [Launch],
}

/// Notes every contradiction.
pub(super) fn check(parts: &Parts<'_>, mistakes: &mut Mistakes) {
    addresses_within_guard(parts, mistakes);
    listeners_apart(parts, mistakes);
    hosts_in_zones(parts, mistakes);
    launched_services_listen(parts, mistakes);
}

fn addresses_within_guard(parts: &Parts<'_>, mistakes: &mut Mistakes) {
    let Some(guard) = parts.guard else {
        return;
    };
    let mut check = |ip: IpAddr, place: Place| {
        if !guard.allows(ip) {
            let allowed: Vec<String> = guard.allow.iter().map(ToString::to_string).collect();
            mistakes
                .error(
                    place,
                    format!("{ip} lies outside `guard.allow`"),
                    "brownout would refuse to connect",
                )
                .hint = Some(format!("allowed: {}", allowed.join(", ")));
        }
    };
    for service in parts.services {
        if let Some(at) = &service.at {
            check(at.value.ip(), at.place);
        } else if let Ok(ip) = service.url.value.host.parse() {
            check(ip, service.url.place);
        }
    }
    for (name, addresses) in parts.zones.iter().flat_map(|zone| &zone.records) {
        for address in addresses {
            check(*address, name.place);
        }
    }
}

/// Two listeners cannot share an address.
fn listeners_apart(parts: &Parts<'_>, mistakes: &mut Mistakes) {
    let mut taken: HashMap<SocketAddr, Place> = HashMap::new();
    // without `at` it listens where its URL says, when that says an address
    let services = parts.services.iter().filter_map(|service| {
        let url = &service.url;
        let at = service.at.as_ref().map(|at| (at.value, at.place));
        at.or_else(|| {
            let ip: IpAddr = url.value.host.parse().ok()?;
            Some((SocketAddr::new(ip, url.value.port), url.place))
        })
    });
    let links = parts.links.iter().map(|link| &link.listen);
    for listen in links.clone() {
        if !listen.value.ip().is_loopback() {
            mistakes.warning(
                listen.place,
                format!(
                    "this link listens on {}, which others may reach",
                    listen.value.ip()
                ),
                "not a loopback address",
            );
        }
    }
    // where a Toxiproxy listens, nothing of ours does
    let ours = parts.links.iter().filter(|link| link.via.is_none());
    let links = ours.map(|link| ((link.listen.value, link.listen.place), true));
    for ((addr, place), is_link) in services.map(|s| (s, false)).chain(links) {
        let first = taken.insert(addr, place);
        // two services may well be one process
        if let Some(first) = first
            && is_link
        {
            mistakes
                .error(place, format!("{addr} is taken"), "two cannot listen there")
                .at_also(first, "taken here");
        }
    }
}

/// A host below one of the zones must be a name in it, or nobody could find it.
fn hosts_in_zones(parts: &Parts<'_>, mistakes: &mut Mistakes) {
    for service in parts.services {
        let host = &service.url.value.host;
        for zone in parts.zones {
            let name = if *host == zone.name.value {
                "@"
            } else if let Some(name) = host
                .strip_suffix(&zone.name.value)
                .and_then(|rest| rest.strip_suffix('.'))
            {
                name
            } else {
                continue;
            };
            if !zone.records.iter().any(|(record, _)| record.value == name) {
                let known = zone.records.iter().map(|(record, _)| record.value.as_str());
                let hint = closest_hint(name, known);
                mistakes
                    .error(
                        service.url.place,
                        format!("the zone `{}` has no name `{name}`", zone.name.value),
                        "nobody would find this host",
                    )
                    .at_also(zone.name.place, "the zone")
                    .hint = hint;
            }
        }
    }
}

/// What is launched must be known to listen somewhere.
fn launched_services_listen(parts: &Parts<'_>, mistakes: &mut Mistakes) {
    for launch in parts.launch {
        let service = parts
            .services
            .iter()
            .find(|s| s.name.value == launch.service.value);
        if let Some(service) = service
            && service.at.is_none()
            && service.url.value.host.parse::<IpAddr>().is_err()
        {
            mistakes
                .error(
                    launch.service.place,
                    format!("where `{}` listens is not known", launch.service.value),
                    "launched here",
                )
                .at_also(service.name.place, "`at` is missing in here")
                .hint = Some("give the service `at: 127.0.0.1:PORT`".to_owned());
        }
    }
}
