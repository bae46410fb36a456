//! Templates made ready for filling in: holes are numbers of values, and what is around them is
//! already encoded for where it will stand.

use serde_json::Value;

use crate::scenario::model::{Template, TemplatePiece};

/// Where a text will stand, which decides how values are written into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a path or query: values are percent-encoded (RFC 3986 section 2.1).
    Path,
    /// In a header: what a header cannot hold becomes `?`.
    Header,
    /// In a string of a JSON body: values are escaped (RFC 8259 section 7).
    Json,
    /// In a plain body: as it is.
    Plain,
}

/// A text with numbered holes.
#[derive(Debug, Clone)]
pub(super) struct Text {
    place: Place,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
enum Piece {
    Literal(String),
    Hole(usize),
}

impl Text {
    /// Prepares a template. `slot` gives the number of the value of a name.
    pub(super) fn new<E>(
        template: &Template,
        place: Place,
        slot: &mut impl FnMut(&str) -> Result<usize, E>,
    ) -> Result<Self, E> {
        let mut text = Self {
            place,
            pieces: Vec::new(),
        };
        text.append(template, slot)?;
        Ok(text)
    }

    /// Prepares a JSON body, whose strings are templates.
    pub(super) fn json<E>(
        value: &Value,
        slot: &mut impl FnMut(&str) -> Result<usize, E>,
    ) -> Result<Self, E> {
        let mut text = Self {
            place: Place::Json,
            pieces: Vec::new(),
        };
        text.append_json(value, slot)?;
        Ok(text)
    }

    /// Writes it out with the holes filled from `values`.
    pub(super) fn fill(&self, values: &[String], out: &mut String) {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => out.push_str(literal),
                Piece::Hole(slot) => self.place.write(&values[*slot], out),
            }
        }
    }

    fn append<E>(
        &mut self,
        template: &Template,
        slot: &mut impl FnMut(&str) -> Result<usize, E>,
    ) -> Result<(), E> {
        for piece in &template.pieces {
            match piece {
                TemplatePiece::Text(text) => {
                    let mut encoded = String::new();
                    match self.place {
                        Place::Path => encode(text, is_uri, &mut encoded),
                        place => place.write(text, &mut encoded),
                    }
                    self.literal(&encoded);
                }
                TemplatePiece::Hole(name) => self.pieces.push(Piece::Hole(slot(name)?)),
            }
        }
        Ok(())
    }

    fn append_json<E>(
        &mut self,
        value: &Value,
        slot: &mut impl FnMut(&str) -> Result<usize, E>,
    ) -> Result<(), E> {
        match value {
            Value::String(string) => {
                self.literal("\"");
                match Template::parse(string) {
                    Ok(template) => self.append(&template, slot)?,
                    // braces that make no template stand for themselves
                    Err(_) => {
                        let mut escaped = String::new();
                        Place::Json.write(string, &mut escaped);
                        self.literal(&escaped);
                    }
                }
                self.literal("\"");
            }
            Value::Array(items) => {
                self.literal("[");
                for (i, item) in items.iter().enumerate() {
                    self.literal(if i > 0 { "," } else { "" });
                    self.append_json(item, slot)?;
                }
                self.literal("]");
            }
            Value::Object(fields) => {
                self.literal("{");
                for (i, (name, field)) in fields.iter().enumerate() {
                    self.literal(if i > 0 { "," } else { "" });
                    self.literal(&Value::from(name.as_str()).to_string());
                    self.literal(":");
                    self.append_json(field, slot)?;
                }
                self.literal("}");
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => self.literal(&value.to_string()),
        }
        Ok(())
    }

    fn literal(&mut self, text: &str) {
        match self.pieces.last_mut() {
            Some(Piece::Literal(last)) => last.push_str(text),
            _ => self.pieces.push(Piece::Literal(text.to_owned())),
        }
    }
}

impl Place {
    fn write(self, value: &str, out: &mut String) {
        match self {
            Self::Path => encode(value, is_unreserved, out),
            Self::Plain => out.push_str(value),
            Self::Header => out.extend(value.chars().map(|c| match c {
                ' '..='~' => c,
                _ => '?',
            })),
            Self::Json => {
                let quoted = Value::from(value).to_string();
                out.push_str(&quoted[1..quoted.len() - 1]);
            }
        }
    }
}

fn encode(text: &str, stands: impl Fn(u8) -> bool, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if stands(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// RFC 3986 section 2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// What may stand in a path with query as it is written (RFC 3986 sections 2.2, 3.3, 3.4).
const fn is_uri(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'/' | b'?'
                | b':'
                | b'@'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b'%'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(name: &str) -> Result<usize, String> {
        match name {
            "a" => Ok(0),
            "b" => Ok(1),
            other => Err(other.to_owned()),
        }
    }

    fn filled(text: &Text) -> String {
        let mut out = String::new();
        text.fill(&["x/ ü".to_owned(), "say \"hi\"\n".to_owned()], &mut out);
        out
    }

    #[test]
    fn values_are_encoded_for_their_place() {
        for (place, expected) in [
            (Place::Path, "/s/x%2F%20%C3%BC?q=say%20%22hi%22%0A&r=%20%"),
            (Place::Plain, "/s/x/ ü?q=say \"hi\"\n&r= %"),
            (Place::Header, "/s/x/ ??q=say \"hi\"?&r= %"),
        ] {
            let template = Template::parse("/s/{{a}}?q={{b}}&r= %").expect("a template");
            let text = Text::new(&template, place, &mut slot).expect("known names");
            assert_eq!(filled(&text), expected);
        }
        let unknown = Template::parse("{{c}}").expect("a template");
        assert_eq!(
            Text::new(&unknown, Place::Plain, &mut slot).expect_err("unknown"),
            "c"
        );
    }

    #[test]
    fn json_stays_json() {
        let body = serde_json::json!({
            "mobile": "{{a}}", "list": [1, null, true, "n: {{b}}"], "odd": "{{", "k\"ey": {}
        });
        let text = Text::json(&body, &mut slot).expect("known names");
        let back: Value = serde_json::from_str(&filled(&text)).expect("valid JSON");
        assert_eq!(
            back,
            serde_json::json!({
                "mobile": "x/ ü", "list": [1, null, true, "n: say \"hi\"\n"], "odd": "{{",
                "k\"ey": {}
            })
        );
    }
}
