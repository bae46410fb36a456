//! `load:`: the populations.

use std::time::Duration;

use super::{
    client::client,
    curve::{Quantity, RATES, USERS, curve},
    herd::herds,
    keys::POPULATION,
    names::Names,
    recorded::{is_recorded, recorded},
};
use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node, Words, closest_hint},
    scenario::model::{
        ClientPolicy, Crowd, DEFAULT_PAUSE, Demand, DemandKind, Journey, JourneyShare, PhaseCurve,
        Provenance, Recorded, ScenarioPhase, ScenarioPopulation, Spacing, Traffic,
    },
};

/// What populations refer to.
pub(super) struct Story<'a> {
    pub(super) names: &'a Names,
    pub(super) phases: &'a [ScenarioPhase],
    pub(super) journeys: &'a [Journey],
    /// Every journey's name, also of those that could not be read.
    pub(super) journey_names: &'a [String],
}

/// The section `load:`.
pub(super) fn section(
    node: &Spanned<Node>,
    story: &Story<'_>,
    mistakes: &mut Mistakes,
) -> Vec<ScenarioPopulation> {
    let entries = mistakes.entries(node, "a mapping of names to populations");
    if entries.is_empty() && matches!(node.value, Node::Map(_)) {
        mistakes.expected(node, "at least one population");
    }
    let populations: Vec<_> = entries
        .iter()
        .filter_map(|(name, node)| population(name, node, story, mistakes))
        .collect();
    if populations.len() < entries.len() {
        // what could not be read may have walked any journey
        return populations;
    }
    for journey in story.journeys {
        let name = journey.name.value.as_str();
        let walks = |population: &ScenarioPopulation| {
            let mut names = population.journeys.iter().map(|share| &share.name.value);
            names.any(|walked| walked == name)
        };
        if !populations.iter().any(walks) {
            mistakes.warning(
                journey.name.place,
                format!("no population walks the journey `{}`", journey.name.value),
                "not used",
            );
        }
    }
    populations
}

fn population(
    name: &Spanned<String>,
    node: &Spanned<Node>,
    story: &Story<'_>,
    mistakes: &mut Mistakes,
) -> Option<ScenarioPopulation> {
    let fields = Fields::open(node, &POPULATION, mistakes)?;
    let journeys = journeys(&fields, story, mistakes);
    let traffic = traffic(&fields, story, mistakes);
    let herds = fields
        .get("herd")
        .map_or_else(Vec::new, |node| herds(node, story.names, mistakes));
    let client = fields
        .get("client")
        .map_or_else(ClientPolicy::default, |node| client(node, mistakes));
    let provenance = provenance(&fields, mistakes);
    Some(ScenarioPopulation {
        name: name.clone(),
        journeys: journeys?,
        traffic: traffic?,
        herds,
        client,
        provenance,
    })
}

/// `journey: look`, or `journeys: {register: 3, look: 1}`.
fn journeys(
    fields: &Fields<'_>,
    story: &Story<'_>,
    mistakes: &mut Mistakes,
) -> Option<Vec<JourneyShare>> {
    let (key, node) = fields.one_of(&["journey", "journeys"], true, mistakes)?;
    if key.value == "journey" {
        let text = mistakes.text(node, "the name of a journey")?;
        let name = Spanned::new(text.value.to_owned(), text.part(0..text.value.len()));
        let share = JourneyShare { name, weight: 1 };
        return journey(&share.name, story, mistakes).then(|| vec![share]);
    }
    let entries = mistakes.entries(node, "journeys and their weights, `{register: 3, look: 1}`");
    if entries.is_empty() && matches!(node.value, Node::Map(_)) {
        mistakes.expected(node, "at least one journey");
    }
    let mut shares = Vec::new();
    for (name, node) in entries {
        let known = journey(name, story, mistakes);
        if let Some(weight) = mistakes.count(node, 1..=1_000_000)
            && known
        {
            shares.push(JourneyShare {
                name: name.clone(),
                weight,
            });
        }
    }
    (!shares.is_empty() && shares.len() == entries.len()).then_some(shares)
}

/// Whether there is such a journey; notes when not.
fn journey(name: &Spanned<String>, story: &Story<'_>, mistakes: &mut Mistakes) -> bool {
    let known = story.journey_names.contains(&name.value);
    if known || story.journey_names.is_empty() {
        return true;
    }
    let names = story.journey_names.iter().map(String::as_str);
    let hint = closest_hint(&name.value, names);
    let message = format!("no journey is called `{}`", name.value);
    mistakes.error(name.place, message, "not known").hint = hint;
    false
}

/// `requests:`, `arrivals:` or `users:`, and what belongs to each.
fn traffic(fields: &Fields<'_>, story: &Story<'_>, mistakes: &mut Mistakes) -> Option<Traffic> {
    let spacing = fields.get("spacing").and_then(|node| {
        let words = [("uniform", Spacing::Uniform), ("poisson", Spacing::Poisson)];
        mistakes.choice(node, "a spacing", &words)
    });
    let pause = fields
        .get("pause")
        .and_then(|node| mistakes.span_range(node));
    let (key, node) = fields.one_of(&["requests", "arrivals", "users"], true, mistakes)?;
    let kind = match key.value.as_str() {
        "users" => None,
        "requests" => Some(DemandKind::Requests),
        _ => Some(DemandKind::Arrivals),
    };
    let aliens: &[_] = match kind {
        None => &[
            ("spacing", "arrivals are spread, users are there"),
            ("herd", "a herd arrives, users are there"),
        ],
        Some(_) => &[("pause", "users pause; an arrival walks its journey once")],
    };
    for (alien, why) in aliens {
        if let Some(node) = fields.get(alien) {
            let message = format!("`{alien}` does not go with `{}`", key.value);
            mistakes.error(node.place, message, *why);
        }
    }
    Some(match kind {
        None => {
            let (pause_min, pause_max) = pause.unwrap_or((DEFAULT_PAUSE, DEFAULT_PAUSE));
            Traffic::Closed(Crowd {
                phases: curves(node, &USERS, story, None, mistakes),
                pause_min,
                pause_max,
            })
        }
        Some(kind) => {
            let mut recorded = Vec::new();
            let mut phases = Vec::new();
            if is_recorded(node, &story.names.phases) {
                recorded.extend(self::recorded(node, None, kind, mistakes));
            } else {
                let files = Some((&mut recorded, kind));
                phases = curves(node, &RATES, story, files, mistakes);
            }
            Traffic::Open(Demand {
                kind,
                phases,
                recorded,
                spacing: spacing.unwrap_or_default(),
            })
        }
    })
}

/// A curve for each phase, or one for all of them; where files may stand in place of curves, those
/// are gathered.
fn curves<Q: Clone>(
    node: &Spanned<Node>,
    quantity: &Quantity<Q>,
    story: &Story<'_>,
    mut files: Option<(&mut Vec<Recorded>, DemandKind)>,
    mistakes: &mut Mistakes,
) -> Vec<PhaseCurve<Q>> {
    let what = quantity.curve;
    let Node::Map(entries) = &node.value else {
        let shortest = story.phases.iter().map(|phase| phase.length.value.0).min();
        let whole = format!("{what}, or a mapping of phases to curves");
        let read = |words: &mut Words<'_>| curve(words, quantity, shortest);
        let Some(curve) = mistakes.parse(node, &whole, read) else {
            return Vec::new();
        };
        return story
            .phases
            .iter()
            .map(|phase| PhaseCurve {
                phase: Spanned::new(phase.name.value.clone(), node.place),
                curve: Spanned::new(curve.clone(), node.place),
            })
            .collect();
    };
    let mut curves = Vec::new();
    for (phase, node) in entries {
        let known = story.names.phases.contains(&phase.value);
        if !known {
            let hint = closest_hint(&phase.value, story.names.phases.iter().map(String::as_str));
            mistakes
                .error(
                    phase.place,
                    format!("no phase is called `{}`", phase.value),
                    "not a phase",
                )
                .hint = hint;
        }
        if let (Node::Map(_), Some((files, kind))) = (&node.value, &mut files) {
            let file = recorded(node, Some(phase.clone()), *kind, mistakes);
            files.extend(file.filter(|_| known));
            continue;
        }
        let length: Option<Duration> = story
            .phases
            .iter()
            .find(|p| p.name.value == phase.value)
            .map(|p| p.length.value.0);
        if let Some(curve) = mistakes.parse(node, what, |words| curve(words, quantity, length))
            && known
        {
            curves.push(PhaseCurve {
                phase: phase.clone(),
                curve: Spanned::new(curve, node.place),
            });
        }
    }
    if entries.is_empty() {
        mistakes.expected(node, "a curve for at least one phase");
    }
    curves
}

/// `source:`, `assumed:` and `history:`.
pub(super) fn provenance(fields: &Fields<'_>, mistakes: &mut Mistakes) -> Provenance {
    let mut text = |key: &str, wanted: &str| {
        let node = fields.get(key)?;
        mistakes.string(node, wanted)
    };
    Provenance {
        source: text("source", "a citation"),
        history: text("history", "history's value"),
        assumed: fields
            .get("assumed")
            .and_then(|node| mistakes.flag(node))
            .unwrap_or(false),
    }
}
