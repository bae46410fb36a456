//! `journeys:`.

use super::{
    step::{Reading, step, step_names, taken_names},
    template::Holes,
};
use crate::{
    diagnostic::Spanned,
    document::{Mistakes, Node},
    scenario::model::{Journey, Step},
};

/// The section `journeys:`. `data` are the names that templates know from the start; those that
/// are used are added to `used`.
pub(super) fn section(
    node: &Spanned<Node>,
    data: &[String],
    used: &mut Vec<String>,
    mistakes: &mut Mistakes,
) -> Vec<Journey> {
    let mut journeys = Vec::new();
    let entries = mistakes.entries(node, "a mapping of names to lists of steps");
    if entries.is_empty() && matches!(node.value, Node::Map(_)) {
        mistakes.expected(node, "at least one journey");
    }
    for (name, node) in entries {
        let named = mistakes.named(name, "a name for a journey");
        let steps = steps(node, data, used, mistakes);
        if named {
            journeys.push(Journey {
                name: name.clone(),
                steps,
            });
        }
    }
    journeys
}

fn steps(
    node: &Spanned<Node>,
    data: &[String],
    used: &mut Vec<String>,
    mistakes: &mut Mistakes,
) -> Vec<Step> {
    let items = mistakes.list(node, "a list of steps");
    let mut reading = Reading {
        holes: Holes::new(data.to_vec(), taken_names(items)),
        names: Vec::new(),
        all_names: step_names(items),
        turns: Vec::new(),
    };
    let steps: Vec<Step> = items
        .iter()
        .filter_map(|item| step(item, &mut reading, mistakes))
        .collect();
    used.append(&mut reading.holes.used);
    let has_request = steps.iter().any(|step| matches!(step, Step::Request(_)));
    // a step that could not be read may have been the one
    let all_read = steps.len() == items.len() && matches!(node.value, Node::Seq(_));
    if !has_request && all_read {
        mistakes
            .expected(node, "a journey with at least one request")
            .hint = Some("for example `- {step: look, get: \"portal:/slots/{{pin}}\"}`".to_owned());
    }
    steps
}
