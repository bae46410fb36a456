//! What each effect answers, to whom, and for how long.

use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};

use super::*;
use crate::{
    fault::fixtures::eventually,
    scenario::model::{Family, OverTcp, ShareOf},
};

/// A zone with a name of three IPv4 addresses and two IPv6 ones.
fn rich() -> ZonePlan {
    let addresses = [
        "127.0.0.1",
        "127.0.0.2",
        "127.0.0.3",
        "::1",
        "::ffff:127.0.0.1",
    ];
    let addresses = addresses.map(|text| text.parse().expect(text));
    ZonePlan {
        name: "rich.test".into(),
        records: vec![("www.rich.test".into(), addresses.into())],
        ttl: Duration::from_secs(3),
    }
}

fn over(zones: Vec<ZonePlan>, servers: u32, faults: Vec<FaultPlan>) -> (Planes, Vec<SocketAddr>) {
    let mut plan = plan(Vec::new(), zones, faults);
    plan.dns_servers = servers;
    let planes = Planes::bind(Arc::new(plan), Clock::start()).expect("it binds");
    let addrs = planes.dns();
    (planes, addrs)
}

fn effect(answer: DnsAnswer, ttl: Option<u64>) -> DnsEffect {
    DnsEffect {
        ttl: ttl.map(Duration::from_secs),
        ..answer.into()
    }
}

/// An answer in one line: code, flags, answers, and the zone's SOA if it came along.
fn told(answer: &Message) -> String {
    let mut text = answer.metadata.response_code.to_string();
    let flags = [
        (answer.metadata.authoritative, " aa"),
        (answer.metadata.truncation, " tc"),
    ];
    for (set, flag) in flags {
        text.push_str(if set { flag } else { "" });
    }
    for record in &answer.answers {
        text.push_str(&format!(" {}/{}", record.data, record.ttl));
    }
    for record in &answer.authorities {
        text.push_str(&format!(
            " {} {}/{}",
            record.name,
            record.record_type(),
            record.ttl
        ));
    }
    text
}

#[tokio::test]
async fn each_effect_answers_in_its_way() {
    use DnsAnswer::*;
    let ip = |text: &str| text.parse::<std::net::IpAddr>().expect(text);
    let elsewhere = || vec![ip("192.0.2.1"), ip("2001:db8::1")];
    for (effect, a, aaaa, absent) in [
        (
            effect(Truth, Some(60)),
            "No Error aa 127.0.0.1/60 127.0.0.2/60 127.0.0.3/60",
            "No Error aa ::1/60 ::ffff:127.0.0.1/60",
            "Non-Existent Domain aa rich.test. SOA/60",
        ),
        (
            effect(Nxdomain, None),
            "Non-Existent Domain aa rich.test. SOA/3",
            "Non-Existent Domain aa rich.test. SOA/3",
            "Non-Existent Domain aa rich.test. SOA/3",
        ),
        (
            effect(NoData, Some(9)),
            "No Error aa rich.test. SOA/9",
            "No Error aa rich.test. SOA/9",
            "No Error aa rich.test. SOA/9",
        ),
        (
            effect(Servfail, None),
            "Server Failure",
            "Server Failure",
            "Server Failure",
        ),
        (
            effect(Wrong(elsewhere()), None),
            "No Error aa 192.0.2.1/3",
            "No Error aa 2001:db8::1/3",
            "Non-Existent Domain aa rich.test. SOA/3",
        ),
        (
            effect(Stale(vec![ip("127.0.0.9")]), None),
            "No Error 127.0.0.9/30",
            "No Error rich.test. SOA/3",
            "Non-Existent Domain rich.test. SOA/3",
        ),
        (
            effect(Keep(1), None),
            "No Error aa 127.0.0.1/3",
            "No Error aa ::1/3",
            "Non-Existent Domain aa rich.test. SOA/3",
        ),
        (
            effect(Only(Family::Aaaa), None),
            "No Error aa rich.test. SOA/3",
            "No Error aa ::1/3 ::ffff:127.0.0.1/3",
            "Non-Existent Domain aa rich.test. SOA/3",
        ),
        (
            effect(
                Truncate {
                    over_tcp: OverTcp::Answer,
                },
                None,
            ),
            "No Error aa tc",
            "No Error aa tc",
            "No Error aa tc",
        ),
    ] {
        let fault = at("f", "rich.test", true, effect.clone());
        let (planes, servers) = over(vec![rich()], 1, vec![fault]);
        planes.inject(0, Ratio::ONE).await.expect("injected");
        for (name, kind, expected) in [
            ("www.rich.test.", RecordType::A, a),
            ("www.rich.test.", RecordType::AAAA, aaaa),
            ("nobody.rich.test.", RecordType::A, absent),
        ] {
            let answer = ask(servers[0], name, kind).await;
            assert_eq!(told(&answer), expected, "{effect} {name} {kind}");
        }
        assert_eq!(planes.hits(0), 3, "{effect}");
        assert!(planes.remove(0).await.expect("removed").verified);
        planes.shutdown().await;
    }
}

#[tokio::test]
async fn an_answer_names_its_fault_to_who_understands() {
    for (answer, code) in [
        (DnsAnswer::Servfail, 0),
        (DnsAnswer::Stale(vec!["127.0.0.9".parse().expect("v4")]), 3),
    ] {
        let (planes, server) = planes(vec![at("names_rot", "cowin.test", true, answer)]);
        let mut message = Message::query();
        let name: Name = "portal.cowin.test.".parse().expect("a name");
        message.add_query(Query::query(name, RecordType::A));
        message.edns = Some(Edns::new());
        let packet = message.to_vec().expect("a packet");
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let error = async || {
            socket.send_to(&packet, server).await.expect("sent");
            let mut buffer = [0; 512];
            let read = timeout(PATIENCE, socket.recv(&mut buffer)).await;
            let read = read.expect("in time").expect("read");
            let answer = Message::from_vec(&buffer[..read]).expect("an answer");
            let edns = answer.edns.expect("as in the question");
            match edns.option(EdnsCode::Unknown(15)) {
                Some(EdnsOption::Unknown(15, data)) => Some(data.clone()),
                _ => None,
            }
        };
        assert_eq!(error().await, None, "nothing is wrong yet");
        planes.inject(0, Ratio::ONE).await.expect("injected");
        let data = error().await.expect("an extended error");
        assert_eq!(
            data,
            [&[0, code], &b"brownout fault names_rot"[..]].concat()
        );
        planes.shutdown().await;
    }
}

#[tokio::test]
async fn a_share_of_names_takes_each_name_whole_and_one_after_the_other() {
    let names = ["a", "b", "c", "d"].map(|name| format!("{name}.four.test"));
    let zone = ZonePlan {
        name: "four.test".into(),
        records: names
            .iter()
            .map(|name| (name.clone(), vec!["127.0.0.1".parse().expect("v4")]))
            .collect(),
        ttl: Duration::from_secs(1),
    };
    let rot = DnsEffect {
        share_of: ShareOf::Names,
        ..DnsAnswer::Servfail.into()
    };
    let fault = at("rot", "four.test", true, rot);
    let (planes, servers) = over(vec![zone], 1, vec![fault]);
    planes.inject(0, Ratio::ZERO).await.expect("injected");
    let mut before: Vec<&String> = Vec::new();
    for (level, count) in [(0.0, 0), (0.25, 1), (0.5, 2), (0.75, 3), (1.0, 4)] {
        let level = Ratio::new(level).expect("a ratio");
        planes.level(0, level).await.expect("levelled");
        let mut failing = Vec::new();
        for name in &names {
            let first = code(servers[0], &format!("{name}.")).await;
            // in whatever case, and whoever asks again
            let again = code(servers[0], &format!("{}.", name.to_uppercase())).await;
            assert_eq!(first, again, "{name}");
            if first == ResponseCode::ServFail {
                failing.push(name);
            }
        }
        assert_eq!(failing.len(), count, "{failing:?}");
        assert!(
            before.iter().all(|name| failing.contains(name)),
            "{before:?} {failing:?}"
        );
        before = failing;
    }
    planes.shutdown().await;
}

#[tokio::test]
async fn some_of_several_servers_are_dead() {
    let dead = DnsEffect {
        servers: Some(1),
        ..DnsAnswer::Drop.into()
    };
    let (planes, servers) = over(vec![rich()], 3, vec![at("dead", "rich.test", true, dead)]);
    assert_eq!(servers.len(), 3);
    planes.inject(0, Ratio::ONE).await.expect("injected");
    let short = Duration::from_millis(200);
    let silent = ask_within(servers[0], "www.rich.test.", RecordType::A, short).await;
    assert!(silent.is_none(), "{silent:?}");
    for server in &servers[1..] {
        assert_eq!(code(*server, "www.rich.test.").await, ResponseCode::NoError);
    }
    assert_eq!(planes.hits(0), 1);
    assert!(planes.remove(0).await.expect("removed").verified);
    assert_eq!(
        code(servers[0], "www.rich.test.").await,
        ResponseCode::NoError
    );
    planes.shutdown().await;
}

/// Asks over TCP: the answer, or `None` when the connection is closed.
async fn over_tcp(server: SocketAddr, name: &str) -> Option<Message> {
    let mut stream = TcpStream::connect(server).await.expect("it accepts");
    let asked = question(name, RecordType::A);
    let length = u16::try_from(asked.len()).expect("short");
    stream.write_u16(length).await.expect("written");
    stream.write_all(&asked).await.expect("written");
    let length = timeout(PATIENCE, stream.read_u16()).await.expect("in time");
    let mut answer = vec![0; usize::from(length.ok()?)];
    stream.read_exact(&mut answer).await.expect("read");
    Some(Message::from_vec(&answer).expect("an answer"))
}

#[tokio::test]
async fn what_is_truncated_is_found_over_tcp_or_not() {
    for (over, found) in [(OverTcp::Answer, true), (OverTcp::Close, false)] {
        let cut = DnsAnswer::Truncate { over_tcp: over };
        let (planes, servers) = over_one(at("cut", "rich.test", true, cut));
        planes.inject(0, Ratio::ONE).await.expect("injected");
        let cut = ask(servers, "www.rich.test.", RecordType::A).await;
        assert!(cut.metadata.truncation && cut.answers.is_empty());
        let answer = over_tcp(servers, "www.rich.test.").await;
        let count = answer.map(|answer| answer.answers.len());
        assert_eq!(count, found.then_some(3), "{over:?}");
        assert_eq!(planes.hits(0), if found { 1 } else { 2 }, "{over:?}");
        planes.shutdown().await;
    }
}

fn over_one(fault: FaultPlan) -> (Planes, SocketAddr) {
    let (planes, servers) = over(vec![rich()], 1, vec![fault]);
    (planes, servers[0])
}

#[tokio::test]
async fn held_answers_are_sent_when_the_fault_goes() {
    let hours = Duration::from_secs(7200);
    let late = DnsEffect {
        delay: Some((hours, hours)),
        ..DnsAnswer::Truth.into()
    };
    let (planes, server) = over_one(at("late", "rich.test", true, late));
    planes.inject(0, Ratio::ONE).await.expect("injected");
    let udp = tokio::spawn(async move { ask(server, "www.rich.test.", RecordType::A).await });
    let tcp = tokio::spawn(async move { over_tcp(server, "www.rich.test.").await });
    eventually("both are held", || planes.hits(0) == 2).await;
    assert!(!udp.is_finished() && !tcp.is_finished());
    let removal = planes.remove(0).await.expect("removed");
    assert!(removal.verified, "{}", removal.detail);
    assert_eq!(udp.await.expect("answered").answers.len(), 3);
    assert_eq!(
        tcp.await.expect("answered").expect("whole").answers.len(),
        3
    );
    planes.shutdown().await;
}

#[tokio::test]
async fn answers_of_others_are_changed_on_their_way() {
    let kept = DnsEffect {
        ttl: Some(Duration::from_secs(77)),
        ..DnsAnswer::Truth.into()
    };
    let abroad = at("kept", "localhost", true, kept);
    let wrong = DnsAnswer::Wrong(vec!["192.0.2.7".parse().expect("v4")]);
    let hijacked = at("hijacked", "a.localhost", false, wrong);
    let (planes, server) = planes(vec![hijacked, abroad]);
    for fault in [0, 1] {
        planes.inject(fault, Ratio::ONE).await.expect("injected");
    }
    let answer = ask(server, "b.localhost.", RecordType::A).await;
    assert_eq!(told(&answer), "No Error 127.0.0.1/77");
    let answer = ask(server, "a.localhost.", RecordType::A).await;
    assert_eq!(told(&answer), "No Error 192.0.2.7/30");
    planes.shutdown().await;
}
