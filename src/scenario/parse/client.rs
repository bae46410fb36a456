//! `client:`: how a population's members behave.

use super::keys::{CLIENT, RETRY};
use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node},
    scenario::model::{ClientPolicy, Retry, RetryOn, Reuse},
    units::Span,
};

const OUTCOMES: [(&str, RetryOn); 7] = [
    ("timeout", RetryOn::Timeout),
    ("5xx", RetryOn::Http5xx),
    ("4xx", RetryOn::Http4xx),
    ("shed", RetryOn::Shed),
    ("dns", RetryOn::Dns),
    ("connection", RetryOn::Connection),
    ("check", RetryOn::Check),
];

const REUSES: [(&str, Reuse); 3] = [
    ("none", Reuse::None),
    ("journey", Reuse::Journey),
    ("shared", Reuse::Shared),
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
    if let Some(node) = fields.get("connect_timeout")
        && let Some(connect) = mistakes.positive_span(node)
    {
        if connect > policy.timeout {
            mistakes.error(
                node.place,
                format!(
                    "`connect_timeout` is {}, longer than `timeout` ({})",
                    Span(connect),
                    Span(policy.timeout)
                ),
                "a request has no time left after this",
            );
        }
        policy.connect_timeout = connect;
    }
    if let Some(node) = fields.get("retry") {
        policy.retry = retry(node, mistakes);
    }
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
    if let Some(node) = fields.get("reuse") {
        let reuse = mistakes.choice(node, "a way to reuse connections", &REUSES);
        policy.reuse = reuse.unwrap_or_default();
    }
    if let Some(count) = fields
        .get("resolvers")
        .and_then(|n| mistakes.count(n, 1..=100_000))
    {
        policy.resolvers = count;
    }
    policy
}

fn retry(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Retry {
    let mut retry = Retry::default();
    let Some(fields) = Fields::open(node, &RETRY, mistakes) else {
        return retry;
    };
    if let Some(node) = fields.get("outcomes") {
        for item in mistakes.list(node, "a list such as `[timeout, 5xx]`") {
            let outcome = mistakes.choice(item, "an outcome to retry on", &OUTCOMES);
            retry.outcomes.extend(outcome);
        }
    }
    if let Some((min, max)) = fields.get("wait").and_then(|n| mistakes.span_range(n)) {
        retry.wait_min = min;
        retry.wait_max = max;
    }
    retry.attempts = fields
        .get("attempts")
        .and_then(|n| mistakes.count(n, 1..=1_000));
    retry
}
