//! Which requests an http effect means.

use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node, Slip},
    scenario::{
        model::{FieldMatch, HttpMatch, JsonMatch, Method, Person, RoutePattern, Wanted},
        parse::{
            check::{header_name, json_path, plain_json, regex, valid_path},
            keys::{HTTP_MATCH, HTTP_PATTERN, PERSON},
        },
    },
};

/// The conditions of an effect.
pub(super) fn matching(fields: &Fields<'_>, mistakes: &mut Mistakes) -> Option<HttpMatch> {
    let mut matching = HttpMatch {
        routes: routes(fields, mistakes),
        ..HttpMatch::default()
    };
    if let Some(node) = fields.get("match") {
        choice(node, &mut matching, mistakes);
    }
    if let Some(node) = fields.get("every") {
        matching.every = Some(mistakes.whole(node, 1..=u64::MAX)?);
    }
    if let Some(node) = fields.get("first") {
        matching.first = Some(mistakes.whole(node, 1..=u64::MAX)?);
    }
    if let Some(node) = fields.get("sticky") {
        matching.sticky = Some(person(node, mistakes)?);
    }
    Some(matching)
}

/// `match:`.
fn choice(node: &Spanned<Node>, matching: &mut HttpMatch, mistakes: &mut Mistakes) {
    let Some(fields) = Fields::open(node, &HTTP_MATCH, mistakes) else {
        return;
    };
    if matches!(&node.value, Node::Map(entries) if entries.is_empty()) {
        mistakes.expected(node, "at least one condition");
    }
    if let Some(node) = fields.get("method") {
        let words = Method::ALL.map(|method| (method.as_str(), method));
        for node in mistakes.one_or_more(node) {
            let method = mistakes.choice(node, "a method", &words);
            matching.methods.extend(method);
        }
    }
    if let Some(node) = fields.get("header") {
        for mut field in field_matches(node, "the name of a header", mistakes) {
            if header_name(&field.0, mistakes) {
                field.1.name.make_ascii_lowercase();
                matching.headers.push(field.1);
            }
        }
    }
    if let Some(node) = fields.get("query") {
        let found = field_matches(node, "the name of a parameter", mistakes);
        matching
            .query
            .extend(found.into_iter().map(|(_, field)| field));
    }
    if let Some(node) = fields.get("json") {
        json_matches(node, matching, mistakes);
    }
}

/// Names that must be there, or a mapping of names to values or patterns.
fn field_matches(
    node: &Spanned<Node>,
    what: &str,
    mistakes: &mut Mistakes,
) -> Vec<(Spanned<String>, FieldMatch)> {
    let mut found = Vec::new();
    if let Node::Map(entries) = &node.value {
        for (name, value) in entries {
            let wanted = match &value.value {
                Node::Map(_) => pattern(value, mistakes),
                Node::Null | Node::Scalar(_) | Node::Seq(_) => {
                    let text = mistakes.text(value, "a value, or `{matches: REGEX}`");
                    text.map(|text| Wanted::Equals(text.value.to_owned()))
                }
            };
            found.extend(wanted.map(|wanted| {
                let field = FieldMatch {
                    name: name.value.clone(),
                    wanted,
                };
                (name.clone(), field)
            }));
        }
        return found;
    }
    for node in mistakes.one_or_more(node) {
        if let Some(text) = mistakes.text(node, what) {
            let name = Spanned::new(text.value.to_owned(), text.part(0..text.value.len()));
            let field = FieldMatch {
                name: name.value.clone(),
                wanted: Wanted::Present,
            };
            found.push((name, field));
        }
    }
    found
}

fn pattern(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<Wanted> {
    let fields = Fields::open(node, &HTTP_PATTERN, mistakes)?;
    regex(fields.get("matches")?, mistakes).map(Wanted::Matches)
}

/// JSONPaths that must find something, or a mapping of them to values.
fn json_matches(node: &Spanned<Node>, matching: &mut HttpMatch, mistakes: &mut Mistakes) {
    let Node::Map(entries) = &node.value else {
        for node in mistakes.one_or_more(node) {
            let path = json_path(node, mistakes);
            let found = path.map(|path| JsonMatch { path, equals: None });
            matching.json.extend(found);
        }
        return;
    };
    for (path, value) in entries {
        let text = mistakes.key_text(path);
        if let Err(slip) = valid_path(text.value) {
            mistakes.slip(&text, slip);
            continue;
        }
        matching.json.push(JsonMatch {
            path: path.value.clone(),
            equals: Some(plain_json(value)),
        });
    }
}

/// `{header: authorization}`, `{cookie: session}` or `address`.
pub(super) fn person(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<Person> {
    if matches!(node.value, Node::Scalar(_)) {
        let words = [("address", ())];
        let () = mistakes.choice(node, "what tells people apart", &words)?;
        return Some(Person::Address);
    }
    let fields = Fields::open(node, &PERSON, mistakes)?;
    let (key, value) = fields.one_of(&["header", "cookie"], true, mistakes)?;
    let text = mistakes.text(value, "a name")?;
    let name = Spanned::new(text.value.to_owned(), text.part(0..text.value.len()));
    // the names of cookies are tokens as well (RFC 6265 section 4.1.1)
    if !header_name(&name, mistakes) {
        return None;
    }
    Some(match key.value.as_str() {
        "header" => Person::Header(name.value.to_ascii_lowercase()),
        _ => Person::Cookie(name.value),
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
