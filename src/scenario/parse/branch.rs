//! `then:`: where a journey goes on after a request.

use super::{
    check::status_range,
    step::{Reading, Turn},
};
use crate::{
    diagnostic::Spanned,
    document::{Mistakes, Node, Words, closest_hint},
    scenario::model::{Branch, BranchOn, Goto, RetryOn, StatusSet},
};

/// What a request may end in, beside a status.
const WORDS: [(&str, BranchOn); 6] = [
    ("timeout", BranchOn::Failed(RetryOn::Timeout)),
    ("shed", BranchOn::Failed(RetryOn::Shed)),
    ("dns", BranchOn::Failed(RetryOn::Dns)),
    ("connection", BranchOn::Failed(RetryOn::Connection)),
    ("check", BranchOn::Failed(RetryOn::Check)),
    ("fallback", BranchOn::Fallback),
];

/// `{404: stop, shed: look_later}`. `known` is what holes may use on the way there.
pub(super) fn branches(
    node: &Spanned<Node>,
    step: Option<&Spanned<String>>,
    known: &[String],
    reading: &mut Reading,
    mistakes: &mut Mistakes,
) -> Vec<Branch<Goto>> {
    let entries = mistakes.entries(node, "a mapping such as `{404: stop, shed: later_step}`");
    if entries.is_empty() && matches!(node.value, Node::Map(_)) {
        mistakes.expected(node, "at least one way to go on");
    }
    let mut branches = Vec::new();
    for (key, value) in entries {
        let on = on(key, mistakes);
        let to = goto(value, step, reading, mistakes);
        if let Some(Goto::Step(to)) = &to {
            reading.turns.push(Turn {
                to: to.clone(),
                from: step.map_or_else(String::new, |step| step.value.clone()),
                known: known.to_vec(),
            });
        }
        if let (Some(on), Some(to)) = (on, to) {
            branches.push(Branch { on, to });
        }
    }
    branches
}

fn on(key: &Spanned<String>, mistakes: &mut Mistakes) -> Option<BranchOn> {
    if let Some((_, on)) = WORDS.iter().find(|(word, _)| *word == key.value) {
        return Some(on.clone());
    }
    if key.value.starts_with(|c: char| c.is_ascii_digit()) {
        let text = mistakes.key_text(key);
        return match status_range(&mut Words::new(text.value)) {
            Ok(range) => Some(BranchOn::Status(StatusSet(vec![range]))),
            Err(slip) => {
                mistakes.slip(&text, slip);
                None
            }
        };
    }
    let words = WORDS.iter().map(|(word, _)| *word);
    let hint = closest_hint(&key.value, words);
    let message = format!("`{}` is no end of a request", key.value);
    let label = "a status, or one of a few words";
    mistakes.error(key.place, message, label).hint = hint;
    None
}

fn goto(
    node: &Spanned<Node>,
    step: Option<&Spanned<String>>,
    reading: &Reading,
    mistakes: &mut Mistakes,
) -> Option<Goto> {
    let text = mistakes.text(node, "`stop` or the name of a later step")?;
    if text.value == "stop" {
        return Some(Goto::Stop);
    }
    let own = step.and_then(|step| reading.all_names.iter().position(|n| *n == step.value));
    let later = own.map_or(0, |own| own + 1);
    let at = reading.all_names.iter().position(|n| n == text.value);
    if at.is_some_and(|at| at >= later) {
        return Some(Goto::Step(text.value.to_owned()));
    }
    let known = reading.all_names[later..].iter().map(String::as_str);
    let hint = closest_hint(text.value, known.chain(["stop"]));
    let (message, label) = if at.is_some() {
        let message = format!("`{}` does not come after this step", text.value);
        (message, "a journey only goes forward")
    } else {
        let message = format!("no step of this journey is called `{}`", text.value);
        (message, "not known")
    };
    mistakes.error(node.place, message, label).hint = hint;
    None
}
