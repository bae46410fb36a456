//! `retry:` and `breaker:`: what a client does when a request fails.

use std::time::Duration;

use super::keys::{BREAKER, BUDGET, RETRY};
use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node},
    scenario::model::{BreakerPolicy, Retry, RetryAfter, RetryBudget, RetryOn, RetryWait, Trip},
    units::{Rate, Ratio},
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Immediate,
    Fixed,
    Human,
    Exponential,
}

const KINDS: [(&str, Kind); 4] = [
    ("immediate", Kind::Immediate),
    ("fixed", Kind::Fixed),
    ("human", Kind::Human),
    ("exponential", Kind::Exponential),
];

/// Requests that must have ended before a share of them opens a breaker.
const LEAST: u32 = 20;
/// Over how long that share is taken.
const WINDOW: Duration = Duration::from_secs(10);

/// `retry: none`, or a mapping.
pub(super) fn retry(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Retry {
    let mut retry = Retry::default();
    if matches!(&node.value, Node::Scalar(scalar) if scalar.text == "none") {
        return retry;
    }
    let Some(fields) = Fields::open(node, &RETRY, mistakes) else {
        return retry;
    };
    match fields.get("outcomes") {
        None => retry.outcomes = RetryOn::TRANSIENT.to_vec(),
        Some(node) => {
            for item in mistakes.list(node, "a list such as `[timeout, 5xx]`") {
                let outcome = mistakes.choice(item, "an outcome to retry on", &OUTCOMES);
                retry.outcomes.extend(outcome);
            }
        }
    }
    retry.wait = wait(&fields, mistakes).unwrap_or_default();
    retry.attempts = fields
        .get("attempts")
        .and_then(|n| mistakes.count(n, 1..=1_000));
    if let Some(node) = fields.get("retry_after") {
        let words = [
            ("ignore", RetryAfter::Ignore),
            ("honour", RetryAfter::Honour),
        ];
        let word = mistakes.choice(node, "a way to take `Retry-After`", &words);
        retry.retry_after = word.unwrap_or_default();
    }
    retry.budget = fields.get("budget").and_then(|node| budget(node, mistakes));
    retry
}

/// The wait before a retry: what the kind says, or without one a range or nothing.
fn wait(fields: &Fields<'_>, mistakes: &mut Mistakes) -> Option<RetryWait> {
    let kind = match fields.get("kind") {
        Some(node) => Some(mistakes.choice(node, "a kind of retry", &KINDS)?),
        None => None,
    };
    let grows = kind == Some(Kind::Exponential);
    let waits = !grows && kind != Some(Kind::Immediate);
    for (key, fits, of) in [
        ("wait", waits, "`kind: fixed` or `kind: human`"),
        ("base", grows, "`kind: exponential`"),
        ("cap", grows, "`kind: exponential`"),
    ] {
        if let (Some((key, _)), false) = (fields.entry(key), fits) {
            let message = format!("`{}` belongs to {of}", key.value);
            mistakes.error(key.place, message, "without effect");
        }
    }
    match kind {
        Some(Kind::Immediate) => Some(RetryWait::default()),
        Some(Kind::Exponential) => {
            let (base, cap) = (
                needed(fields, "base", mistakes),
                needed(fields, "cap", mistakes),
            );
            let (base, cap_node) = (mistakes.positive_span(base?)?, cap?);
            let cap = mistakes.positive_span(cap_node)?;
            if cap < base {
                let message = "the waits are capped below their `base`";
                mistakes.error(cap_node.place, message, "smaller than `base`");
            }
            Some(RetryWait::Exponential { base, cap })
        }
        Some(Kind::Fixed) => {
            let node = needed(fields, "wait", mistakes)?;
            let wait = mistakes.positive_span(node)?;
            Some(RetryWait::Even {
                min: wait,
                max: wait,
            })
        }
        Some(Kind::Human) => {
            let node = needed(fields, "wait", mistakes);
            even(node, mistakes)
        }
        None => even(fields.get("wait"), mistakes),
    }
}

fn needed<'a>(
    fields: &Fields<'a>,
    key: &str,
    mistakes: &mut Mistakes,
) -> Option<&'a Spanned<Node>> {
    let node = fields.get(key);
    if node.is_none() && !fields.has(key) {
        let label = format!("this kind of retry needs `{key}`");
        mistakes.error(fields.beginning(), format!("missing key `{key}`"), label);
    }
    node
}

fn even(node: Option<&Spanned<Node>>, mistakes: &mut Mistakes) -> Option<RetryWait> {
    let (min, max) = mistakes.span_range(node?)?;
    Some(RetryWait::Even { min, max })
}

/// `10%`, or `{share: 10%, least: 5/s}`.
fn budget(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<RetryBudget> {
    if matches!(node.value, Node::Scalar(_)) {
        let share = mistakes.ratio(node)?;
        return Some(RetryBudget {
            share,
            least: Rate::ZERO,
        });
    }
    let fields = Fields::open(node, &BUDGET, mistakes)?;
    let share = fields.get("share").and_then(|n| mistakes.ratio(n));
    let least = match fields.get("least") {
        Some(node) => mistakes.rate(node)?,
        None => Rate::ZERO,
    };
    Some(RetryBudget {
        share: share?,
        least,
    })
}

/// A circuit breaker.
pub(super) fn breaker(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<BreakerPolicy> {
    let fields = Fields::open(node, &BREAKER, mistakes)?;
    let (key, node) = fields.one_of(&["failures", "share"], true, mistakes)?;
    let in_a_row = key.value == "failures";
    for key in ["window", "least"] {
        if let (true, Some((key, _))) = (in_a_row, fields.entry(key)) {
            let message = format!("`{}` belongs to `share`", key.value);
            mistakes.error(key.place, message, "failures in a row have none");
        }
    }
    let trip = if in_a_row {
        mistakes.count(node, 1..=10_000).map(Trip::InARow)
    } else {
        share(node, &fields, mistakes)
    };
    let open = fields.get("open").and_then(|n| mistakes.positive_span(n));
    let probes = match fields.get("probes") {
        Some(node) => mistakes.count(node, 1..=1_000),
        None => Some(1),
    };
    Some(BreakerPolicy {
        trip: trip?,
        open: open?,
        probes: probes?,
    })
}

fn share(node: &Spanned<Node>, fields: &Fields<'_>, mistakes: &mut Mistakes) -> Option<Trip> {
    let share = mistakes.ratio(node)?;
    if share == Ratio::ZERO {
        mistakes.expected(node, "a share above zero");
        return None;
    }
    let window = match fields.get("window") {
        Some(node) => mistakes.positive_span(node)?,
        None => WINDOW,
    };
    let least = match fields.get("least") {
        Some(node) => mistakes.count(node, 1..=1_000_000)?,
        None => LEAST,
    };
    Some(Trip::Share {
        share,
        window,
        least,
    })
}
