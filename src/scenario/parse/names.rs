//! The one namespace of a scenario: phases, faults and populations. Services have names of their
//! own, but none that would make a sentence mean two things.

use std::collections::HashMap;

use super::spread;
use crate::{
    diagnostic::{Place, Spanned},
    document::{Entry, Fields, Mistakes, Node},
    scenario::model::{Fault, FaultPlace, Journey, Step},
};

/// Words of the grammar, which nothing may be called.
const RESERVED: [&str; 34] = [
    "admitted",
    "amplification",
    "before",
    "baseline",
    "capacity",
    "collapses",
    "crashes",
    "degrades",
    "dns",
    "during",
    "end",
    "errors",
    "fails",
    "fallback",
    "feature",
    "for",
    "from",
    "goodput",
    "gracefully",
    "hold",
    "in",
    "never",
    "of",
    "process",
    "recovers",
    "returns",
    "service",
    "shed",
    "sheds",
    "start",
    "success",
    "then",
    "timeouts",
    "tolerates",
];

/// Also words of the grammar, which stand where a name could.
const RESERVED_PREPOSITIONS: [&str; 2] = ["to", "within"];

/// Whether nothing may be called so.
pub(crate) fn is_reserved(name: &str) -> bool {
    let latency = name
        .strip_prefix('p')
        .is_some_and(|digits| digits.len() >= 2 && digits.bytes().all(|b| b.is_ascii_digit()));
    latency || RESERVED.contains(&name) || RESERVED_PREPOSITIONS.contains(&name)
}

/// The names that sentences of the scenario may use.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) phases: Vec<String>,
    pub(super) faults: Vec<String>,
    pub(super) populations: Vec<String>,
    /// Faults, and the schedule that draws when they come.
    drawn: HashMap<String, String>,
    all: HashMap<String, (&'static str, Place)>,
}

impl Names {
    /// Gathers the names before anything refers to them. Each must be a name, not reserved, and
    /// given once.
    pub(super) fn gather(fields: &Fields<'_>, mistakes: &mut Mistakes) -> Self {
        let mut names = Self::default();
        if let Some(node) = fields.get("phases") {
            let items: Vec<&Node> = match &node.value {
                Node::Seq(items) => items.iter().map(|item| &item.value).collect(),
                // a mapping is a mistake, but not one of those who use the names
                other => vec![other],
            };
            for (key, _) in items.into_iter().flat_map(keys) {
                if !names.phases.contains(&key.value) {
                    names.phases.push(key.value.clone());
                }
                names.add("phase", key, mistakes);
            }
        }
        for (section, what) in [
            ("faults", "fault"),
            ("random", "schedule"),
            ("load", "population"),
        ] {
            for (key, node) in fields
                .get(section)
                .map_or(&[][..], |node| keys(&node.value))
            {
                match what {
                    "fault" => {
                        names.faults.push(key.value.clone());
                        let members = spread::announced(&node.value).into_iter();
                        let members = members.map(|member| format!("{}.{member}", key.value));
                        names.faults.extend(members);
                    }
                    "schedule" => {
                        names.faults.push(key.value.clone());
                        for fault in drawn(&node.value) {
                            names.drawn.entry(fault).or_insert(key.value.clone());
                        }
                    }
                    _ => names.populations.push(key.value.clone()),
                }
                names.add(what, key, mistakes);
            }
        }
        names
    }

    fn add(&mut self, what: &'static str, name: &Spanned<String>, mistakes: &mut Mistakes) {
        if !mistakes.named(name, &format!("a name for a {what}")) {
            return;
        }
        if is_reserved(&name.value) {
            mistakes
                .error(
                    name.place,
                    format!("a {what} cannot be called `{}`", name.value),
                    "a word of the grammar",
                )
                .hint = Some("choose another name".to_owned());
            return;
        }
        if let Some((other, place)) = self.all.get(&name.value) {
            let message = if *other == what {
                format!("the name `{}` is given to two {what}s", name.value)
            } else {
                format!(
                    "the name `{}` is given to a {other} and to a {what}",
                    name.value
                )
            };
            mistakes
                .error(
                    name.place,
                    message,
                    format!("this {what}"),
                )
                .at_also(*place, format!("this {other}"))
                .hint = Some(
                "phases, faults and populations share one namespace, so that `NAME.end` means one thing".to_owned(),
            );
            return;
        }
        self.all.insert(name.value.clone(), (what, name.place));
    }

    /// Phases and faults: what has a start and an end.
    pub(super) fn with_edges(&self) -> impl Iterator<Item = &str> + Clone {
        self.phases.iter().chain(&self.faults).map(String::as_str)
    }

    /// What sort of thing has this name.
    pub(super) fn what(&self, name: &str) -> Option<&'static str> {
        self.all.get(name).map(|(what, _)| *what)
    }

    /// The schedule that draws when a fault comes.
    pub(super) fn drawn_by(&self, fault: &str) -> Option<&str> {
        self.drawn.get(fault).map(String::as_str)
    }

    /// What the places of a fault are called, where it was written for several.
    pub(super) fn members<'n>(&'n self, fault: &'n str) -> impl Iterator<Item = &'n str> + Clone {
        let members = self.faults.iter();
        members.filter_map(move |name| name.strip_prefix(fault)?.strip_prefix('.'))
    }

    /// Refuses services of journeys and faults that share a name with something else.
    pub(super) fn against_services(
        &self,
        journeys: &[Journey],
        faults: &[Fault],
        mistakes: &mut Mistakes,
    ) {
        let mut services: Vec<(&str, Place)> = Vec::new();
        for step in journeys.iter().flat_map(|journey| &journey.steps) {
            match step {
                Step::Request(step) => services.push((&step.service.value, step.service.place)),
                Step::WaitFor(step) => services.push((&step.service.value, step.service.place)),
                Step::Think { .. } => {}
            }
        }
        for fault in faults {
            let place = fault.at.place;
            match &fault.at.value {
                FaultPlace::Link { from, to } => {
                    services.extend([(from.as_str(), place), (to.as_str(), place)]);
                }
                FaultPlace::Service(service)
                | FaultPlace::Feature { service, .. }
                | FaultPlace::Process(service) => services.push((service, place)),
                FaultPlace::Dns(_) | FaultPlace::Host => {}
            }
        }
        services.sort_by_key(|(name, place)| (*name, place.start));
        services.dedup_by_key(|(name, _)| *name);
        for (service, place) in services {
            if let Some((what, other)) = self.all.get(service) {
                mistakes
                    .error(
                        *other,
                        format!("the {what} `{service}` has the name of a service"),
                        format!("this {what}"),
                    )
                    .at_also(place, "the service")
                    .hint = Some(format!("call the {what} otherwise"));
            }
        }
    }
}

/// The names of the faults that a schedule draws, before anything is complained about.
fn drawn(schedule: &Node) -> Vec<String> {
    let of = keys(schedule).iter().find(|(key, _)| key.value == "of");
    let text = |node: &Node| match node {
        Node::Scalar(scalar) => Some(scalar.text.clone()),
        Node::Null | Node::Seq(_) | Node::Map(_) => None,
    };
    match of.map(|(_, node)| &node.value) {
        Some(Node::Seq(items)) => items.iter().filter_map(|item| text(&item.value)).collect(),
        Some(node) => text(node).into_iter().collect(),
        None => Vec::new(),
    }
}

/// The entries of a mapping; none of anything else (somebody else complains about that).
fn keys(node: &Node) -> &[Entry] {
    match node {
        Node::Map(entries) => entries,
        Node::Null | Node::Scalar(_) | Node::Seq(_) => &[],
    }
}
