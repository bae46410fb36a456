//! The steps of a journey.

use std::time::Duration;

use super::{
    branch::branches,
    check::{checks, header_name, header_value, json_path, valid_regex},
    data::template_name,
    keys::{REQUEST, THINK, WAIT},
    template::Holes,
};
use crate::{
    diagnostic::Spanned,
    document::{Entry, Fields, Kind, Mistakes, Node, Slip, is_name},
    scenario::model::{Body, Method, RequestStep, Step, Take, TakeFrom, Template, WaitStep},
};

const METHODS: [(&str, Method); 7] = [
    ("get", Method::Get),
    ("head", Method::Head),
    ("post", Method::Post),
    ("put", Method::Put),
    ("patch", Method::Patch),
    ("delete", Method::Delete),
    ("options", Method::Options),
];

/// How often a waiting step asks when it does not say.
const EVERY: Duration = Duration::from_millis(500);

/// What is known while the steps of a journey are read one after the other.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) holes: Holes,
    /// The steps' names so far.
    pub(super) names: Vec<Spanned<String>>,
    /// The names of all steps, in order.
    pub(super) all_names: Vec<String>,
    /// Turns to later steps: the step, whence, and what is known on that way.
    pub(super) turns: Vec<Turn>,
}

/// A turn to a later step.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) to: String,
    pub(super) from: String,
    pub(super) known: Vec<String>,
}

/// The names of all steps that have one.
pub(super) fn step_names(items: &[Spanned<Node>]) -> Vec<String> {
    let named = items.iter().filter_map(|item| match &item.value {
        Node::Map(entries) => entries.iter().find(|(key, _)| key.value == "step"),
        Node::Null | Node::Scalar(_) | Node::Seq(_) => None,
    });
    let texts = named.filter_map(|(_, value)| match &value.value {
        Node::Scalar(scalar) => Some(scalar.text.clone()),
        Node::Null | Node::Seq(_) | Node::Map(_) => None,
    });
    texts.collect()
}

/// The names that any of the steps takes, with the step's name.
pub(super) fn taken_names(items: &[Spanned<Node>]) -> Vec<(String, String)> {
    let mut taken = Vec::new();
    for item in items {
        let Node::Map(entries) = &item.value else {
            continue;
        };
        let value = |wanted: &str| {
            let found = entries.iter().find(|(key, _)| key.value == wanted);
            found.map(|(_, value)| &value.value)
        };
        let step = match value("step") {
            Some(Node::Scalar(scalar)) => scalar.text.as_str(),
            _ => "?",
        };
        if let Some(Node::Map(takes)) = value("take") {
            taken.extend(
                takes
                    .iter()
                    .map(|(name, _)| (name.value.clone(), step.to_owned())),
            );
        }
    }
    taken
}

/// One step.
pub(super) fn step(
    node: &Spanned<Node>,
    reading: &mut Reading,
    mistakes: &mut Mistakes,
) -> Option<Step> {
    let Node::Map(entries) = &node.value else {
        mistakes.expected(node, "a step (a mapping)").hint = Some(
            "for example `{step: look, get: \"portal:/slots\"}` or `{think: 1s..3s}`".to_owned(),
        );
        return None;
    };
    let has = |wanted: &str| entries.iter().any(|(key, _)| key.value == wanted);
    if has("think") {
        let fields = Fields::open(node, &THINK, mistakes)?;
        let (min, max) = mistakes.span_range(fields.get("think")?)?;
        Some(Step::Think { min, max })
    } else if has("wait_for") {
        let fields = Fields::open(node, &WAIT, mistakes)?;
        wait(&fields, reading, mistakes).map(Step::WaitFor)
    } else {
        let fields = Fields::open(node, &REQUEST, mistakes)?;
        request(&fields, reading, mistakes).map(Step::Request)
    }
}

fn step_name(
    fields: &Fields<'_>,
    reading: &mut Reading,
    mistakes: &mut Mistakes,
) -> Option<Spanned<String>> {
    let name = mistakes.name(fields.get("step")?, "a name for a step")?;
    if let Some(first) = reading.names.iter().find(|first| first.value == name.value) {
        mistakes
            .error(
                name.place,
                format!("two steps are called `{}`", name.value),
                "the second",
            )
            .at_also(first.place, "the first");
        return None;
    }
    reading.names.push(name.clone());
    for turn in reading.turns.iter().filter(|turn| turn.to == name.value) {
        reading.holes.meet(&turn.known, &turn.from);
    }
    Some(name)
}

fn request(
    fields: &Fields<'_>,
    reading: &mut Reading,
    mistakes: &mut Mistakes,
) -> Option<RequestStep> {
    let name = step_name(fields, reading, mistakes);
    let names = METHODS.map(|(name, _)| name);
    let target = fields
        .one_of(&names, true, mistakes)
        .and_then(|(key, node)| {
            let method = METHODS.iter().find(|(name, _)| *name == key.value)?.1;
            let (service, path) = address(node, &mut reading.holes, mistakes)?;
            Some((method, service, path))
        });
    let headers = fields
        .get("headers")
        .map_or_else(Vec::new, |node| headers(node, &mut reading.holes, mistakes));
    let body = match fields.one_of(&["json", "body"], false, mistakes) {
        Some((key, node)) if key.value == "json" => {
            json_body(node, &mut reading.holes, mistakes).map(Body::Json)
        }
        Some((_, node)) => mistakes
            .text(node, "a text to send")
            .and_then(|text| reading.holes.template(&text, mistakes))
            .map(Body::Text),
        None => None,
    };
    // a turn may be taken without what this step takes
    let known = reading.holes.known();
    let then = fields.get("then").map_or_else(Vec::new, |node| {
        branches(node, name.as_ref(), &known, reading, mistakes)
    });
    let take = takes(fields, &mut reading.holes, mistakes);
    let check = fields
        .get("check")
        .map_or_else(Vec::new, |node| checks(node, mistakes));
    let fallback = fields
        .get("fallback")
        .map_or_else(Vec::new, |node| checks(node, mistakes));
    let (method, service, path) = target?;
    Some(RequestStep {
        name: name?,
        method,
        service,
        path,
        headers,
        body,
        take,
        check,
        fallback,
        then,
    })
}

fn wait(fields: &Fields<'_>, reading: &mut Reading, mistakes: &mut Mistakes) -> Option<WaitStep> {
    let name = step_name(fields, reading, mistakes);
    let target = fields
        .get("wait_for")
        .and_then(|node| address(node, &mut reading.holes, mistakes));
    let within = fields
        .get("within")
        .and_then(|node| mistakes.positive_span(node));
    let every = match fields.get("every") {
        Some(node) => mistakes.positive_span(node),
        None => Some(EVERY),
    };
    let take = takes(fields, &mut reading.holes, mistakes);
    let (service, path) = target?;
    Some(WaitStep {
        name: name?,
        service,
        path,
        take,
        within: within?,
        every: every?,
    })
}

/// `portal:/otp/generate`: a service of the target, and a path with query.
fn address(
    node: &Spanned<Node>,
    holes: &mut Holes,
    mistakes: &mut Mistakes,
) -> Option<(Spanned<String>, Template)> {
    const WHAT: &str = "a service and a path such as `\"portal:/slots\"`";
    let text = mistakes.text(node, WHAT)?;
    let (service, path) = match text.value.split_once(':') {
        Some(("http" | "https", _)) => {
            let slip = Slip::new(
                0..text.value.len(),
                "a step names a service of the target, not a URL",
                "a URL",
            )
            .hint(
                "write `\"SERVICE:/path\"`; where the service is reached stands in the target file",
            );
            mistakes.slip(&text, slip);
            return None;
        }
        Some(parts) => parts,
        None => ("", text.value),
    };
    if !is_name(service) {
        let slip = Slip::new(
            0..service.len().max(1).min(text.value.len()),
            format!("expected {WHAT}, found `{}`", text.value),
            "no service is named here",
        );
        mistakes.slip(&text, slip);
        return None;
    }
    let start = service.len() + 1;
    let odd = path.find(|c: char| c.is_whitespace() || c.is_control() || c == '#');
    // a hole may be written with blanks
    let odd = odd.filter(|at| {
        let before = &path[..*at];
        before.matches("{{").count() == before.matches("}}").count()
    });
    if !path.starts_with('/') || odd.is_some() {
        let range = odd.map_or(start..text.value.len(), |at| {
            let len = path[at..].chars().next().map_or(0, char::len_utf8);
            start + at..start + at + len
        });
        let slip = Slip::new(
            range,
            format!("`{path}` is not a path"),
            "a path begins with `/` and has no blanks and no `#`",
        );
        mistakes.slip(&text, slip);
        return None;
    }
    let service = Spanned::new(service.to_owned(), text.part(0..service.len()));
    let template = holes.template(&text, mistakes)?;
    Some((service, without_prefix(template, start)))
}

/// A template without its first bytes, which hold no hole.
fn without_prefix(mut template: Template, len: usize) -> Template {
    use crate::scenario::model::TemplatePiece;
    if let Some(TemplatePiece::Text(text)) = template.pieces.first_mut() {
        text.drain(..len);
    }
    template
}

fn headers(
    node: &Spanned<Node>,
    holes: &mut Holes,
    mistakes: &mut Mistakes,
) -> Vec<(String, Template)> {
    let mut headers = Vec::new();
    for (name, node) in mistakes.entries(node, "a mapping of names to values of headers") {
        let named = header_name(name, mistakes);
        let Some(text) = mistakes.text(node, "the header's value") else {
            continue;
        };
        let valued = header_value(node, text.value, mistakes);
        if let Some(template) = holes.template(&text, mistakes)
            && named
            && valued
        {
            headers.push((name.value.to_ascii_lowercase(), template));
        }
    }
    headers
}

fn takes(fields: &Fields<'_>, holes: &mut Holes, mistakes: &mut Mistakes) -> Vec<Take> {
    let Some(node) = fields.get("take") else {
        return Vec::new();
    };
    let entries: &[Entry] = mistakes.entries(node, "a mapping such as `{token: $.token}`");
    let mut takes = Vec::new();
    for (name, node) in entries {
        let named = template_name(name, mistakes);
        // also when its path is wrong: later steps are not to blame for that
        holes.learn(&name.value);
        if let Some(from) = take_from(node, mistakes)
            && named
        {
            takes.push(Take {
                name: name.value.clone(),
                from,
            });
        }
    }
    takes
}

/// `$.path`, `header NAME`, `cookie NAME` or `regex EXPRESSION`.
fn take_from(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<TakeFrom> {
    const WHAT: &str = "a JSONPath such as `$.token`, or `header NAME`, `cookie NAME`, `regex ...`";
    let text = mistakes.text(node, WHAT)?;
    if let Some(expression) = text.value.strip_prefix("regex ") {
        return match valid_regex(expression) {
            Ok(()) => Some(TakeFrom::Regex(expression.to_owned())),
            Err(mut slip) => {
                slip.at = "regex ".len()..text.value.len();
                mistakes.slip(&text, slip);
                None
            }
        };
    }
    if let Some(name) = text.value.strip_prefix("cookie ") {
        let at = text.value.len() - name.trim_start().len();
        let place = text.part(at..text.value.len());
        let name = Spanned::new(name.trim().to_owned(), place);
        // the name of a cookie is a token, as that of a header (RFC 6265 section 4.1.1)
        return header_name(&name, mistakes).then_some(TakeFrom::Cookie(name.value));
    }
    if let Some(name) = text.value.strip_prefix("header ") {
        let at = text.value.len() - name.trim_start().len();
        let place = text.part(at..text.value.len());
        let name = Spanned::new(name.trim().to_owned(), place);
        return header_name(&name, mistakes)
            .then(|| TakeFrom::Header(name.value.to_ascii_lowercase()));
    }
    json_path(node, mistakes).map(TakeFrom::Json)
}

/// A body, whose strings are templates.
fn json_body(
    node: &Spanned<Node>,
    holes: &mut Holes,
    mistakes: &mut Mistakes,
) -> Option<serde_json::Value> {
    use serde_json::Value;
    match &node.value {
        Node::Scalar(scalar) if scalar.kind == Kind::Str => {
            let text = mistakes.text(node, "a text")?;
            holes.template(&text, mistakes)?;
            Some(Value::String(scalar.text.clone()))
        }
        Node::Null | Node::Scalar(_) => Some(super::check::plain_json(node)),
        Node::Seq(items) => {
            let items: Vec<_> = items
                .iter()
                .map(|i| json_body(i, holes, mistakes))
                .collect();
            items
                .into_iter()
                .collect::<Option<Vec<_>>>()
                .map(Value::Array)
        }
        Node::Map(entries) => {
            let entries: Vec<_> = entries
                .iter()
                .map(|(key, value)| Some((key.value.clone(), json_body(value, holes, mistakes)?)))
                .collect();
            entries
                .into_iter()
                .collect::<Option<serde_json::Map<_, _>>>()
                .map(Value::Object)
        }
    }
}
