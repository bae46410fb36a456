//! Which route a request belongs to: its method, and its path with `:id` where ids stand.

use std::collections::HashMap;

use super::segments::Segment;

/// Where everything goes that is no route of its own.
pub(super) const OTHER: usize = 0;
/// So many routes are told apart while reading; what comes later is other.
const MOST: usize = 2_000;
const DEEPEST: usize = 12;
const LONGEST: usize = 300;

/// A route that was seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// `GET /users/:id`; empty for other.
    pub(super) route: String,
    /// The path of its first request.
    pub(super) example: String,
    /// How many requests there were.
    pub(super) requests: u64,
    /// How many of them were answered with 5xx.
    pub(super) failed: u64,
}

/// The routes seen so far, by number.
#[derive(Debug)]
pub(super) struct Routes {
    numbers: HashMap<Box<[u8]>, usize>,
    seen: Vec<Seen>,
    /// The route that is being looked for: kept, so that nothing is allocated for a line.
    key: Vec<u8>,
}

impl Routes {
    pub(super) fn new() -> Self {
        Self {
            numbers: HashMap::new(),
            seen: vec![Seen::default()],
            key: Vec::new(),
        }
    }

    /// Counts a request, and gives the number of its route.
    pub(super) fn count(&mut self, method: &[u8], path: &[u8], status: Option<u16>) -> usize {
        let number = self.number(method, path);
        let seen = &mut self.seen[number];
        seen.requests += 1;
        seen.failed += u64::from(status.is_some_and(|status| status >= 500));
        number
    }

    /// All of them; the first is what belongs to none.
    pub(super) fn into_seen(self) -> Vec<Seen> {
        self.seen
    }

    fn number(&mut self, method: &[u8], path: &[u8]) -> usize {
        if !is_ours(method) || !self.write_key(method, path) {
            return self.other(path);
        }
        if let Some(number) = self.numbers.get(&self.key[..]) {
            return *number;
        }
        if self.seen.len() > MOST {
            return self.other(path);
        }
        let number = self.seen.len();
        self.seen.push(Seen {
            route: String::from_utf8_lossy(&self.key).into_owned(),
            example: String::from_utf8_lossy(path).into_owned(),
            ..Seen::default()
        });
        self.numbers.insert(self.key.as_slice().into(), number);
        number
    }

    fn other(&mut self, path: &[u8]) -> usize {
        let other = &mut self.seen[OTHER];
        let plain = |segment| !matches!(Segment::of(segment), Segment::Odd);
        if other.example.is_empty()
            && path.len() <= LONGEST
            && path.split(|b| *b == b'/').all(plain)
        {
            other.example = String::from_utf8_lossy(path).into_owned();
        }
        OTHER
    }

    /// Writes method and templated path. `false` when it is too odd, deep or long for a route.
    fn write_key(&mut self, method: &[u8], path: &[u8]) -> bool {
        self.key.clear();
        self.key.extend_from_slice(method);
        self.key.push(b' ');
        if path.len() > LONGEST {
            return false;
        }
        let mut rest = path.strip_prefix(b"/").unwrap_or(path);
        for _ in 0..DEEPEST {
            let end = memchr::memchr(b'/', rest).unwrap_or(rest.len());
            let segment = &rest[..end];
            self.key.push(b'/');
            match Segment::of(segment) {
                Segment::Odd => return false,
                Segment::Word => self.key.extend_from_slice(segment),
                Segment::Number | Segment::Uuid | Segment::Token => {
                    self.key.extend_from_slice(b":id");
                }
            }
            if end == rest.len() {
                return true;
            }
            rest = &rest[end + 1..];
        }
        false
    }
}

/// The methods that a step can have.
fn is_ours(method: &[u8]) -> bool {
    matches!(
        method,
        b"GET" | b"HEAD" | b"POST" | b"PUT" | b"PATCH" | b"DELETE" | b"OPTIONS"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_folded() {
        let mut routes = Routes::new();
        let mut count =
            |method: &str, path: &str| routes.count(method.as_bytes(), path.as_bytes(), Some(500));
        assert_eq!(count("GET", "/users/5"), 1);
        assert_eq!(count("GET", "/users/77"), 1);
        assert_eq!(count("GET", "/users/77/"), 2);
        assert_eq!(count("POST", "/users/5"), 3);
        assert_eq!(count("GET", "/"), 4);
        assert_eq!(count("PROPFIND", "/"), OTHER);
        assert_eq!(count("GET", "/{{x}}"), OTHER);
        assert_eq!(count("GET", &"/a".repeat(20)), OTHER);
        let seen = routes.into_seen();
        let routes: Vec<_> = seen
            .iter()
            .map(|s| (s.route.as_str(), s.requests))
            .collect();
        assert_eq!(
            routes,
            [
                ("", 3),
                ("GET /users/:id", 2),
                ("GET /users/:id/", 1),
                ("POST /users/:id", 1),
                ("GET /", 1),
            ]
        );
        assert_eq!((seen[1].example.as_str(), seen[1].failed), ("/users/5", 2));
        assert_eq!(seen[OTHER].example, "/");
    }

    #[test]
    fn there_is_an_end_to_routes() {
        let mut routes = Routes::new();
        for n in 0..MOST + 10 {
            routes.count(b"GET", format!("/page-{n}x").as_bytes(), None);
        }
        let seen = routes.into_seen();
        assert_eq!(seen.len(), MOST + 1);
        assert_eq!(seen[OTHER].requests, 10);
    }
}
