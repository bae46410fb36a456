//! `Retry-After`: how long a server asks to be left alone.

use std::time::{Duration, SystemTime};

use hyper::{
    HeaderMap,
    header::{DATE, HeaderName, RETRY_AFTER},
};

/// What an answer's `Retry-After` asks for (RFC 9110 section 10.2.3): seconds, or an HTTP date.
///
/// A date is seen from the answer's own `Date`, so that the two machines' clocks need not agree;
/// without one it says nothing. A date in the past is no wait. `None` when nothing is asked, or it
/// cannot be read.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let asked = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !asked.is_empty() && asked.bytes().all(|b| b.is_ascii_digit()) {
        // more digits than fit are longer than anybody waits
        return Some(Duration::from_secs(asked.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(asked).ok()?;
    let now = date(headers, DATE)?;
    Some(until.duration_since(now).unwrap_or_default())
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn seconds_and_dates() {
        let date = "Wed, 28 Apr 2021 10:30:00 GMT";
        for (asked, date, expected) in [
            ("120", None, Some(120)),
            (" 0 ", None, Some(0)),
            ("99999999999999999999999", None, Some(u64::MAX)),
            ("-1", None, None),
            ("1.5", None, None),
            ("soon", Some(date), None),
            ("", None, None),
            ("Wed, 28 Apr 2021 10:30:07 GMT", Some(date), Some(7)),
            ("Wed, 28 Apr 2021 10:29:00 GMT", Some(date), Some(0)),
            ("Wednesday, 28-Apr-21 10:30:07 GMT", Some(date), Some(7)),
            ("Wed, 28 Apr 2021 10:30:07 GMT", None, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(asked));
            if let Some(date) = date {
                headers.insert(DATE, HeaderValue::from_static(date));
            }
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(&headers), expected, "{asked:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
