//! The client on connections of our own.

use std::{rc::Rc, sync::Arc, time::Duration};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, error::Elapsed, timeout_at},
};

use super::{
    conn::{Conn, Done, Limits, Sent},
    dial,
    exchange::{Call, Client, Exchange},
    http1::is_target,
    http2,
    network::{Lost, Network},
    resolver::{Upstream, VirtualResolver},
    slots::{Connections, Grant, Held, Slots},
    streams::Sharing,
};
use crate::{
    marks::Touch,
    measure::{Injected, Outcome},
    plan::{Protocol, ServiceId},
    scenario::model::{ClientPolicy, DnsCache, Reuse},
    seed::Seed,
};

/// For whom a client sends.
#[derive(Debug, Clone)]
pub struct ClientSetup {
    /// The populations, in the order of the plan.
    pub members: Vec<MemberSetup>,
    /// How many connections may be open at once.
    pub connections: usize,
    /// Which of the workers this is.
    pub worker: usize,
    /// How many workers share each population's resolvers among them.
    pub workers: usize,
}

/// One population's habits, as far as connections know them.
#[derive(Debug, Clone, Copy)]
pub struct MemberSetup {
    /// Which connections are used again.
    pub reuse: Reuse,
    /// Most connections of the whole population at once. Worker `w` of `n` has its part of them, and
    /// at least one.
    pub connections: Option<u32>,
    /// A connection older than this is not used again.
    pub connection_age: Option<Duration>,
    /// After so many requests a connection is closed.
    pub connection_requests: Option<u32>,
    /// How many virtual resolvers the whole population has. Worker `w` of `n` owns those numbered
    /// `i` with `i % n == w`, and at least one.
    pub resolvers: u32,
    /// How long those keep what they were told.
    pub dns_cache: DnsCache,
}

impl From<&ClientPolicy> for MemberSetup {
    fn from(policy: &ClientPolicy) -> Self {
        Self {
            reuse: policy.reuse,
            connections: policy.connections,
            connection_age: policy.connection_age,
            connection_requests: policy.connection_requests,
            resolvers: policy.resolvers,
            dns_cache: policy.dns_cache,
        }
    }
}

/// A client for the journeys of one thread.
#[derive(Debug)]
pub struct PooledClient {
    network: Arc<Network>,
    upstream: Upstream,
    slots: Rc<Slots>,
    members: Vec<Members>,
}

#[derive(Debug)]
struct Members {
    setup: MemberSetup,
    /// A permit for each connection of this worker's, where there are only so many.
    permits: Option<Semaphore>,
    resolvers: Vec<VirtualResolver>,
}

/// What one visitor has.
#[derive(Debug)]
pub struct Session {
    population: u16,
    resolver: usize,
    kept: Vec<(ServiceId, Held)>,
}

impl PooledClient {
    /// A client with empty caches and no connections. Names are resolved on the runtime that it
    /// is made on.
    #[must_use]
    pub fn new(network: Arc<Network>, setup: &ClientSetup) -> Self {
        let workers = setup.workers.max(1) as u64;
        let members = setup.members.iter().enumerate().map(|(who, member)| {
            let own = (setup.worker as u64..u64::from(member.resolvers))
                .step_by(workers as usize)
                .chain((member.resolvers as usize <= setup.worker).then_some(setup.worker as u64));
            let permits = member.connections.map(|most| {
                let own = u64::from(most) / workers
                    + u64::from((setup.worker as u64) < u64::from(most) % workers);
                Semaphore::new(own.max(1) as usize)
            });
            Members {
                setup: *member,
                permits,
                resolvers: own
                    .map(|index| {
                        let seed = network.resolver_seed(who, index);
                        VirtualResolver::caching(seed, member.dns_cache)
                    })
                    .collect(),
            }
        });
        Self {
            upstream: network.upstream(),
            slots: Slots::new(setup.connections),
            members: members.collect(),
            network,
        }
    }

    /// An own or shared connection that is open already.
    fn take_kept(&self, session: &mut Session, service: ServiceId) -> Option<Held> {
        let at = session.kept.iter().position(|(to, _)| *to == service)?;
        Some(session.kept.swap_remove(at).1)
    }

    fn keep(&self, session: &mut Session, service: ServiceId, held: Held) {
        let setup = &self.members[usize::from(session.population)].setup;
        let worn = setup
            .connection_requests
            .is_some_and(|most| held.requests >= most);
        if worn || !held.conn.is_open() {
            return;
        }
        match setup.reuse {
            Reuse::None => {}
            Reuse::Journey => session.kept.push((service, held)),
            Reuse::Shared => self.slots.keep((session.population, service), held),
        }
    }

    /// Leave to use one of the population's connections, if it has only so many; in the order of
    /// asking.
    async fn leave(
        &self,
        population: u16,
        deadline: Instant,
    ) -> Result<Option<SemaphorePermit<'_>>, Elapsed> {
        let Some(permits) = &self.members[usize::from(population)].permits else {
            return Ok(None);
        };
        if let Ok(permit) = permits.try_acquire() {
            return Ok(Some(permit));
        }
        let _queued = self.slots.queue();
        // it is never closed
        Ok(timeout_at(deadline, permits.acquire()).await?.ok())
    }

    async fn connect(
        &self,
        session: &Session,
        call: &Call<'_>,
        begun: Instant,
    ) -> Result<Conn, Lost> {
        let deadline = call.deadline.min(begun + call.connect_timeout);
        let members = &self.members[usize::from(session.population)];
        let resolver = &members.resolvers[session.resolver];
        let way = self
            .network
            .visitors_address(call.service, resolver, &self.upstream, deadline)
            .await?;
        let conn = dial::open(&self.network, call.service, way.addr, deadline).await;
        conn.map_err(|broken| Lost {
            outcome: broken.outcome,
            injected: way.injected || broken.injected,
        })
    }

    async fn connect_shared(
        &self,
        session: &Session,
        call: &Call<'_>,
        begun: Instant,
    ) -> Result<http2::Conn, Lost> {
        match self.connect(session, call, begun).await? {
            Conn::Http2(conn) => Ok(conn),
            Conn::Http1(_) => Err(Outcome::Protocol.into()),
        }
    }

    /// How a request that went out ended, and what our faults had to do with it. Of those that got
    /// no answer the marks tell.
    fn ended(&self, call: &Call<'_>, sent: Instant, done: Done) -> Exchange {
        let Done {
            mut injected,
            result,
        } = done;
        if let Err(outcome) = &result {
            let touch = match injected {
                Injected::Made => None,
                Injected::No | Injected::Met => self.network.marks.take(&call.id.to_string()),
            };
            let held = injected == Injected::Met || touch == Some(Touch::Held);
            if touch == Some(Touch::Ended) || (held && outcome.is_timeout()) {
                injected = Injected::Made;
            } else if held {
                injected = Injected::Met;
            }
        }
        Exchange {
            sent: Some(sent),
            ended: Instant::now(),
            injected,
            result,
        }
    }

    /// Sends a request on a connection that others use at the same time.
    async fn send_on_stream(
        &self,
        session: &Session,
        call: &Call<'_>,
        sharing: Sharing,
    ) -> Exchange {
        let endpoint = self.network.endpoint(call.service);
        let key = (session.population, call.service);
        loop {
            let stream = self.slots.acquire_stream(key, sharing, call.deadline);
            let Some(stream) = stream.await else {
                return failed(None, Outcome::NotSentLimit);
            };
            let sent = Instant::now();
            let fresh = !stream.stands();
            let open = async { Box::pin(self.connect_shared(session, call, sent)).await };
            let conn = match stream.opened(open, call.deadline).await {
                Ok(conn) => conn,
                Err(lost) => return lost_on_the_way(sent, lost),
            };
            match conn.exchange(endpoint, call, Limits::of(call)).await {
                // the server closed it while it was idle, or refuses more: any client dials again
                Sent::Unsent(_) if !fresh => {}
                Sent::Unsent(outcome) => return failed(Some(sent), outcome),
                Sent::Done(done) => return self.ended(call, sent, done),
            }
        }
    }
}

impl Default for MemberSetup {
    fn default() -> Self {
        Self::from(&ClientPolicy::default())
    }
}

impl MemberSetup {
    fn is_too_old(&self, held: &Held, now: Instant) -> bool {
        let age = now.saturating_duration_since(held.opened);
        self.connection_age.is_some_and(|most| age >= most)
    }
}

impl Client for PooledClient {
    type Session = Session;

    fn session(&self, population: u16, arrival: u64) -> Session {
        let count = self.members[usize::from(population)].resolvers.len() as u64;
        // hashed: a worker's arrivals lie in one residue class, which must not pick the resolver
        let hash = Seed(arrival).named("resolver").unit();
        Session {
            population,
            resolver: (hash * count as f64) as usize,
            kept: Vec::new(),
        }
    }

    fn connections(&self) -> Connections {
        self.slots.connections()
    }

    async fn send(&self, session: &mut Session, call: Call<'_>) -> Exchange {
        let setup = self.members[usize::from(session.population)].setup;
        let close = setup.reuse == Reuse::None;
        if !is_target(call.path) {
            return failed(None, Outcome::Protocol);
        }
        let endpoint = self.network.endpoint(call.service);
        let key = (session.population, call.service);
        if let (Protocol::Http2 { streams }, Reuse::Shared) = (endpoint.protocol, setup.reuse) {
            let sharing = Sharing {
                streams,
                age: setup.connection_age,
                requests: setup.connection_requests,
            };
            return Box::pin(self.send_on_stream(session, &call, sharing)).await;
        }
        let Ok(_leave) = self.leave(session.population, call.deadline).await else {
            return failed(None, Outcome::NotSentLimit);
        };
        loop {
            let grant = match self.take_kept(session, call.service) {
                Some(held) => Some(Grant::Kept(held)),
                None => self.slots.acquire(key, call.deadline).await,
            };
            let sent = Instant::now();
            let (mut held, fresh) = match grant {
                None => return failed(None, Outcome::NotSentLimit),
                Some(Grant::Kept(held)) if setup.is_too_old(&held, sent) => continue,
                Some(Grant::Kept(held)) => (held, false),
                // Dialling needs kilobytes, a moment long. In the task itself, all visitors would
                // keep that room as long as they are here.
                Some(Grant::Fresh(slot)) => {
                    match Box::pin(self.connect(session, &call, sent)).await {
                        Ok(conn) => (slot.holding(conn), true),
                        Err(lost) => return lost_on_the_way(sent, lost),
                    }
                }
            };
            let limits = Limits::of(&call);
            match held.conn.exchange(endpoint, &call, limits, close).await {
                // the server closed it while it was idle: any client dials again then
                Sent::Unsent(_) if !fresh => {}
                Sent::Unsent(outcome) => return failed(Some(sent), outcome),
                Sent::Done(done) => {
                    held.requests += 1;
                    self.keep(session, call.service, held);
                    return self.ended(&call, sent, done);
                }
            }
        }
    }
}

fn failed(sent: Option<Instant>, outcome: Outcome) -> Exchange {
    Exchange {
        sent: sent.filter(|_| outcome.is_sent()),
        ended: Instant::now(),
        injected: Injected::No,
        result: Err(outcome),
    }
}

/// Nobody was reached, perhaps by our own doing.
fn lost_on_the_way(sent: Instant, lost: Lost) -> Exchange {
    let injected = match lost.injected {
        true => Injected::Made,
        false => Injected::No,
    };
    Exchange {
        injected,
        ..failed(Some(sent), lost.outcome)
    }
}
