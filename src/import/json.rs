//! A log of JSON objects, one a line. Each line is walked byte by byte until the wanted fields are
//! found; nothing else of it is looked at closely, and no tree is built.

use std::borrow::Cow;

use memchr::{memchr2, memchr3};

use super::{
    dates::Dates,
    entry::{Bad, Entry, known_method, path_of, request_line, status},
    fields::FieldNames,
};

/// Deeper objects hold nothing that is wanted.
const DEEPEST: usize = 16;

/// A scalar, as it stands in the line, without its quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) raw: &'a [u8],
    /// Whether it is a string.
    pub(super) text: bool,
}

impl<'a> Value<'a> {
    /// The text that it means.
    pub(super) fn unescaped(&self) -> Cow<'a, [u8]> {
        if !self.text || memchr::memchr(b'\\', self.raw).is_none() {
            return Cow::Borrowed(self.raw);
        }
        let mut text = Vec::with_capacity(self.raw.len());
        unescape(self.raw, &mut text);
        Cow::Owned(text)
    }
}

/// Appends what an escaped string means. An escape that is none stands for itself.
fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let Some((kind, tail)) = rest.split_first() else {
            return;
        };
        rest = tail;
        match kind {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'u' => {
                let digits = rest
                    .get(..4)
                    .and_then(|d| std::str::from_utf8(d).ok())
                    .and_then(|d| u32::from_str_radix(d, 16).ok());
                if let Some(code) = digits {
                    rest = &rest[4..];
                    // halves of pairs are of no interest in a path
                    let letter = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                    out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
            other => out.push(*other),
        }
    }
    out.extend_from_slice(rest);
}

/// What is wanted of a line: time, path, method, status, in this order.
const FIELDS: usize = 4;

type Found<'a> = [Option<Value<'a>>; FIELDS];
/// What is left to match of each field's name below the object that is walked; empty = nothing.
type Names<'n> = [&'n [u8]; FIELDS];

/// Reads lines of JSON.
#[derive(Debug, Clone)]
pub(super) struct Json {
    names: [Vec<u8>; FIELDS],
    /// The path's field holds a whole request line.
    whole_request: bool,
    dates: Dates,
    /// The last path that was written with escapes.
    unescaped: Vec<u8>,
}

impl Json {
    /// A reader of these fields, of which the needed ones are given.
    pub(super) fn new(fields: &FieldNames) -> Self {
        let name = |field: &Option<String>| field.as_deref().unwrap_or_default().into();
        let whole_request = fields.path.is_none();
        let path = if whole_request {
            &fields.request
        } else {
            &fields.path
        };
        Self {
            names: [
                name(&fields.time),
                name(path),
                name(&fields.method),
                name(&fields.status),
            ],
            whole_request,
            dates: Dates::default(),
            unescaped: Vec::new(),
        }
    }

    pub(super) fn parse<'a>(&'a mut self, line: &'a [u8]) -> Result<Entry<'a>, Bad> {
        let names: Names<'_> = std::array::from_fn(|at| &self.names[at][..]);
        let mut walk = Walk::new(line, names);
        walk.line()?;
        let [time, path, method, answer] = walk.found;
        let time = time.ok_or(Bad::NoTime)?;
        let at = self.dates.read(time.raw).ok_or(Bad::Time)?;
        let path = path.filter(|path| path.text).ok_or(Bad::NoRequest)?;
        let text = if memchr::memchr(b'\\', path.raw).is_some() {
            self.unescaped.clear();
            unescape(path.raw, &mut self.unescaped);
            &self.unescaped[..]
        } else {
            path.raw
        };
        let (method, path) = if self.whole_request {
            request_line(text).ok_or(Bad::NoRequest)?
        } else {
            let method = method.map_or(&b"GET"[..], |method| method.raw);
            (
                known_method(method).ok_or(Bad::NoRequest)?,
                path_of(text).ok_or(Bad::NoRequest)?,
            )
        };
        Ok(Entry {
            at,
            method,
            path,
            status: answer.and_then(|value| status(value.raw)),
        })
    }
}

/// The value of one field of a line.
pub(super) fn find<'a>(line: &'a [u8], name: &str) -> Option<Value<'a>> {
    let mut walk = Walk::new(line, [name.as_bytes(), b"", b"", b""]);
    walk.line().ok()?;
    walk.found[0]
}

struct Walk<'a, 'n> {
    line: &'a [u8],
    at: usize,
    names: Names<'n>,
    found: Found<'a>,
    /// How many are still to be found.
    missing: usize,
}

impl<'a, 'n> Walk<'a, 'n> {
    fn new(line: &'a [u8], names: Names<'n>) -> Self {
        Self {
            line,
            at: 0,
            names,
            found: [None; FIELDS],
            missing: names.iter().filter(|name| !name.is_empty()).count(),
        }
    }

    fn line(&mut self) -> Result<(), Bad> {
        if self.next() != Some(b'{') {
            return Err(Bad::Json);
        }
        self.object(self.names, 0).ok_or(Bad::Json)
    }

    /// The next byte that is no blank, which is passed.
    fn next(&mut self) -> Option<u8> {
        while let Some(byte) = self.line.get(self.at) {
            self.at += 1;
            if !byte.is_ascii_whitespace() {
                return Some(*byte);
            }
        }
        None
    }

    /// Walks an object behind its `{`. `None` when it is none; ends early when all is found.
    fn object(&mut self, names: Names<'n>, depth: usize) -> Option<()> {
        loop {
            match self.next()? {
                b'"' => {}
                b',' => continue,
                b'}' => return Some(()),
                _ => return None,
            }
            let key = self.string()?;
            if self.next()? != b':' {
                return None;
            }
            // what of each name is left below this key
            let mut below: Names<'n> = [b""; FIELDS];
            let mut leads = false;
            let mut here = [false; FIELDS];
            for field in 0..FIELDS {
                let name = names[field];
                if name.is_empty() || self.found[field].is_some() {
                    continue;
                }
                if name == key {
                    here[field] = true;
                } else if name.get(key.len()) == Some(&b'.') && name.starts_with(key) {
                    below[field] = &name[key.len() + 1..];
                    leads = true;
                }
            }
            match self.next()? {
                b'"' => {
                    let raw = self.string()?;
                    self.take(here, Value { raw, text: true });
                }
                b'{' if leads && depth < DEEPEST => self.object(below, depth + 1)?,
                b'{' | b'[' => self.skip()?,
                b',' | b'}' | b']' | b':' => return None,
                _ => {
                    let begin = self.at - 1;
                    let ends = |b: &u8| matches!(b, b',' | b'}' | b']') || b.is_ascii_whitespace();
                    let rest = &self.line[begin..];
                    let len = rest.iter().position(ends).unwrap_or(rest.len());
                    self.at = begin + len;
                    let raw = &rest[..len];
                    if raw != b"null" {
                        self.take(here, Value { raw, text: false });
                    }
                }
            }
            if self.missing == 0 {
                return Some(());
            }
        }
    }

    fn take(&mut self, here: [bool; FIELDS], value: Value<'a>) {
        for (field, _) in here.iter().enumerate().filter(|(_, here)| **here) {
            self.found[field] = Some(value);
            self.missing -= 1;
        }
    }

    /// What stands before the closing quote; the opening one was passed.
    fn string(&mut self) -> Option<&'a [u8]> {
        let begin = self.at;
        loop {
            let rest = self.line.get(self.at..)?;
            let stop = memchr2(b'"', b'\\', rest)?;
            self.at += stop + 1;
            if rest[stop] == b'"' {
                return Some(&self.line[begin..self.at - 1]);
            }
            self.at += 1;
        }
    }

    /// Passes the rest of an object or list, however deep.
    fn skip(&mut self) -> Option<()> {
        let mut depth = 1u32;
        while depth > 0 {
            let rest = self.line.get(self.at..)?;
            // closers come in two kinds, so openers are found among the bytes before
            let stop = memchr3(b'"', b'}', b']', rest)?;
            let opened = rest[..stop].iter().filter(|b| matches!(b, b'{' | b'['));
            depth += u32::try_from(opened.count()).ok()?;
            self.at += stop + 1;
            if rest[stop] == b'"' {
                self.string()?;
            } else {
                depth -= 1;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caddy() -> Json {
        Json::new(&FieldNames {
            time: Some("ts".into()),
            path: Some("request.uri".into()),
            method: Some("request.method".into()),
            status: Some("status".into()),
            request: None,
        })
    }

    fn read(json: &mut Json, line: &str) -> Result<(i64, String, Option<u16>), Bad> {
        let entry = json.parse(line.as_bytes())?;
        let route = [entry.method, b" ", entry.path].concat();
        Ok((
            entry.at.micros(),
            String::from_utf8_lossy(&route).into_owned(),
            entry.status,
        ))
    }

    #[test]
    fn wanted_fields_are_found_wherever_they_stand() {
        for line in [
            r#"{"ts":1619605800.5,"request":{"method":"GET","uri":"/a?b"},"status":200}"#,
            r#" { "status" : 200 , "x": [{"uri":"}"}, [], "]"], "request" : {"h":{"ts":["5"]}, "uri":"\/a", "method":"GET" } , "ts" : 1619605800.5 } "#,
            r#"{"request.uri":"http://h/\u0061?x","request.method":"GET","ts":"2021-04-28T10:30:00.5Z","status":"200","q":"\\\""}"#,
        ] {
            let expected = (1_619_605_800_500_000, "GET /a".to_owned(), Some(200));
            assert_eq!(read(&mut caddy(), line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn lines_that_tell_nothing() {
        for (line, bad) in [
            ("", Bad::Json),
            ("[]", Bad::Json),
            ("null", Bad::Json),
            (r#"{"ts"#, Bad::Json),
            (r#"{"ts":"#, Bad::Json),
            (r#"{"ts":1,"a":{"b":[}"#, Bad::Json),
            (r#"{"ts":1,"a":"b\"#, Bad::Json),
            ("{}", Bad::NoTime),
            (r#"{"ts":null,"request":{"uri":"/"}}"#, Bad::NoTime),
            (r#"{"ts":true,"request":{"uri":"/"}}"#, Bad::Time),
            (r#"{"ts":1619605800,"request":"GET /"}"#, Bad::NoRequest),
            (r#"{"ts":1619605800,"request":{"uri":5}}"#, Bad::NoRequest),
            (
                r#"{"ts":1619605800,"request":{"uri":"/","method":"get it"}}"#,
                Bad::NoRequest,
            ),
        ] {
            assert_eq!(read(&mut caddy(), line), Err(bad), "{line}");
        }
    }

    #[test]
    fn a_request_line_in_one_field() {
        let mut json = Json::new(&FieldNames {
            time: Some("time".into()),
            request: Some("request".into()),
            ..FieldNames::default()
        });
        let line = r#"{"time":"28/Apr/2021:16:00:00 +0530","request":"PUT /a\/b HTTP/2.0"}"#;
        let expected = (1_619_605_800_000_000, "PUT /a/b".to_owned(), None);
        assert_eq!(read(&mut json, line), Ok(expected));
    }
}
