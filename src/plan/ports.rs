//! How fast a plan uses local ports up.
//!
//! Who closes a connection first keeps its four addresses for a minute (TIME_WAIT, RFC 9293 section
//! 3.6.1), so a client that dials anew each time runs out of ports long before it has many
//! connections open. Measured on Linux 6.18: the end that closes *second* holds nothing back, and
//! `net.ipv4.tcp_tw_reuse` gives a port to a new connection to the same place after a second.

use std::{net::IpAddr, time::Duration};

use super::{
    Here,
    model::{Plan, ServiceId, ServicePlan},
    services,
};
use crate::scenario::model::Reuse;

/// Connections to a loopback address go out from at most so many addresses, 127.0.0.1 and its
/// neighbours, once the ports of the first are used up.
pub const LOOPBACK_SOURCES: u8 = 16;

/// How long Linux keeps a port of a closed connection (`TCP_TIMEWAIT_LEN`, which no setting changes).
const TIME_WAIT: Duration = Duration::from_secs(60);
/// With `tcp_tw_reuse`, it is given out again after this time (`tcp_tw_reuse_delay`).
const REUSED_AFTER: Duration = Duration::from_secs(1);

/// Whether ports in TIME_WAIT are given to new connections (`net.ipv4.tcp_tw_reuse`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortReuse {
    /// 0: never.
    Never,
    /// 2, the default of Linux since 4.19: to connections on the loopback interface only.
    Loopback,
    /// 1: to all.
    Always,
}

impl PortReuse {
    /// How long a connection that we closed holds its local port.
    #[must_use]
    pub const fn held_for(self, loopback: bool) -> Duration {
        match (self, loopback) {
            (Self::Always, _) | (Self::Loopback, true) => REUSED_AFTER,
            (Self::Never, _) | (Self::Loopback, false) => TIME_WAIT,
        }
    }
}

impl Plan {
    /// Whether every service is known to be on the loopback interface.
    #[must_use]
    pub fn is_on_loopback(&self) -> bool {
        self.services.iter().all(|s| is_on_loopback(self, s))
    }
}

fn is_on_loopback(plan: &Plan, service: &ServicePlan) -> bool {
    let address = services::address(service, &plan.zones);
    let ip = address.map(|address| address.ip().to_canonical());
    // a name that never asks a name server (RFC 6761 section 6.3)
    ip.as_ref()
        .map_or(service.host == "localhost", IpAddr::is_loopback)
}

/// The connections that one service's visitors open while a closed one holds its port.
#[derive(Debug, Clone, Copy)]
pub(super) struct Churn {
    pub(super) service: ServiceId,
    /// How many, at most, if all goes well.
    pub(super) opened: u64,
    /// Within how long.
    pub(super) held_for: Duration,
    /// How many local ports there are for them.
    pub(super) ports: u64,
}

impl Churn {
    /// Whether the ports may run out. It takes our end to close first each time, which not every
    /// server leaves to us: so it is a warning at most.
    pub(super) const fn exhausts(&self) -> bool {
        self.opened > self.ports
    }
}

/// The churn of each service. On loopback the source addresses multiply the ports.
pub(super) fn churn(plan: &Plan, here: &Here) -> Vec<Churn> {
    let of = |(id, service): (ServiceId, &ServicePlan)| {
        let loopback = is_on_loopback(plan, service);
        let held_for = here.port_reuse.held_for(loopback);
        let sources = if loopback { LOOPBACK_SOURCES } else { 1 };
        Churn {
            service: id,
            opened: opened_within(plan, id, held_for).ceil() as u64,
            held_for,
            ports: u64::from(here.local_ports) * u64::from(sources),
        }
    };
    (0u16..)
        .map(ServiceId)
        .zip(&plan.services)
        .map(of)
        .collect()
}

/// Each request or each journey dials anew; shared connections are opened once.
fn opened_within(plan: &Plan, id: ServiceId, length: Duration) -> f64 {
    let each = plan.populations.iter().map(|p| {
        let requests = p.journey.requests_to(id);
        let connections = match p.client.reuse {
            Reuse::None => requests,
            Reuse::Journey => requests.min(1),
            Reuse::Shared => 0,
        };
        p.curve.most_within(length).min(p.arrivals as f64) * connections as f64
    });
    each.sum()
}
