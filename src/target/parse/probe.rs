//! Probes: `GET /healthz`.

use crate::{
    diagnostic::Spanned,
    document::{Mistakes, Node, Slip},
    scenario::model::Method,
    target::model::ProbeRequest,
};

/// `GET /path`, `HEAD /path`, or a path alone for GET.
pub(super) fn probe(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<ProbeRequest> {
    let text = mistakes.text(node, "a probe such as `GET /healthz`")?;
    let (method, path) = match text.value.split_once(char::is_whitespace) {
        Some((word, path)) => (word, path.trim()),
        None => ("GET", text.value),
    };
    let method = match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        other => {
            let slip = Slip::new(
                0..other.len(),
                format!("a probe is a GET or a HEAD, found `{other}`"),
                "not for a probe",
            );
            mistakes.slip(&text, slip.hint("for example `GET /healthz`"));
            return None;
        }
    };
    let at = text.value.len() - path.len();
    let odd = path.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#');
    if !path.starts_with('/') || odd {
        let slip = Slip::new(
            at..text.value.len(),
            format!("`{path}` is not a path"),
            "a path begins with `/` and has no blanks and no `#`",
        );
        mistakes.slip(&text, slip);
        return None;
    }
    if path
        .split('?')
        .next()
        .is_some_and(|p| p.contains("/:") || p.contains("{{"))
    {
        let slip = Slip::new(
            at..text.value.len(),
            "a probe asks for one thing: its path has no holes",
            "write a value instead",
        );
        mistakes.slip(&text, slip);
        return None;
    }
    Some(ProbeRequest {
        method,
        path: path.to_owned(),
    })
}
