//! Access logs in the common or combined format, with or without a virtual host before or more
//! fields behind, and those of load balancers of AWS, which have the time in front.
//!
//! `1.2.3.4 - - [28/Apr/2021:16:00:00 +0530] "GET /slots/5 HTTP/1.1" 200 512 "-" "curl/8"`

use memchr::memchr;

use super::{
    dates::Dates,
    entry::{Bad, Entry, request_line, status},
    stamp::Stamp,
};

/// Reads lines of access logs.
#[derive(Debug, Clone, Default)]
pub(super) struct Access {
    dates: Dates,
}

impl Access {
    pub(super) fn parse<'a>(&mut self, line: &'a [u8]) -> Result<Entry<'a>, Bad> {
        let quote = memchr(b'"', line).ok_or(Bad::NoRequest)?;
        let before = &line[..quote];
        let at = self.time(before)?;
        let rest = &line[quote + 1..];
        let (method, path) = request_line(until_quote(rest)).ok_or(Bad::NoRequest)?;
        Ok(Entry {
            at,
            method,
            path,
            status: after_request(rest),
        })
    }

    /// The time between `[` and `]`: an address of IPv6 may stand in brackets before it.
    fn time(&mut self, before: &[u8]) -> Result<Stamp, Bad> {
        let mut rest = before;
        while let Some(open) = memchr(b'[', rest) {
            rest = &rest[open + 1..];
            let close = memchr(b']', rest).ok_or(Bad::Time)?;
            if let Some(stamp) = self.dates.read(&rest[..close]) {
                return Ok(stamp);
            }
        }
        if rest.len() < before.len() {
            return Err(Bad::Time);
        }
        // `https 2021-04-28T10:30:00.1Z app/...`: the first word that can be a time
        let mut words = before.split(|b| *b == b' ').take(2);
        let found = words.find_map(|word| self.dates.read(word));
        found.ok_or(Bad::NoTime)
    }
}

fn until_quote(text: &[u8]) -> &[u8] {
    &text[..memchr(b'"', text).unwrap_or(text.len())]
}

/// The word behind the request, if it is a status. (A quote inside a request is written `\"`; then
/// the status is not found, and that is no harm.)
fn after_request(rest: &[u8]) -> Option<u16> {
    let close = memchr(b'"', rest)?;
    let word = rest.get(close + 2..close + 5)?;
    let ends = matches!(rest.get(close + 5), None | Some(b' '));
    status(word).filter(|_| ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<(i64, String, Option<u16>), Bad> {
        let mut access = Access::default();
        let entry = access.parse(line.as_bytes())?;
        let route = [entry.method, b" ", entry.path].concat();
        Ok((
            entry.at.second() - 1_619_605_800,
            String::from_utf8(route).expect("text"),
            entry.status,
        ))
    }

    #[test]
    fn lines_of_servers() {
        for (line, expected) in [
            // common
            (
                r#"1.2.3.4 - frank [28/Apr/2021:16:00:01 +0530] "GET /a.gif HTTP/1.0" 200 2326"#,
                (1, "GET /a.gif", Some(200)),
            ),
            // combined, with a virtual host and times behind
            (
                r#"shop:443 ::1 - - [28/Apr/2021:10:30:02 +0000] "POST /a?b="c HTTP/1.1" 503 0 "-" "curl/8" 0.01"#,
                (2, "POST /a", None),
            ),
            // no protocol, as HTTP/0.9
            (
                r#"1.2.3.4 - - [28/Apr/2021:10:30:02 +0000] "GET /a" 400 -"#,
                (2, "GET /a", Some(400)),
            ),
            // nginx's $time_iso8601, and a status without more
            (
                r#"1.2.3.4 - - [2021-04-28T10:30:03+00:00] "HEAD / HTTP/2.0" 304"#,
                (3, "HEAD /", Some(304)),
            ),
            // an address in brackets
            (
                r#"[::1]:5000 - - [28/Apr/2021:10:30:03 +0000] "GET / HTTP/1.1" 200 5"#,
                (3, "GET /", Some(200)),
            ),
            // AWS's application load balancer
            (
                r#"https 2021-04-28T10:30:04.186641Z app/lb/50dc 1.2.3.4:2817 10.0.0.1:80 0.0 0.1 0.0 200 200 34 366 "GET https://shop.example:443/x?y HTTP/1.1" "curl/8" - -"#,
                (4, "GET /x", None),
            ),
        ] {
            let (second, route, status) = expected;
            assert_eq!(read(line), Ok((second, route.to_owned(), status)), "{line}");
        }
    }

    #[test]
    fn lines_that_tell_nothing() {
        for (line, bad) in [
            ("", Bad::NoRequest),
            ("# a comment", Bad::NoRequest),
            (r#"1.2.3.4 - - "GET / HTTP/1.1" 200"#, Bad::NoTime),
            (r#"1.2.3.4 - - [today] "GET / HTTP/1.1" 200"#, Bad::Time),
            (
                r#"1.2.3.4 - - [28/Apr/2021:10:30:02 +0000] "-" 400 0"#,
                Bad::NoRequest,
            ),
            (
                r#"1.2.3.4 - - [28/Apr/2021:10:30:02 +0000] "\x16\x03\x01" 400 0"#,
                Bad::NoRequest,
            ),
            (
                r#"1.2.3.4 - - [28/Apr/2021:10:30:02 +0000] "OPTIONS * HTTP/1.1" 200 0"#,
                Bad::NoRequest,
            ),
        ] {
            assert_eq!(read(line), Err(bad), "{line}");
        }
    }
}
