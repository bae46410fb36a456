//! The tokens of the small languages inside texts (curves, anchors, claims, places), and a reader
//! over them that knows where each stands. `docs/grammar.md` has the grammar.

use std::{ops::Range, time::Duration};

use super::mistakes::meant;
use crate::units::parse_span;

/// What is wrong inside a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slip {
    /// Where, in bytes of the text.
    pub(crate) at: Range<usize>,
    /// What is wrong.
    pub(crate) message: String,
    /// A word on the place.
    pub(crate) label: String,
    /// What would help.
    pub(crate) hint: Option<String>,
}

impl Slip {
    /// A slip at a place.
    pub(crate) fn new(
        at: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Self {
        Self {
            at,
            message: message.into(),
            label: label.into(),
            hint: None,
        }
    }

    /// Says what would help.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A token's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A name or a word of the grammar.
    Word,
    /// A number with its unit: `5_000/s`, `99%`, `20s`, `1.5`.
    Quantity,
    /// `->`, `<=`, `..` and the like.
    Symbol,
    /// The end of the text.
    End,
}

/// A token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// Its kind.
    pub(crate) kind: TokenKind,
    /// Its text.
    pub(crate) text: &'a str,
    /// Its first byte.
    pub(crate) start: usize,
}

impl Token<'_> {
    /// Where it stands.
    pub(crate) const fn range(&self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    /// For messages.
    pub(crate) fn found(&self) -> String {
        match self.kind {
            TokenKind::End => "the end".to_owned(),
            TokenKind::Word | TokenKind::Quantity | TokenKind::Symbol => format!("`{}`", self.text),
        }
    }
}

/// Whether a text is a name: letters, digits, `_` and `-`, beginning with a letter.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && !text.ends_with('-')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// Whether a text is a domain name: labels of letters, digits, `-` and `_` (RFC 1035 section 2.3.1,
/// and `_` as service names have it), at most 63 long, 253 in all.
pub(crate) fn is_domain(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

/// The tokens of a text, read one by one.
#[derive(Debug)]
pub(crate) struct Words<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
    next: usize,
}

impl<'a> Words<'a> {
    /// Splits a text into tokens.
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            tokens: split(text),
            next: 0,
        }
    }

    /// The next token, which stays.
    pub(crate) fn peek(&self) -> Token<'a> {
        self.ahead(0)
    }

    /// The token after so many others.
    pub(crate) fn ahead(&self, count: usize) -> Token<'a> {
        self.tokens
            .get(self.next + count)
            .copied()
            .unwrap_or(Token {
                kind: TokenKind::End,
                text: "",
                start: self.text.len(),
            })
    }

    /// The next token.
    pub(crate) fn take(&mut self) -> Token<'a> {
        let token = self.peek();
        self.next = (self.next + 1).min(self.tokens.len());
        token
    }

    /// Takes the next token if it is this one.
    pub(crate) fn accept(&mut self, text: &str) -> bool {
        let yes = self.peek().kind != TokenKind::End && self.peek().text == text;
        if yes {
            self.take();
        }
        yes
    }

    /// Takes this token, or says that it is missing.
    pub(crate) fn expect(&mut self, text: &str, example: &str) -> Result<(), Slip> {
        if self.accept(text) {
            return Ok(());
        }
        let found = self.peek();
        Err(self.wanted(&format!("`{text}`")).hint(match found.kind {
            TokenKind::Word if meant(found.text, [text]).is_some_and(|h| h.starts_with("did")) => {
                format!("did you mean `{text}`?")
            }
            _ => format!("for example `{example}`"),
        }))
    }

    /// A slip at the next token.
    pub(crate) fn wanted(&self, what: &str) -> Slip {
        let found = self.peek();
        let label = if found.kind == TokenKind::End {
            format!("{what} is missing here")
        } else {
            format!("{what} was expected here")
        };
        Slip::new(
            found.range(),
            format!("expected {what}, found {}", found.found()),
            label,
        )
    }

    /// A name.
    pub(crate) fn name(&mut self, what: &str) -> Result<Token<'a>, Slip> {
        if self.peek().kind == TokenKind::Word {
            Ok(self.take())
        } else {
            Err(self.wanted(what))
        }
    }

    /// A quantity.
    pub(crate) fn quantity(&mut self, what: &str) -> Result<Token<'a>, Slip> {
        if self.peek().kind == TokenKind::Quantity {
            Ok(self.take())
        } else {
            Err(self.wanted(what))
        }
    }

    /// A length of time, of one or more quantities: `1m 30s`.
    pub(crate) fn span(&mut self) -> Result<Duration, Slip> {
        const WHAT: &str = "a length of time such as `20s` or `1m 30s`";
        let first = self.quantity(WHAT)?;
        let mut end = first.range().end;
        while self.peek().kind == TokenKind::Quantity
            && self
                .peek()
                .text
                .ends_with(|c: char| c.is_ascii_alphabetic())
            && !self.peek().text.contains('/')
        {
            end = self.take().range().end;
        }
        let range = first.start..end;
        parse_span(&self.text[range.clone()]).map_err(|error| {
            let bare = first.text.bytes().all(|b| b.is_ascii_digit() || b == b'_');
            let slip = Slip::new(range, error.to_string(), "not a length of time");
            if bare {
                slip.hint(format!("give the unit: `{}s`", first.text))
            } else {
                slip
            }
        })
    }

    /// One of some words.
    pub(crate) fn one_of<T: Copy>(&mut self, what: &str, words: &[(&str, T)]) -> Result<T, Slip> {
        let token = self.peek();
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == token.text) {
            self.take();
            return Ok(*value);
        }
        let mut slip = self.wanted(what);
        let known = words.iter().map(|(word, _)| *word);
        slip.hint = if token.kind == TokenKind::Word {
            meant(token.text, known)
        } else {
            let known: Vec<String> = known.map(|k| format!("`{k}`")).collect();
            Some(format!("one of {}", known.join(", ")))
        };
        Err(slip)
    }

    /// All that is left, as it is written.
    pub(crate) fn rest(&self) -> (Range<usize>, &'a str) {
        let range = self.peek().start..self.text.trim_end().len().max(self.peek().start);
        (range.clone(), &self.text[range])
    }

    /// Nothing may follow.
    pub(crate) fn end(&self) -> Result<(), Slip> {
        let rest = self.peek();
        if rest.kind == TokenKind::End {
            return Ok(());
        }
        Err(Slip::new(
            rest.start..self.text.trim_end().len(),
            format!("`{}` is too much", self.text[rest.start..].trim_end()),
            "nothing may follow here",
        ))
    }
}

fn split(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let (kind, len) = if c.is_ascii_alphabetic() {
            (TokenKind::Word, word_len(rest))
        } else if c.is_ascii_digit() {
            (TokenKind::Quantity, quantity_len(rest))
        } else {
            let two = ["->", "<=", ">=", ".."];
            let len = two
                .iter()
                .find(|s| rest.starts_with(**s))
                .map_or(c.len_utf8(), |s| s.len());
            (TokenKind::Symbol, len)
        };
        tokens.push(Token {
            kind,
            text: &rest[..len],
            start: at,
        });
        at += len;
    }
    tokens
}

/// A `-` belongs to a word only before a letter or digit, so that `a->b` is three tokens.
fn word_len(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let inside = |i: usize| match bytes[i] {
        b'_' => true,
        b'-' => bytes.get(i + 1).is_some_and(u8::is_ascii_alphanumeric),
        b => b.is_ascii_alphanumeric(),
    };
    (0..bytes.len())
        .find(|&i| !inside(i))
        .unwrap_or(bytes.len())
}

/// Digits and letters, a decimal point, and `%` or `/s` at the end; `2s..6s` is three tokens.
fn quantity_len(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let inside = |i: usize| match bytes[i] {
        b'_' => true,
        b'.' => bytes.get(i + 1).is_some_and(u8::is_ascii_digit),
        b => b.is_ascii_alphanumeric(),
    };
    let len = (0..bytes.len())
        .find(|&i| !inside(i))
        .unwrap_or(bytes.len());
    match bytes.get(len) {
        Some(b'%') => len + 1,
        Some(b'/') if bytes.get(len + 1).is_some_and(u8::is_ascii_alphabetic) => {
            len + 1 + word_len(&rest[len + 1..])
        }
        _ => len,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        split(text).into_iter().map(|t| t.text).collect()
    }

    #[test]
    fn splits_as_people_read() {
        for (text, tokens) in [
            (
                "5_000/s -> 45_000/s in 1m",
                vec!["5_000/s", "->", "45_000/s", "in", "1m"],
            ),
            ("2s..6s", vec!["2s", "..", "6s"]),
            ("1.5s .. 2.5s", vec!["1.5s", "..", "2.5s"]),
            ("a->b-c -> d_e", vec!["a", "->", "b-c", "->", "d_e"]),
            (
                "portal/login p99<=99.9%",
                vec!["portal", "/", "login", "p99", "<=", "99.9%"],
            ),
            ("sms_late.end+2m", vec!["sms_late", ".", "end", "+", "2m"]),
            ("é §", vec!["é", "§"]),
        ] {
            assert_eq!(texts(text), tokens, "{text}");
        }
    }

    #[test]
    fn spans_may_have_several_parts() {
        let mut words = Words::new("1m 30s of x");
        assert_eq!(words.span(), Ok(Duration::from_secs(90)));
        assert!(words.accept("of"));
        let slip = Words::new("90 of").span().expect_err("no unit");
        assert_eq!(slip.hint.as_deref(), Some("give the unit: `90s`"));
    }

    proptest::proptest! {
        #[test]
        fn tokens_cover_all_but_blanks(text in "\\PC{0,40}") {
            let tokens = split(&text);
            let mut covered = 0;
            for token in &tokens {
                proptest::prop_assert!(text[covered..token.start].trim().is_empty());
                proptest::prop_assert!(!token.text.is_empty());
                covered = token.range().end;
            }
            proptest::prop_assert!(text[covered..].trim().is_empty());
        }
    }
}
