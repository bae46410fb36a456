//! `links:`.

use super::{
    keys::LINK,
    tls::certificate,
    url::{socket, toxiproxy},
};
use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node, Slip, Text, Words, closest_hint},
    target::model::{Layer, Link},
};

/// The section `links:`; `services` are all names of services.
pub(super) fn section(
    node: &Spanned<Node>,
    services: &[String],
    mistakes: &mut Mistakes,
) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::new();
    for (name, node) in mistakes.entries(node, "a mapping such as `{portal -> sms: {listen: ...}}`")
    {
        let text = mistakes.key_text(name);
        let ends = match ends(&text, services) {
            Ok(ends) => Some(ends),
            Err(slip) => {
                mistakes.slip(&text, slip);
                None
            }
        };
        let Some(fields) = Fields::open(node, &LINK, mistakes) else {
            continue;
        };
        let layer = fields.get("layer").and_then(|node| {
            mistakes.choice(
                node,
                "a layer",
                &[("tcp", Layer::Tcp), ("http", Layer::Http)],
            )
        });
        let listen = fields.get("listen").and_then(|node| socket(node, mistakes));
        let via = fields.get("via").and_then(|node| toxiproxy(node, mistakes));
        if let (Some(via), Some(Layer::Http)) = (&via, layer) {
            mistakes
                .error(
                    via.place,
                    "a Toxiproxy sees no requests",
                    "not with `layer: http`",
                )
                .hint = Some("leave `layer` out: it is tcp then".to_owned());
        }
        let tls = fields
            .get("tls")
            .and_then(|node| certificate(node, mistakes));
        if let Some((key, _)) = fields.entry("tls") {
            if via.is_some() {
                mistakes.error(
                    key.place,
                    "a Toxiproxy speaks no TLS",
                    "not with `via: toxiproxy`",
                );
            } else if layer == Some(Layer::Tcp) {
                mistakes
                    .error(
                        key.place,
                        "a tcp link passes TLS on as it is",
                        "not with `layer: tcp`",
                    )
                    .hint = Some("leave `layer` out: it is http then".to_owned());
            }
        }
        let usual = if via.is_some() {
            Layer::Tcp
        } else {
            Layer::Http
        };
        if let (Some((from, to)), Some(listen)) = (ends, listen) {
            links.push(Link {
                from,
                to,
                layer: layer.unwrap_or(usual),
                listen,
                tls,
                via,
            });
        }
    }
    links
}

fn ends(text: &Text<'_>, services: &[String]) -> Result<(Spanned<String>, Spanned<String>), Slip> {
    let mut words = Words::new(text.value);
    let service = |words: &mut Words<'_>| {
        let token = words.name("a service")?;
        if services.iter().any(|known| known == token.text) {
            return Ok(Spanned::new(
                token.text.to_owned(),
                text.part(token.range()),
            ));
        }
        let mut slip = Slip::new(
            token.range(),
            format!("no service is called `{}`", token.text),
            "not known",
        );
        slip.hint = closest_hint(token.text, services.iter().map(String::as_str));
        Err(slip)
    };
    let from = service(&mut words)?;
    words.expect("->", "portal -> sms")?;
    let last = words.peek();
    let to = service(&mut words)?;
    words.end()?;
    if from.value == to.value {
        return Err(Slip::new(
            last.range(),
            "a link joins two services",
            "the same service again",
        ));
    }
    Ok((from, to))
}
