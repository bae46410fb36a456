//! `dns:`.

use std::{net::IpAddr, time::Duration};

use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node},
    scenario::{
        model::{DnsAnswer, DnsEffect, Family, OverTcp, ShareOf},
        parse::keys::DNS,
    },
};

/// More addresses than a name has; an answer over UDP holds fewer.
const MOST_ADDRESSES: u32 = 100;
/// As many servers as a stub resolver asks (`MAXNS` in glibc's `resolv.h`).
const MOST_SERVERS: u32 = 3;
/// The keys that say what is answered.
const ANSWERS: [&str; 5] = ["answer", "wrong", "stale", "keep", "only"];

/// One of its words, or a mapping with at most one of [`ANSWERS`].
pub(super) fn effect(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<DnsEffect> {
    if matches!(node.value, Node::Scalar(_)) {
        return word(node, OverTcp::default(), mistakes).map(DnsEffect::from);
    }
    let fields = Fields::open(node, &DNS, mistakes)?;
    let over_tcp = match fields.get("over_tcp") {
        Some(node) => Some(mistakes.choice(
            node,
            "what becomes of questions over TCP",
            &[
                ("answer", OverTcp::Answer),
                ("drop", OverTcp::Drop),
                ("close", OverTcp::Close),
            ],
        )?),
        None => None,
    };
    let changes = fields.has("delay") || fields.has("ttl");
    let answer = match fields.one_of(&ANSWERS, !changes, mistakes) {
        Some((key, node)) => answer(&key.value, node, over_tcp.unwrap_or_default(), mistakes)?,
        None if changes => DnsAnswer::Truth,
        None => return None,
    };
    let delay = match fields.get("delay") {
        Some(node) => Some(mistakes.span_range(node)?),
        None => None,
    };
    let ttl = match fields.get("ttl") {
        Some(node) => Some(whole_seconds(node, mistakes)?),
        None => None,
    };
    let share_of = match fields.get("share_of") {
        Some(node) => mistakes.choice(
            node,
            "what the share is a share of",
            &[("questions", ShareOf::Questions), ("names", ShareOf::Names)],
        )?,
        None => ShareOf::default(),
    };
    let servers = match fields.get("servers") {
        Some(node) => Some(mistakes.count(node, 1..=MOST_SERVERS)?),
        None => None,
    };
    let mut only = |extra: &str, fits: bool, why: &str| {
        if let Some((key, _)) = fields.entry(extra).filter(|_| !fits) {
            mistakes.error(key.place, format!("`{extra}` means nothing here"), why);
        }
    };
    let truncates = matches!(answer, DnsAnswer::Truncate { .. });
    only("over_tcp", truncates, "it goes with `answer: truncate`");
    let silent = answer == DnsAnswer::Drop;
    only("delay", !silent, "what is dropped is never answered");
    let has_ttl =
        !silent && !truncates && answer != DnsAnswer::Servfail && answer != DnsAnswer::Refused;
    only("ttl", has_ttl, "such answers are not kept");
    Some(DnsEffect {
        answer,
        delay,
        ttl,
        share_of,
        servers,
    })
}

fn answer(
    key: &str,
    node: &Spanned<Node>,
    over_tcp: OverTcp,
    mistakes: &mut Mistakes,
) -> Option<DnsAnswer> {
    match key {
        "answer" => word(node, over_tcp, mistakes),
        "wrong" => addresses(node, mistakes).map(DnsAnswer::Wrong),
        "stale" => addresses(node, mistakes).map(DnsAnswer::Stale),
        "keep" => mistakes
            .count(node, 1..=MOST_ADDRESSES)
            .map(DnsAnswer::Keep),
        _ => mistakes
            .choice(
                node,
                "a kind of address",
                &[("a", Family::A), ("aaaa", Family::Aaaa)],
            )
            .map(DnsAnswer::Only),
    }
}

fn word(node: &Spanned<Node>, over_tcp: OverTcp, mistakes: &mut Mistakes) -> Option<DnsAnswer> {
    let truncate = DnsAnswer::Truncate { over_tcp };
    let words = [
        ("servfail", &DnsAnswer::Servfail),
        ("nxdomain", &DnsAnswer::Nxdomain),
        ("refused", &DnsAnswer::Refused),
        ("no_data", &DnsAnswer::NoData),
        ("drop", &DnsAnswer::Drop),
        ("truncate", &truncate),
    ];
    mistakes.choice(node, "a dns effect", &words).cloned()
}

fn addresses(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<Vec<IpAddr>> {
    const WHAT: &str = "an address such as `192.0.2.1`, or a list of them";
    let items = mistakes.one_or_more(node);
    if items.is_empty() || items.len() > MOST_ADDRESSES as usize {
        mistakes.expected(node, WHAT);
        return None;
    }
    let mut all = Vec::new();
    for item in items {
        let text = mistakes.text(item, WHAT)?;
        let Ok(address) = text.value.parse() else {
            mistakes.error(
                item.place,
                format!("`{}` is not an address", text.value),
                "not an address",
            );
            return None;
        };
        all.push(address);
    }
    Some(all)
}

/// A time to live counts whole seconds (RFC 1035 section 3.2.1).
fn whole_seconds(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<Duration> {
    let ttl = mistakes.span(node)?;
    if ttl.subsec_nanos() != 0 {
        mistakes.expected(node, "a time to live in whole seconds");
        return None;
    }
    Some(ttl)
}

#[cfg(test)]
mod tests {
    use super::super::dns_effect;
    use crate::diagnostic::Source;

    /// What an effect does in words, or the first mistake.
    fn read(text: &str) -> String {
        match dns_effect(Source::new("f", text)) {
            Ok(effect) => effect.to_string(),
            Err(found) => found.0[0].message.clone(),
        }
    }

    #[test]
    fn effects_are_words_or_mappings() {
        for (text, does) in [
            ("servfail", "SERVFAIL"),
            ("drop", "questions dropped"),
            ("truncate", "truncated, whole over TCP"),
            (
                "{answer: truncate, over_tcp: close, share_of: names}",
                "truncated, and TCP closed, name by name",
            ),
            (
                "{answer: drop, servers: 2}",
                "questions dropped, by the first 2 servers",
            ),
            (
                "{wrong: 192.0.2.1, ttl: 5m}",
                "wrongly 192.0.2.1, kept for 5m",
            ),
            (
                "{stale: [127.0.0.9, \"::1\"], delay: 1s..2s}",
                "still 127.0.0.9, ::1, 1s to 2s late",
            ),
            ("{keep: 1}", "one address of each kind"),
            ("{only: aaaa, ttl: 0s}", "IPv6 addresses only, kept for 0s"),
            ("{delay: 2s}", "true answers, 2s late"),
        ] {
            assert_eq!(read(text), does, "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (text, mistake) in [
            ("servfial", "`servfial` is not a dns effect"),
            (
                "{answer: servfail, wrong: 192.0.2.1}",
                "`answer` and `wrong` exclude each other",
            ),
            (
                "{share_of: names}",
                "a dns effect needs one of `answer`, `wrong`, `stale`, `keep`, `only`",
            ),
            ("{wrong: portal}", "`portal` is not an address"),
            (
                "{wrong: []}",
                "expected an address such as `192.0.2.1`, or a list of them, found a list",
            ),
            (
                "{keep: 0}",
                "expected a whole number from 1 to 100, found the number `0`",
            ),
            ("{only: mx}", "`mx` is not a kind of address"),
            (
                "{answer: servfail, over_tcp: drop}",
                "`over_tcp` means nothing here",
            ),
            ("{answer: drop, delay: 1s}", "`delay` means nothing here"),
            ("{answer: refused, ttl: 1s}", "`ttl` means nothing here"),
            (
                "{ttl: 1500ms}",
                "expected a time to live in whole seconds, found the text `1500ms`",
            ),
            (
                "{answer: drop, servers: 4}",
                "expected a whole number from 1 to 3, found the number `4`",
            ),
        ] {
            assert_eq!(read(text), mistake, "{text}");
        }
    }
}
