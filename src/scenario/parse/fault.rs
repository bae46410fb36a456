//! `faults:`.

use super::{
    effect::effect, keys::FAULT, loss, names::Names, place::anchor, population::provenance,
    shape::shape, spread, turns,
};
use crate::{
    diagnostic::{Place, Spanned},
    document::{Fields, Mistakes, Node, Words},
    scenario::model::{Anchor, Edge, Effect, Fault, FaultPlace, TcpEffect, Turns, Until},
    time::Story,
    units::Span,
};

/// No rehearsal has more; every fault may wait for every other.
const MOST_FAULTS: usize = 100;

/// The section `faults:`.
pub(super) fn section(node: &Spanned<Node>, names: &Names, mistakes: &mut Mistakes) -> Vec<Fault> {
    let entries = mistakes.entries(node, "a mapping of names to faults");
    if let Some((first, _)) = entries.get(MOST_FAULTS) {
        mistakes.error(
            first.place,
            format!("more than {MOST_FAULTS} faults"),
            "from here on",
        );
        return Vec::new();
    }
    let faults: Vec<Fault> = entries
        .iter()
        .flat_map(|(name, node)| fault(name, node, names, mistakes))
        .collect();
    if faults.len() > MOST_FAULTS {
        mistakes.error(
            node.place,
            format!("more than {MOST_FAULTS} faults"),
            "all places taken together",
        );
        return Vec::new();
    }
    refuse_circles(&faults, mistakes);
    faults
}

/// The faults that one entry means: one for each of its places.
fn fault(
    name: &Spanned<String>,
    node: &Spanned<Node>,
    names: &Names,
    mistakes: &mut Mistakes,
) -> Vec<Fault> {
    let Some(fields) = Fields::open(node, &FAULT, mistakes) else {
        return Vec::new();
    };
    let (lose, members) = loss::places(&fields, mistakes);
    let drawn = drawn(name, &fields, names, mistakes);
    let starts = match &drawn {
        Some((_, begin)) => vec![Some((begin.clone(), None)); members.len()],
        None => spread::starts(&fields, &members, names, mistakes),
    };
    let given = fields.one_of(
        &["http", "tcp", "tls", "dns", "process", "exec"],
        !fields.has("lose"),
        mistakes,
    );
    let effect = given.map(|entry| Some(Spanned::new(effect(entry, mistakes)?, entry.0.place)));
    let turns = match (given, effect.as_ref().and_then(Option::as_ref)) {
        (Some((_, node)), Some(effect))
            if matches!(effect.value, Effect::Tcp(_) | Effect::Dns(_)) =>
        {
            turns::turns(node, &effect.value, mistakes)
        }
        _ => Turns::default(),
    };
    let effect = effect.unwrap_or_else(|| {
        let lost = lose.as_ref()?;
        Some(Spanned::new(loss::effect(), lost.place))
    });
    let instant = effect.as_ref().and_then(|effect| match effect.value {
        Effect::Process(process) => Some(process).filter(|p| p.is_instant()),
        Effect::Http(_) | Effect::Tcp(_) | Effect::Tls(_) | Effect::Dns(_) | Effect::Exec(_) => {
            None
        }
    });
    let needed = effect.is_some() && instant.is_none();
    let ends = match drawn {
        Some(_) => vec![None; members.len()],
        None => spread::ends(&fields, &members, needed, names, mistakes),
    };
    let drawn_by = drawn.map(|(schedule, _)| schedule);
    if let (Some(instant), Some(until)) = (instant, ends.first().and_then(Option::as_ref)) {
        mistakes.error(
            until.place,
            format!("a `{}` is an instant: it has no end", instant.word()),
            "leave this out",
        );
    }
    let ramp = story(&fields, "ramp", mistakes);
    let ramp_out = story(&fields, "ramp_out", mistakes);
    let lengths = ends.iter().flatten().filter_map(|end| match end.value {
        Until::For(length) => Some(length),
        Until::At(_) | Until::When(_) => None,
    });
    let shortest = lengths.min();
    if let Some(length) = shortest {
        check_ramps(&fields, length, ramp, ramp_out, mistakes);
    }
    let waits = |end: &Spanned<Until>| matches!(end.value, Until::When(_));
    if let Some((key, _)) = fields.entry("ramp_out")
        && ends.iter().flatten().any(waits)
    {
        mistakes.error(
            key.place,
            "nobody knows beforehand when the fault ends, so it cannot shrink before",
            "leave this out",
        );
    }
    let bare = effect.as_ref().map(|e| &e.value);
    let (share, shape) = shape(&fields, bare, shortest, mistakes);
    let provenance = provenance(&fields, mistakes);
    let Some(effect) = effect else {
        return Vec::new();
    };
    // where needs are is known when the target is
    let needs = lose.as_ref().is_some_and(|lost| lost.value.needs);
    for member in members.iter().filter(|_| !needs) {
        check_place(&member.at, &effect, mistakes);
    }
    check_shape(&fields, &effect.value, mistakes);
    let edges = starts.into_iter().zip(ends);
    let whole = members.into_iter().zip(edges);
    whole
        .filter_map(|(member, (from, until))| {
            let called = match member.name {
                Some(member) => format!("{}.{member}", name.value),
                None => name.value.clone(),
            };
            let (from, when) = from?;
            Some(Fault {
                name: Spanned::new(called, name.place),
                at: member.at,
                lose: lose.clone(),
                drawn_by: drawn_by.clone(),
                from,
                when,
                until,
                ramp: ramp.unwrap_or_default(),
                ramp_out: ramp_out.unwrap_or_default(),
                share,
                turns,
                shape: shape.clone(),
                effect: effect.clone(),
                provenance: provenance.clone(),
            })
        })
        .collect()
}

/// The schedule that draws when a fault comes, and something to stand where it would say so itself,
/// which it must do only where no schedule does.
fn drawn(
    name: &Spanned<String>,
    fields: &Fields<'_>,
    names: &Names,
    mistakes: &mut Mistakes,
) -> Option<(String, Spanned<Anchor>)> {
    let Some(schedule) = names.drawn_by(&name.value) else {
        if !fields.has("from") {
            mistakes
                .error(
                    fields.beginning(),
                    "missing key `from`",
                    "a fault needs `from`",
                )
                .hint = Some(
                "only faults that a schedule under `random:` draws do not say when they come"
                    .to_owned(),
            );
        }
        return None;
    };
    for key in ["from", "for", "until", "stagger", "stagger_out", "flap"] {
        if let Some((key, _)) = fields.entry(key) {
            let name = &name.value;
            mistakes.error(
                key.place,
                format!("the schedule `{schedule}` says when `{name}` comes and goes"),
                "leave this out",
            );
        }
    }
    let anchor = Anchor {
        of: Spanned::new(names.phases.first()?.clone(), name.place),
        edge: Edge::Start,
        plus: Story::default(),
    };
    Some((schedule.to_owned(), Spanned::new(anchor, name.place)))
}

pub(super) fn anchor_of(
    node: &Spanned<Node>,
    names: &Names,
    mistakes: &mut Mistakes,
) -> Option<Spanned<Anchor>> {
    let text = mistakes.text(node, "a point of the story such as `opening + 2m`")?;
    let mut words = Words::new(text.value);
    let read = anchor(&mut words, &text, names).and_then(|anchor| words.end().map(|()| anchor));
    match read {
        Ok(anchor) => Some(Spanned::new(anchor, node.place)),
        Err(slip) => {
            mistakes.slip(&text, slip);
            None
        }
    }
}

fn story(fields: &Fields<'_>, key: &str, mistakes: &mut Mistakes) -> Option<Story> {
    fields
        .get(key)
        .and_then(|node| mistakes.span(node))
        .map(Story)
}

fn check_ramps(
    fields: &Fields<'_>,
    length: Story,
    ramp: Option<Story>,
    ramp_out: Option<Story>,
    mistakes: &mut Mistakes,
) {
    let both = ramp.unwrap_or_default().0 + ramp_out.unwrap_or_default().0;
    let last = fields.entry("ramp_out").or_else(|| fields.entry("ramp"));
    if both > length.0
        && let Some((key, node)) = last
    {
        mistakes
            .error(
                node.place,
                format!(
                    "the fault lasts {length}, but its ramps take {}",
                    Span(both)
                ),
                format!("`{}` does not fit", key.value),
            )
            .hint = Some("a ramp lies inside `for`".to_owned());
    }
}

/// That the effect can be put in at the place.
fn check_place(at: &Spanned<FaultPlace>, effect: &Spanned<Effect>, mistakes: &mut Mistakes) {
    let (fits, wanted) = match (&at.value, &effect.value) {
        (
            FaultPlace::Link { .. } | FaultPlace::Service(_),
            Effect::Http(_) | Effect::Tcp(_) | Effect::Tls(_),
        )
        | (FaultPlace::Host | FaultPlace::Service(_), Effect::Exec(_))
        | (FaultPlace::Feature { .. }, Effect::Http(_))
        | (FaultPlace::Process(_), Effect::Process(_))
        | (FaultPlace::Dns(_), Effect::Dns(_)) => (true, ""),
        (FaultPlace::Link { .. }, _) => (false, "`http`, `tcp` or `tls`"),
        (FaultPlace::Service(_), _) => (false, "`http`, `tcp`, `tls` or `exec`"),
        (FaultPlace::Host, _) => (false, "`exec`"),
        (FaultPlace::Feature { .. }, _) => (false, "`http`"),
        (FaultPlace::Process(_), _) => (false, "`process`"),
        (FaultPlace::Dns(_), _) => (false, "`dns`"),
    };
    if !fits {
        mistakes
            .error(
                effect.place,
                format!("this place takes {wanted}"),
                "this effect cannot be put in there",
            )
            .at_also(at.place, "the place");
    }
    if let (FaultPlace::Feature { .. }, Effect::Http(http)) = (&at.value, &effect.value)
        && !http.matching.routes.is_empty()
    {
        mistakes
            .error(
                effect.place,
                "a feature brings its own routes",
                "`routes` is too much here",
            )
            .hint =
            Some("for some routes only, say `at: service NAME` and give `routes`".to_owned());
    }
}

/// That `share`, `ramp` and `ramp_out` mean something for the effect.
fn check_shape(fields: &Fields<'_>, effect: &Effect, mistakes: &mut Mistakes) {
    if let (Some((key, node)), Effect::Tcp(_)) = (fields.entry("share"), effect)
        && matches!(node.value, Node::Map(_))
    {
        mistakes
            .error(
                key.place,
                "the share of a tcp fault is the same all the time",
                "in steps",
            )
            .hint = Some("connections are chosen when they begin: give one share".to_owned());
        return;
    }
    let (share, ramp, what) = match effect {
        Effect::Http(_) | Effect::Tls(_) => (true, true, ""),
        Effect::Dns(_) => (true, true, ""),
        Effect::Tcp(TcpEffect::Latency { .. } | TcpEffect::Corrupt { .. }) => (true, true, ""),
        Effect::Tcp(
            TcpEffect::Bandwidth { .. }
            | TcpEffect::SlowClose { .. }
            | TcpEffect::Timeout { .. }
            | TcpEffect::Slicer { .. }
            | TcpEffect::LimitData { .. }
            | TcpEffect::Reset { .. },
        ) => (true, false, "this tcp effect is there or not"),
        Effect::Tcp(TcpEffect::Down) => (false, false, "a listener is down or not"),
        Effect::Process(process) if process.grows() => (false, true, "say how full it gets"),
        Effect::Process(_) => (false, false, "a process is one thing"),
        Effect::Exec(_) => (false, false, "a command is run or not"),
    };
    for (key, fits) in [("share", share), ("ramp", ramp), ("ramp_out", ramp)] {
        if let Some((key, _)) = fields.entry(key).filter(|_| !fits) {
            mistakes.error(
                key.place,
                format!("`{}` means nothing for this effect", key.value),
                what,
            );
        }
    }
}

/// Refuses faults whose starts and ends wait for each other.
fn refuse_circles(faults: &[Fault], mistakes: &mut Mistakes) {
    let waits_for = |fault: &Fault| {
        let of = |anchor: &Anchor| (anchor.of.value.clone(), anchor.of.place);
        let mut anchors: Vec<(String, Place)> = vec![of(&fault.from.value)];
        let watched = fault.when.as_ref();
        anchors.extend(watched.and_then(|when| when.before.as_ref()).map(of));
        let ends = match fault.until.as_ref().map(|until| &until.value) {
            Some(Until::At(anchor)) => Some(anchor),
            Some(Until::When(when)) => when.before.as_ref(),
            Some(Until::For(_)) | None => None,
        };
        if let Some(anchor) = ends
            && anchor.of.value != fault.name.value
            // when its list begins is known before any of it ends
            && !(anchor.edge == Edge::Start && fault.is_called(&anchor.of.value))
        {
            anchors.push(of(anchor));
        }
        anchors
    };
    for fault in faults {
        let mut pending = waits_for(fault);
        let mut seen: Vec<String> = Vec::new();
        while let Some((name, place)) = pending.pop() {
            if fault.is_called(&name) {
                mistakes.error(
                    place,
                    format!("the fault `{}` waits for itself", fault.name.value),
                    "this leads back to it",
                );
                break;
            }
            if seen.contains(&name) {
                continue;
            }
            for next in faults.iter().filter(|f| f.is_called(&name)) {
                pending.extend(waits_for(next));
            }
            seen.push(name);
        }
    }
}
