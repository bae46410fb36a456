//! The DNS plane, asked over real UDP and TCP.

mod effects;
mod packets;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hickory_proto::{
    op::{Edns, Message, Query, ResponseCode},
    rr::{Name, RecordType},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

use crate::{
    fault::{
        Planes,
        dose::Dose,
        fixtures::{PATIENCE, fault, plan, sharing},
    },
    plan::{FaultPlan, PlacePlan, ZonePlan},
    scenario::model::{DnsAnswer, DnsEffect, Effect},
    seed::Seed,
    time::Clock,
    units::Ratio,
};

fn at(name: &str, place: &str, zone: bool, effect: impl Into<DnsEffect>) -> FaultPlan {
    let name_of_place = place.to_owned();
    let place = PlacePlan::Dns {
        name: name_of_place,
        zone,
    };
    fault(name, place, Effect::Dns(effect.into()))
}

fn zone() -> ZonePlan {
    ZonePlan {
        name: "cowin.test".into(),
        records: vec![
            (
                "portal.cowin.test".into(),
                vec!["127.0.0.1".parse().expect("v4")],
            ),
            (
                "sms.cowin.test".into(),
                vec!["127.0.0.2".parse().expect("v4"), "::1".parse().expect("v6")],
            ),
        ],
        ttl: Duration::from_secs(3),
    }
}

fn planes(faults: Vec<FaultPlan>) -> (Planes, SocketAddr) {
    let plan = plan(Vec::new(), vec![zone()], faults);
    let planes = Planes::bind(Arc::new(plan), Clock::start()).expect("it binds");
    let addr = planes.dns()[0];
    (planes, addr)
}

fn question(name: &str, kind: RecordType) -> Vec<u8> {
    let mut message = Message::query();
    message.metadata.id = 4711;
    message.add_query(Query::query(name.parse::<Name>().expect(name), kind));
    message.to_vec().expect("a packet")
}

/// Asks over UDP; `None` when no answer comes in `within`.
async fn ask_within(
    server: SocketAddr,
    name: &str,
    kind: RecordType,
    within: Duration,
) -> Option<Message> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    socket.connect(server).await.expect("connected");
    socket.send(&question(name, kind)).await.expect("sent");
    let mut buffer = [0; 512];
    let read = timeout(within, socket.recv(&mut buffer)).await.ok()?;
    let message = Message::from_vec(&buffer[..read.expect("read")]).expect("an answer");
    assert_eq!(message.metadata.id, 4711);
    Some(message)
}

async fn ask(server: SocketAddr, name: &str, kind: RecordType) -> Message {
    ask_within(server, name, kind, PATIENCE)
        .await
        .expect("an answer")
}

async fn code(server: SocketAddr, name: &str) -> ResponseCode {
    ask(server, name, RecordType::A)
        .await
        .metadata
        .response_code
}

#[tokio::test]
async fn answers_for_its_zones() {
    let (planes, server) = planes(Vec::new());
    // names are compared without regard to case (RFC 4343) and come back as asked
    let found = ask(server, "Portal.CoWIN.test.", RecordType::A).await;
    assert_eq!(found.metadata.response_code, ResponseCode::NoError);
    assert!(found.metadata.authoritative);
    let answers: Vec<_> = found
        .answers
        .iter()
        .map(|record| (record.ttl, record.data.to_string()))
        .collect();
    assert_eq!(answers, [(3, "127.0.0.1".to_owned())]);
    let v6 = ask(server, "sms.cowin.test.", RecordType::AAAA).await;
    assert_eq!(v6.answers.len(), 1);

    let none = ask(server, "nobody.cowin.test.", RecordType::A).await;
    assert_eq!(none.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(none.authorities.len(), 1);
    assert_eq!(none.authorities[0].record_type(), RecordType::SOA);
    let empty = ask(server, "portal.cowin.test.", RecordType::AAAA).await;
    assert_eq!(empty.metadata.response_code, ResponseCode::NoError);
    assert_eq!((empty.answers.len(), empty.authorities.len()), (0, 1));
    planes.shutdown().await;
}

#[tokio::test]
async fn answers_over_tcp_and_for_localhost() {
    let (planes, server) = planes(Vec::new());
    let mut stream = TcpStream::connect(server).await.expect("it accepts");
    let asked = question("portal.cowin.test.", RecordType::A);
    let length = u16::try_from(asked.len()).expect("short").to_be_bytes();
    stream.write_all(&length).await.expect("written");
    stream.write_all(&asked).await.expect("written");
    let length = timeout(PATIENCE, stream.read_u16()).await.expect("in time");
    let mut answer = vec![0; usize::from(length.expect("read"))];
    stream.read_exact(&mut answer).await.expect("read");
    let message = Message::from_vec(&answer).expect("an answer");
    assert_eq!(message.answers.len(), 1);

    let local = ask(server, "localhost.", RecordType::A).await;
    assert_eq!(local.answers[0].data.to_string(), "127.0.0.1");
    assert_eq!(local.answers[0].ttl, 0);
    planes.shutdown().await;
    drop(stream);
    TcpStream::connect(server).await.expect_err("closed");
}

#[tokio::test]
async fn long_answers_are_truncated_unless_edns_makes_room() {
    let addresses: Vec<_> = (1..=40u8)
        .map(|n| std::net::IpAddr::from([127, 0, 1, n]))
        .collect();
    let zone = ZonePlan {
        name: "many.test".into(),
        records: vec![("all.many.test".into(), addresses)],
        ttl: Duration::from_secs(1),
    };
    let plan = plan(Vec::new(), vec![zone], Vec::new());
    let planes = Planes::bind(Arc::new(plan), Clock::start()).expect("it binds");
    let server = planes.dns()[0];
    let plain = ask(server, "all.many.test.", RecordType::A).await;
    assert!(plain.metadata.truncation && plain.edns.is_none());

    let mut message = Message::query();
    let name: Name = "all.many.test.".parse().expect("a name");
    message.add_query(Query::query(name, RecordType::A));
    let mut edns = Edns::new();
    edns.set_max_payload(4096).set_version(0);
    message.edns = Some(edns);
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let packet = message.to_vec().expect("a packet");
    socket.send_to(&packet, server).await.expect("sent");
    let mut buffer = [0; 4096];
    let read = timeout(PATIENCE, socket.recv(&mut buffer))
        .await
        .expect("in time");
    let read = read.expect("read");
    let answer = Message::from_vec(&buffer[..read]).expect("an answer");
    assert!(!answer.metadata.truncation && answer.edns.is_some());
    assert!((513..=1232).contains(&read), "{read} bytes");
    assert_eq!(answer.answers.len(), 40);
    planes.shutdown().await;
}

#[tokio::test]
async fn nonsense_stops_nothing() {
    let (planes, server) = planes(Vec::new());
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    for nonsense in [&b""[..], b"x", &[0xff; 40], &[0; 12]] {
        socket.send_to(nonsense, server).await.expect("sent");
    }
    assert_eq!(
        code(server, "portal.cowin.test.").await,
        ResponseCode::NoError
    );
    planes.shutdown().await;
}

#[tokio::test]
async fn every_effect_is_seen_and_goes() {
    let (portal, sms) = ("portal.cowin.test.", "sms.cowin.test.");
    for (effect, expected) in [
        (DnsAnswer::Servfail, Some(ResponseCode::ServFail)),
        (DnsAnswer::Nxdomain, Some(ResponseCode::NXDomain)),
        (DnsAnswer::Refused, Some(ResponseCode::Refused)),
        (DnsAnswer::NoData, Some(ResponseCode::NoError)),
        (DnsAnswer::Drop, None),
    ] {
        let (planes, server) = planes(vec![at("lost", "portal.cowin.test", false, effect.clone())]);
        planes.inject(0, Ratio::ONE).await.expect("injected");
        let within = expected.map_or(Duration::from_millis(200), |_| PATIENCE);
        let answer = ask_within(server, portal, RecordType::A, within).await;
        let seen = answer.as_ref().map(|answer| answer.metadata.response_code);
        assert_eq!(seen, expected, "{effect:?}");
        assert!(answer.is_none_or(|answer| answer.answers.is_empty()));
        assert_eq!(code(server, sms).await, ResponseCode::NoError);
        assert_eq!(planes.hits(0), 1);
        let removal = planes.remove(0).await.expect("removed");
        assert!(removal.verified, "{}", removal.detail);
        let back = ask(server, portal, RecordType::A).await;
        assert_eq!(back.answers.len(), 1, "{effect:?}");
        assert_eq!(planes.hits(0), 1);
        planes.shutdown().await;
    }
}

#[tokio::test]
async fn overlapping_faults_go_one_by_one() {
    let (planes, server) = planes(vec![
        at("zone", "cowin.test", true, DnsAnswer::Refused),
        at("name", "portal.cowin.test", false, DnsAnswer::Nxdomain),
        at("abroad", "example.invalid", true, DnsAnswer::Servfail),
    ]);
    for fault in [1, 0, 2] {
        planes.inject(fault, Ratio::ONE).await.expect("injected");
    }
    // the first injected wins
    assert_eq!(
        code(server, "portal.cowin.test.").await,
        ResponseCode::NXDomain
    );
    assert_eq!(code(server, "sms.cowin.test.").await, ResponseCode::Refused);
    assert_eq!(
        code(server, "a.example.invalid.").await,
        ResponseCode::ServFail
    );
    let removal = planes.remove(1).await.expect("removed");
    assert!(
        removal.verified && removal.detail.contains("`zone`"),
        "{removal:?}"
    );
    assert_eq!(
        code(server, "portal.cowin.test.").await,
        ResponseCode::Refused
    );
    assert!(planes.remove(0).await.expect("removed").verified);
    assert_eq!(
        code(server, "portal.cowin.test.").await,
        ResponseCode::NoError
    );
    // a name of others: looked at without bothering their servers
    assert!(planes.remove(2).await.expect("removed").verified);
    planes.shutdown().await;
}

#[tokio::test]
async fn every_so_many_th_question_and_so_many_counted_anew() {
    let mut fault = at("some", "cowin.test", true, DnsAnswer::Servfail);
    fault.turns.every = Some(3);
    fault.turns.first = Some(2);
    let (planes, server) = planes(vec![fault]);
    for _ in 0..2 {
        planes.inject(0, Ratio::ONE).await.expect("injected");
        let mut met = Vec::new();
        for n in 1..=12 {
            let seen = code(server, "portal.cowin.test.").await;
            met.extend((seen == ResponseCode::ServFail).then_some(n));
        }
        assert_eq!(met, [3, 6]);
        assert!(planes.remove(0).await.expect("removed").verified);
    }
    planes.shutdown().await;
}

#[tokio::test]
async fn a_share_is_a_share_of_questions() {
    let fault = at("some", "cowin.test", true, DnsAnswer::Servfail);
    let fault = sharing(fault, 0.5);
    let seed = Dose::new(&fault, Seed(7)).seed();
    let (planes, server) = planes(vec![fault]);
    planes.inject(0, Ratio::ONE).await.expect("injected");
    let half = Ratio::new(0.5).expect("a ratio");
    let mut met = 0;
    for n in 0..40 {
        let expected = seed.indexed(n).falls_in(half);
        met += u64::from(expected);
        let seen = code(server, "portal.cowin.test.").await;
        assert_eq!(seen == ResponseCode::ServFail, expected, "question {n}");
    }
    assert_eq!(planes.hits(0), met);
    // a level of zero spares everybody
    planes.level(0, Ratio::ZERO).await.expect("levelled");
    for _ in 0..10 {
        assert_eq!(code(server, "sms.cowin.test.").await, ResponseCode::NoError);
    }
    assert!(planes.remove(0).await.expect("removed").verified);
    planes.shutdown().await;
}
