//! Virtual resolvers: many small caches, as many real clients have, so that a DNS fault ramps in
//! and leaks out over a TTL as it does in the world.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hickory_proto::{
    op::ResponseCode,
    rr::{Name, RecordType},
};
use hickory_resolver::{
    TokioResolver,
    net::{DnsError, NetError},
};
use tokio::time::{Instant, timeout_at};

use super::dns::{self, Reply};
use crate::{
    marks::Marks,
    measure::Outcome,
    scenario::model::DnsCache,
    seed::{Seed, Stream},
};

/// The longest that an answer is kept, whatever its TTL says.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Whom a resolver asks. One for each runtime: the system's resolver keeps tasks on it.
#[derive(Debug)]
pub(super) enum Upstream {
    /// Our own DNS servers, which answer for the zones and forward the rest.
    Servers(Vec<SocketAddr>),
    /// The system's settings (`/etc/resolv.conf`, `/etc/hosts`), read by hickory.
    System(Box<TokioResolver>),
    /// The system's `getaddrinfo`, where there is nothing that hickory can read.
    Libc,
}

impl Upstream {
    /// The servers given, or else the system.
    pub(super) fn new(servers: &[SocketAddr]) -> Self {
        if !servers.is_empty() {
            return Self::Servers(servers.to_vec());
        }
        let built = TokioResolver::builder_tokio().and_then(|mut builder| {
            // caching is the virtual resolvers' business
            builder.options_mut().cache_size = 0;
            builder.build()
        });
        match built {
            Ok(resolver) => Self::System(Box::new(resolver)),
            Err(_) => Self::Libc,
        }
    }
}

/// A stub resolver with a cache that honours TTLs, of negative answers too (RFC 2308). Failures of
/// the server are not kept.
///
/// Of a new resolver's first answer for each name only a seeded part of the TTL is left, as if it
/// had been asked before the run began: so the caches of a population do not expire all at once.
#[derive(Debug)]
pub struct VirtualResolver {
    // never contended: a resolver belongs to one thread
    inner: Mutex<Inner>,
    phase: f64,
    caching: DnsCache,
}

#[derive(Debug)]
struct Inner {
    cache: HashMap<String, Entry>,
    ids: Stream,
}

#[derive(Debug, Clone)]
struct Entry {
    found: Found,
    /// `None` = for ever.
    until: Option<Instant>,
}

/// What was found about a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) answer: Result<IpAddr, Outcome>,
    /// A fault of ours is known to have made that answer.
    pub(super) injected: bool,
}

impl From<Result<IpAddr, Outcome>> for Found {
    fn from(answer: Result<IpAddr, Outcome>) -> Self {
        Self {
            answer,
            injected: false,
        }
    }
}

/// What was found and how long it may be kept.
type Fresh = (Found, Duration);

impl VirtualResolver {
    /// A resolver with an empty cache, which honours TTLs.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self::caching(seed, DnsCache::Ttl)
    }

    /// A resolver with an empty cache that keeps answers in its own way.
    #[must_use]
    pub fn caching(seed: Seed, caching: DnsCache) -> Self {
        Self {
            caching,
            inner: Mutex::new(Inner {
                cache: HashMap::new(),
                ids: seed.named("query ids").stream(),
            }),
            phase: seed.named("phase").unit(),
        }
    }

    /// The first address of `name` (lower case, no final dot), from the cache or from upstream.
    /// IPv4 is preferred; IPv6 is asked for when there is none.
    pub(super) async fn resolve(
        &self,
        name: &str,
        upstream: &Upstream,
        deadline: Instant,
        marks: &Marks,
    ) -> Found {
        if let Some(known) = self.cached(name, Instant::now()) {
            return known;
        }
        let (found, keep) = match upstream {
            Upstream::Servers(servers) => self.ask_servers(servers, name, deadline, marks).await,
            Upstream::System(resolver) => ask_system(resolver, name, deadline).await,
            Upstream::Libc => ask_libc(name, deadline).await,
        };
        self.keep(name, found, keep);
        found
    }

    fn cached(&self, name: &str, now: Instant) -> Option<Found> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = inner.cache.get(name)?;
        let fresh = entry.until.is_none_or(|until| now < until);
        fresh.then_some(entry.found)
    }

    fn keep(&self, name: &str, found: Found, ttl: Duration) {
        let for_ever = match self.caching {
            DnsCache::None => return,
            DnsCache::Ttl => false,
            DnsCache::Forever => found.answer.is_ok(),
        };
        if ttl.is_zero() && !for_ever {
            return;
        }
        let now = Instant::now();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let ttl = ttl.min(LONGEST);
        let left = if inner.cache.contains_key(name) {
            ttl
        } else {
            ttl.mul_f64(self.phase)
        };
        let until = (!for_ever).then(|| now + left);
        inner.cache.insert(name.to_owned(), Entry { found, until });
    }

    fn query_id(&self) -> u16 {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.ids.bits() as u16
    }

    async fn ask_servers(
        &self,
        servers: &[SocketAddr],
        name: &str,
        deadline: Instant,
        marks: &Marks,
    ) -> Fresh {
        let Ok(mut name) = Name::from_ascii(name) else {
            return (Err(Outcome::DnsOther).into(), Duration::ZERO);
        };
        name.set_fqdn(true);
        let mut negative = u32::MAX;
        let mut denied = false;
        for family in [RecordType::A, RecordType::AAAA] {
            let id = self.query_id();
            let heard = dns::ask(servers, &name, family, id, deadline, marks).await;
            let found = |answer| Found {
                answer,
                injected: heard.injected,
            };
            match heard.reply {
                Reply::Addresses(addresses, ttl) => {
                    let answer = addresses.first().copied().ok_or(Outcome::DnsNoData);
                    return (found(answer), seconds(ttl));
                }
                Reply::NoData(ttl) => {
                    negative = negative.min(ttl);
                    denied |= heard.injected;
                }
                Reply::NxDomain(ttl) => return (found(Err(Outcome::DnsNxdomain)), seconds(ttl)),
                Reply::Failed(outcome) => return (found(Err(outcome)), Duration::ZERO),
            }
        }
        let found = Found {
            answer: Err(Outcome::DnsNoData),
            injected: denied,
        };
        (found, seconds(negative))
    }
}

fn seconds(ttl: u32) -> Duration {
    Duration::from_secs(ttl.into())
}

async fn ask_system(resolver: &TokioResolver, name: &str, deadline: Instant) -> Fresh {
    // the final dot keeps search domains out; `localhost` and hosts files know no dot
    let asked = if name.contains('.') {
        format!("{name}.")
    } else {
        name.to_owned()
    };
    let Ok(found) = timeout_at(deadline, resolver.lookup_ip(asked)).await else {
        return (Err(Outcome::DnsTimeout).into(), Duration::ZERO);
    };
    match found {
        Ok(found) => {
            let ttl = found
                .valid_until()
                .saturating_duration_since(Instant::now().into_std());
            let first = found.iter().find(IpAddr::is_ipv4).or(found.iter().next());
            (first.ok_or(Outcome::DnsNoData).into(), ttl)
        }
        Err(error) => {
            let ttl = match &error {
                NetError::Dns(DnsError::NoRecordsFound(none)) => none.negative_ttl.unwrap_or(0),
                _ => 0,
            };
            (Err(of_system(&error)).into(), seconds(ttl))
        }
    }
}

fn of_system(error: &NetError) -> Outcome {
    match error {
        NetError::Timeout => Outcome::DnsTimeout,
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => Outcome::DnsNxdomain,
            ResponseCode::NoError => Outcome::DnsNoData,
            ResponseCode::ServFail => Outcome::DnsServfail,
            _ => Outcome::DnsOther,
        },
        NetError::Dns(DnsError::ResponseCode(ResponseCode::ServFail)) => Outcome::DnsServfail,
        _ => Outcome::DnsOther,
    }
}

async fn ask_libc(name: &str, deadline: Instant) -> Fresh {
    let Ok(found) = timeout_at(deadline, tokio::net::lookup_host((name, 0))).await else {
        return (Err(Outcome::DnsTimeout).into(), Duration::ZERO);
    };
    let answer = match found {
        Ok(addresses) => {
            let all: Vec<_> = addresses.map(|a| a.ip()).collect();
            let first = all.iter().find(|ip| ip.is_ipv4()).or(all.first());
            first.copied().ok_or(Outcome::DnsNoData)
        }
        // getaddrinfo's reasons do not come through std; the commonest is that there is no name
        Err(_) => Err(Outcome::DnsOther),
    };
    // getaddrinfo tells no TTL
    (answer.into(), Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn answers_are_kept_for_their_ttl_and_the_first_for_a_part_of_it() {
        let resolver = VirtualResolver::new(Seed(7));
        let phase = resolver.phase;
        let ip: IpAddr = [127, 0, 0, 1].into();
        let ttl = Duration::from_secs(100);
        let start = Instant::now();
        resolver.keep("a.test", Ok(ip).into(), ttl);
        let part = ttl.mul_f64(phase);
        let just_before = start + part - Duration::from_millis(1);
        assert_eq!(resolver.cached("a.test", just_before), Some(Ok(ip).into()));
        assert_eq!(resolver.cached("a.test", start + part), None);

        resolver.keep("a.test", Err(Outcome::DnsNxdomain).into(), ttl);
        let just_before = start + ttl - Duration::from_millis(1);
        assert_eq!(
            resolver.cached("a.test", just_before),
            Some(Err(Outcome::DnsNxdomain).into()),
            "negative answers are kept too, and the second for the whole TTL"
        );
        assert_eq!(resolver.cached("a.test", start + ttl), None);
    }

    #[tokio::test(start_paused = true)]
    async fn phases_spread_over_the_whole_ttl() {
        let phases: Vec<f64> = (0..100)
            .map(|k| VirtualResolver::new(Seed(1).indexed(k)).phase)
            .collect();
        for quarter in 0..4 {
            let low = f64::from(quarter) / 4.0;
            let inside = phases.iter().filter(|p| (low..low + 0.25).contains(*p));
            assert!(inside.count() > 10, "quarter {quarter}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn some_keep_nothing_and_some_for_ever() {
        let ip = IpAddr::from([127, 0, 0, 1]);
        let ttl = Duration::from_secs(1);
        let year = Instant::now() + Duration::from_secs(365 * 86_400);
        let never = VirtualResolver::caching(Seed(7), DnsCache::None);
        never.keep("a.test", Ok(ip).into(), ttl);
        assert_eq!(never.cached("a.test", Instant::now()), None);
        let ever = VirtualResolver::caching(Seed(7), DnsCache::Forever);
        ever.keep("a.test", Ok(ip).into(), Duration::ZERO);
        assert_eq!(ever.cached("a.test", year), Some(Ok(ip).into()));
        ever.keep("b.test", Err(Outcome::DnsNxdomain).into(), ttl);
        assert_eq!(ever.cached("b.test", year), None, "no address is not kept");
    }

    #[tokio::test(start_paused = true)]
    async fn a_ttl_of_zero_is_not_kept() {
        let resolver = VirtualResolver::new(Seed(7));
        resolver.keep(
            "a.test",
            Ok(IpAddr::from([127, 0, 0, 1])).into(),
            Duration::ZERO,
        );
        assert_eq!(resolver.cached("a.test", Instant::now()), None);
    }
}
