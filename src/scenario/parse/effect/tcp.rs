//! `tcp:`.

use std::time::Duration;

use super::is_word;
use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node},
    scenario::{
        model::{TcpEffect, TcpStream},
        parse::keys::TCP,
    },
    units::ByteSize,
};

/// What a mapping is about; it has exactly one of them.
const KINDS: [&str; 8] = [
    "latency",
    "bandwidth",
    "slow_close",
    "timeout",
    "slicer",
    "limit_data",
    "corrupt",
    "reset",
];

/// Keys that go with some kinds only.
const COMPANIONS: [(&str, &[&str], &str); 4] = [
    ("jitter", &["latency"], "`latency`"),
    ("variation", &["slicer"], "`slicer`"),
    ("delay", &["slicer"], "`slicer`"),
    (
        "stream",
        &[
            "latency",
            "bandwidth",
            "slow_close",
            "timeout",
            "slicer",
            "limit_data",
            "corrupt",
        ],
        "effects of one direction",
    ),
];

/// `down`, or a mapping with one of [`KINDS`].
pub(super) fn effect(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<TcpEffect> {
    if is_word(node, "down") {
        return Some(TcpEffect::Down);
    }
    let fields = Fields::open(node, &TCP, mistakes)?;
    let stream = match fields.get("stream") {
        Some(node) => mistakes.choice(
            node,
            "a direction",
            &[
                ("upstream", TcpStream::Upstream),
                ("downstream", TcpStream::Downstream),
            ],
        )?,
        None => TcpStream::default(),
    };
    let (key, value) = fields.one_of(&KINDS, true, mistakes)?;
    let kind = key.value.as_str();
    for (companion, kinds, with) in COMPANIONS {
        if let Some((extra, _)) = fields.entry(companion).filter(|_| !kinds.contains(&kind)) {
            mistakes.error(
                extra.place,
                format!("`{}` goes with {with} only", extra.value),
                format!("not with `{kind}`"),
            );
        }
    }
    let span = |key: &str, mistakes: &mut Mistakes| match fields.get(key) {
        Some(node) => mistakes.span(node),
        None => Some(Duration::ZERO),
    };
    Some(match kind {
        "latency" => TcpEffect::Latency {
            jitter: span("jitter", mistakes)?,
            latency: mistakes.span(value)?,
            stream,
        },
        "bandwidth" => TcpEffect::Bandwidth {
            rate: mistakes.byte_rate(value)?,
            stream,
        },
        "slow_close" => TcpEffect::SlowClose {
            delay: mistakes.positive_span(value)?,
            stream,
        },
        "timeout" => TcpEffect::Timeout {
            timeout: mistakes.span(value)?,
            stream,
        },
        "slicer" => TcpEffect::Slicer {
            variation: match fields.get("variation") {
                Some(node) => mistakes.byte_size(node)?,
                None => ByteSize::default(),
            },
            delay: span("delay", mistakes)?,
            size: match mistakes.byte_size(value)? {
                ByteSize(0) => {
                    mistakes.expected(value, "pieces of at least a byte");
                    return None;
                }
                size => size,
            },
            stream,
        },
        "limit_data" => TcpEffect::LimitData {
            bytes: mistakes.byte_size(value)?,
            stream,
        },
        "corrupt" => TcpEffect::Corrupt {
            share: mistakes.ratio(value)?,
            stream,
        },
        _ => TcpEffect::Reset {
            after: mistakes.span(value)?,
        },
    })
}
