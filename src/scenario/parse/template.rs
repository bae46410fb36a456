//! Texts with holes, and whether each hole can be filled when its step comes.

use crate::{
    document::{Mistakes, Slip, Text, closest_hint},
    scenario::model::{Template, TemplateError},
};

/// The names that a hole may have at some step of a journey.
#[derive(Debug, Default)]
pub(super) struct Holes {
    /// Data, and what earlier steps took.
    known: Vec<String>,
    /// What later steps take, and which.
    later: Vec<(String, String)>,
    /// What is not taken on every way to this step, and whence the shortest way comes.
    skipped: Vec<(String, String)>,
    /// The names that were used.
    pub(super) used: Vec<String>,
}

impl Holes {
    /// At the first step: data alone is known.
    pub(super) const fn new(data: Vec<String>, later: Vec<(String, String)>) -> Self {
        Self {
            known: data,
            later,
            skipped: Vec::new(),
            used: Vec::new(),
        }
    }

    /// What is known now.
    pub(super) fn known(&self) -> Vec<String> {
        self.known.clone()
    }

    /// A turn from the step `from` leads here, on which only `there` is known.
    pub(super) fn meet(&mut self, there: &[String], from: &str) {
        let (both, one): (Vec<_>, Vec<_>) = std::mem::take(&mut self.known)
            .into_iter()
            .partition(|name| there.contains(name));
        self.known = both;
        let lost = one.into_iter().map(|name| (name, from.to_owned()));
        self.skipped.extend(lost);
    }

    /// From the next step on this name is known.
    pub(super) fn learn(&mut self, name: &str) {
        self.known.push(name.to_owned());
        self.later.retain(|(later, _)| later != name);
        self.skipped.retain(|(skipped, _)| skipped != name);
    }

    /// Parses a template and checks its holes.
    pub(super) fn template(
        &mut self,
        text: &Text<'_>,
        mistakes: &mut Mistakes,
    ) -> Option<Template> {
        let template = match Template::parse(text.value) {
            Ok(template) => template,
            Err(error) => {
                let at = match &error {
                    TemplateError::Open => text.value.rfind("{{").map(|at| at..at + 2),
                    TemplateError::Name(name) => text
                        .value
                        .match_indices("{{")
                        .map(|(at, _)| at + 2)
                        .find(|at| text.value[*at..].trim_start().starts_with(name))
                        .map(|at| at - 2..at + name.len()),
                }
                .filter(|range| text.value.get(range.clone()).is_some())
                .unwrap_or(0..text.value.len());
                let slip = Slip::new(at, error.to_string(), "this hole")
                    .hint("a hole is written `{{name}}`");
                mistakes.slip(text, slip);
                return None;
            }
        };
        let mut good = true;
        for name in template.holes() {
            self.used.push(name.to_owned());
            if self.known.iter().any(|known| known == name) {
                continue;
            }
            good = false;
            let at = text
                .value
                .match_indices(name)
                .map(|(at, _)| at)
                .find(|at| text.value[..*at].trim_end().ends_with("{{"))
                .map_or(0..text.value.len(), |at| at..at + name.len());
            let slip = match self.later.iter().find(|(later, _)| later == name) {
                Some((_, step)) => Slip::new(
                    at,
                    format!("`{name}` is not known yet at this step"),
                    "used before it is taken",
                )
                .hint(format!(
                    "step `{step}` takes it, which does not come before"
                )),
                None if self.skipped.iter().any(|(skipped, _)| skipped == name) => {
                    let from = self.skipped.iter().find(|(skipped, _)| skipped == name);
                    let from = from.map_or("?", |(_, from)| from.as_str());
                    Slip::new(
                        at,
                        format!("`{name}` is not known on every way to this step"),
                        "may be empty here",
                    )
                    .hint(format!("step `{from}` can go on here without it"))
                }
                None => {
                    let mut slip = Slip::new(
                        at,
                        format!("nothing fills `{{{{{name}}}}}`"),
                        "neither data nor taken by an earlier step",
                    );
                    slip.hint = closest_hint(name, self.known.iter().map(String::as_str));
                    slip
                }
            };
            mistakes.slip(text, slip);
        }
        good.then_some(template)
    }
}
