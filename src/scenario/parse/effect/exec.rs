//! `exec:`.

use std::time::Duration;

use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node, Slip},
    scenario::{model::ExecEffect, parse::keys::EXEC},
};

/// How long a command may take unless the file says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
const OPEN: &str = "${env:";

/// A mapping of `do` and `undo`, perhaps with `check` and `timeout`.
pub(super) fn effect(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<ExecEffect> {
    let fields = Fields::open(node, &EXEC, mistakes)?;
    let mut read = |key: &str| Some(command(fields.get(key)?, mistakes));
    let (inject, undo, check) = (read("do"), read("undo"), read("check"));
    let timeout = match fields.get("timeout") {
        Some(node) => mistakes.positive_span(node)?,
        None => TIMEOUT,
    };
    Some(ExecEffect {
        inject: inject?,
        undo: undo?,
        check,
        timeout,
    })
}

fn command(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Vec<String> {
    let what = "a program and its arguments such as `[systemctl, stop, portal]`";
    if let Node::Seq(items) = &node.value {
        for item in items {
            variables(item, mistakes);
        }
    }
    mistakes.command(node, what)
}

/// That each variable has a name and an end.
fn variables(node: &Spanned<Node>, mistakes: &mut Mistakes) {
    let Node::Scalar(scalar) = &node.value else {
        return;
    };
    let mut at = 0;
    while let Some(open) = scalar.text[at..].find(OPEN).map(|found| at + found) {
        let name = open + OPEN.len();
        let close = scalar.text[name..].find('}').map(|found| name + found);
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let (range, message) = match close {
            None => (open..scalar.text.len(), "`${env:` is never closed by `}`"),
            Some(close) if close == name || !scalar.text[name..close].bytes().all(letter) => (
                open..close + 1,
                "this is not the name of an environment variable",
            ),
            Some(close) => {
                at = close + 1;
                continue;
            }
        };
        if let Some(text) = mistakes.text(node, "an argument (a text)") {
            let slip = Slip::new(range, message, "begins here");
            mistakes.slip(&text, slip.hint("variables are written `${env:NAME}`"));
        }
        return;
    }
}
