//! Where a proxy listens, as text.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::error::ApiError;

/// The address that `host:port` stands for. An empty text or host is loopback (Toxiproxy listens on
/// every interface then), a name is looked up, and IPv4 goes first.
///
/// # Errors
/// When it cannot be read or looked up; in Go's words.
pub(super) async fn resolve(text: &str) -> Result<SocketAddr, ApiError> {
    if text.is_empty() {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    }
    let failed = |what: &str| ApiError::Listen(format!("listen tcp: address {text}: {what}"));
    let (host, port) = text
        .rsplit_once(':')
        .ok_or_else(|| failed("missing port in address"))?;
    let port: u16 = port.parse().map_err(|_| failed("invalid port"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, port));
    }
    let found = tokio::net::lookup_host((host, port)).await;
    let mut found: Vec<SocketAddr> = found.map_err(|_| failed("no such host"))?.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    found.first().copied().ok_or_else(|| failed("no such host"))
}

/// What Go says when it cannot listen.
pub(super) fn failure(addr: SocketAddr, error: &std::io::Error) -> ApiError {
    let reason = match error.kind() {
        std::io::ErrorKind::AddrInUse => "address already in use".to_owned(),
        std::io::ErrorKind::AddrNotAvailable => "cannot assign requested address".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    ApiError::Listen(format!("listen tcp {addr}: bind: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn texts_become_addresses() {
        for (text, addr) in [
            ("", "127.0.0.1:0"),
            (":3310", "127.0.0.1:3310"),
            ("localhost:3310", "127.0.0.1:3310"),
            ("127.0.0.2:0", "127.0.0.2:0"),
            ("[::1]:3310", "[::1]:3310"),
            ("0.0.0.0:3310", "0.0.0.0:3310"),
        ] {
            let found = resolve(text).await.expect(text);
            assert_eq!(found.to_string(), addr, "{text}");
        }
        for text in ["3310", "localhost", "localhost:", "localhost:99999"] {
            let error = resolve(text).await.expect_err(text);
            assert_eq!(error.status(), 500, "{error}");
        }
    }
}
