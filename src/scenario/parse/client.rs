//! `client:`: how a population's members behave.

use std::time::Duration;

use super::{
    keys::CLIENT,
    retry::{breaker, retry},
};
use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node},
    scenario::model::{ClientPolicy, DnsCache, Reuse},
    units::Span,
};

const REUSES: [(&str, Reuse); 3] = [
    ("none", Reuse::None),
    ("journey", Reuse::Journey),
    ("shared", Reuse::Shared),
];

const CACHES: [(&str, DnsCache); 3] = [
    ("ttl", DnsCache::Ttl),
    ("none", DnsCache::None),
    ("forever", DnsCache::Forever),
];

/// A client policy with its defaults filled in.
pub(super) fn client(node: &Spanned<Node>, mistakes: &mut Mistakes) -> ClientPolicy {
    let mut policy = ClientPolicy::default();
    let Some(fields) = Fields::open(node, &CLIENT, mistakes) else {
        return policy;
    };
    if let Some(timeout) = fields
        .get("timeout")
        .and_then(|n| mistakes.positive_span(n))
    {
        policy.timeout = timeout;
    }
    policy.connect_timeout = policy.timeout;
    if let Some(connect) = within(&fields, "connect_timeout", policy.timeout, mistakes) {
        policy.connect_timeout = connect;
    }
    policy.first_byte_timeout = within(&fields, "first_byte_timeout", policy.timeout, mistakes);
    if let Some(node) = fields.get("retry") {
        policy.retry = retry(node, mistakes);
    }
    policy.breaker = fields.get("breaker").and_then(|n| breaker(n, mistakes));
    if let Some(patience) = fields
        .get("patience")
        .and_then(|n| mistakes.positive_span(n))
    {
        policy.patience = patience;
    }
    if let Some(node) = fields.get("patience")
        && policy.patience < policy.timeout
    {
        mistakes.warning(
            node.place,
            format!(
                "patience ends before a single timeout of {}",
                Span(policy.timeout)
            ),
            "no request ever times out",
        );
    }
    connections(&fields, &mut policy, mistakes);
    if let Some(count) = fields
        .get("resolvers")
        .and_then(|n| mistakes.count(n, 1..=100_000))
    {
        policy.resolvers = count;
    }
    if let Some(node) = fields.get("dns_cache") {
        let cache = mistakes.choice(node, "a way to keep addresses", &CACHES);
        policy.dns_cache = cache.unwrap_or_default();
    }
    if let Some(node) = fields.get("cookies") {
        policy.cookies = mistakes.flag(node).unwrap_or_default();
    }
    policy
}

/// A timeout of a part of the request, which cannot last longer than the whole.
fn within(
    fields: &Fields<'_>,
    key: &str,
    timeout: Duration,
    mistakes: &mut Mistakes,
) -> Option<Duration> {
    let node = fields.get(key)?;
    let part = mistakes.positive_span(node)?;
    if part > timeout {
        mistakes.error(
            node.place,
            format!(
                "`{key}` is {}, longer than `timeout` ({})",
                Span(part),
                Span(timeout)
            ),
            "a request has no time left after this",
        );
    }
    Some(part)
}

/// Which connections are used again, and for how long.
fn connections(fields: &Fields<'_>, policy: &mut ClientPolicy, mistakes: &mut Mistakes) {
    if let Some(node) = fields.get("reuse") {
        let reuse = mistakes.choice(node, "a way to reuse connections", &REUSES);
        policy.reuse = reuse.unwrap_or_default();
    }
    policy.connection_age = fields
        .get("connection_age")
        .and_then(|n| mistakes.positive_span(n));
    policy.connection_requests = fields
        .get("connection_requests")
        .and_then(|n| mistakes.count(n, 1..=1_000_000));
    policy.connections = fields
        .get("connections")
        .and_then(|n| mistakes.count(n, 1..=1_000_000));
    if let (Reuse::Journey, Some((key, _))) = (policy.reuse, fields.entry("connections")) {
        let message = "`connections` needs `reuse: shared` or `reuse: none`";
        let label = "a journey's own connection stays open while its member thinks";
        mistakes.error(key.place, message, label);
    }
    for key in ["connection_age", "connection_requests"] {
        if let (Reuse::None, Some((key, _))) = (policy.reuse, fields.entry(key)) {
            let message = format!("`{}` says nothing with `reuse: none`", key.value);
            mistakes.warning(key.place, message, "each connection carries one request");
        }
    }
}
