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

/// What holds for any template and values: the law that property tests and fuzzing share.
#[cfg(any(test, fuzzing))]
pub(crate) fn values_stay_in_their_place(template: &Template, values: &[String]) {
    let mut names: Vec<&str> = Vec::new();
    for name in template.holes() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let fill = |place| {
        let mut slot = |name: &str| {
            let at = names.iter().position(|known| *known == name);
            at.map(|at| at % values.len()).ok_or(())
        };
        let text = Text::new(template, place, &mut slot).expect("known names");
        let mut out = String::new();
        text.fill(values, &mut out);
        out
    };
    let path = fill(Place::Path);
    assert!(path.bytes().all(is_uri), "{path}");
    let header = fill(Place::Header);
    assert!(
        header.bytes().all(|byte| matches!(byte, b' '..=b'~')),
        "{header}"
    );
    let plain = fill(Place::Plain);
    let quoted = format!("\"{}\"", fill(Place::Json));
    let back: String = serde_json::from_str(&quoted).expect("one string");
    assert_eq!(back, plain);
    assert_eq!(header.chars().count(), plain.chars().count());
}

/// A body is JSON of the same shape, whatever its holes are filled with.
#[cfg(fuzzing)]
pub(crate) fn json_stays_json(body: &Value, value: &str) {
    let text = Text::json(body, &mut |_: &str| Ok::<_, ()>(0)).expect("any name");
    let mut out = String::new();
    text.fill(&[value.to_owned()], &mut out);
    let back: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(shape(&back), shape(body));
}

/// A value without its texts, which templates change, and its numbers, which are written as they are
/// but which serde_json reads back only nearly.
#[cfg(fuzzing)]
fn shape(value: &Value) -> Value {
    match value {
        Value::String(_) => Value::from("text"),
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, field)| (name.clone(), shape(field)));
            Value::Object(fields.collect())
        }
        Value::Number(_) => Value::from("number"),
        Value::Null | Value::Bool(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    /// A template of texts and holes, as it is written and as its pieces.
    fn template() -> impl Strategy<Value = Template> {
        let text = "[^{}]{0,9}".prop_map(TemplatePiece::Text);
        let hole = "[ab]".prop_map(TemplatePiece::Hole);
        let pieces = prop::collection::vec(prop_oneof![text, hole], 0..6);
        pieces.prop_map(|pieces| Template { pieces })
    }

    /// What percent-encoding says.
    fn decoded(text: &str) -> String {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            let escaped = rest.clone().take(2).map(char::from).collect::<String>();
            match u8::from_str_radix(&escaped, 16) {
                Ok(value) if byte == b'%' => {
                    bytes.push(value);
                    rest.nth(1);
                }
                _ => bytes.push(byte),
            }
        }
        String::from_utf8(bytes).expect("it was text")
    }

    proptest! {
        #[test]
        fn any_text_is_a_template_or_none(text: String) {
            if let Ok(template) = Template::parse(&text) {
                // names beside `a` and `b` are refused; all else can be filled
                if let Ok(text) = Text::new(&template, Place::Plain, &mut slot) {
                    let _ = filled(&text);
                }
            }
        }

        #[test]
        fn values_cannot_leave_their_place(
            template in template(), a in any::<String>(), b in any::<String>()
        ) {
            values_stay_in_their_place(&template, &[a, b]);
        }

        #[test]
        fn a_value_in_a_path_is_read_back(a in any::<String>()) {
            let template = Template::parse("/x/{{a}}/y").expect("a template");
            let text = Text::new(&template, Place::Path, &mut slot).expect("known names");
            let mut out = String::new();
            text.fill(&[a.clone(), String::new()], &mut out);
            let value = out.strip_prefix("/x/").and_then(|rest| rest.strip_suffix("/y"));
            let value = value.expect("what stands around it");
            prop_assert!(!value.contains(['/', '?', '&', '=']), "{}", value);
            prop_assert_eq!(decoded(value), a);
        }
    }
}
