//! Everything that is needed to reach the services, and the one place where the guard is asked.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, OnceLock},
};

use hyper::header::{HeaderName, HeaderValue};
use tokio::time::Instant;

use super::{
    http1::Constant,
    resolver::{Upstream, VirtualResolver},
    source::Sources,
    tls::Tls,
};
use crate::{
    guard::Guard,
    marks::Marks,
    measure::Outcome,
    plan::{Plan, Protocol, ServiceId, ServicePlan},
    scenario::model::{DnsEffect, Effect},
    seed::Seed,
    tls::{Authority, Trust},
};

/// What was put between clients and services.
#[derive(Debug, Clone, Default)]
pub struct Wiring {
    /// Our DNS servers, tried in this order; without any, names are resolved by the system.
    pub dns: Vec<SocketAddr>,
    /// For each service, the address of the visitors' link where one is interposed.
    pub visitors: Vec<Option<SocketAddr>>,
    /// What faults on the way did to requests that got no answer.
    pub marks: Arc<Marks>,
    /// Who signs what those links show that speak TLS with visitors.
    pub authority: Option<Arc<Authority>>,
}

/// Why the services of a plan cannot be reached by any means.
#[derive(Debug, thiserror::Error)]
#[error("service `{service}`: {why}")]
pub struct NetworkError {
    /// Which service.
    pub service: String,
    /// What is wrong.
    pub why: String,
}

/// The way to the services. Made once, shared by all workers and never changed.
#[derive(Debug)]
pub struct Network {
    guard: Guard,
    endpoints: Vec<Endpoint>,
    dns: Vec<SocketAddr>,
    /// Addresses that faults answer and where nobody lives, so that nobody is dialled there.
    nowhere: Vec<IpAddr>,
    seed: Seed,
    blocked: OnceLock<String>,
    pub(super) sources: Sources,
    pub(super) marks: Arc<Marks>,
}

/// One service, ready to be dialled.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// In lower case, without a final dot.
    host: String,
    /// Its address, when nobody need be asked for it.
    literal: Option<IpAddr>,
    port: u16,
    at: Option<SocketAddr>,
    in_zone: bool,
    /// What our zone says of it, if it does.
    known: Vec<IpAddr>,
    link: Option<SocketAddr>,
    /// Towards the service itself; `None` where its URL is http.
    pub(super) tls: Option<Tls>,
    /// Towards the link, where that speaks TLS in the service's stead.
    link_tls: Option<Tls>,
    pub(super) protocol: Protocol,
    /// The header lines of all requests to it.
    pub(super) constant: Constant,
}

/// Where a visitor dials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) addr: SocketAddr,
    /// A fault of ours led astray: what comes of it is its doing.
    pub(super) injected: bool,
}

/// Why nobody was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) outcome: Outcome,
    /// It was a fault of ours.
    pub(super) injected: bool,
}

/// Who is asked about a name.
#[derive(Clone, Copy)]
struct Asking<'a> {
    resolver: &'a VirtualResolver,
    upstream: &'a Upstream,
    deadline: Instant,
    marks: &'a Marks,
}

impl Way {
    const fn to(addr: SocketAddr) -> Self {
        Self {
            addr,
            injected: false,
        }
    }
}

impl From<Outcome> for Lost {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            injected: false,
        }
    }
}

impl Network {
    /// Reads certificate files and prepares what is sent to every service.
    ///
    /// # Errors
    /// [`NetworkError`] for an unreadable or unusable file, or a header that HTTP forbids.
    pub fn new(plan: &Plan, wiring: Wiring) -> Result<Arc<Self>, NetworkError> {
        let endpoints = plan
            .services
            .iter()
            .enumerate()
            .map(|(index, service)| {
                let link = wiring.visitors.get(index).copied().flatten();
                let host = service.host.trim_end_matches('.');
                let mut records = plan.zones.iter().flat_map(|zone| &zone.records);
                let known = records.find(|(name, _)| name.eq_ignore_ascii_case(host));
                let known = known.map_or(&[][..], |(_, addresses)| addresses);
                let shaken = plan.links.iter().any(|link| {
                    link.visitors && usize::from(link.to.0) == index && link.tls.is_some()
                });
                let signer = wiring.authority.as_deref().filter(|_| shaken);
                Endpoint::new(service, link, known, signer).map_err(|why| NetworkError {
                    service: service.name.clone(),
                    why,
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Arc::new(Self {
            guard: plan.guard.clone(),
            endpoints,
            dns: wiring.dns,
            nowhere: nowhere(plan),
            seed: plan.seed,
            blocked: OnceLock::new(),
            sources: Sources::default(),
            marks: wiring.marks,
        }))
    }

    /// The first connect that the guard refused, if any: the run is to be stopped then.
    #[must_use]
    pub fn blocked(&self) -> Option<String> {
        self.blocked.get().cloned()
    }

    /// How many source addresses connections went out from: more than one where local ports ran
    /// out.
    #[must_use]
    pub fn sources(&self) -> u32 {
        self.sources.count()
    }

    /// Whether any service is reached through a link of ours, which costs two more descriptors.
    #[must_use]
    pub fn is_interposed(&self) -> bool {
        self.endpoints.iter().any(|e| e.link.is_some())
    }

    /// The seed of resolver number `index` of members `who`.
    pub(super) fn resolver_seed(&self, who: usize, index: u64) -> Seed {
        let seed = self.seed.named("virtual resolvers");
        seed.indexed(who as u64).indexed(index)
    }

    pub(super) fn upstream(&self) -> Upstream {
        Upstream::new(&self.dns)
    }

    pub(super) fn endpoint(&self, service: ServiceId) -> &Endpoint {
        &self.endpoints[usize::from(service.0)]
    }

    /// Where a visitor dials. The name is resolved first, where clients would resolve one, even
    /// if the address is then replaced by that of the visitors' link: so DNS faults meet visitors
    /// in either case. The guard is asked about what the name resolved to; a link is a listener
    /// of ours, which asks the guard about its upstream itself.
    pub(super) async fn visitors_address(
        &self,
        service: ServiceId,
        resolver: &VirtualResolver,
        upstream: &Upstream,
        deadline: Instant,
    ) -> Result<Way, Lost> {
        let endpoint = self.endpoint(service);
        let asking = Asking {
            resolver,
            upstream,
            deadline,
            marks: &self.marks,
        };
        let real = endpoint.real_address(asking).await?;
        // a wrong answer leads past the link, to wherever it leads
        let astray = endpoint.is_astray(real.addr.ip());
        let injected = real.injected && astray;
        if astray && self.nowhere.contains(&real.addr.ip()) {
            // nobody lives there, so nobody would answer; and the guard is not asked in earnest
            tokio::time::sleep_until(deadline).await;
            return Err(Lost {
                outcome: Outcome::TimeoutConnect,
                injected,
            });
        }
        self.allow(real.addr)?;
        Ok(Way {
            addr: endpoint.link.filter(|_| !astray).unwrap_or(real.addr),
            injected,
        })
    }

    /// Where the service really is, past any link of ours: for readiness.
    pub(super) async fn real_address(
        &self,
        service: ServiceId,
        resolver: &VirtualResolver,
        upstream: &Upstream,
        deadline: Instant,
    ) -> Result<SocketAddr, Outcome> {
        let endpoint = self.endpoint(service);
        let real = match endpoint.at {
            Some(at) => at,
            None => {
                let asking = Asking {
                    resolver,
                    upstream,
                    deadline,
                    marks: &self.marks,
                };
                let found = endpoint.real_address(asking).await;
                found.map_err(|lost| lost.outcome)?.addr
            }
        };
        self.allow(real)?;
        Ok(real)
    }

    /// Asks the guard and remembers a refusal.
    pub(super) fn allow(&self, addr: SocketAddr) -> Result<(), Outcome> {
        self.guard.check(addr).map_err(|refused| {
            // only the first is kept
            self.blocked.get_or_init(|| refused.to_string());
            Outcome::Blocked
        })
    }
}

fn nowhere(plan: &Plan) -> Vec<IpAddr> {
    let effects = plan.faults.iter().filter_map(|fault| match &fault.effect {
        Effect::Dns(effect) => Some(effect),
        _ => None,
    });
    let addresses = effects.flat_map(DnsEffect::addresses).copied();
    addresses.filter(|ip| !plan.guard.allows(*ip)).collect()
}

impl Endpoint {
    fn new(
        service: &ServicePlan,
        link: Option<SocketAddr>,
        known: &[IpAddr],
        signer: Option<&Authority>,
    ) -> Result<Self, String> {
        let host = service.host.trim_end_matches('.').to_ascii_lowercase();
        let literal: Option<IpAddr> = match host.as_str() {
            // never a question to a name server (RFC 6761 section 6.3)
            "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
            other => other.parse().ok(),
        };
        let shown = match literal {
            Some(IpAddr::V6(ip)) => format!("[{ip}]"),
            _ => host.clone(),
        };
        let usual = if service.https { 443 } else { 80 };
        let authority = if service.port == usual {
            shown
        } else {
            format!("{shown}:{}", service.port)
        };
        let headers: Vec<_> = service
            .headers
            .iter()
            .map(|(name, value)| {
                let wrong = || format!("header `{name}` is not one that HTTP allows");
                let mut value = HeaderValue::from_str(value).map_err(|_| wrong())?;
                value.set_sensitive(true);
                let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
                Ok((name, value))
            })
            .collect::<Result<_, String>>()?;
        Ok(Self {
            literal,
            port: service.port,
            at: service.at,
            in_zone: service.in_zone,
            known: known.to_vec(),
            link,
            tls: Tls::new(service, Trust::AsSet)?,
            link_tls: match signer {
                Some(signer) => Tls::new(service, Trust::Only(signer.certificate()))?,
                None => None,
            },
            protocol: service.protocol,
            constant: Constant::new(
                &HeaderValue::from_str(&authority)
                    .map_err(|_| format!("`{authority}` cannot stand in a Host header"))?,
                &headers,
            ),
            host,
        })
    }

    /// The address by name or by `at`: a name in a zone of ours always resolves (and `at` then
    /// gives the port), `at` alone stands for the address, anything else is resolved unless it is
    /// an address already.
    async fn real_address(&self, asking: Asking<'_>) -> Result<Way, Lost> {
        let resolved = async |port| {
            let Asking {
                resolver,
                upstream,
                deadline,
                marks,
            } = asking;
            let found = resolver
                .resolve(&self.host, upstream, deadline, marks)
                .await;
            let injected = found.injected;
            match found.answer {
                Ok(ip) => Ok(Way {
                    addr: SocketAddr::new(ip, port),
                    injected,
                }),
                Err(outcome) => Err(Lost { outcome, injected }),
            }
        };
        match (self.at, self.literal) {
            (at, _) if self.in_zone => resolved(at.map_or(self.port, |at| at.port())).await,
            (Some(at), _) => Ok(Way::to(at)),
            (None, Some(ip)) => Ok(Way::to(SocketAddr::new(ip, self.port))),
            (None, None) => resolved(self.port).await,
        }
    }

    /// How to speak TLS at an address of it, and whether a link of ours answers there.
    pub(super) fn tls_at(&self, addr: SocketAddr) -> Option<(&Tls, bool)> {
        let link = self.link_tls.as_ref().filter(|_| self.link == Some(addr));
        link.map(|tls| (tls, true))
            .or_else(|| self.tls.as_ref().map(|tls| (tls, false)))
    }

    /// Whether an address is none of those that our zone gives the name.
    fn is_astray(&self, ip: IpAddr) -> bool {
        self.in_zone && !self.known.is_empty() && !self.known.contains(&ip)
    }
}
