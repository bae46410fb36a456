//! Anchors in the story, and the places where faults are put in.

use super::names::Names;
use crate::{
    diagnostic::Spanned,
    document::{Slip, Text, Token, TokenKind, Words, closest_hint, is_domain},
    scenario::model::{Anchor, Edge, FaultPlace},
    time::Story,
};

/// `NAME [.MEMBER] [.start | .end] [+ SPAN]`, where NAME is a phase or a fault.
pub(super) fn anchor(
    words: &mut Words<'_>,
    text: &Text<'_>,
    names: &Names,
) -> Result<Anchor, Slip> {
    let of = phase_or_fault(words, text, names)?;
    let edge = if words.accept(".") {
        edge(words, &of.value, names)?
    } else {
        Edge::Start
    };
    let plus = if words.accept("+") {
        Story(words.span()?)
    } else {
        Story::default()
    };
    Ok(Anchor { of, edge, plus })
}

/// `NAME [.MEMBER]`: a phase, a fault, or one place of a fault at several.
pub(super) fn phase_or_fault(
    words: &mut Words<'_>,
    text: &Text<'_>,
    names: &Names,
) -> Result<Spanned<String>, Slip> {
    let of = words.name("a phase or a fault")?;
    known(of, names)?;
    let mut name = of.text.to_owned();
    let mut range = of.range();
    let (dot, member) = (words.peek(), words.ahead(1));
    if dot.text == "." && names.members(of.text).any(|m| m == member.text) {
        words.take();
        words.take();
        name = format!("{name}.{}", member.text);
        range.end = member.range().end;
    }
    Ok(Spanned::new(name, text.part(range)))
}

fn edge(words: &mut Words<'_>, of: &str, names: &Names) -> Result<Edge, Slip> {
    let found = words.peek();
    let edges = [("start", Edge::Start), ("end", Edge::End)];
    words.one_of("`start` or `end`", &edges).map_err(|slip| {
        let members = names.members(of);
        if members.clone().next().is_none() || found.kind != TokenKind::Word {
            return slip;
        }
        let known = members.chain(["start", "end"]).collect::<Vec<_>>();
        let mut slip = Slip::new(
            found.range(),
            format!("`{of}` has no place that is called `{}`", found.text),
            "not one of its places",
        );
        slip.hint = closest_hint(found.text, known.iter().copied());
        slip
    })
}

/// That a word is a phase or a fault.
fn known(of: Token<'_>, names: &Names) -> Result<(), Slip> {
    match names.what(of.text) {
        Some("phase" | "fault" | "schedule") => Ok(()),
        Some(what) => Err(Slip::new(
            of.range(),
            format!("`{}` is a {what}; it has no start and no end", of.text),
            "a phase or a fault was expected here",
        )),
        None => {
            let mut slip = Slip::new(
                of.range(),
                format!("no phase or fault is called `{}`", of.text),
                "not known",
            );
            slip.hint = closest_hint(of.text, names.with_edges());
            Err(slip)
        }
    }
}

const PLACES: &str = "`portal -> sms`, `service portal`, `feature portal/login`, `process portal`, `dns cowin.test` or `host`";

/// Where a fault is put in.
pub(crate) fn fault_place(words: &mut Words<'_>) -> Result<FaultPlace, Slip> {
    let first = words.name("a place")?;
    if words.accept("->") {
        let to = words.name("the service that is dialled")?;
        words.end()?;
        return Ok(FaultPlace::Link {
            from: first.text.to_owned(),
            to: to.text.to_owned(),
        });
    }
    let place = match first.text {
        "host" => FaultPlace::Host,
        "service" => FaultPlace::Service(words.name("a service")?.text.to_owned()),
        "process" => FaultPlace::Process(words.name("a service that is launched")?.text.to_owned()),
        "feature" => {
            let service = words.name("a service and its feature, as in `portal/login`")?;
            words.expect("/", "feature portal/login")?;
            let feature = words.name("a feature")?;
            FaultPlace::Feature {
                service: service.text.to_owned(),
                feature: feature.text.to_owned(),
            }
        }
        "dns" => {
            let (range, name) = words.rest();
            let name = name.trim_end_matches('.');
            if !is_domain(name) {
                return Err(Slip::new(
                    range,
                    format!("`{name}` is not a domain name"),
                    "a zone or a name was expected here",
                )
                .hint("for example `dns cowin.test`"));
            }
            return Ok(FaultPlace::Dns(name.to_ascii_lowercase()));
        }
        other => {
            let mut slip = Slip::new(
                first.range(),
                format!("`{other}` is not a place where a fault can be put in"),
                "not a place",
            );
            slip.hint = Some(if words.peek().kind == TokenKind::End {
                format!("`service {other}` is the way of its visitors; the places are {PLACES}")
            } else {
                closest_hint(other, ["service", "process", "feature", "dns", "host"])
                    .filter(|hint| hint.starts_with("did"))
                    .unwrap_or_else(|| format!("the places are {PLACES}"))
            });
            return Err(slip);
        }
    };
    words.end()?;
    Ok(place)
}
