//! Faults of names: which names are meant, and whether what they answer may be answered.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{
    faults::Ground,
    mistakes::{File, Mistakes},
    model::PlacePlan,
    services::{below, canonical},
};
use crate::{
    diagnostic::Place,
    guard::Guard,
    scenario::model::{DnsEffect, Fault},
};

/// What would help.
pub const NOBODY: &str = "answer an address of the target, or one where nobody lives: \
    192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24, 2001:db8::/32";

/// Addresses where nobody lives: the ranges for documentation (RFC 5737, RFC 3849).
fn documentation() -> [IpNet; 4] {
    [
        IpNet::new_assert(IpAddr::from([192, 0, 2, 0]), 24),
        IpNet::new_assert(IpAddr::from([198, 51, 100, 0]), 24),
        IpNet::new_assert(IpAddr::from([203, 0, 113, 0]), 24),
        IpNet::new_assert(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0]), 32),
    ]
}

/// Those of an effect's addresses to which it would send clients although the guard forbids it, and
/// somebody may live there.
#[must_use]
pub fn strangers(effect: &DnsEffect, guard: &Guard) -> Vec<IpAddr> {
    let nobody = documentation();
    let known = |ip: &&IpAddr| guard.allows(**ip) || nobody.iter().any(|net| net.contains(*ip));
    let addresses = effect.addresses().iter();
    addresses.filter(|ip| !known(ip)).copied().collect()
}

/// That an effect sends nobody to a stranger, and asks for no more servers than there are.
pub(super) fn check(
    fault: &Fault,
    effect: &DnsEffect,
    ground: &Ground<'_>,
    out: &mut Mistakes<'_>,
) {
    let name = &fault.name.value;
    for address in strangers(effect, ground.guard) {
        out.error(
            File::Scenario,
            fault.effect.place,
            "would send clients to a stranger",
            format!("fault `{name}` answers {address}, which lies outside `guard.allow`"),
        )
        .hint(NOBODY);
    }
    let there = ground.dns_servers;
    if let Some(servers) = effect.servers.filter(|servers| *servers > there) {
        let are = if there == 1 { "is one" } else { "are fewer" };
        out.error(
            File::Scenario,
            fault.effect.place,
            format!("there {are}"),
            format!("fault `{name}` is put in at {servers} servers, and {there} answer"),
        )
        .hint(format!(
            "say `dns: {{servers: {servers}, ...}}` in the target"
        ));
    }
}

/// A zone of ours, a name in one, a service's host, or a domain above some service's host.
pub(super) fn place(
    name: &str,
    at: Place,
    ground: &Ground<'_>,
    out: &mut Mistakes<'_>,
) -> Option<PlacePlan> {
    let name = canonical(name);
    let records = ground
        .zones
        .iter()
        .flat_map(|z| z.records.iter().map(|(name, _)| name.clone()));
    let hosts = ground
        .services
        .iter()
        .map(|s| s.host.clone())
        .filter(|h| h.parse::<std::net::IpAddr>().is_err());
    let mut names: Vec<String> = records.chain(hosts).collect();
    names.sort_unstable();
    names.dedup();
    let is_zone = ground.zones.iter().any(|z| z.name == name);
    if names.contains(&name) && !is_zone {
        return Some(PlacePlan::Dns { name, zone: false });
    }
    if is_zone || names.iter().any(|n| below(n, &name)) {
        return Some(PlacePlan::Dns { name, zone: true });
    }
    let zones = ground.zones.iter().map(|z| z.name.as_str());
    let known: Vec<&str> = zones.chain(names.iter().map(String::as_str)).collect();
    out.unknown(File::Scenario, at, "zone or name", &name, known);
    None
}
