//! `http:`.

use super::is_word;
use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node, Slip},
    scenario::{
        model::{HttpAction, HttpEffect, HttpMatch, RoutePattern},
        parse::{
            check::{header_name, header_value},
            keys::HTTP,
        },
    },
};

/// `hang`, or a mapping with one of `status`, `delay` and `hang: true`.
pub(super) fn effect(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<HttpEffect> {
    if is_word(node, "hang") {
        return Some(HttpEffect {
            matching: HttpMatch::default(),
            action: HttpAction::Hang,
        });
    }
    let fields = Fields::open(node, &HTTP, mistakes)?;
    let routes = routes(&fields, mistakes);
    let (key, value) = fields.one_of(&["status", "delay", "hang"], true, mistakes)?;
    if key.value != "status" {
        for extra in ["headers", "body"] {
            if let Some((extra, _)) = fields.entry(extra) {
                mistakes.error(
                    extra.place,
                    format!("`{}` goes with `status` only", extra.value),
                    format!("a {} answers nothing itself", key.value),
                );
            }
        }
    }
    let action = match key.value.as_str() {
        "status" => HttpAction::Status {
            code: u16::try_from(mistakes.whole(value, 200..=599)?).ok()?,
            headers: headers(&fields, mistakes),
            body: match fields.get("body") {
                Some(node) => mistakes.text(node, "a body (a text)")?.value.to_owned(),
                None => String::new(),
            },
        },
        "delay" => HttpAction::Delay {
            delay: mistakes.positive_span(value)?,
        },
        _ => {
            if mistakes.flag(value)? {
                HttpAction::Hang
            } else {
                mistakes.expected(value, "`true`");
                return None;
            }
        }
    };
    Some(HttpEffect {
        matching: HttpMatch { routes },
        action,
    })
}

fn routes(fields: &Fields<'_>, mistakes: &mut Mistakes) -> Vec<RoutePattern> {
    let Some(node) = fields.get("routes") else {
        return Vec::new();
    };
    let items = mistakes.list(node, "a list of routes such as `[POST /otp/generate]`");
    if items.is_empty() && matches!(node.value, Node::Seq(_)) {
        mistakes.expected(node, "at least one route").hint =
            Some("without `routes` every request is meant".to_owned());
    }
    items
        .iter()
        .filter_map(|item| route(item, mistakes))
        .map(|route| route.value)
        .collect()
}

/// A route such as `GET /slots/:pin`.
pub(crate) fn route(
    node: &Spanned<Node>,
    mistakes: &mut Mistakes,
) -> Option<Spanned<RoutePattern>> {
    let text = mistakes.text(node, "a route such as `GET /slots/:pin`")?;
    let place = text.part(0..text.value.len());
    let route: RoutePattern = match text.value.parse() {
        Ok(route) => route,
        Err(message) => {
            let mut slip = Slip::new(0..text.value.len(), message, "not a route");
            let upper = text.value.to_uppercase();
            if upper != text.value && upper.split(' ').next() != text.value.split(' ').next() {
                slip.hint = Some("methods are written in capitals: `GET /slots/:pin`".to_owned());
            }
            mistakes.slip(&text, slip);
            return None;
        }
    };
    let star = route
        .segments
        .iter()
        .position(|segment| segment.contains('*'));
    if let Some(star) = star
        && (star + 1 != route.segments.len() || route.segments[star] != "*")
    {
        let slip = Slip::new(
            0..text.value.len(),
            "`*` stands for the rest of a path, so it is the last segment, alone",
            "not at the end",
        );
        mistakes.slip(&text, slip.hint("one segment is `:name`"));
        return None;
    }
    Some(Spanned::new(route, place))
}

fn headers(fields: &Fields<'_>, mistakes: &mut Mistakes) -> Vec<(String, String)> {
    let Some(node) = fields.get("headers") else {
        return Vec::new();
    };
    let mut headers = Vec::new();
    for (name, node) in mistakes.entries(node, "a mapping of names to values of headers") {
        let named = header_name(name, mistakes);
        if let Some(text) = mistakes.text(node, "the header's value") {
            let value = text.value.to_owned();
            if header_value(node, &value, mistakes) && named {
                headers.push((name.value.to_ascii_lowercase(), value));
            }
        }
    }
    headers
}
