//! Where a Toxiproxy is whose name is all that the target says.

use std::net::{IpAddr, SocketAddr};

use crate::{fault::BindError, guard::Guard, plan::ZonePlan};

/// The address of a host and port: the first that the guard allows, of those in the target's zones or
/// else of those that the system knows.
///
/// # Errors
/// When there is none, or each is forbidden.
pub(in crate::fault) async fn find_api(
    link: &str,
    host: &str,
    zones: &[ZonePlan],
    guard: &Guard,
) -> Result<SocketAddr, BindError> {
    let not_found = |detail: String| BindError::NotFound {
        link: link.to_owned(),
        host: host.to_owned(),
        detail,
    };
    let found: Vec<SocketAddr> = match (host.parse(), in_zones(host, zones)) {
        (Ok(addr), _) => vec![addr],
        (Err(_), known) if !known.is_empty() => known,
        (Err(_), _) => {
            let asked = tokio::net::lookup_host(host).await;
            asked
                .map_err(|error| not_found(error.to_string()))?
                .collect()
        }
    };
    let mut forbidden = None;
    for addr in found {
        match guard.check(addr) {
            Ok(()) => return Ok(addr),
            Err(source) => forbidden = forbidden.or(Some(source)),
        }
    }
    Err(match forbidden {
        Some(source) => BindError::Forbidden {
            link: link.to_owned(),
            source,
        },
        None => not_found("it has no address".to_owned()),
    })
}

fn in_zones(host: &str, zones: &[ZonePlan]) -> Vec<SocketAddr> {
    let Some((name, port)) = host.rsplit_once(':') else {
        return Vec::new();
    };
    let Ok(port) = port.parse() else {
        return Vec::new();
    };
    let records = zones.iter().flat_map(|zone| &zone.records);
    let known = records.filter(|(owner, _)| owner.as_str() == name);
    let at = |ip: &IpAddr| SocketAddr::new(*ip, port);
    known.flat_map(|(_, ips)| ips.iter().map(at)).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn names_are_found_once_and_within_the_guard() {
        let zone = ZonePlan {
            name: "cowin.test".into(),
            records: vec![
                (
                    "chaos.cowin.test".into(),
                    vec![IpAddr::from([10, 1, 2, 3]), IpAddr::from([127, 0, 0, 2])],
                ),
                ("far.cowin.test".into(), vec![IpAddr::from([10, 1, 2, 3])]),
            ],
            ttl: Duration::from_secs(1),
        };
        let guard = Guard::loopback();
        let zones = [zone];
        let find = |host: &'static str| find_api("a -> b", host, &zones, &guard);
        for (host, addr) in [
            ("127.0.0.1:8474", "127.0.0.1:8474"),
            ("[::1]:8474", "[::1]:8474"),
            ("chaos.cowin.test:8474", "127.0.0.2:8474"),
        ] {
            let found = find(host).await.expect(host);
            assert_eq!(found.to_string(), addr, "{host}");
        }
        let local = find("localhost:8474").await.expect("every system knows it");
        assert!(local.ip().is_loopback(), "{local}");
        for host in ["10.1.2.3:8474", "far.cowin.test:8474"] {
            let error = find(host).await.expect_err(host);
            assert!(matches!(error, BindError::Forbidden { .. }), "{error}");
        }
        // the system is not asked: a name of more than 63 letters is none
        let long = "a-name-that-is-longer-than-any-label-of-a-name-in-the-dns-may-be-ever.test:1";
        let error = find(long).await.expect_err("no such host");
        assert!(matches!(error, BindError::NotFound { .. }), "{error}");
    }
}
