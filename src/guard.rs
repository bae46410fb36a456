//! The guard: which addresses brownout may talk to. It is asked with the resolved address at every
//! connect, for load, probes, link upstreams and DNS alike.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The networks that a target allows. Nothing else is ever dialled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// Allowed networks.
    pub allow: Vec<IpNet>,
}

/// A refused connect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{addr} lies outside guard.allow ({})", allowed.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
pub struct Blocked {
    /// The address that was refused.
    pub addr: SocketAddr,
    /// What is allowed.
    pub allowed: Vec<IpNet>,
}

impl Guard {
    /// Loopback only.
    #[must_use]
    pub fn loopback() -> Self {
        let v4 = IpNet::new_assert(IpAddr::from([127, 0, 0, 0]), 8);
        let v6 = IpNet::new_assert(std::net::Ipv6Addr::LOCALHOST.into(), 128);
        Self {
            allow: vec![v4, v6],
        }
    }

    /// Loopback and the networks that are nobody's on the internet (RFC 1918, RFC 4193). Link-local
    /// addresses are not among them: clouds serve credentials there.
    #[must_use]
    pub fn private() -> Self {
        let v4 = |a, b, length| IpNet::new_assert(IpAddr::from([a, b, 0, 0]), length);
        let mut guard = Self::loopback();
        guard.allow.extend([
            v4(10, 0, 8),
            v4(172, 16, 12),
            v4(192, 168, 16),
            IpNet::new_assert(IpAddr::from([0xfc00, 0, 0, 0, 0, 0, 0, 0]), 7),
        ]);
        guard
    }

    /// Whether `ip` may be talked to. An IPv4-mapped IPv6 address counts as the IPv4 address.
    #[must_use]
    pub fn allows(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.allow.iter().any(|net| net.contains(&ip))
    }

    /// Refuses an address that is not allowed.
    ///
    /// # Errors
    /// [`Blocked`], which names the address and what is allowed.
    pub fn check(&self, addr: SocketAddr) -> Result<(), Blocked> {
        if self.allows(addr.ip()) {
            Ok(())
        } else {
            Err(Blocked {
                addr,
                allowed: self.allow.clone(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_are_the_address_they_map() {
        let guard = Guard::loopback();
        for (ip, allowed) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.0.0.1", false),
            ("::ffff:10.0.0.1", false),
            ("0.0.0.0", false),
            ("::", false),
        ] {
            assert_eq!(guard.allows(ip.parse().expect(ip)), allowed, "{ip}");
        }
        let guard = Guard::private();
        for (ip, allowed) in [
            ("127.0.0.1", true),
            ("172.31.0.1", true),
            ("fd00::1", true),
            ("169.254.169.254", false),
            ("1.1.1.1", false),
        ] {
            assert_eq!(guard.allows(ip.parse().expect(ip)), allowed, "{ip}");
        }
    }
}
