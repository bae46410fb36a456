//! `services:`.

use super::{
    env::Env,
    keys::SERVICE,
    probe::probe,
    protocol, routes, tls,
    url::{service_url, socket},
};
use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node},
    scenario::parse::{header_name, header_value, is_reserved},
    target::model::{Secret, Service, TlsSettings},
};

/// The section `services:`.
pub(super) fn section(
    node: &Spanned<Node>,
    env: &mut Env,
    mistakes: &mut Mistakes,
) -> Vec<Service> {
    let entries = mistakes.entries(node, "a mapping of names to services");
    if entries.is_empty() && matches!(node.value, Node::Map(_)) {
        mistakes.expected(node, "at least one service");
    }
    entries
        .iter()
        .filter_map(|(name, node)| service(name, node, env, mistakes))
        .collect()
}

fn service(
    name: &Spanned<String>,
    node: &Spanned<Node>,
    env: &mut Env,
    mistakes: &mut Mistakes,
) -> Option<Service> {
    let mut named = mistakes.named(name, "a name for a service");
    // `visitors -> portal` is the way of the visitors in every output
    if named && (is_reserved(&name.value) || name.value == "visitors") {
        mistakes
            .error(
                name.place,
                format!("a service cannot be called `{}`", name.value),
                "a word of the grammar",
            )
            .hint = Some("choose another name".to_owned());
        named = false;
    }
    let fields = Fields::open(node, &SERVICE, mistakes)?;
    let url = fields
        .get("url")
        .and_then(|node| service_url(node, mistakes));
    let at = fields.get("at").and_then(|node| socket(node, mistakes));
    let health = fields.get("health").and_then(|node| probe(node, mistakes));
    let capacity = fields.get("capacity").and_then(|node| mistakes.rate(node));
    let headers = fields
        .get("headers")
        .map_or_else(Vec::new, |node| headers(node, env, mistakes));
    let protocol = protocol::of(&fields, mistakes);
    let tls = fields
        .get("tls")
        .map_or_else(TlsSettings::default, |node| tls::section(node, mistakes));
    if let (Some((key, _)), Some(url)) = (fields.entry("tls"), &url)
        && !url.value.https
    {
        mistakes
            .error(key.place, "`tls` needs an https URL", "not used by http")
            .at_also(url.place, "this is http");
    }
    let features = fields
        .get("features")
        .map_or_else(Vec::new, |node| routes::section(node, mistakes));
    let url = url?;
    if fields.has("at") && at.is_none() {
        return None;
    }
    named.then(|| Service {
        name: name.clone(),
        url,
        at,
        health,
        capacity,
        headers,
        protocol,
        tls,
        features,
    })
}

fn headers(node: &Spanned<Node>, env: &mut Env, mistakes: &mut Mistakes) -> Vec<(String, Secret)> {
    let mut headers = Vec::new();
    for (name, node) in mistakes.entries(node, "a mapping of names to values of headers") {
        let named = header_name(name, mistakes);
        let Some(text) = mistakes.text(node, "the header's value") else {
            continue;
        };
        if let Some(value) = env.fill(&text, mistakes)
            && header_value(node, &value.0, mistakes)
            && named
        {
            headers.push((name.value.to_ascii_lowercase(), value));
        }
    }
    headers
}
