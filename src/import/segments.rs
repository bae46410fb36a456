//! The parts of a path, and which of them name a thing rather than a kind of thing.

/// What a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Segment {
    /// A word that belongs to the route.
    Word,
    /// Digits only.
    Number,
    /// 8-4-4-4-12 hexadecimal digits.
    Uuid,
    /// A key, hash or token: long, with digits and letters.
    Token,
    /// It holds what cannot be written in a route.
    Odd,
}

/// Hexadecimal digits become an id from this length on.
const SHORTEST_HEX: usize = 8;
/// Other letters and digits become an id from this length on.
const SHORTEST_TOKEN: usize = 20;

impl Segment {
    /// What `text` is, which holds no `/`.
    pub(super) fn of(text: &[u8]) -> Self {
        let (mut digits, mut hex, mut letters, mut dashes) = (0, 0, 0, 0);
        for byte in text {
            match byte {
                b'0'..=b'9' => digits += 1,
                b'a'..=b'f' | b'A'..=b'F' => hex += 1,
                b'g'..=b'z' | b'G'..=b'Z' => letters += 1,
                b'-' | b'_' => dashes += 1,
                b'.' | b'~' | b'%' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'+' | b','
                | b';' | b'=' | b'@' => {}
                b':' if text.first() != Some(&b':') => {}
                _ => return Self::Odd,
            }
        }
        let len = text.len();
        if digits == len && len > 0 {
            Self::Number
        } else if len == 36 && dashes == 4 && digits + hex == 32 && is_uuid(text) {
            Self::Uuid
        } else if digits > 0
            && ((len >= SHORTEST_HEX && digits + hex == len)
                || (len >= SHORTEST_TOKEN && digits + hex + letters + dashes == len && digits >= 3))
        {
            Self::Token
        } else {
            Self::Word
        }
    }
}

fn is_uuid(text: &[u8]) -> bool {
    [8, 13, 18, 23].iter().all(|at| text[*at] == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_ids() {
        for (text, expected) in [
            ("users", Segment::Word),
            ("", Segment::Word),
            ("v1", Segment::Word),
            ("index.html", Segment::Word),
            ("deadbeef", Segment::Word),
            ("app.3f2a9b8c.js", Segment::Word),
            ("a-long-title-about-something-in-2021", Segment::Token),
            ("a-long-title-about-something", Segment::Word),
            ("5", Segment::Number),
            ("110001", Segment::Number),
            ("123e4567-e89b-12d3-a456-426614174000", Segment::Uuid),
            ("5f3a9b8c", Segment::Token),
            ("eyJhbGciOiJIUzI1NiIsInR5cCI6", Segment::Token),
            ("a b", Segment::Odd),
            (":id", Segment::Odd),
            ("{x}", Segment::Odd),
            ("*", Segment::Odd),
            ("é", Segment::Odd),
        ] {
            assert_eq!(Segment::of(text.as_bytes()), expected, "{text}");
        }
    }
}
