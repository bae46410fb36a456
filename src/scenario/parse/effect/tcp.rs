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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{diagnostic::Source, document::tree};

    /// What an effect says of itself, or the first mistake.
    fn read(text: &str) -> String {
        let mut mistakes = Mistakes::new(Source::new("f", text));
        let node = tree(&mut mistakes).expect("YAML");
        match effect(&node, &mut mistakes) {
            Some(effect) if !mistakes.has_errors() => effect.to_string(),
            _ => mistakes.finish().0[0].message.clone(),
        }
    }

    #[test]
    fn each_kind_is_read_as_itself() {
        let written = [
            ("{latency: 100ms, jitter: 10ms}", "latency 100ms ± 10ms"),
            ("{bandwidth: 100KB/s}", "bandwidth 100KB/s"),
            (
                "{slow_close: 2s, stream: upstream}",
                "slow_close 2s upstream",
            ),
            ("{timeout: 0s}", "timeout 0s"),
            ("{slicer: 64B, delay: 1ms}", "slicer 64B every 1ms"),
            ("{limit_data: 10KB}", "limit_data 10KB"),
            ("{corrupt: 0.5%}", "corrupt 0.5%"),
            ("{corrupt: 0, stream: upstream}", "corrupt 0% upstream"),
            ("{reset: 0s}", "reset after 0s"),
            ("down", "down"),
        ];
        for (text, said) in written {
            assert_eq!(read(text), said, "{text}");
        }
        for kind in KINDS {
            assert!(
                written.iter().any(|(_, said)| said.starts_with(kind)),
                "{kind}"
            );
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (text, mistake) in [
            (
                "{corrupt: 101%}",
                "expected a share such as `95%` or `0.95`, found `101%`",
            ),
            (
                "{corrupt: 1%, delay: 1ms}",
                "`delay` goes with `slicer` only",
            ),
            (
                "{reset: 0s, stream: upstream}",
                "`stream` goes with effects of one direction only",
            ),
        ] {
            assert_eq!(read(text), mistake, "{text}");
        }
    }
}
