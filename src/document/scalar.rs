//! Reading single values, with a complaint when they are not what was wanted.

use std::{ops::RangeInclusive, str::FromStr, time::Duration};

use super::{
    mistakes::{Mistakes, meant},
    node::{Entry, Kind, Node},
    words::{Slip, Words, is_name},
};
use crate::{
    diagnostic::Spanned,
    units::{ByteRate, ByteSize, Rate, Ratio, Span, UnitError},
};

impl Mistakes {
    /// A text that is not empty.
    pub(crate) fn string(&mut self, node: &Spanned<Node>, wanted: &str) -> Option<String> {
        let text = self.text(node, wanted)?;
        if text.value.trim().is_empty() {
            self.expected(node, wanted);
            return None;
        }
        Some(text.value.to_owned())
    }

    /// A name.
    pub(crate) fn name(&mut self, node: &Spanned<Node>, what: &str) -> Option<Spanned<String>> {
        let text = self.text(node, what)?;
        let name = Spanned::new(text.value.to_owned(), text.part(0..text.value.len()));
        self.named(&name, what).then_some(name)
    }

    /// Whether a key or value is a name; notes a mistake when it is not.
    pub(crate) fn named(&mut self, name: &Spanned<String>, what: &str) -> bool {
        let good = is_name(&name.value) && name.value.len() <= 64;
        if !good {
            self.error(
                name.place,
                format!("`{}` is not {what}", name.value),
                "not a name",
            )
            .hint = Some(
                "a name has letters, digits, `_` and `-`, begins with a letter, and is at most 64 long"
                    .to_owned(),
            );
        }
        good
    }

    /// True or false.
    pub(crate) fn flag(&mut self, node: &Spanned<Node>) -> Option<bool> {
        if let Node::Scalar(scalar) = &node.value {
            if let Kind::Bool(value) = scalar.kind {
                return Some(value);
            }
            let old = ["yes", "no", "on", "off", "y", "n"];
            let is_old = old.contains(&scalar.text.to_lowercase().as_str());
            let mistake = self.expected(node, "`true` or `false`");
            if is_old {
                mistake.hint = Some("`yes`, `no`, `on` and `off` are texts here".to_owned());
            }
            return None;
        }
        self.expected(node, "`true` or `false`");
        None
    }

    /// A whole number in a range.
    pub(crate) fn whole(
        &mut self,
        node: &Spanned<Node>,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let value = match &node.value {
            Node::Scalar(scalar) => match scalar.kind {
                Kind::Int(value) => Some(value),
                Kind::Str if is_grouped(&scalar.text) => scalar.text.replace('_', "").parse().ok(),
                Kind::Str | Kind::Bool(_) | Kind::Float(_) => None,
            },
            Node::Null | Node::Seq(_) | Node::Map(_) => None,
        };
        let value = value
            .and_then(|v| u64::try_from(v).ok())
            .filter(|v| range.contains(v));
        if value.is_none() {
            let wanted = if *range.end() == u64::MAX {
                format!("a whole number, at least {}", range.start())
            } else {
                format!("a whole number from {} to {}", range.start(), range.end())
            };
            self.expected(node, &wanted);
        }
        value
    }

    /// A whole number in a range, as u32.
    pub(crate) fn count(
        &mut self,
        node: &Spanned<Node>,
        range: RangeInclusive<u32>,
    ) -> Option<u32> {
        let range = u64::from(*range.start())..=u64::from(*range.end());
        self.whole(node, range).and_then(|v| u32::try_from(v).ok())
    }

    fn quantity<T: FromStr<Err = UnitError>>(
        &mut self,
        node: &Spanned<Node>,
        wanted: &str,
        unit: &str,
    ) -> Option<T> {
        let text = self.text(node, wanted)?;
        match text.value.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let error: UnitError = error;
                let bare = !text.value.is_empty()
                    && text.value.bytes().all(|b| b.is_ascii_digit() || b == b'_');
                let value = text.value.to_owned();
                let mistake = self.error(node.place, error.to_string(), "not that");
                if bare && !unit.is_empty() {
                    mistake.hint = Some(format!("give the unit: `{value}{unit}`"));
                }
                None
            }
        }
    }

    /// A length of time.
    pub(crate) fn span(&mut self, node: &Spanned<Node>) -> Option<Duration> {
        self.quantity::<Span>(node, "a length of time such as `20s`", "s")
            .map(|span| span.0)
    }

    /// A length of time that is not zero.
    pub(crate) fn positive_span(&mut self, node: &Spanned<Node>) -> Option<Duration> {
        let span = self.span(node)?;
        if span.is_zero() {
            self.expected(node, "a length of time above zero");
            return None;
        }
        Some(span)
    }

    /// A share.
    pub(crate) fn ratio(&mut self, node: &Spanned<Node>) -> Option<Ratio> {
        self.quantity(node, "a share such as `95%`", "%")
    }

    /// A rate.
    pub(crate) fn rate(&mut self, node: &Spanned<Node>) -> Option<Rate> {
        self.quantity(node, "a rate such as `400/s`", "/s")
    }

    /// An amount of data.
    pub(crate) fn byte_size(&mut self, node: &Spanned<Node>) -> Option<ByteSize> {
        self.quantity(node, "an amount of data such as `10KB`", "B")
    }

    /// An amount of data a second.
    pub(crate) fn byte_rate(&mut self, node: &Spanned<Node>) -> Option<ByteRate> {
        self.quantity(node, "an amount of data a second such as `100KB/s`", "KB/s")
    }

    /// `2s..6s`, or one length of time for both ends.
    pub(crate) fn span_range(&mut self, node: &Spanned<Node>) -> Option<(Duration, Duration)> {
        self.parse(node, "a range of time such as `2s..6s`", |words| {
            let low = words.span()?;
            let high = if words.accept("..") {
                words.span()?
            } else {
                low
            };
            words.end()?;
            if high < low {
                return Err(Slip::new(
                    0..words.peek().start,
                    "the range ends before it begins",
                    "the smaller one comes first",
                ));
            }
            Ok((low, high))
        })
    }

    /// A text in one of the small languages.
    pub(crate) fn parse<T>(
        &mut self,
        node: &Spanned<Node>,
        wanted: &str,
        parser: impl FnOnce(&mut Words<'_>) -> Result<T, Slip>,
    ) -> Option<T> {
        let text = self.text(node, wanted)?;
        match parser(&mut Words::new(text.value)) {
            Ok(value) => Some(value),
            Err(slip) => {
                self.slip(&text, slip);
                None
            }
        }
    }

    /// One word of a closed set.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        node: &Spanned<Node>,
        what: &str,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        let known = words.iter().map(|(word, _)| *word);
        let list: Vec<String> = known.clone().map(|k| format!("`{k}`")).collect();
        let wanted = format!("{what}: {}", list.join(", "));
        let text = self.text(node, &wanted)?;
        let found = words.iter().find(|(word, _)| *word == text.value);
        if found.is_none() {
            let hint = meant(text.value, known);
            let message = format!("`{}` is not {what}", text.value);
            self.error(node.place, message, "not known").hint = hint;
        }
        found.map(|(_, value)| *value)
    }

    /// The items of a list.
    pub(crate) fn list<'a>(
        &mut self,
        node: &'a Spanned<Node>,
        wanted: &str,
    ) -> &'a [Spanned<Node>] {
        match &node.value {
            Node::Seq(items) => items,
            Node::Null | Node::Scalar(_) | Node::Map(_) => {
                self.expected(node, wanted);
                &[]
            }
        }
    }

    /// The items of a list, or a single value as a list of one.
    pub(crate) fn one_or_more<'a>(&self, node: &'a Spanned<Node>) -> &'a [Spanned<Node>] {
        match &node.value {
            Node::Seq(items) => items,
            Node::Null | Node::Scalar(_) | Node::Map(_) => std::slice::from_ref(node),
        }
    }

    /// The entries of a mapping whose keys the writer chooses.
    pub(crate) fn entries<'a>(&mut self, node: &'a Spanned<Node>, wanted: &str) -> &'a [Entry] {
        match &node.value {
            Node::Map(entries) => entries,
            Node::Null | Node::Scalar(_) | Node::Seq(_) => {
                self.expected(node, wanted);
                &[]
            }
        }
    }
}

/// `45_000`: a number that YAML leaves as text.
fn is_grouped(text: &str) -> bool {
    text.contains('_')
        && text.starts_with(|c: char| c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'_')
}
