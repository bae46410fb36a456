//! Packets of any kind: never a panic, never a wrong answer; and our reading of questions agrees
//! with hickory-proto's.

use hickory_proto::op::OpCode;
use proptest::prelude::*;

use super::*;
use crate::fault::dns::{
    alone::NameServer,
    laws::{self, is_read_as_hickory_reads_it as agree},
    question::{Packet, read},
};

/// A question as a client might ask it, and its bytes.
fn questions() -> impl Strategy<Value = (Message, Vec<u8>)> {
    let label = "[a-zA-Z0-9_]{1,12}";
    let below = prop_oneof![Just(String::new()), Just(".Cowin.test".to_owned())];
    let name = (proptest::collection::vec(label, 1..5), below);
    let kind = prop_oneof![
        Just(RecordType::A),
        Just(RecordType::AAAA),
        Just(RecordType::SOA),
        Just(RecordType::ANY),
        Just(RecordType::HTTPS),
    ];
    let edns = proptest::option::of((any::<u16>(), 0..3u8));
    (name, kind, any::<u16>(), edns).prop_map(|((labels, below), kind, id, edns)| {
        let mut message = Message::query();
        message.metadata.id = id;
        let name = format!("{}{below}.", labels.join("."));
        message.add_query(Query::query(name.parse::<Name>().expect("a name"), kind));
        message.edns = edns.map(|(payload, version)| {
            let mut edns = Edns::new();
            edns.set_max_payload(payload).set_version(version);
            edns
        });
        let bytes = message.to_vec().expect("a packet");
        (message, bytes)
    })
}

/// What hickory-proto makes of a name, as it travels, in lower case.
fn wire(name: &Name) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name {
        bytes.push(u8::try_from(label.len()).expect("short"));
        bytes.extend(label.to_ascii_lowercase());
    }
    bytes.push(0);
    bytes
}

/// That an answer, if there is one, is an answer to this packet.
fn answers(packet: &[u8]) -> Option<Message> {
    let answer = NameServer::answerer(&[zone()]).expect("zones");
    let bytes = answer(packet)?;
    Some(laws::answers(packet, true, &bytes))
}

proptest! {
    #[test]
    fn any_bytes(packet in proptest::collection::vec(any::<u8>(), 0..300)) {
        agree(&packet);
        answers(&packet);
    }

    #[test]
    fn questions_are_read_as_hickory_reads_them((message, bytes) in questions()) {
        let Packet::Question(ours) = read(&bytes) else {
            return Err(TestCaseError::fail(format!("not read: {message:?}")));
        };
        prop_assert_eq!(ours.name(), wire(&message.queries[0].name));
        agree(&bytes);
        let answer = answers(&bytes);
        if let Some(answer) = answer {
            prop_assert_eq!(&answer.queries, &message.queries, "in the case that it came in");
            prop_assert_eq!(answer.metadata.op_code, OpCode::Query);
            prop_assert_eq!(answer.edns.is_some(), message.edns.is_some());
            let bad = message.edns.is_some_and(|edns| edns.version() > 0);
            // hickory calls the number 16 by its other name
            prop_assert_eq!(u16::from(answer.metadata.response_code) == 16, bad);
        }
    }

    #[test]
    fn damaged_questions(
        (_, mut bytes) in questions(),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<proptest::sample::Index>(),
    ) {
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        agree(&bytes);
        answers(&bytes);
        let short = &bytes[..cut.index(bytes.len())];
        agree(short);
        answers(short);
    }
}

#[test]
fn what_is_no_question_is_refused_by_its_kind() {
    let (_, question) = {
        let name: Name = "portal.cowin.test.".parse().expect("a name");
        let mut message = Message::query();
        message.add_query(Query::query(name, RecordType::A));
        let bytes = message.to_vec().expect("a packet");
        (message, bytes)
    };
    let with = |at: usize, byte: u8| {
        let mut changed = question.clone();
        changed[at] = byte;
        changed
    };
    let code = |packet: &[u8]| {
        let answer = answers(packet);
        answer.map(|answer| answer.metadata.response_code)
    };
    assert_eq!(code(&question), Some(ResponseCode::NoError));
    assert_eq!(code(&with(2, 0x80)), None, "an answer is not answered");
    assert_eq!(
        code(&with(2, 0x28)),
        Some(ResponseCode::NotImp),
        "an update"
    );
    assert_eq!(
        code(&with(5, 2)),
        Some(ResponseCode::FormErr),
        "two questions"
    );
    assert_eq!(
        code(&with(12, 0xc0)),
        Some(ResponseCode::FormErr),
        "a pointer"
    );
    assert_eq!(
        code(&question[..20]),
        Some(ResponseCode::FormErr),
        "cut off"
    );
    let last = question.len() - 1;
    assert_eq!(code(&with(last, 3)), Some(ResponseCode::Refused), "CHAOS");
    assert_eq!(code(&question[..11]), None, "no header");
}
