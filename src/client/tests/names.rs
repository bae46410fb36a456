//! Names: asked of a small DNS server that answers as it is told.

use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_proto::{
    op::{Edns, Message, OpCode, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, SOA, opt::EdnsOption},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UdpSocket,
};

use super::*;
use crate::{
    marks::{FAULT_TEXT, Touch},
    measure::Injected,
    plan::{FaultPlan, PlacePlan, ShapePlan, Trigger, ZonePlan},
    scenario::model::{DnsAnswer, Effect, Provenance},
    time::Offset,
    units::Ratio,
};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Say {
    Address([u8; 4], u32),
    Code(ResponseCode),
    /// By a fault of ours.
    Made(ResponseCode, Option<[u8; 4]>),
    NoData,
    Truncated,
    Nothing,
}

fn reply(question: &Message, say: Say) -> Vec<u8> {
    let mut reply = Message::response(question.metadata.id, OpCode::Query);
    let query = question.queries[0].clone();
    let name = query.name.clone();
    let is_a = query.query_type == RecordType::A;
    reply.add_query(query);
    match say {
        Say::Address(ip, ttl) if is_a => {
            reply.add_answer(Record::from_rdata(name, ttl, RData::A(A(ip.into()))));
        }
        Say::Code(code) => reply.metadata.response_code = code,
        Say::Made(code, ip) => {
            reply.metadata.response_code = code;
            if let Some(ip) = ip.filter(|_| is_a) {
                reply.add_answer(Record::from_rdata(name, 60, RData::A(A(ip.into()))));
            }
            let mut edns = Edns::new();
            let error = [&[0, 0], FAULT_TEXT.as_bytes(), b"f"].concat();
            edns.options_mut().insert(EdnsOption::Unknown(15, error));
            reply.edns = Some(edns);
        }
        Say::Truncated => reply.metadata.truncation = true,
        Say::Address(..) | Say::NoData | Say::Nothing => {
            let root = Name::root();
            let soa = SOA::new(root.clone(), root.clone(), 1, 1, 1, 1, 60);
            reply.add_authority(Record::from_rdata(root, 60, RData::SOA(soa)));
        }
    }
    reply.to_vec().expect("encodes")
}

/// Starts the server; `over_tcp` is what it says there. Counts the datagrams.
async fn dns(over_udp: Say, over_tcp: Say) -> (SocketAddr, Arc<AtomicUsize>) {
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let udp = udp.expect("a free port");
        let addr = udp.local_addr().expect("bound");
        // another test may have the same number for TCP
        if let Ok(tcp) = TcpListener::bind(addr).await {
            break (udp, tcp);
        }
    };
    let addr = udp.local_addr().expect("bound");
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut buffer = [0; 1000];
        while let Ok((length, from)) = udp.recv_from(&mut buffer).await {
            count.fetch_add(1, Ordering::SeqCst);
            let question = Message::from_vec(&buffer[..length]).expect("a question");
            if over_udp != Say::Nothing {
                // a stranger's answer comes first, and is to be ignored
                let mut forged = question.clone();
                forged.metadata.id = question.metadata.id.wrapping_add(1);
                let forged = reply(&forged, Say::Address([127, 0, 0, 99], 60));
                udp.send_to(&forged, from).await.expect("sent");
                let answer = reply(&question, over_udp);
                udp.send_to(&answer, from).await.expect("sent");
            }
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            let length = stream.read_u16().await.expect("a length");
            let mut bytes = vec![0; usize::from(length)];
            stream.read_exact(&mut bytes).await.expect("a question");
            let answer = reply(&Message::from_vec(&bytes).expect("a question"), over_tcp);
            stream.write_u16(answer.len() as u16).await.expect("sent");
            stream.write_all(&answer).await.expect("sent");
        }
    });
    (addr, asked)
}

fn wired(dns: SocketAddr, link: Option<SocketAddr>) -> Wiring {
    Wiring {
        dns: vec![dns],
        visitors: vec![link],
        ..Wiring::default()
    }
}

#[tokio::test]
async fn each_answer_of_a_name_server_has_its_outcome() {
    let server = Server::start(|_| answer(200, "", ""));
    let here = Say::Address([127, 0, 0, 1], 60);
    for (over_udp, over_tcp, timeout, expected) in [
        (here, Say::Nothing, LONG, Outcome::Ok),
        (Say::Truncated, here, LONG, Outcome::Ok),
        (
            Say::Code(ResponseCode::NXDomain),
            here,
            LONG,
            Outcome::DnsNxdomain,
        ),
        (
            Say::Code(ResponseCode::ServFail),
            here,
            LONG,
            Outcome::DnsServfail,
        ),
        (
            Say::Code(ResponseCode::Refused),
            here,
            LONG,
            Outcome::DnsOther,
        ),
        (Say::NoData, here, LONG, Outcome::DnsNoData),
        (Say::Nothing, here, SHORT, Outcome::DnsTimeout),
        (
            Say::Address([192, 0, 2, 7], 60),
            here,
            LONG,
            Outcome::Blocked,
        ),
    ] {
        let (dns, _) = dns(over_udp, over_tcp).await;
        let network = network(service("portal.test", server.addr.port()), wired(dns, None));
        let exchange = once(&network, timeout).await;
        assert_eq!(outcome(&exchange), expected, "{over_udp:?}");
    }
}

#[tokio::test]
async fn a_lost_datagram_is_sent_again() {
    let (dns, asked) = dns(Say::Nothing, Say::Nothing).await;
    let network = network(service("portal.test", 80), wired(dns, None));
    let exchange = once(&network, Duration::from_secs(4)).await;
    assert_eq!(outcome(&exchange), Outcome::DnsTimeout);
    assert!(asked.load(Ordering::SeqCst) >= 2);
}

#[tokio::test]
async fn the_next_server_is_asked_when_one_is_silent_or_fails() {
    let server = Server::start(|_| answer(200, "", ""));
    let here = Say::Address([127, 0, 0, 1], 60);
    let servfail = Say::Code(ResponseCode::ServFail);
    let nxdomain = Say::Code(ResponseCode::NXDomain);
    for (first, second, expected) in [
        (Say::Nothing, here, Outcome::Ok),
        (servfail, here, Outcome::Ok),
        // who says that there is no such name knows it
        (nxdomain, here, Outcome::DnsNxdomain),
        (servfail, servfail, Outcome::DnsServfail),
        (Say::Nothing, servfail, Outcome::DnsServfail),
    ] {
        let (one, _) = dns(first, here).await;
        let (other, _) = dns(second, here).await;
        let wiring = Wiring {
            dns: vec![one, other],
            visitors: vec![None],
            ..Wiring::default()
        };
        let network = network(service("portal.test", server.addr.port()), wiring);
        let exchange = once(&network, LONG).await;
        assert_eq!(outcome(&exchange), expected, "{first:?}, {second:?}");
    }
}

#[tokio::test]
async fn a_visitors_link_does_not_hide_a_lost_name() {
    let link = Server::start(|_| answer(200, "", ""));
    let (good, asked) = dns(Say::Address([127, 0, 0, 1], 60), Say::Nothing).await;
    let (lost, _) = dns(Say::Code(ResponseCode::NXDomain), Say::Nothing).await;
    let mut portal = service("portal.test", 80);
    portal.in_zone = true;
    portal.at = Some(([127, 0, 0, 1], 1).into());
    let network_lost = network(portal.clone(), wired(lost, Some(link.addr)));
    assert_eq!(
        outcome(&once(&network_lost, LONG).await),
        Outcome::DnsNxdomain
    );
    assert_eq!(link.connections(), 0);
    let network_good = network(portal.clone(), wired(good, Some(link.addr)));
    assert_eq!(outcome(&once(&network_good, LONG).await), Outcome::Ok);
    assert_eq!(link.seen()[0].header("host"), Some("portal.test"));

    // where `at` stands for the address of a name outside our zones, nobody asks for the name
    let before = asked.load(Ordering::SeqCst);
    portal.in_zone = false;
    let direct = network(portal, wired(good, Some(link.addr)));
    assert_eq!(outcome(&once(&direct, LONG).await), Outcome::Ok);
    assert_eq!(asked.load(Ordering::SeqCst), before);
}

#[tokio::test]
async fn the_zones_address_takes_the_port_of_at() {
    let server = Server::start(|_| answer(200, "", ""));
    let (dns, asked) = dns(Say::Address([127, 0, 0, 1], 600), Say::Nothing).await;
    let mut portal = service("Portal.Test.", 80);
    portal.in_zone = true;
    portal.at = Some(server.addr);
    let network = network(portal, wired(dns, None));
    let client = client(&network, Reuse::None, 10);
    for _ in 0..3 {
        let exchange = client.send(&mut client.session(0, 0), call(LONG)).await;
        assert_eq!(outcome(&exchange), Outcome::Ok);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1, "the cache answers");
}

#[tokio::test]
async fn localhost_needs_no_server() {
    let server = Server::start(|_| answer(200, "", ""));
    let network = network(service("localhost", server.addr.port()), Wiring::default());
    assert_eq!(outcome(&once(&network, LONG).await), Outcome::Ok);
}

#[tokio::test]
async fn whose_doing_a_lost_name_was() {
    let servfail = ResponseCode::ServFail;
    let nxdomain = ResponseCode::NXDomain;
    for (say, expected) in [
        (Say::Code(servfail), Injected::No),
        (Say::Made(servfail, None), Injected::Made),
        (Say::Code(nxdomain), Injected::No),
        (Say::Made(nxdomain, None), Injected::Made),
        (Say::Made(ResponseCode::NoError, None), Injected::Made),
    ] {
        let (dns, _) = dns(say, Say::Nothing).await;
        let network = network(service("portal.test", 80), wired(dns, None));
        let exchange = once(&network, LONG).await;
        assert_eq!(exchange.injected, expected, "{say:?}");
    }
    // silence is told apart by the mark that our server leaves
    let silent = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let addr = silent.local_addr().expect("bound");
    let marks = Arc::new(crate::marks::Marks::default());
    let noted = Arc::clone(&marks);
    tokio::spawn(async move {
        let (_, from) = silent.recv_from(&mut [0; 512]).await.expect("asked");
        noted.note(&from.to_string(), Touch::Held);
        // as long as the other end waits
        let _ = silent.recv_from(&mut [0; 512]).await;
        std::future::pending::<()>().await;
    });
    let wiring = Wiring {
        marks,
        ..wired(addr, None)
    };
    let network = network(service("portal.test", 80), wiring);
    let exchange = once(&network, Duration::from_millis(500)).await;
    assert_eq!(outcome(&exchange), Outcome::DnsTimeout);
    assert_eq!(exchange.injected, Injected::Made);
}

#[tokio::test]
async fn a_wrong_answer_leads_past_the_link() {
    let link = Server::start(|_| answer(200, "", ""));
    let (_closed, closed) = closed_port();
    let mut portal = service("portal.test", 80);
    portal.in_zone = true;
    portal.at = Some(closed);
    let mut plan = plan(vec![portal]);
    plan.zones = vec![ZonePlan {
        name: "test".into(),
        records: vec![("portal.test".into(), vec![[127, 0, 0, 1].into()])],
        ttl: Duration::from_secs(1),
    }];
    let lie = DnsAnswer::Wrong(vec![[192, 0, 2, 1].into()]);
    plan.faults = vec![FaultPlan {
        name: "lie".into(),
        at: "dns portal.test".into(),
        place: PlacePlan::Dns {
            name: "portal.test".into(),
            zone: false,
        },
        start: Trigger::At(Offset::ZERO),
        end: None,
        ramp: Duration::ZERO,
        ramp_out: Duration::ZERO,
        share: Ratio::ONE,
        turns: crate::scenario::model::Turns::default(),
        shape: ShapePlan::default(),
        effect: Effect::Dns(lie.into()),
        loses: None,
        drawn_by: None,
        provenance: Provenance::default(),
    }];
    let no_error = ResponseCode::NoError;
    for (ip, expected, injected) in [
        ([127, 0, 0, 1], Outcome::Ok, Injected::No),
        ([127, 0, 0, 9], Outcome::Refused, Injected::Made),
        // where nobody lives nobody is dialled, and nobody answers
        ([192, 0, 2, 1], Outcome::TimeoutConnect, Injected::Made),
        ([192, 0, 2, 2], Outcome::Blocked, Injected::No),
    ] {
        let (dns, _) = dns(Say::Made(no_error, Some(ip)), Say::Nothing).await;
        let network = Network::new(&plan, wired(dns, Some(link.addr))).expect("usable");
        let timeout = if expected == Outcome::TimeoutConnect {
            Duration::from_secs(2)
        } else {
            LONG
        };
        let exchange = once(&network, timeout).await;
        assert_eq!(outcome(&exchange), expected, "{ip:?}");
        assert_eq!(exchange.injected, injected, "{ip:?}");
    }
    assert_eq!(link.connections(), 1);
}
