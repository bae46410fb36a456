//! What an http effect does.

use super::{delay::delay, matching::person, misfire};
use crate::{
    diagnostic::Spanned,
    document::{Entry, Fields, Mistakes, Node},
    scenario::{
        model::{Cut, HttpAction, HttpClose, JsonEdit, RateLimit, RateWindow},
        parse::{
            check::{header_name, header_value, json_path, plain_json, valid_path},
            keys::{HTTP_JSON, HTTP_RATE_LIMIT},
        },
    },
    units::Ratio,
};

/// The keys of which one says what happens.
const ACTIONS: [&str; 12] = [
    "status",
    "delay",
    "hang",
    "reset",
    "close",
    "truncate",
    "slow",
    "json",
    "malformed",
    "content_type",
    "stale",
    "rate_limit",
];

/// The one effect of a mapping.
pub(super) fn action(fields: &Fields<'_>, mistakes: &mut Mistakes) -> Option<HttpAction> {
    let (key, value) = fields.one_of(&ACTIONS, true, mistakes)?;
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
    Some(match key.value.as_str() {
        "status" => HttpAction::Status {
            code: u16::try_from(mistakes.whole(value, 200..=599)?).ok()?,
            headers: headers(fields, mistakes),
            body: match fields.get("body") {
                Some(node) => mistakes.text(node, "a body (a text)")?.value.to_owned(),
                None => String::new(),
            },
        },
        "delay" => HttpAction::Delay(delay(value, mistakes)?),
        "close" => HttpAction::Close(mistakes.choice(
            value,
            "when a connection is closed",
            &[
                ("before_headers", HttpClose::BeforeHeaders),
                ("after_headers", HttpClose::AfterHeaders),
            ],
        )?),
        "truncate" => HttpAction::Truncate(cut(value, mistakes)?),
        "slow" => {
            let rate = mistakes.rate(value)?;
            if rate.get() < 1.0 {
                mistakes.expected(value, "at least one byte a second: `1/s`");
                return None;
            }
            HttpAction::Slow(rate)
        }
        "json" => HttpAction::Json(edits(value, mistakes)?),
        "content_type" => {
            let text = mistakes.string(value, "a media type such as `text/html`")?;
            if !header_value(value, &text, mistakes) {
                return None;
            }
            HttpAction::ContentType(text)
        }
        "rate_limit" => HttpAction::RateLimit(rate_limit(value, mistakes)?),
        "reset" => alone(value, HttpAction::Reset, mistakes)?,
        "malformed" => alone(value, HttpAction::Malformed, mistakes)?,
        "stale" => alone(value, HttpAction::Stale, mistakes)?,
        _ => alone(value, HttpAction::Hang, mistakes)?,
    })
}

/// `true`, for an effect that needs no more.
fn alone(node: &Spanned<Node>, action: HttpAction, mistakes: &mut Mistakes) -> Option<HttpAction> {
    if mistakes.flag(node)? {
        return Some(action);
    }
    mistakes.expected(node, "`true`");
    None
}

/// `100` bytes, or `50%` of the body.
fn cut(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<Cut> {
    let text = mistakes.text(node, "a number of bytes, or a share such as `50%`")?;
    if text.value.ends_with('%') {
        let share = mistakes.ratio(node)?;
        if share >= Ratio::ONE {
            mistakes.expected(node, "less than the whole body");
            return None;
        }
        return Some(Cut::Share(share));
    }
    mistakes.whole(node, 0..=u64::MAX).map(Cut::Bytes)
}

fn edits(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<Vec<JsonEdit>> {
    let fields = Fields::open(node, &HTTP_JSON, mistakes)?;
    let mut edits = Vec::new();
    let what = "a mapping of JSONPaths to values";
    if let Some(node) = fields.get("set") {
        for entry in mistakes.entries(node, what) {
            edits.extend(set(entry, mistakes));
        }
    }
    if let Some(node) = fields.get("replace") {
        for (path, value) in mistakes.entries(node, what) {
            let text = mistakes.key_text(path);
            if let Err(slip) = valid_path(text.value) {
                mistakes.slip(&text, slip);
                continue;
            }
            edits.push(JsonEdit::Replace {
                path: path.value.clone(),
                value: plain_json(value),
            });
        }
    }
    if let Some(node) = fields.get("remove") {
        for node in mistakes.one_or_more(node) {
            let path = json_path(node, mistakes);
            edits.extend(path.map(|path| JsonEdit::Remove { path }));
        }
    }
    if matches!(&node.value, Node::Map(entries) if entries.is_empty()) {
        mistakes.expected(node, "at least one change");
    }
    Some(edits)
}

/// `$.user.name: value`.
fn set(entry: &Entry, mistakes: &mut Mistakes) -> Option<JsonEdit> {
    let (path, value) = entry;
    let text = mistakes.key_text(path);
    if let Err(slip) = valid_path(text.value) {
        mistakes.slip(&text, slip);
        return None;
    }
    let plain = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let split = text.value.rsplit_once('.');
    let Some((parent, name)) = split.filter(|(p, name)| plain(name) && valid_path(p).is_ok())
    else {
        mistakes
            .error(
                path.place,
                "`set` wants the name of a member at the end, as in `$.user.name`",
                "where would a new one go?",
            )
            .hint = Some("`replace` changes whatever a path finds".to_owned());
        return None;
    };
    Some(JsonEdit::Set {
        parent: parent.to_owned(),
        name: name.to_owned(),
        value: plain_json(value),
    })
}

/// `true`, or a mapping.
fn rate_limit(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<RateLimit> {
    if matches!(node.value, Node::Scalar(_)) {
        return mistakes.flag(node)?.then(misfire).or_else(|| {
            mistakes.expected(node, "`true`, or a mapping");
            None
        });
    }
    let fields = Fields::open(node, &HTTP_RATE_LIMIT, mistakes)?;
    let mut limit = misfire();
    if let Some(node) = fields.get("status") {
        match mistakes.whole(node, 400..=499)? {
            429 => {}
            403 => limit.status = 403,
            _ => {
                mistakes.expected(node, "429 or 403");
                return None;
            }
        }
    }
    if let Some(node) = fields.get("retry_after") {
        limit.retry_after = Some(mistakes.span(node)?);
    }
    if let Some(node) = fields.get("limit") {
        limit.window = Some(RateWindow {
            limit: mistakes.whole(node, 0..=u64::MAX)?,
            per: match fields.get("per") {
                Some(node) => mistakes.positive_span(node)?,
                None => std::time::Duration::from_secs(1),
            },
            by: match fields.get("by") {
                Some(node) => Some(person(node, mistakes)?),
                None => None,
            },
        });
    } else {
        for extra in ["per", "by"] {
            if let Some((extra, _)) = fields.entry(extra) {
                mistakes.error(
                    extra.place,
                    format!("`{}` goes with `limit` only", extra.value),
                    "without a limit everybody is refused",
                );
            }
        }
    }
    Some(limit)
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
