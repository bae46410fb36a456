//! What the zones say about a name: pure.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use super::{
    name::{WireName, ancestors},
    reply::Authority,
    rules::Names,
};
use crate::{fault::BindError, plan::ZonePlan};

/// The zones that we are the authority for.
#[derive(Debug)]
pub(super) struct Zones {
    zones: HashMap<WireName, Zone>,
    /// Text and wire form of each name that has addresses, in order of the file.
    names: Vec<(String, WireName)>,
}

#[derive(Debug)]
struct Zone {
    ttl: u32,
    records: HashMap<WireName, Vec<IpAddr>>,
    /// Names that are there because of others below them (RFC 8020 section 2).
    above: HashSet<WireName>,
}

/// What an authority says about a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'a> {
    /// Its addresses.
    pub(super) addresses: &'a [IpAddr],
    /// Whether there is such a name.
    pub(super) exists: bool,
    /// Its zone, and for how many seconds the answer may be kept.
    pub(super) authority: Authority<'a>,
}

impl Zones {
    /// Prepares the zones.
    ///
    /// # Errors
    /// When a name is none.
    pub(super) fn prepare(plans: &[ZonePlan]) -> Result<Self, BindError> {
        let mut zones: HashMap<WireName, Zone> = HashMap::new();
        let mut names = Vec::new();
        for plan in plans {
            let name = wire(&plan.name)?;
            // TTLs are whole seconds; a part of one counts as one, but zero stays "never keep it"
            let whole = plan.ttl.as_secs() + u64::from(plan.ttl.subsec_nanos() > 0);
            let ttl = u32::try_from(whole).unwrap_or(u32::MAX >> 1);
            let zone = zones.entry(name.clone()).or_insert_with(|| Zone {
                ttl,
                records: HashMap::new(),
                above: HashSet::new(),
            });
            for (text, addresses) in &plan.records {
                let owner = wire(text)?;
                for above in ancestors(owner.as_bytes()).take_while(|a| *a != name.as_bytes()) {
                    zone.above.insert(WireName::of(above));
                }
                let known = zone.records.entry(owner.clone()).or_default();
                known.extend(addresses);
                names.push((text.clone(), owner));
            }
        }
        Ok(Self { zones, names })
    }

    /// What is said about a name; `None` when no zone holds it.
    pub(super) fn say(&self, name: &[u8]) -> Option<Said<'_>> {
        let (apex, zone) = ancestors(name).find_map(|above| self.zones.get_key_value(above))?;
        let addresses = zone.records.get(name);
        Some(Said {
            addresses: addresses.map_or(&[], |a| a),
            exists: addresses.is_some() || name == apex.as_bytes() || zone.above.contains(name),
            authority: Authority {
                zone: apex.as_bytes(),
                ttl: zone.ttl,
            },
        })
    }

    /// The names with addresses that `names` mean.
    pub(super) fn meant<'a>(
        &'a self,
        names: &'a Names,
    ) -> impl Iterator<Item = &'a (String, WireName)> {
        self.names
            .iter()
            .filter(|(_, wire)| names.mean(wire.as_bytes()))
    }
}

/// A name from text.
pub(super) fn wire(text: &str) -> Result<WireName, BindError> {
    WireName::parse(text).map_err(|detail| BindError::Name {
        name: text.to_owned(),
        detail,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fault::dns::name::to_text;

    fn zones() -> Zones {
        let zone = |name: &str, records: &[(&str, &str)], millis| ZonePlan {
            name: name.into(),
            records: records
                .iter()
                .map(|(owner, address)| ((*owner).into(), vec![address.parse().expect(address)]))
                .collect(),
            ttl: Duration::from_millis(millis),
        };
        Zones::prepare(&[
            zone(
                "cowin.test",
                &[
                    ("portal.cowin.test", "127.0.0.1"),
                    ("a.deep.cowin.test", "::1"),
                ],
                1500,
            ),
            zone("sub.cowin.test", &[("x.sub.cowin.test", "127.0.0.2")], 0),
        ])
        .expect("zones")
    }

    #[test]
    fn authority_says() {
        let zones = zones();
        for (name, said) in [
            ("portal.cowin.test", Some("127.0.0.1 of cowin.test for 2")),
            ("a.deep.cowin.test", Some("::1 of cowin.test for 2")),
            ("deep.cowin.test", Some("there of cowin.test for 2")),
            ("cowin.test", Some("there of cowin.test for 2")),
            ("nobody.cowin.test", Some("nobody of cowin.test for 2")),
            (
                "x.sub.cowin.test",
                Some("127.0.0.2 of sub.cowin.test for 0"),
            ),
            ("y.sub.cowin.test", Some("nobody of sub.cowin.test for 0")),
            ("mycowin.test", None),
            ("example.org", None),
        ] {
            let asked = wire(name).expect("a name");
            let heard = zones.say(asked.as_bytes()).map(|said| {
                let what = match (said.addresses, said.exists) {
                    ([], true) => "there".to_owned(),
                    ([], false) => "nobody".to_owned(),
                    (addresses, _) => addresses[0].to_string(),
                };
                let authority = said.authority;
                format!(
                    "{what} of {} for {}",
                    to_text(authority.zone),
                    authority.ttl
                )
            });
            assert_eq!(heard.as_deref(), said, "{name}");
        }
    }
}
