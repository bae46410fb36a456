//! Names as they travel (RFC 1035 section 3.1): labels, each behind its length, lower case, with
//! the empty label of the root at the end.

use std::borrow::Borrow;

/// Longest name, lengths of labels and the root included (RFC 1035 section 2.3.4).
pub(super) const LONGEST: usize = 255;
/// Longest label.
pub(super) const LONGEST_LABEL: usize = 63;

/// A name in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct WireName(Box<[u8]>);

impl WireName {
    /// From text, with or without a final dot; what is wrong with it otherwise.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut bytes = Vec::with_capacity(text.len() + 2);
        let text = text.strip_suffix('.').unwrap_or(text);
        for label in text.split('.').filter(|_| !text.is_empty()) {
            if label.is_empty() || label.len() > LONGEST_LABEL {
                return Err(format!("a label has 1 to {LONGEST_LABEL} bytes"));
            }
            bytes.push(label.len() as u8);
            bytes.extend(label.bytes().map(|byte| byte.to_ascii_lowercase()));
        }
        bytes.push(0);
        if bytes.len() > LONGEST {
            return Err(format!("a name has at most {LONGEST} bytes"));
        }
        Ok(Self(bytes.into()))
    }

    /// A name that was read already.
    pub(super) fn of(name: &[u8]) -> Self {
        Self(name.to_ascii_lowercase().into())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for WireName {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

/// The name itself, then the names above it, down to the root.
pub(super) fn ancestors(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(name);
    std::iter::from_fn(move || {
        let now = rest?;
        let length = usize::from(*now.first()?);
        rest = (length > 0).then(|| now.get(length + 1..)).flatten();
        Some(now)
    })
}

/// Whether `name` is `zone` or lies below it, label by label.
pub(super) fn is_within(name: &[u8], zone: &[u8]) -> bool {
    name.len() >= zone.len() && ancestors(name).any(|above| above == zone)
}

/// For people: bytes that are not plain stand as `\ddd` (RFC 1035 section 5.1).
pub(super) fn to_text(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for above in ancestors(name) {
        let (length, rest) = above.split_first().unwrap_or((&0, &[]));
        let label = rest.get(..usize::from(*length)).unwrap_or_default();
        if label.is_empty() {
            break;
        }
        if !text.is_empty() {
            text.push('.');
        }
        for byte in label {
            match byte {
                b'-' | b'_' | b'*' => text.push(char::from(*byte)),
                byte if byte.is_ascii_alphanumeric() => text.push(char::from(*byte)),
                byte => text.push_str(&format!("\\{byte:03}")),
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(text: &str) -> WireName {
        WireName::parse(text).expect(text)
    }

    #[test]
    fn names_travel_as_labels() {
        assert_eq!(wire("A.bc.").as_bytes(), b"\x01a\x02bc\0");
        assert_eq!(wire("").as_bytes(), b"\0");
        assert_eq!(to_text(wire("x-1.b_c.test").as_bytes()), "x-1.b_c.test");
        assert_eq!(to_text(b"\x03a.b\x02\xff \0"), "a\\046b.\\255\\032");
        let long = format!("{}.test", "a".repeat(64));
        let longer = ["a".repeat(63).as_str(); 4].join(".");
        for wrong in ["a..b", ".", "..", long.as_str(), longer.as_str()] {
            assert_eq!(WireName::parse(wrong).is_err(), wrong != ".", "{wrong}");
        }
    }

    #[test]
    fn a_zone_holds_what_is_below_it() {
        let zone = wire("cowin.test");
        for (name, within) in [
            ("cowin.test", true),
            ("a.b.cowin.test", true),
            ("mycowin.test", false),
            ("test", false),
            ("cowin.test.evil", false),
            ("", false),
        ] {
            let name = wire(name);
            let seen = is_within(name.as_bytes(), zone.as_bytes());
            assert_eq!(seen, within, "{name:?}");
            assert!(is_within(name.as_bytes(), b"\0"), "the root holds {name:?}");
        }
    }
}
