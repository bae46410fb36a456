//! `every:` and `first:` of tcp and dns effects.

use crate::{
    diagnostic::{Place, Spanned},
    document::{Entry, Mistakes, Node},
    scenario::model::{DnsAnswer, Effect, OverTcp, ShareOf, Turns},
};

/// Which of what comes an effect meets, as its mapping says; http reads its own.
pub(super) fn turns(node: &Spanned<Node>, effect: &Effect, mistakes: &mut Mistakes) -> Turns {
    let (every, first) = (entry(node, "every"), entry(node, "first"));
    let Some((key, _)) = every.or(first) else {
        return Turns::default();
    };
    if let Effect::Dns(dns) = effect {
        let by_name = dns.share_of == ShareOf::Names;
        let over_tcp = matches!(
            dns.answer,
            DnsAnswer::Truncate {
                over_tcp: OverTcp::Drop | OverTcp::Close
            }
        );
        let why = match (by_name, over_tcp) {
            (true, _) => "a share of names holds a name for everybody or for nobody",
            (_, true) => "who asks over TCP was sent there, and counts no more",
            (false, false) => "",
        };
        if !why.is_empty() {
            mistakes.error(
                key.place,
                format!("`{}` means nothing here", key.value),
                why,
            );
        }
    }
    let mut count = |entry: Option<&Entry>| {
        let (_, node) = entry?;
        mistakes.whole(node, 1..=u64::MAX)
    };
    Turns {
        every: count(every),
        first: count(first),
    }
}

/// Where a mapping says which of what comes it meets.
pub(super) fn place(node: &Spanned<Node>) -> Option<Place> {
    let said = entry(node, "every").or_else(|| entry(node, "first"))?;
    Some(said.0.place)
}

fn entry<'a>(node: &'a Spanned<Node>, key: &str) -> Option<&'a Entry> {
    match &node.value {
        Node::Map(entries) => entries
            .iter()
            .find(|(k, v)| k.value == key && v.value != Node::Null),
        Node::Null | Node::Scalar(_) | Node::Seq(_) => None,
    }
}
