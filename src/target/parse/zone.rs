//! `dns:`: the names that brownout answers for.

use std::{net::IpAddr, time::Duration};

use super::keys::DNS;
use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node, is_domain},
    target::model::Zone,
};

/// Time to live of answers when the zone does not say.
const TTL: Duration = Duration::from_secs(1);

/// Servers when the file does not say.
pub(super) const SERVERS: u32 = 1;
/// As many as a stub resolver asks (`MAXNS` in glibc's `resolv.h`).
const MOST_SERVERS: u32 = 3;

/// The section `dns:`: the zones, and how many servers answer for them.
pub(super) fn section(node: &Spanned<Node>, mistakes: &mut Mistakes) -> (Vec<Zone>, u32) {
    let Some(fields) = Fields::open(node, &DNS, mistakes) else {
        return (Vec::new(), SERVERS);
    };
    let servers = fields
        .get("servers")
        .and_then(|node| mistakes.count(node, 1..=MOST_SERVERS));
    let zones = fields
        .get("zones")
        .map_or_else(Vec::new, |node| zones(node, mistakes));
    (zones, servers.unwrap_or(SERVERS))
}

fn zones(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Vec<Zone> {
    mistakes
        .entries(
            node,
            "a mapping of zones such as `{cowin.test: {portal: 127.0.0.1}}`",
        )
        .iter()
        .filter_map(|(name, node)| zone(name, node, mistakes))
        .collect()
}

fn zone(name: &Spanned<String>, node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<Zone> {
    let bare = name.value.trim_end_matches('.');
    let named = is_domain(bare);
    if !named {
        mistakes.error(
            name.place,
            format!("`{}` is not a domain name", name.value),
            "a zone was expected here",
        );
    }
    let entries = mistakes.entries(node, "a mapping of names to addresses");
    let mut ttl = TTL;
    let mut records = Vec::new();
    for (key, node) in entries {
        if key.value == "ttl" {
            ttl = mistakes.span(node).unwrap_or(TTL);
            if ttl.subsec_nanos() != 0 {
                // RFC 1035 section 3.2.1: whole seconds
                mistakes.expected(node, "a time to live in whole seconds");
            }
            continue;
        }
        if key.value != "@" && !is_domain(&key.value) {
            mistakes
                .error(
                    key.place,
                    format!("`{}` is not a name in a zone", key.value),
                    "relative to the zone",
                )
                .hint = Some("`@` is the zone itself".to_owned());
            continue;
        }
        let addresses: Vec<IpAddr> = mistakes
            .one_or_more(node)
            .iter()
            .filter_map(|item| address(item, mistakes))
            .collect();
        if addresses.is_empty() && matches!(&node.value, Node::Seq(items) if items.is_empty()) {
            mistakes.expected(node, "at least one address");
        }
        records.push((
            Spanned::new(key.value.to_ascii_lowercase(), key.place),
            addresses,
        ));
    }
    if records.is_empty() && matches!(node.value, Node::Map(_)) {
        mistakes.error(name.place, "a zone needs at least one name", "none in here");
    }
    named.then(|| Zone {
        name: Spanned::new(bare.to_ascii_lowercase(), name.place),
        records,
        ttl,
    })
}

fn address(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<IpAddr> {
    let text = mistakes.text(node, "an address such as `127.0.0.1`")?;
    let address = text.value.parse().ok();
    if address.is_none() {
        mistakes
            .error(
                node.place,
                format!("`{}` is not an address", text.value),
                "not an address",
            )
            .hint = Some("IPv6 addresses are quoted: `\"::1\"`".to_owned());
    }
    address
}
