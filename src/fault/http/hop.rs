//! Hop-by-hop fields, which end at each intermediary (RFC 9110 section 7.6.1).

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

const HOP_BY_HOP: [HeaderName; 5] = [
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("keep-alive"),
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// What a sender asked of its connection that is passed on: then it is said anew.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wishes {
    /// Another protocol (section 7.8), if the connection's options name it.
    pub(super) upgrade: Option<HeaderValue>,
    /// It takes trailers (section 6.5.1).
    pub(super) trailers: bool,
}

impl Wishes {
    /// Says them to the next hop. HTTP/2 has no `Connection` and no upgrades, but `TE` (RFC 9113
    /// section 8.2.2).
    pub(super) fn renew(self, headers: &mut HeaderMap, http2: bool) {
        if self.trailers {
            headers.insert(header::TE, HeaderValue::from_static("trailers"));
            if !http2 {
                headers.append(header::CONNECTION, HeaderValue::from_static("te"));
            }
        }
        if let Some(protocol) = self.upgrade.filter(|_| !http2) {
            headers.insert(header::UPGRADE, protocol);
            headers.append(header::CONNECTION, HeaderValue::from_static("upgrade"));
        }
    }
}

/// Takes out the connection's own fields, and gives back what they wish: those that `Connection` names, `Connection` itself, and
/// those that are known to be hop-by-hop though an old sender may not name them.
pub(super) fn strip(headers: &mut HeaderMap, http2: bool) -> Wishes {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let codings = headers.get_all(header::TE).iter();
    let codings = codings.filter_map(|value| value.to_str().ok());
    let mut codings = codings.flat_map(|value| value.split(','));
    let wishes = Wishes {
        trailers: (http2 || named.contains(&header::TE))
            && codings.any(|coding| coding.trim().eq_ignore_ascii_case("trailers")),
        upgrade: headers
            .get(header::UPGRADE)
            .filter(|_| named.contains(&header::UPGRADE))
            .cloned(),
    };
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
    headers.remove(header::CONNECTION);
    wishes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_connections_own_fields_go() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("host", "portal.test"),
            ("connection", "close, X-Private"),
            ("connection", "x-other"),
            ("x-private", "1"),
            ("x-other", "2"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("trailer", "x-sum"),
            ("content-length", "3"),
            ("brownout-request", "citizens.1.0.0"),
        ] {
            headers.append(name, value.parse().expect("a value"));
        }
        let wishes = strip(&mut headers, false);
        assert_eq!(wishes, Wishes::default(), "wishes have to be named");
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(
            left,
            ["brownout-request", "content-length", "host", "trailer"]
        );
    }

    #[test]
    fn wishes_are_said_anew() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "keep-alive, Upgrade, te"),
            ("upgrade", "websocket"),
            ("te", "gzip;q=0.5, Trailers"),
        ] {
            headers.append(name, value.parse().expect("a value"));
        }
        let mut twice = headers.clone();
        strip(&mut headers, false).renew(&mut headers, false);
        assert_eq!(headers["upgrade"], "websocket");
        assert_eq!(headers["te"], "trailers");
        let connection: Vec<_> = headers.get_all("connection").iter().collect();
        assert_eq!(connection, ["te", "upgrade"]);
        strip(&mut twice, true).renew(&mut twice, true);
        assert_eq!(twice.len(), 1);
        assert_eq!(twice["te"], "trailers");
    }
}
