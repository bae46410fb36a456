//! Who may talk to the server. Whoever may, can make it dial and listen, so a web page must not:
//! neither by itself (browsers say who they are) nor through a name that it owns (DNS rebinding).

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, StatusCode, header};

/// What is asked of every request.
#[derive(Debug, Clone)]
pub struct Gate {
    token: Option<String>,
}

/// Beyond loopback everybody on the network could drive the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not loopback: whoever reaches it could make it dial and listen")]
pub struct Exposed(pub SocketAddr);

impl Gate {
    /// The gate of a server that listens there. With a token each request needs
    /// `Authorization: Bearer TOKEN`.
    ///
    /// # Errors
    /// When it is not on loopback and has no token, unless it is said to be `open`.
    pub fn new(listen: SocketAddr, token: Option<String>, open: bool) -> Result<Self, Exposed> {
        if token.is_none() && !open && !listen.ip().to_canonical().is_loopback() {
            return Err(Exposed(listen));
        }
        Ok(Self { token })
    }

    /// Why a request is not let in.
    pub(super) fn refuses(&self, headers: &HeaderMap) -> Option<(StatusCode, String)> {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let forbidden = |what: &str| Some((StatusCode::FORBIDDEN, what.to_owned()));
        if text(header::USER_AGENT).is_some_and(|agent| agent.starts_with("Mozilla/")) {
            return forbidden("User agent not allowed");
        }
        // only browsers send it; not every one of them lets a page keep its own user agent
        if headers.contains_key(header::ORIGIN) {
            return forbidden("Origin not allowed");
        }
        if text(header::HOST).is_some_and(|host| !is_ours(host)) {
            return forbidden("Host not allowed");
        }
        let wanted = self.token.as_ref()?;
        let given = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        if given.is_some_and(|given| same(given.as_bytes(), wanted.as_bytes())) {
            return None;
        }
        Some((StatusCode::UNAUTHORIZED, "a token is needed".to_owned()))
    }
}

/// Whether a page could not have got this host name by pointing its own at us: an address, or a
/// name without dots (`localhost`, or a container's).
fn is_ours(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.parse::<IpAddr>().is_ok() || !name.trim_end_matches('.').contains('.')
}

/// Compares in a time that does not tell where the difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = list.iter().map(|(name, value)| {
            let name = HeaderName::from_static(name);
            (name, value.parse().expect("a value"))
        });
        pairs.collect()
    }

    #[test]
    fn browsers_and_strange_names_stay_out() {
        let listen = SocketAddr::from(([127, 0, 0, 1], 8474));
        let gate = Gate::new(listen, None, false).expect("loopback needs no token");
        for (list, passes) in [
            (vec![], true),
            (
                vec![("user-agent", "curl/8"), ("host", "localhost:8474")],
                true,
            ),
            (vec![("host", "127.0.0.1:8474")], true),
            (vec![("host", "[::1]:8474")], true),
            (vec![("host", "toxiproxy:8474")], true),
            (vec![("host", "evil.example:8474")], false),
            (vec![("host", "evil.example.")], false),
            (vec![("user-agent", "Mozilla/5.0 (X11)")], false),
            (vec![("origin", "null")], false),
        ] {
            let refused = gate.refuses(&headers(&list));
            assert_eq!(refused.is_none(), passes, "{list:?}: {refused:?}");
        }
    }

    #[test]
    fn beyond_loopback_a_token_is_needed() {
        let listen = SocketAddr::from(([0, 0, 0, 0], 8474));
        assert_eq!(Gate::new(listen, None, false).err(), Some(Exposed(listen)));
        assert!(Gate::new(listen, None, true).is_ok());
        let gate = Gate::new(listen, Some("secret".into()), false).expect("it has a token");
        let code = |value| {
            gate.refuses(&headers(&[("authorization", value)]))
                .map(|(code, _)| code)
        };
        assert_eq!(code("Bearer secret"), None);
        assert_eq!(code("Bearer secreT"), Some(StatusCode::UNAUTHORIZED));
        assert_eq!(code("secret"), Some(StatusCode::UNAUTHORIZED));
    }
}
