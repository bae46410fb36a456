//! One fault written for several places: `at: [service facebook, service instagram]`. Each place
//! gets a fault of its own, called after the place: `apps.facebook`, `apps.instagram`.

use super::{fault::anchor_of, names::Names, place::fault_place, when};
use crate::{
    diagnostic::Spanned,
    document::{Entry, Fields, Mistakes, Node, Words, closest_hint, is_name},
    scenario::model::{Anchor, FaultPlace, Until, When},
    time::Story,
};

/// One of the places of a fault.
pub(super) struct Member {
    /// What it is called after the fault's name; nothing where the fault has one place.
    pub(super) name: Option<String>,
    pub(super) at: Spanned<FaultPlace>,
}

/// The places of a fault; none when a mistake was noted.
pub(super) fn members(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Vec<Member> {
    let place = |node: &Spanned<Node>, mistakes: &mut Mistakes| {
        let place = mistakes.parse(node, "the place of a fault", fault_place)?;
        Some(Spanned::new(place, node.place))
    };
    let Node::Seq(items) = &node.value else {
        let one = place(node, mistakes).map(|at| Member { name: None, at });
        return one.into_iter().collect();
    };
    let read: Vec<_> = items.iter().map(|item| place(item, mistakes)).collect();
    let places: Vec<Spanned<FaultPlace>> = read.iter().flatten().cloned().collect();
    if places.len() < items.len() {
        return Vec::new();
    }
    let bare: Vec<&FaultPlace> = places.iter().map(|at| &at.value).collect();
    if let Some(twice) = (1..bare.len()).find(|i| bare[..*i].contains(&bare[*i])) {
        mistakes.error(
            places[twice].place,
            "this place stands here twice",
            "once more",
        );
        return Vec::new();
    }
    let Some(names) = names(&bare) else {
        mistakes
            .error(
                node.place,
                "these places have no names by which they could be told apart",
                "at these places",
            )
            .hint = Some("write a fault for each of them".to_owned());
        return Vec::new();
    };
    let named = names.into_iter().zip(places);
    named
        .map(|(name, at)| Member {
            name: Some(name),
            at,
        })
        .collect()
}

/// What the faults at these places are called after the name of the list: as short as they can be
/// told apart. `None` = they cannot.
pub(crate) fn names(places: &[&FaultPlace]) -> Option<Vec<String>> {
    let short = |place: &FaultPlace| match place {
        FaultPlace::Link { to, .. } => to.clone(),
        FaultPlace::Service(name) | FaultPlace::Process(name) => name.clone(),
        FaultPlace::Feature { feature, .. } => feature.clone(),
        FaultPlace::Dns(name) => name.split('.').next().unwrap_or(name).to_owned(),
        FaultPlace::Host => "host".to_owned(),
    };
    let long = |place: &FaultPlace| match place {
        FaultPlace::Link { from, to } => format!("{from}-{to}"),
        FaultPlace::Service(name) | FaultPlace::Process(name) => name.clone(),
        FaultPlace::Feature { service, feature } => format!("{service}-{feature}"),
        FaultPlace::Dns(name) => name.replace('.', "-"),
        FaultPlace::Host => "host".to_owned(),
    };
    let longest = |place: &FaultPlace| {
        let kind = match place {
            FaultPlace::Link { .. } => "link",
            FaultPlace::Service(_) => "service",
            FaultPlace::Process(_) => "process",
            FaultPlace::Feature { .. } => "feature",
            FaultPlace::Dns(_) => "dns",
            FaultPlace::Host => "the",
        };
        format!("{kind}-{}", long(place))
    };
    let told_apart = |names: &[String]| {
        let edge = |name: &str| name == "start" || name == "end";
        let mut sorted: Vec<&String> = names.iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        sorted.len() == names.len() && names.iter().all(|n| is_name(n) && !edge(n))
    };
    let by = |name: &dyn Fn(&FaultPlace) -> String| -> Vec<String> {
        places.iter().map(|place| name(place)).collect()
    };
    let ways: [Vec<String>; 3] = [by(&short), by(&long), by(&longest)];
    ways.into_iter().find(|names| told_apart(names))
}

/// The names that a fault's members will have, before anything is complained about.
pub(super) fn announced(fault: &Node) -> Vec<String> {
    let Node::Map(entries) = fault else {
        return Vec::new();
    };
    let at = entries.iter().find(|(key, _)| key.value == "at");
    let Some((
        _,
        Spanned {
            value: Node::Seq(items),
            ..
        },
    )) = at
    else {
        return Vec::new();
    };
    let place = |item: &Spanned<Node>| match &item.value {
        Node::Scalar(scalar) => fault_place(&mut Words::new(&scalar.text)).ok(),
        Node::Null | Node::Seq(_) | Node::Map(_) => None,
    };
    let places: Option<Vec<FaultPlace>> = items.iter().map(place).collect();
    let places = places.unwrap_or_default();
    names(&places.iter().collect::<Vec<_>>()).unwrap_or_default()
}

/// One value for all members, or `{facebook: .., instagram: ..}`: one for each, in their order.
fn of_each<T: Clone>(
    entry: &Entry,
    members: &[Member],
    mistakes: &mut Mistakes,
    mut read: impl FnMut(&Spanned<Node>, &mut Mistakes) -> Option<T>,
) -> Vec<Option<T>> {
    let (key, node) = entry;
    let entries = match &node.value {
        Node::Map(entries) if !when::is_condition(node) => entries,
        _ => return vec![read(node, mistakes); members.len()],
    };
    let names: Vec<&str> = members.iter().filter_map(|m| m.name.as_deref()).collect();
    if names.is_empty() {
        if !members.is_empty() {
            mistakes
                .error(
                    node.place,
                    format!("a fault at one place has one `{}`", key.value),
                    "only a list of places has one for each",
                )
                .hint = Some("for several places write `at: [service a, service b]`".to_owned());
        }
        return vec![None; members.len()];
    }
    for (unknown, _) in entries
        .iter()
        .filter(|(k, _)| !names.contains(&k.value.as_str()))
    {
        mistakes
            .error(
                unknown.place,
                format!("no place of this fault is called `{}`", unknown.value),
                "not one of them",
            )
            .hint = closest_hint(&unknown.value, names.iter().copied());
    }
    let each = names.iter().map(|name| {
        let Some((_, node)) = entries.iter().find(|(key, _)| key.value == *name) else {
            mistakes.error(
                key.place,
                format!("`{}` says nothing of `{name}`", key.value),
                "each place needs one",
            );
            return None;
        };
        read(node, mistakes)
    });
    each.collect()
}

/// When a fault begins: at once, or when a condition comes true that is watched from then on.
pub(super) type Start = (Spanned<Anchor>, Option<When>);

/// When the fault begins at each place; `stagger` lets each begin so much later than the one
/// before it.
pub(super) fn starts(
    fields: &Fields<'_>,
    members: &[Member],
    names: &Names,
    mistakes: &mut Mistakes,
) -> Vec<Option<Start>> {
    let Some(entry) = fields.entry("from") else {
        return vec![None; members.len()];
    };
    let read = |node: &Spanned<Node>, mistakes: &mut Mistakes| {
        if when::is_condition(node) {
            let (after, when) = when::start(node, names, mistakes)?;
            return Some((after, Some(when)));
        }
        Some((anchor_of(node, names, mistakes)?, None))
    };
    let mut starts = of_each(entry, members, mistakes, read);
    let later = stagger(fields, "stagger", entry, members, mistakes);
    for (start, later) in starts.iter_mut().zip(later) {
        match start {
            Some((_, Some(when))) => when.plus = plus(when.plus, later),
            Some((at, None)) => at.value.plus = plus(at.value.plus, later),
            None => {}
        }
    }
    starts
}

/// When the fault ends at each place; `stagger_out` lets each end so much later than the one
/// before it.
pub(super) fn ends(
    fields: &Fields<'_>,
    members: &[Member],
    needed: bool,
    names: &Names,
    mistakes: &mut Mistakes,
) -> Vec<Option<Spanned<Until>>> {
    let Some(entry) = fields.one_of(&["for", "until"], needed, mistakes) else {
        if let Some((key, _)) = fields.entry("stagger_out") {
            mistakes.error(
                key.place,
                "without an end nothing ends later",
                "leave this out",
            );
        }
        return vec![None; members.len()];
    };
    let spans = entry.0.value == "for";
    let read = |node: &Spanned<Node>, mistakes: &mut Mistakes| {
        let until = if spans {
            Until::For(Story(mistakes.positive_span(node)?))
        } else if when::is_condition(node) {
            Until::When(when::end(node, names, mistakes)?)
        } else {
            Until::At(anchor_of(node, names, mistakes)?.value)
        };
        Some(Spanned::new(until, node.place))
    };
    let mut ends = of_each(entry, members, mistakes, read);
    let later = stagger(fields, "stagger_out", entry, members, mistakes);
    for (end, later) in ends.iter_mut().zip(later) {
        match end.as_mut().map(|end| &mut end.value) {
            Some(Until::For(length)) => *length = plus(*length, later),
            Some(Until::At(anchor)) => anchor.plus = plus(anchor.plus, later),
            Some(Until::When(when)) => when.plus = plus(when.plus, later),
            None => {}
        }
    }
    ends
}

fn plus(a: Story, b: Story) -> Story {
    Story(a.0.saturating_add(b.0))
}

/// How much later than the first each member comes to its edge.
fn stagger(
    fields: &Fields<'_>,
    key: &str,
    edge: &Entry,
    members: &[Member],
    mistakes: &mut Mistakes,
) -> Vec<Story> {
    let at_once = vec![Story::default(); members.len()];
    let Some((given, node)) = fields.entry(key) else {
        return at_once;
    };
    if matches!(edge.1.value, Node::Map(_)) && !when::is_condition(&edge.1) {
        mistakes
            .error(
                given.place,
                format!(
                    "`{key}` and a `{}` for each place exclude each other",
                    edge.0.value
                ),
                "the second",
            )
            .at_also(edge.0.place, "the first");
        return at_once;
    }
    if members.iter().any(|m| m.name.is_none()) {
        mistakes
            .error(
                given.place,
                format!("`{key}` is for a fault at several places"),
                "this one has one",
            )
            .hint = Some("for several places write `at: [service a, service b]`".to_owned());
        return at_once;
    }
    let Some(step) = mistakes.positive_span(node) else {
        return at_once;
    };
    let nth = |n: usize| step.saturating_mul(u32::try_from(n).unwrap_or(u32::MAX));
    (0..members.len()).map(|n| Story(nth(n))).collect()
}

#[cfg(test)]
mod tests;
