//! From a service to an open stream.

use std::{io, net::SocketAddr, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::{
    conn::{Conn, Done, Limits, Sent},
    exchange::{Answer, Call},
    failure,
    http1::is_target,
    network::Network,
    resolver::VirtualResolver,
};
use crate::{marks::handshake_from, measure::Outcome, plan::ServiceId, tls::Stream};

/// Why nothing came of a request, with what people need to know beyond its class.
#[derive(Debug)]
pub(crate) struct Broken {
    /// Its class.
    pub(crate) outcome: Outcome,
    /// The error of a TLS handshake.
    pub(crate) handshake: Option<io::Error>,
    /// It was a fault of ours.
    pub(crate) injected: bool,
}

impl From<Outcome> for Broken {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            handshake: None,
            injected: false,
        }
    }
}

/// Connects, and shakes hands where the service speaks TLS.
pub(super) async fn open(
    network: &Network,
    service: ServiceId,
    addr: SocketAddr,
    deadline: Instant,
) -> Result<Conn, Broken> {
    let work = async {
        let tcp = network.sources.connect(addr).await;
        let tcp = tcp.map_err(|error| failure::of_connect(&error))?;
        // a failure here (the peer is gone again) shows itself in the first write
        let _ = tcp.set_nodelay(true);
        let endpoint = network.endpoint(service);
        let Some((tls, link)) = endpoint.tls_at(addr) else {
            return Ok(Conn::over(Stream::Plain(tcp), endpoint).await?);
        };
        let own = tcp.local_addr().ok().filter(|_| link);
        let tls = tls.connector.connect(tls.name.clone(), tcp).await;
        // whoever does not verify is not hurt, and takes the mark all the same
        let mark = own.and_then(|own| network.marks.take(&handshake_from(own)));
        let tls = tls.map_err(|error| Broken {
            outcome: failure::of_handshake(&error),
            handshake: Some(error),
            injected: mark.is_some(),
        })?;
        Ok(Conn::over(Stream::Tls(Box::new(tls.into())), endpoint).await?)
    };
    match timeout_at(deadline, work).await {
        Ok(opened) => opened,
        Err(_) => Err(Outcome::TimeoutConnect.into()),
    }
}

/// One request on a connection of its own, past any link of ours, by a fresh resolver. Unlike the
/// load's client it may run on any runtime. Without a call it only connects, and there is no answer.
/// It goes to `addr` where one is given (a launched process listens there).
pub(crate) async fn one_shot(
    network: &Network,
    service: ServiceId,
    addr: Option<SocketAddr>,
    call: Option<Call<'_>>,
    timeout: Duration,
) -> Result<Option<Answer>, Broken> {
    let deadline = Instant::now() + timeout;
    let addr = match addr {
        Some(addr) => network.allow(addr).map(|()| addr)?,
        None => {
            let resolver = VirtualResolver::new(network.resolver_seed(usize::MAX, 0));
            let upstream = network.upstream();
            let found = network.real_address(service, &resolver, &upstream, deadline);
            found.await?
        }
    };
    let mut conn = open(network, service, addr, deadline).await?;
    let Some(call) = call else {
        return Ok(None);
    };
    if !is_target(call.path) {
        return Err(Outcome::Protocol.into());
    }
    let limits = Limits {
        head: None,
        deadline,
    };
    let endpoint = network.endpoint(service);
    match conn.exchange(endpoint, &call, limits, true).await {
        Sent::Unsent(outcome) => Err(outcome.into()),
        Sent::Done(Done { result, .. }) => Ok(Some(result?)),
    }
}
