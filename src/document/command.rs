//! Commands, as both files write them: a program and its arguments, without a shell.

use super::{Mistakes, Node};
use crate::diagnostic::Spanned;

impl Mistakes {
    /// A program and its arguments; `what` is said to who wrote something else. Empty after a mistake.
    pub(crate) fn command(&mut self, node: &Spanned<Node>, what: &str) -> Vec<String> {
        if let Node::Scalar(scalar) = &node.value {
            let words: Vec<&str> = scalar.text.split_whitespace().collect();
            let hint = format!("no shell reads it; write a list: `[{}]`", words.join(", "));
            self.expected(node, what).hint = Some(hint);
            return Vec::new();
        }
        let items = self.list(node, what);
        if items.is_empty() && matches!(node.value, Node::Seq(_)) {
            self.expected(node, what);
        }
        let mut command = Vec::new();
        for item in items {
            if let Some(text) = self.text(item, "an argument (a text)") {
                if text.value.contains('\0') {
                    self.error(item.place, "an argument holds no NUL", "this one does");
                }
                command.push(text.value.to_owned());
            }
        }
        if command.first().is_some_and(String::is_empty) {
            self.expected(node, what);
        }
        command
    }
}
