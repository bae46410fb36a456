//! From bytes to lines and columns.

use std::fmt;

use super::Source;

/// A line and a column, both from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl Source {
    /// The position of a byte; one past the end, or inside a character, is moved back.
    #[must_use]
    pub fn position(&self, byte: usize) -> Position {
        let byte = floor_boundary(&self.text, byte);
        let before = &self.text[..byte];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Position {
            line: before.bytes().filter(|b| *b == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// The text of the line that holds a byte, without its end.
    #[must_use]
    pub fn line_at(&self, byte: usize) -> &str {
        let byte = floor_boundary(&self.text, byte);
        let start = self.text[..byte].rfind('\n').map_or(0, |at| at + 1);
        let end = self.text[byte..]
            .find('\n')
            .map_or(self.text.len(), |at| byte + at);
        self.text[start..end].trim_end_matches('\r')
    }
}

/// The last character boundary at or before `byte`.
fn floor_boundary(text: &str, byte: usize) -> usize {
    let mut byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    byte
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lines_and_characters() {
        let source = Source::new("x.yaml", "a: 1\nä: é\r\nlast");
        for (byte, line, column, text) in [
            (0, 1, 1, "a: 1"),
            (4, 1, 5, "a: 1"),
            (5, 2, 1, "ä: é"),
            (9, 2, 4, "ä: é"),
            (10, 2, 4, "ä: é"),
            (13, 3, 1, "last"),
            (999, 3, 5, "last"),
        ] {
            assert_eq!(source.position(byte), Position { line, column }, "{byte}");
            assert_eq!(source.line_at(byte), text, "{byte}");
        }
    }
}
