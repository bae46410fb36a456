//! `guard:`: which addresses may be talked to, and how much may be offered.

use ipnet::IpNet;

use super::keys::GUARD;
use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node},
    guard::Guard,
    units::Rate,
};

/// The guard (`None`: it could not be read, which was noted) and the highest rate.
pub(super) fn section(
    node: &Spanned<Node>,
    mistakes: &mut Mistakes,
) -> (Option<Guard>, Option<Spanned<Rate>>) {
    let Some(fields) = Fields::open(node, &GUARD, mistakes) else {
        return (None, None);
    };
    let max_rate = fields
        .get("max_rate")
        .and_then(|node| Some(Spanned::new(mistakes.rate(node)?, node.place)));
    let Some(node) = fields.get("allow") else {
        return (Some(Guard::loopback()), max_rate);
    };
    let items = mistakes.list(node, "a list of networks such as `[127.0.0.0/8, \"::1\"]`");
    if items.is_empty() && matches!(node.value, Node::Seq(_)) {
        mistakes.expected(node, "at least one network").hint =
            Some("without `allow` only loopback is allowed".to_owned());
    }
    let networks: Vec<Option<IpNet>> = items.iter().map(|item| network(item, mistakes)).collect();
    let allow: Option<Vec<IpNet>> = networks.into_iter().collect();
    (allow.map(|allow| Guard { allow }), max_rate)
}

fn network(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<IpNet> {
    let text = mistakes.text(node, "a network such as `127.0.0.0/8`")?;
    let parsed = text.value.parse::<IpNet>().ok().or_else(|| {
        text.value
            .parse()
            .ok()
            .map(|ip: std::net::IpAddr| IpNet::from(ip))
    });
    let Some(net) = parsed else {
        mistakes
            .error(
                node.place,
                format!("`{}` is not a network", text.value),
                "an address, or an address and a length",
            )
            .hint = Some("for example `127.0.0.0/8`, `10.1.0.0/16` or `\"::1\"`".to_owned());
        return None;
    };
    let net = net.trunc();
    if is_loopback(net) {
        return Some(net);
    }
    if !is_private(net) {
        mistakes
            .error(
                node.place,
                format!("`{net}` holds public addresses"),
                "not a loopback or private network",
            )
            .hint = Some(
            "this version cannot check that a public address is yours; name a private network"
                .to_owned(),
        );
        return None;
    }
    let widest = if net.addr().is_ipv4() { 16 } else { 48 };
    if net.prefix_len() < widest {
        mistakes
            .error(
                node.place,
                format!("`{net}` is wider than /{widest}"),
                "too wide to be one staging system",
            )
            .hint = Some("name the networks that the target lives in".to_owned());
        return None;
    }
    Some(net)
}

fn is_loopback(net: IpNet) -> bool {
    within(net, &["127.0.0.0/8", "::1/128"])
}

/// RFC 1918, RFC 6598, RFC 3927; RFC 4193, RFC 4291 section 2.5.6.
fn is_private(net: IpNet) -> bool {
    within(
        net,
        &[
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "169.254.0.0/16",
            "fc00::/7",
            "fe80::/10",
        ],
    )
}

fn within(net: IpNet, ranges: &[&str]) -> bool {
    ranges
        .iter()
        .filter_map(|range| range.parse::<IpNet>().ok())
        .any(|range| range.contains(&net))
}
