//! What a line of a log tells, and why one tells nothing.

use std::fmt;

use super::stamp::Stamp;

/// A request, where it lies in its line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    /// When it came (or was answered: logs differ).
    pub(super) at: Stamp,
    /// Its method; `GET` if the log does not tell.
    pub(super) method: &'a [u8],
    /// Its path, without scheme, host, query and fragment.
    pub(super) path: &'a [u8],
    /// How it was answered, if the log tells.
    pub(super) status: Option<u16>,
}

/// Microseconds between two times that cannot belong to the same traffic: 400 days.
pub(super) const FAR: u64 = 400 * 86_400 * 1_000_000;

/// Why a line is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bad {
    /// It has no time.
    NoTime,
    /// What stands where the time should is none.
    Time,
    /// It has no request.
    NoRequest,
    /// It is no JSON object.
    Json,
    /// It is longer than a line of a log may be.
    Long,
    /// Its time is more than a year away from that of the first line.
    Far,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoTime => "no time in it",
            Self::Time => "its time cannot be read",
            Self::NoRequest => "no request in it",
            Self::Json => "not a JSON object",
            Self::Long => "longer than 1 MB",
            Self::Far => "its time is more than a year away from that of the first good line",
        })
    }
}

/// `GET /users/5?x=y HTTP/1.1`: method and path.
pub(super) fn request_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let blank = memchr::memchr(b' ', text)?;
    let (method, rest) = (&text[..blank], &text[blank + 1..]);
    let target = &rest[..memchr::memchr(b' ', rest).unwrap_or(rest.len())];
    Some((known_method(method)?, path_of(target)?))
}

/// A method is a word in capitals.
pub(super) fn known_method(text: &[u8]) -> Option<&[u8]> {
    let good = (3..=16).contains(&text.len()) && text.iter().all(u8::is_ascii_uppercase);
    good.then_some(text)
}

/// The path of a request's target: `/a/b`, `/a/b?c`, `http://host/a/b`.
pub(super) fn path_of(target: &[u8]) -> Option<&[u8]> {
    let path = if target.first() == Some(&b'/') {
        target
    } else {
        let scheme = memchr::memmem::find(target, b"://")?;
        let rest = &target[scheme + 3..];
        match memchr::memchr3(b'/', b'?', b'#', rest) {
            Some(at) => &rest[at..],
            None => b"",
        }
    };
    let end = memchr::memchr2(b'?', b'#', path).unwrap_or(path.len());
    Some(if end == 0 { b"/" } else { &path[..end] })
}

/// `200`; nothing else is a status.
pub(super) fn status(text: &[u8]) -> Option<u16> {
    match *text {
        [a @ b'1'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            Some(u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        for (target, path) in [
            ("/", Some("/")),
            ("/a/b?c=/d", Some("/a/b")),
            ("/a#b", Some("/a")),
            ("http://shop.example:80/a?b", Some("/a")),
            ("https://shop.example", Some("/")),
            ("https://shop.example?x", Some("/")),
            ("*", None),
            ("shop.example:443", None),
            ("", None),
        ] {
            let found = path_of(target.as_bytes());
            assert_eq!(found, path.map(str::as_bytes), "{target}");
        }
    }
}
