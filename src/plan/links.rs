//! The links that are interposed: the declared ones, and the ways of the visitors that faults use.

use std::net::SocketAddr;

use super::{
    mistakes::{File, Mistakes},
    model::{LinkPlan, LinkTls, ServiceId, ServicePlan, ZonePlan},
    services,
};
use crate::target::model::{Certificate, Layer, Link, Target};

/// The declared links, in the order of the file; index = index in the file, so an unusable link
/// still takes its place.
pub(super) fn declared(
    target: &Target,
    services: &[ServicePlan],
    zones: &[ZonePlan],
    out: &mut Mistakes<'_>,
) -> Vec<LinkPlan> {
    let mut taken: Vec<(SocketAddr, String)> = services
        .iter()
        .filter_map(|s| {
            Some((
                services::address(s, zones)?,
                format!("service `{}`", s.name),
            ))
        })
        .collect();
    let mut links = Vec::new();
    for link in &target.links {
        let name = format!("{} -> {}", link.from.value, link.to.value);
        let known = || services.iter().map(|s| s.name.as_str());
        for end in [&link.from, &link.to] {
            if services::find(services, &end.value).is_none() {
                out.unknown(File::Target, end.place, "service", &end.value, known());
            }
        }
        let listen = link.listen.value;
        let owner = taken.iter().find(|(addr, _)| *addr == listen);
        // where a Toxiproxy listens, nothing of ours does
        match owner.filter(|_| link.via.is_none()) {
            Some((_, owner)) => {
                out.error(
                    File::Target,
                    link.listen.place,
                    "taken",
                    format!("link `{name}` listens on {listen}, and so does {owner}"),
                )
                .hint("give the link an address of its own, and let the application dial it");
            }
            None => taken.push((listen, format!("link `{name}`"))),
        }
        let to = services::find(services, &link.to.value);
        let upstream = to.and_then(|id| {
            let upstream = services::address(&services[usize::from(id.0)], zones);
            if upstream.is_none() {
                out.error(
                    File::Target,
                    link.to.place,
                    "where does it listen?",
                    format!("link `{name}` does not know where to dial"),
                )
                .hint(format!(
                    "give service `{}` an `at: ADDRESS:PORT`",
                    link.to.value
                ));
            }
            upstream
        });
        links.push(LinkPlan {
            name,
            visitors: false,
            to: to.unwrap_or(ServiceId(0)),
            http: link.layer == Layer::Http,
            listen,
            // a link without an upstream was reported above: this plan is never handed out
            upstream: upstream.unwrap_or(listen),
            tls: tls(target, link),
            via: link.via.as_ref().map(|via| via.value.clone()),
        });
    }
    links
}

fn tls(target: &Target, link: &Link) -> Option<LinkTls> {
    Some(match &link.tls.as_ref()?.value {
        Certificate::Generated => LinkTls::Generated,
        Certificate::Files { cert, key } => LinkTls::Files {
            cert: target.path(cert),
            key: target.path(key),
        },
    })
}

/// The index of the way of the visitors to `service`, made when it is not there yet; `None` when
/// nobody knows where the service listens.
pub(super) fn visitors(
    links: &mut Vec<LinkPlan>,
    service: ServiceId,
    services: &[ServicePlan],
    zones: &[ZonePlan],
    http: bool,
) -> Option<usize> {
    let plan = &services[usize::from(service.0)];
    // who sees requests has to speak TLS in the service's stead
    let tls = (http && plan.https).then_some(LinkTls::Generated);
    let found = links.iter().position(|l| l.visitors && l.to == service);
    if let Some(index) = found {
        let link = &mut links[index];
        link.http |= http;
        link.tls = link.tls.take().or(tls);
        return Some(index);
    }
    links.push(LinkPlan {
        name: format!("visitors -> {}", plan.name),
        visitors: true,
        to: service,
        http,
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        upstream: services::address(plan, zones)?,
        tls,
        via: None,
    });
    Some(links.len() - 1)
}
