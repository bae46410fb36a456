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
};

/// `down`, or a mapping with one of `latency`, `timeout` and `reset`.
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
    let (key, value) = fields.one_of(&["latency", "timeout", "reset"], true, mistakes)?;
    let mut only = |extra: &str, with: &str| {
        if let Some((extra, _)) = fields.entry(extra) {
            mistakes.error(
                extra.place,
                format!("`{}` goes with {with} only", extra.value),
                format!("not with `{}`", key.value),
            );
        }
    };
    match key.value.as_str() {
        "latency" => {
            let jitter = match fields.get("jitter") {
                Some(node) => mistakes.span(node)?,
                None => Duration::ZERO,
            };
            Some(TcpEffect::Latency {
                latency: mistakes.span(value)?,
                jitter,
                stream,
            })
        }
        "timeout" => {
            only("jitter", "`latency`");
            Some(TcpEffect::Timeout {
                timeout: mistakes.span(value)?,
                stream,
            })
        }
        _ => {
            only("jitter", "`latency`");
            only("stream", "`latency` and `timeout`");
            Some(TcpEffect::Reset {
                after: mistakes.span(value)?,
            })
        }
    }
}
