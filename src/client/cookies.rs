//! Cookies, as a browser keeps them (RFC 6265): name and value, Domain, Path, Max-Age, Expires and
//! Secure. There is no list of public suffixes: a Domain of a single label is refused instead.

use std::time::{Duration, SystemTime};

use hyper::{
    HeaderMap,
    header::{DATE, HeaderValue, SET_COOKIE},
};
use tokio::time::Instant;

/// A jar holds so many cookies; then the oldest goes (section 6.1 wants 50 for each domain).
const MOST: usize = 50;
/// Longer ones are not kept (section 6.1 wants 4096 bytes).
const LONGEST: usize = 4_096;
/// `Expires` up to here means 'delete this', whatever the time is.
const LONG_AGO: Duration = Duration::from_secs(86_400);

/// The cookies of one visitor.
#[derive(Debug, Clone, Default)]
pub struct Jar {
    /// In the order of their creation.
    cookies: Vec<Cookie>,
}

/// Where a request goes, as far as cookies care.
#[derive(Debug, Clone, Copy)]
pub struct Destination<'a> {
    /// The host in lower case; ports do not count.
    pub host: &'a str,
    /// Whether over TLS.
    pub https: bool,
    /// Path and query.
    pub path: &'a str,
}

#[derive(Debug, Clone)]
struct Cookie {
    name: String,
    value: String,
    domain: String,
    /// For that very host, not for those below it.
    host_only: bool,
    path: String,
    secure: bool,
    until: Option<Instant>,
}

/// The parts of a `Set-Cookie` (section 5.2).
#[derive(Debug, Default)]
struct Parts<'a> {
    name: &'a str,
    value: &'a str,
    domain: Option<String>,
    path: Option<&'a str>,
    secure: bool,
    max_age: Option<i64>,
    expires: Option<SystemTime>,
}

impl Jar {
    /// Keeps what an answer from there sets; its `Expires` are seen from its own `Date`.
    pub fn keep(&mut self, from: Destination<'_>, headers: &HeaderMap, now: Instant) {
        let date = headers.get(DATE).and_then(|d| d.to_str().ok());
        let date = date.and_then(|d| httpdate::parse_http_date(d).ok());
        for parts in set_cookies(headers).filter_map(Parts::new) {
            self.set(from, &parts, date, now);
        }
    }

    /// The value of `Cookie` for a request (section 5.4); `None` when there is none for it.
    #[must_use]
    pub fn header(&self, to: Destination<'_>, now: Instant) -> Option<HeaderValue> {
        let mut found: Vec<&Cookie> = self.cookies.iter().filter(|c| c.is_for(to, now)).collect();
        // a stable sort: of equally long paths the older comes first
        found.sort_by_key(|c| std::cmp::Reverse(c.path.len()));
        let pairs: Vec<String> = found
            .iter()
            .map(|c| format!("{}={}", c.name, c.value))
            .collect();
        (!pairs.is_empty()).then(|| HeaderValue::from_str(&pairs.join("; ")).ok())?
    }

    fn set(
        &mut self,
        from: Destination<'_>,
        parts: &Parts<'_>,
        date: Option<SystemTime>,
        now: Instant,
    ) {
        let (domain, host_only) = match &parts.domain {
            Some(domain) if domain == from.host => (domain.clone(), false),
            Some(domain) if !domain.contains('.') || !is_below(from.host, domain) => return,
            Some(domain) => (domain.clone(), false),
            None => (from.host.to_owned(), true),
        };
        let path = parts.path.unwrap_or_else(|| default_path(from.path));
        let left = parts.lifetime(date);
        let cookie = Cookie {
            name: parts.name.to_owned(),
            value: parts.value.to_owned(),
            domain,
            host_only,
            path: path.to_owned(),
            secure: parts.secure,
            until: left.and_then(|left| now.checked_add(left)),
        };
        let same = |c: &Cookie| {
            c.name == cookie.name && c.domain == cookie.domain && c.path == cookie.path
        };
        let known = self.cookies.iter().position(same);
        match (known, left) {
            (Some(at), Some(Duration::ZERO)) => drop(self.cookies.remove(at)),
            (None, Some(Duration::ZERO)) => {}
            // it keeps its place in the order
            (Some(at), _) => self.cookies[at] = cookie,
            (None, _) => {
                if self.cookies.len() >= MOST {
                    self.cookies.remove(0);
                }
                self.cookies.push(cookie);
            }
        }
    }
}

impl Cookie {
    fn is_for(&self, to: Destination<'_>, now: Instant) -> bool {
        let here = if self.host_only {
            self.domain == to.host
        } else {
            self.domain == to.host || is_below(to.host, &self.domain)
        };
        here && (to.https || !self.secure)
            && self.until.is_none_or(|until| now < until)
            && is_inside(to.path.split('?').next().unwrap_or_default(), &self.path)
    }
}

impl<'a> Parts<'a> {
    /// Reads a `Set-Cookie`; `None` where it sets nothing. Of an attribute that is there twice the
    /// last counts, and what cannot be read is left out.
    fn new(text: &'a str) -> Option<Self> {
        let mut pieces = text.split(';');
        let (name, value) = pair(pieces.next()?)?;
        let mut parts = Self {
            name,
            value,
            ..Self::default()
        };
        for piece in pieces {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "domain" => {
                    let domain = value.strip_prefix('.').unwrap_or(value);
                    if !domain.is_empty() {
                        parts.domain = Some(domain.to_ascii_lowercase());
                    }
                }
                "path" => parts.path = value.starts_with('/').then_some(value),
                "secure" => parts.secure = true,
                "max-age" => parts.max_age = value.parse().ok().or(parts.max_age),
                "expires" => {
                    parts.expires = httpdate::parse_http_date(value).ok().or(parts.expires);
                }
                _ => {}
            }
        }
        Some(parts)
    }

    /// How long it lasts; `None` = as long as its visitor. Max-Age goes before Expires.
    fn lifetime(&self, date: Option<SystemTime>) -> Option<Duration> {
        if let Some(seconds) = self.max_age {
            return Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
        }
        let now = date.unwrap_or(SystemTime::UNIX_EPOCH + LONG_AGO);
        let expires = self.expires?;
        Some(expires.duration_since(now).unwrap_or_default())
    }
}

/// The value of the cookie of that name that an answer sets, whatever its attributes.
#[must_use]
pub(super) fn set_value(headers: &HeaderMap, wanted: &str) -> Option<String> {
    let pairs = set_cookies(headers).filter_map(|text| pair(text.split(';').next()?));
    let found = pairs.filter(|(name, _)| *name == wanted);
    found.last().map(|(_, value)| value.to_owned())
}

fn set_cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let texts = headers.get_all(SET_COOKIE).iter();
    texts.filter_map(|text| text.to_str().ok().filter(|text| text.len() <= LONGEST))
}

/// `name=value`, both without blanks around them.
fn pair(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    let name = name.trim();
    (!name.is_empty()).then_some((name, value.trim()))
}

/// Whether a host lies below a domain (section 5.1.3); an address lies below nothing.
fn is_below(host: &str, domain: &str) -> bool {
    let above = host
        .strip_suffix(domain)
        .and_then(|rest| rest.strip_suffix('.'));
    above.is_some_and(|rest| !rest.is_empty()) && host.parse::<std::net::IpAddr>().is_err()
}

/// The folder of a request's path (section 5.1.4).
fn default_path(path: &str) -> &str {
    let path = path.split('?').next().unwrap_or_default();
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(at) => &path[..at],
    }
}

/// Whether a path is that of a cookie, or inside it (section 5.1.4).
fn is_inside(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || folder.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(url: &str) -> Destination<'_> {
        let (scheme, rest) = url.split_once("://").expect("a URL");
        let at = rest.find('/').expect("a path");
        Destination {
            host: &rest[..at],
            https: scheme == "https",
            path: &rest[at..],
        }
    }

    fn answer(cookies: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(SET_COOKIE, HeaderValue::from_str(cookie).expect("a value"));
        }
        headers
    }

    fn sent(jar: &Jar, url: &str, now: Instant) -> String {
        let header = jar.header(to(url), now);
        header.map_or_else(String::new, |h| h.to_str().expect("text").to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn cookies_go_where_they_belong() {
        let now = Instant::now();
        for (set, from, asked, expected) in [
            ("a=1", "http://x.test/p/q", "http://x.test/p/r?s", "a=1"),
            ("a=1", "http://x.test/p/q", "http://x.test/p", "a=1"),
            ("a=1", "http://x.test/p/q", "http://x.test/pq", ""),
            ("a=1", "http://x.test/p/q", "http://y.test/p/q", ""),
            ("a=1", "http://x.test/p", "http://www.x.test/p", ""),
            ("a=1; Path=/", "http://x.test/p/q", "http://x.test/", "a=1"),
            (
                "a=1; Path=p",
                "http://x.test/p/q",
                "http://x.test/p/",
                "a=1",
            ),
            (
                "a=1; Domain=.X.test",
                "http://www.x.test/",
                "http://b.x.test/",
                "a=1",
            ),
            ("a=1; Domain=y.test", "http://x.test/", "http://y.test/", ""),
            ("a=1; Domain=test", "http://x.test/", "http://x.test/", ""),
            (
                "a=1; Domain=1",
                "http://127.0.0.1/",
                "http://127.0.0.1/",
                "",
            ),
            ("a=1; Secure", "https://x.test/", "http://x.test/", ""),
            ("a=1; secure", "https://x.test/", "https://x.test/", "a=1"),
            (
                " a = 1 = 2 ; HttpOnly; odd",
                "http://x.test/",
                "http://x.test/",
                "a=1 = 2",
            ),
            ("=1", "http://x.test/", "http://x.test/", ""),
            ("none", "http://x.test/", "http://x.test/", ""),
        ] {
            let mut jar = Jar::default();
            jar.keep(to(from), &answer(&[set]), now);
            assert_eq!(sent(&jar, asked, now), expected, "{set} {from} {asked}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn they_end_are_replaced_and_keep_their_order() {
        let url = "http://x.test/a/b/c";
        let now = Instant::now();
        let mut jar = Jar::default();
        let first = [
            "old=1; Path=/",
            "deep=2; Path=/a/b",
            "short=3; Path=/; Max-Age=10",
        ];
        jar.keep(to(url), &answer(&first), now);
        assert_eq!(sent(&jar, url, now), "deep=2; old=1; short=3");
        let later = now + Duration::from_secs(10);
        assert_eq!(sent(&jar, url, later), "deep=2; old=1");
        jar.keep(to(url), &answer(&["old=4; Path=/"]), now);
        assert_eq!(sent(&jar, url, now), "deep=2; old=4; short=3");

        // gone by Max-Age, which goes before Expires, and by a date that is always past
        let gone = [
            "deep=; Path=/a/b; Max-Age=0; Expires=Wed, 28 Apr 2100 10:30:00 GMT",
            "old=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        ];
        jar.keep(to(url), &answer(&gone), now);
        assert_eq!(sent(&jar, url, now), "short=3");
        let mut dated = answer(&["day=5; Expires=Wed, 28 Apr 2021 10:30:10 GMT"]);
        let date = HeaderValue::from_static("Wed, 28 Apr 2021 10:30:00 GMT");
        dated.insert(DATE, date);
        jar.keep(to(url), &dated, now);
        assert_eq!(sent(&jar, url, now), "day=5; short=3");
        assert_eq!(sent(&jar, url, now + Duration::from_secs(11)), "");
    }

    #[tokio::test(start_paused = true)]
    async fn a_hostile_answer_does_not_fill_the_memory() {
        let now = Instant::now();
        let mut jar = Jar::default();
        let many: Vec<String> = (0..500).map(|n| format!("c{n}=1")).collect();
        let long = format!("long={}", "x".repeat(LONGEST));
        let all: Vec<&str> = many.iter().chain([&long]).map(String::as_str).collect();
        jar.keep(to("http://x.test/"), &answer(&all), now);
        assert_eq!(jar.cookies.len(), MOST);
        assert!(sent(&jar, "http://x.test/", now).ends_with("c499=1"));
        assert_eq!(set_value(&answer(&all), "c7").as_deref(), Some("1"));
        assert_eq!(set_value(&answer(&all), "long"), None);
    }
}
