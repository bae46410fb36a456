//! What holds for any packet: the laws that property tests and fuzzing share.

use hickory_proto::op::{Edns, Message};

use super::{
    question::{Packet, read},
    reply::UDP_MOST,
};

/// Our reading of a packet is hickory-proto's, where both can read it.
pub(super) fn is_read_as_hickory_reads_it(packet: &[u8]) {
    let Packet::Question(ours) = read(packet) else {
        return;
    };
    let Ok(theirs) = Message::from_vec(packet) else {
        return;
    };
    assert_eq!(theirs.queries.len(), 1);
    let asked = &theirs.queries[0];
    let mut name = Vec::new();
    for label in &asked.name {
        name.push(u8::try_from(label.len()).expect("short"));
        name.extend(label.to_ascii_lowercase());
    }
    name.push(0);
    assert_eq!(ours.name(), name);
    assert_eq!(ours.kind, u16::from(asked.query_type));
    assert_eq!(ours.class, u16::from(asked.query_class));
    let edns = theirs.edns.as_ref();
    assert_eq!(ours.edns.map(|e| e.version), edns.map(Edns::version));
}

/// Bytes are an answer to this packet.
pub(super) fn answers(packet: &[u8], udp: bool, answer: &[u8]) -> Message {
    let message = Message::from_vec(answer);
    let message = message.unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    assert_eq!(answer[..2], packet[..2], "the id");
    assert!(answer[2] & 0x80 != 0, "it is an answer");
    let fits = answer.len() <= usize::from(UDP_MOST);
    assert!(fits || !udp, "it fits a datagram");
    message
}

/// Any bytes as a packet, over UDP and over TCP, to a server with the fault that the first byte
/// chooses.
#[cfg(fuzzing)]
pub(crate) fn packets_are_answered(bytes: &[u8]) {
    use super::book::Verdict;

    let Some((&chosen, packet)) = bytes.split_first() else {
        return;
    };
    is_read_as_hickory_reads_it(packet);
    let book = faulty::book(chosen);
    for udp in [true, false] {
        let way = super::rules::Way {
            udp,
            server: u32::from(chosen >> 6),
            own: chosen & 0x20 != 0,
        };
        let mut out = Vec::new();
        let (verdict, _) = book.answer(packet, way, &mut out);
        match verdict {
            Verdict::Send | Verdict::Hold(..) => drop(answers(packet, udp, &out)),
            Verdict::Silence | Verdict::HangUp | Verdict::Forward(_) => {}
        }
    }
}

/// A server with a fault.
#[cfg(fuzzing)]
mod faulty {
    use std::{net::IpAddr, sync::Arc, time::Duration};

    use super::super::{
        book::Book,
        rules::{Names, Rule},
        zone::{Zones, wire},
    };
    use crate::{
        fault::dose::Dose,
        plan::ZonePlan,
        scenario::model::{DnsAnswer, DnsEffect, Family, OverTcp, ShareOf},
        seed::Seed,
        units::Ratio,
    };

    fn many() -> Vec<IpAddr> {
        let v4 = (1..=100).map(|last| IpAddr::from([127, 0, 0, last]));
        v4.chain([IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])]).collect()
    }

    pub(super) fn book(chosen: u8) -> Book {
        let zone = |name: &str, records: &[(&str, Vec<IpAddr>)]| ZonePlan {
            name: name.into(),
            records: records
                .iter()
                .map(|(name, addresses)| ((*name).to_owned(), addresses.clone()))
                .collect(),
            ttl: Duration::from_secs(3),
        };
        let zones = [
            zone("a.test", &[("a.test", many()), ("b.a.test", Vec::new())]),
            zone("c.a.test", &[("d.c.a.test", many()[..3].to_vec())]),
        ];
        let zones = Zones::prepare(&zones).expect("zones");
        let answer = match chosen & 0x0f {
            0 => DnsAnswer::Truth,
            1 => DnsAnswer::Servfail,
            2 => DnsAnswer::Nxdomain,
            3 => DnsAnswer::Refused,
            4 => DnsAnswer::NoData,
            5 => DnsAnswer::Drop,
            6 => DnsAnswer::Truncate {
                over_tcp: OverTcp::Answer,
            },
            7 => DnsAnswer::Truncate {
                over_tcp: OverTcp::Close,
            },
            8 => DnsAnswer::Wrong(many()),
            9 => DnsAnswer::Stale(many()[..2].to_vec()),
            10 => DnsAnswer::Keep(1),
            11 => DnsAnswer::Only(Family::A),
            12 => DnsAnswer::Only(Family::Aaaa),
            _ => return Book::new(zones),
        };
        let effect = DnsEffect {
            answer,
            delay: (chosen & 0x10 != 0).then_some((Duration::ZERO, Duration::from_secs(1))),
            ttl: (chosen & 0x10 != 0).then_some(Duration::from_secs(u64::MAX)),
            share_of: match chosen & 0x20 {
                0 => ShareOf::Questions,
                _ => ShareOf::Names,
            },
            servers: Some(2),
        };
        let names = Names {
            name: wire("a.test").expect("a name"),
            zone: true,
        };
        let share = Ratio::new(0.9).expect("a ratio");
        let dose = Arc::new(Dose::of("fuzzed", share, Seed(1)));
        let rule = Rule::new(dose, names, effect, &zones);
        let book = Book::new(zones);
        book.rules.post(Arc::new(rule));
        book
    }
}
