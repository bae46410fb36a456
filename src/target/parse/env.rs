//! Environment variables: declared under `env:`, used as `${env:NAME}`, never shown.

use crate::{
    diagnostic::{Place, Spanned},
    document::{Mistakes, Node, Slip, Text, closest_hint},
    target::model::Secret,
};

const OPEN: &str = "${env:";

/// The declared variables and their values.
pub(super) struct Env {
    declared: Vec<Variable>,
}

struct Variable {
    name: String,
    place: Place,
    /// `None`: it is missing, which was noted.
    value: Option<String>,
    used: bool,
}

impl Env {
    /// Reads `env:` and looks each variable up.
    pub(super) fn read(
        node: Option<&Spanned<Node>>,
        lookup: &dyn Fn(&str) -> Option<String>,
        mistakes: &mut Mistakes,
    ) -> Self {
        let mut declared: Vec<Variable> = Vec::new();
        let items = node.map_or(&[][..], |node| {
            mistakes.list(node, "a list of environment variables such as `[TOKEN]`")
        });
        for item in items {
            let Some(text) = mistakes.text(item, "the name of an environment variable") else {
                continue;
            };
            let place = text.part(0..text.value.len());
            if !is_variable(text.value) {
                mistakes.error(
                    place,
                    format!(
                        "`{}` is not the name of an environment variable",
                        text.value
                    ),
                    "letters, digits and `_`, not beginning with a digit",
                );
                continue;
            }
            if declared.iter().any(|known| known.name == text.value) {
                mistakes.error(
                    place,
                    format!("`{}` is declared twice", text.value),
                    "again",
                );
                continue;
            }
            let value = lookup(text.value);
            if value.is_none() {
                mistakes
                    .error(
                        place,
                        format!("the environment variable `{}` is not set", text.value),
                        "needed by this file",
                    )
                    .hint = Some(format!("`export {}=...` before the run", text.value));
            }
            declared.push(Variable {
                name: text.value.to_owned(),
                place,
                value,
                used: false,
            });
        }
        Self { declared }
    }

    /// The names that were declared.
    pub(super) fn names(&self) -> Vec<String> {
        self.declared.iter().map(|v| v.name.clone()).collect()
    }

    /// A text with its variables filled in.
    pub(super) fn fill(&mut self, text: &Text<'_>, mistakes: &mut Mistakes) -> Option<Secret> {
        let mut out = String::new();
        let mut at = 0;
        let mut good = true;
        while let Some(open) = text.value[at..].find(OPEN).map(|found| at + found) {
            out.push_str(&text.value[at..open]);
            let Some(close) = text.value[open..].find('}').map(|found| open + found) else {
                let slip = Slip::new(
                    open..text.value.len(),
                    "`${env:` is never closed by `}`",
                    "begins here",
                );
                mistakes.slip(text, slip);
                return None;
            };
            let name = &text.value[open + OPEN.len()..close];
            let known = self
                .declared
                .iter()
                .map(|v| v.name.clone())
                .collect::<Vec<_>>();
            match self.declared.iter_mut().find(|v| v.name == name) {
                Some(variable) => {
                    variable.used = true;
                    match &variable.value {
                        Some(value) => out.push_str(value),
                        None => good = false,
                    }
                }
                None => {
                    good = false;
                    let mut slip = Slip::new(
                        open + OPEN.len()..close,
                        format!("the environment variable `{name}` is not declared"),
                        "not in `env:`",
                    );
                    slip.hint = closest_hint(name, known.iter().map(String::as_str))
                        .filter(|hint| hint.starts_with("did"))
                        .or_else(|| Some(format!("declare it: `env: [{name}]`")));
                    mistakes.slip(text, slip);
                }
            }
            at = close + 1;
        }
        out.push_str(&text.value[at..]);
        good.then_some(Secret(out))
    }

    /// Warns of variables that nothing uses.
    pub(super) fn warn_unused(&self, mistakes: &mut Mistakes) {
        for variable in self.declared.iter().filter(|v| !v.used) {
            mistakes
                .warning(
                    variable.place,
                    format!("nothing uses the environment variable `{}`", variable.name),
                    "not used",
                )
                .hint = Some(format!("used as `${{env:{}}}` in a header", variable.name));
        }
    }
}

pub(super) fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
