//! What the zones say about a name: pure.

use std::{net::IpAddr, str::FromStr};

use hickory_proto::rr::{Name, RData, Record, RecordType, rdata::SOA};

use super::rules::is_below;
use crate::{fault::BindError, plan::ZonePlan};

/// The zones that we are the authority for.
#[derive(Debug)]
pub(super) struct Zones(Vec<Zone>);

#[derive(Debug)]
struct Zone {
    name: String,
    ttl: u32,
    records: Vec<(String, Vec<IpAddr>)>,
    soa: Record,
}

/// What an authority says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said<'a> {
    /// These records.
    Records(Vec<Record>),
    /// The name is there, but has none of that type.
    NoData(&'a Record),
    /// There is no such name.
    NoName(&'a Record),
}

impl Zones {
    /// Prepares the zones.
    ///
    /// # Errors
    /// When a name is none.
    pub(super) fn prepare(plans: &[ZonePlan]) -> Result<Self, BindError> {
        plans
            .iter()
            .map(Zone::prepare)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    fn of(&self, name: &str) -> Option<&Zone> {
        self.0
            .iter()
            .filter(|zone| name == zone.name || is_below(name, &zone.name))
            .max_by_key(|zone| zone.name.len())
    }

    /// What is said about `name` (lower case, no final dot); `None` when no zone holds it.
    pub(super) fn say(&self, name: &str, asked: &Name, kind: RecordType) -> Option<Said<'_>> {
        let zone = self.of(name)?;
        let found = zone.records.iter().filter(|(owner, _)| owner == name);
        let mut records: Vec<Record> = found
            .flat_map(|(_, addresses)| addresses)
            .map(|address| Record::from_rdata(asked.clone(), zone.ttl, RData::from(*address)))
            .filter(|record| kind == RecordType::ANY || record.record_type() == kind)
            .collect();
        if name == zone.name && matches!(kind, RecordType::SOA | RecordType::ANY) {
            records.push(zone.soa.clone());
        }
        // a name that only has names below it is there too (RFC 8020 section 2)
        let exists = name == zone.name
            || zone
                .records
                .iter()
                .any(|(owner, _)| owner == name || is_below(owner, name));
        Some(match (records.is_empty(), exists) {
            (false, _) => Said::Records(records),
            (true, true) => Said::NoData(&zone.soa),
            (true, false) => Said::NoName(&zone.soa),
        })
    }

    /// The SOA record that goes with a negative answer about `name`, so that caches know how long
    /// to keep it (RFC 2308 section 3).
    pub(super) fn soa(&self, name: &str) -> Option<&Record> {
        self.of(name).map(|zone| &zone.soa)
    }

    /// A name of the zones that `names` mean, to ask about.
    pub(super) fn example(&self, names: &super::rules::Names) -> Option<String> {
        self.0
            .iter()
            .flat_map(|zone| &zone.records)
            .map(|(owner, _)| owner)
            .find(|owner| names.mean(owner))
            .cloned()
    }
}

impl Zone {
    fn prepare(plan: &ZonePlan) -> Result<Self, BindError> {
        let name = fully_qualified(&plan.name)?;
        for (owner, _) in &plan.records {
            fully_qualified(owner)?;
        }
        // TTLs are whole seconds; a part of one counts as one, but zero stays "never keep it"
        let whole = plan.ttl.as_secs() + u64::from(plan.ttl.subsec_nanos() > 0);
        let ttl = u32::try_from(whole).unwrap_or(u32::MAX >> 1);
        let nothing_to_transfer = (3600, 600, 86_400);
        let (refresh, retry, expire) = nothing_to_transfer;
        let soa = SOA::new(
            name.clone(),
            fully_qualified(&format!("hostmaster.{}", plan.name))?,
            1,
            refresh,
            retry,
            expire,
            ttl,
        );
        Ok(Self {
            name: plan.name.clone(),
            ttl,
            records: plan.records.clone(),
            soa: Record::from_rdata(name, ttl, RData::SOA(soa)),
        })
    }
}

/// A DNS name from text without a final dot.
pub(super) fn fully_qualified(text: &str) -> Result<Name, BindError> {
    let mut name = Name::from_str(text).map_err(|error| BindError::Name {
        name: text.to_owned(),
        detail: error.to_string(),
    })?;
    name.set_fqdn(true);
    Ok(name)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

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

    fn say(name: &str, kind: RecordType) -> Option<String> {
        let zones = zones();
        let asked = fully_qualified(name).expect("a name");
        zones.say(name, &asked, kind).map(|said| match said {
            Said::Records(records) => records
                .iter()
                .map(|record| format!("{} {}", record.ttl, record.data))
                .collect::<Vec<_>>()
                .join(", "),
            Said::NoData(soa) => format!("no data, {} {}", soa.name, soa.ttl),
            Said::NoName(soa) => format!("no name, {} {}", soa.name, soa.ttl),
        })
    }

    #[test]
    fn authority_says() {
        use RecordType::{A, AAAA, MX};
        for (name, kind, said) in [
            ("portal.cowin.test", A, Some("2 127.0.0.1")),
            ("portal.cowin.test", AAAA, Some("no data, cowin.test. 2")),
            ("portal.cowin.test", MX, Some("no data, cowin.test. 2")),
            ("a.deep.cowin.test", AAAA, Some("2 ::1")),
            ("deep.cowin.test", A, Some("no data, cowin.test. 2")),
            ("cowin.test", A, Some("no data, cowin.test. 2")),
            ("nobody.cowin.test", A, Some("no name, cowin.test. 2")),
            ("x.sub.cowin.test", A, Some("0 127.0.0.2")),
            ("y.sub.cowin.test", A, Some("no name, sub.cowin.test. 0")),
            ("mycowin.test", A, None),
            ("example.org", A, None),
        ] {
            assert_eq!(say(name, kind).as_deref(), said, "{name} {kind}");
        }
    }
}
