//! Laws of chains of toxics, on a clock of their own.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use proptest::prelude::*;
use tokio::time::Instant;

use super::{Cut, End, Item, Kind};
use crate::{
    fault::{
        dose::Dose,
        tcp::{chain::Chain, posting::Posting},
    },
    scenario::model::TcpStream as Direction,
    seed::Seed,
    units::{ByteRate, ByteSize, Ratio},
};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

const fn latency(latency: u64, jitter: u64) -> Kind {
    Kind::Latency {
        latency: ms(latency),
        jitter: ms(jitter),
    }
}

const fn bandwidth(rate: u64) -> Kind {
    Kind::Bandwidth {
        rate: ByteRate(rate),
    }
}

const fn slicer(average: usize, variation: usize, delay: u64) -> Kind {
    Kind::Slicer(Cut {
        average,
        variation,
        delay: Duration::from_micros(delay),
    })
}

const fn limit(bytes: u64) -> Kind {
    Kind::LimitData {
        bytes: ByteSize(bytes),
    }
}

fn corrupt(share: f64) -> Kind {
    Kind::Corrupt {
        share: Ratio::new(share).expect("a ratio"),
    }
}

const SLOW_CLOSE: Kind = Kind::SlowClose { delay: ms(500) };

fn posting(name: &str, kind: Kind) -> Arc<Posting> {
    let dose = Arc::new(Dose::of(name, Ratio::ONE, Seed(7)));
    Arc::new(Posting::toxic(dose, kind, Direction::Downstream))
}

fn changed(posting: &Posting, kind: Kind) -> Arc<Posting> {
    let dose = Arc::clone(posting.dose());
    Arc::new(Posting::toxic(dose, kind, Direction::Downstream))
}

fn settle(chain: &mut Chain, wanted: &[Arc<Posting>], now: Instant) -> Result<(), End> {
    let down = Direction::Downstream;
    chain.settle(
        wanted,
        now,
        |posting| posting.build(0, down, now),
        |posting, toxic| posting.change(toxic, 0, down, now),
    )
}

fn chain_of(kinds: &[Kind], now: Instant) -> (Chain, Vec<Arc<Posting>>) {
    let named = |(i, kind): (usize, &Kind)| posting(&format!("t{i}"), *kind);
    let postings: Vec<_> = kinds.iter().enumerate().map(named).collect();
    let mut chain = Chain::default();
    settle(&mut chain, &postings, now).expect("it lives");
    (chain, postings)
}

fn data(text: &str) -> Item {
    Item::Data(Bytes::copy_from_slice(text.as_bytes()))
}

fn popped(chain: &mut Chain) -> Vec<Item> {
    std::iter::from_fn(|| chain.pop()).collect()
}

/// Everything that comes out, and when, until nothing more is to come.
fn drain(chain: &mut Chain, start: Instant) -> (Vec<(u64, usize)>, Vec<u8>) {
    let (mut times, mut bytes) = (Vec::new(), Vec::new());
    let mut now = start;
    loop {
        for item in popped(chain) {
            let at = u64::try_from((now - start).as_millis()).expect("a short test");
            times.push((at, item.len()));
            if let Item::Data(data) = item {
                bytes.extend_from_slice(&data);
            }
        }
        let Some(deadline) = chain.deadline() else {
            return (times, bytes);
        };
        now = deadline;
        chain.advance(now).expect("it lives");
    }
}

#[tokio::test(start_paused = true)]
async fn latencies_add_up_and_removal_flushes() {
    let start = Instant::now();
    let (mut chain, both) = chain_of(&[latency(100, 0), latency(50, 0)], start);
    chain.push(data("a"), start).expect("it lives");
    assert_eq!(chain.held(), 1);

    // looked at late: the second delay still counts from when the first ended
    chain.advance(start + ms(120)).expect("it lives");
    assert_eq!(popped(&mut chain), []);
    assert_eq!(chain.deadline(), Some(start + ms(150)));
    chain.advance(start + ms(150)).expect("it lives");
    assert_eq!(popped(&mut chain), [data("a")]);

    chain.push(data("b"), start + ms(200)).expect("it lives");
    settle(&mut chain, &both[1..], start + ms(210)).expect("it lives");
    assert_eq!(chain.deadline(), Some(start + ms(260)), "the other stays");
    settle(&mut chain, &[], start + ms(220)).expect("it lives");
    assert_eq!(popped(&mut chain), [data("b")]);
    assert_eq!(chain.held(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_behind_a_latency_loses_and_its_removal_closes() {
    let start = Instant::now();
    let lost = Kind::Timeout { timeout: ms(300) };
    let (mut chain, both) = chain_of(&[latency(100, 0), lost], start);
    chain.push(data("a"), start + ms(50)).expect("it lives");
    chain.advance(start + ms(200)).expect("it lives");
    assert_eq!(popped(&mut chain), []);
    // the chunk reached the timeout 150 ms after the start
    assert_eq!(chain.deadline(), Some(start + ms(450)));
    assert_eq!(chain.advance(start + ms(450)), Err(End::Close));
    assert_eq!(
        settle(&mut chain, &both[..1], start + ms(200)),
        Err(End::Close)
    );
}

#[tokio::test(start_paused = true)]
async fn a_line_drips_at_its_rate_and_holds_the_end_back() {
    let start = Instant::now();
    let (mut chain, _) = chain_of(&[bandwidth(1000)], start);
    chain.push(data(&"x".repeat(250)), start).expect("it lives");
    chain.push(Item::Eof, start).expect("it lives");
    let (times, bytes) = drain(&mut chain, start);
    assert_eq!(times, [(100, 100), (200, 100), (250, 50), (250, 0)]);
    assert_eq!(bytes.len(), 250);
}

#[tokio::test(start_paused = true)]
async fn a_full_line_makes_its_sender_wait_but_latency_does_not() {
    let start = Instant::now();
    let chunk = Item::Data(Bytes::from(vec![0; 16 << 10]));
    let (mut slow, _) = chain_of(&[latency(0, 0), bandwidth(1000)], start);
    let (mut far, _) = chain_of(&[latency(100, 0)], start);
    for _ in 0..4 {
        slow.push(chunk.clone(), start).expect("it lives");
        far.push(chunk.clone(), start).expect("it lives");
    }
    assert!(far.has_room());
    // two chunks fill the line, two more wait before it until their turn comes
    assert_eq!(slow.deadline(), Some(start + ms(100)));
    assert_eq!(slow.held(), 4 * (16 << 10));
    let (mut full, _) = chain_of(&[bandwidth(1000)], start);
    for _ in 0..2 {
        assert!(full.has_room());
        full.push(chunk.clone(), start).expect("it lives");
    }
    assert!(!full.has_room());
    let (times, bytes) = drain(&mut slow, start);
    assert_eq!(bytes.len(), 4 * (16 << 10));
    assert_eq!(times.last().map(|(at, _)| *at), Some(65_536));
}

#[tokio::test(start_paused = true)]
async fn what_a_stopped_line_holds_comes_when_it_goes() {
    let start = Instant::now();
    let (mut chain, postings) = chain_of(&[bandwidth(0)], start);
    chain.push(data("ab"), start).expect("it lives");
    chain.push(Item::Eof, start).expect("it lives");
    assert_eq!(chain.deadline(), None);
    chain.advance(start + ms(10_000)).expect("it lives");
    assert_eq!(popped(&mut chain), []);
    // a change lets go of data at once; what comes later obeys the new rate
    let faster = changed(&postings[0], bandwidth(1000));
    settle(&mut chain, &[faster], start + ms(10_000)).expect("it lives");
    assert_eq!(popped(&mut chain), [data("ab"), Item::Eof]);
    chain.push(data("c"), start + ms(10_000)).expect("it lives");
    assert_eq!(chain.deadline(), Some(start + ms(10_001)));
}

#[tokio::test(start_paused = true)]
async fn pieces_come_one_by_one() {
    let start = Instant::now();
    let (mut chain, _) = chain_of(&[slicer(2, 0, 10_000)], start);
    chain.push(data("12345678"), start).expect("it lives");
    chain.push(Item::Eof, start).expect("it lives");
    let (times, bytes) = drain(&mut chain, start);
    assert_eq!(times, [(0, 2), (10, 2), (20, 2), (30, 2), (40, 0)]);
    assert_eq!(bytes, b"12345678");
}

#[tokio::test(start_paused = true)]
async fn an_end_is_late_by_the_rule_in_force() {
    let start = Instant::now();
    let (mut chain, postings) = chain_of(&[SLOW_CLOSE], start);
    chain.push(data("x"), start).expect("it lives");
    chain.push(Item::Eof, start).expect("it lives");
    assert_eq!(popped(&mut chain), [data("x")]);
    assert_eq!(chain.deadline(), Some(start + ms(500)));
    let later = changed(&postings[0], Kind::SlowClose { delay: ms(900) });
    settle(&mut chain, &[later], start + ms(100)).expect("it lives");
    assert_eq!(chain.deadline(), Some(start + ms(1000)));
    settle(&mut chain, &[], start + ms(200)).expect("it lives");
    assert_eq!(popped(&mut chain), [Item::Eof]);
}

#[tokio::test(start_paused = true)]
async fn a_limit_closes_behind_its_last_byte() {
    let start = Instant::now();
    let (mut chain, postings) = chain_of(&[limit(5), latency(100, 0)], start);
    chain.push(data("abc"), start).expect("it lives");
    let wider = changed(&postings[0], limit(4));
    let both = [wider, Arc::clone(&postings[1])];
    settle(&mut chain, &both, start).expect("it lives");
    chain.push(data("def"), start + ms(10)).expect("it lives");
    chain.push(data("ghi"), start + ms(20)).expect("it lives");
    assert!(chain.loses());
    chain.advance(start + ms(110)).expect("it lives");
    assert_eq!(popped(&mut chain), [data("abc"), data("d"), Item::Close]);
}

#[tokio::test(start_paused = true)]
async fn toxics_stand_in_order_of_creation() {
    let start = Instant::now();
    let (mut chain, all) = chain_of(&[limit(2), slicer(1, 0, 0)], start);
    // the first is taken out and comes back: it stands before the other again
    settle(&mut chain, &all[1..], start).expect("it lives");
    settle(&mut chain, &all, start).expect("it lives");
    chain.push(data("abc"), start).expect("it lives");
    assert_eq!(popped(&mut chain), [data("a"), data("b"), Item::Close]);
}

#[tokio::test(start_paused = true)]
async fn one_bit_of_a_chunk_is_flipped_and_a_change_goes_on_from_there() {
    let start = Instant::now();
    let (mut chain, postings) = chain_of(&[corrupt(1.0)], start);
    let text = Bytes::from_static(b"a chunk");
    let flipped = |chain: &mut Chain| {
        chain
            .push(Item::Data(text.clone()), start)
            .expect("it lives");
        let [Item::Data(got)] = &popped(chain)[..] else {
            panic!("one chunk");
        };
        assert_eq!(got.len(), text.len());
        differing_bits(got, &text).iter().sum::<u32>()
    };
    for _ in 0..100 {
        assert_eq!(flipped(&mut chain), 1);
    }
    let none = changed(&postings[0], corrupt(0.0));
    settle(&mut chain, &[none], start).expect("it lives");
    assert_eq!(flipped(&mut chain), 0);
    // what is shared with others stays as it is
    assert_eq!(text, "a chunk");
    chain.push(Item::Eof, start).expect("it lives");
    assert_eq!(popped(&mut chain), [Item::Eof]);
}

/// How many bits of each byte differ.
fn differing_bits(one: &[u8], other: &[u8]) -> Vec<u32> {
    let pairs = one.iter().zip(other);
    pairs.map(|(a, b)| (a ^ b).count_ones()).collect()
}

#[tokio::test(start_paused = true)]
async fn noop_does_nothing() {
    let start = Instant::now();
    let (mut chain, _) = chain_of(&[Kind::Noop], start);
    chain.push(data("x"), start).expect("it lives");
    chain.push(Item::Eof, start).expect("it lives");
    assert_eq!(popped(&mut chain), [data("x"), Item::Eof]);
    assert_eq!(chain.deadline(), None);
}

/// Toxics that lose nothing.
fn gentle() -> impl Strategy<Value = Kind> {
    prop_oneof![
        (0u64..50, 0u64..50).prop_map(|(l, j)| latency(l, j)),
        (0u64..3000).prop_map(bandwidth),
        (0u64..100).prop_map(|delay| Kind::SlowClose { delay: ms(delay) }),
        (0usize..10, 0usize..10, 0u64..5000).prop_map(|(a, v, d)| slicer(a, v, d)),
        Just(Kind::Noop),
        Just(corrupt(0.0)),
    ]
}

#[derive(Debug, Clone)]
enum Move {
    Push(Vec<u8>),
    Pass(u64),
    Toggle(usize),
    Change(usize, Kind),
    Pop,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 1..200).prop_map(Move::Push),
        4 => (0u64..80).prop_map(Move::Pass),
        2 => (0usize..4).prop_map(Move::Toggle),
        2 => (0usize..4, gentle()).prop_map(|(i, kind)| Move::Change(i, kind)),
        2 => Just(Move::Pop),
    ];
    prop::collection::vec(one, 0..60)
}

proptest! {
    /// Whatever toxics that lose nothing come, change and go: what comes out is what went in.
    #[test]
    fn nothing_is_lost_or_reordered(
        kinds in prop::collection::vec(gentle(), 4),
        moves in moves(),
        finishes in any::<bool>(),
    ) {
        // only differences count, so any instant will do
        let mut now = Instant::now();
        let mut all: Vec<_> = (0..4).map(|i| posting(&format!("t{i}"), kinds[i])).collect();
        let mut on = Vec::new();
        let mut chain = Chain::default();
        let (mut sent, mut got) = (Vec::new(), Vec::new());
        for step in moves {
            match step {
                Move::Push(bytes) => {
                    sent.extend_from_slice(&bytes);
                    chain.push(Item::Data(bytes.into()), now).expect("it lives");
                }
                Move::Pass(millis) => {
                    now += ms(millis);
                    chain.advance(now).expect("it lives");
                }
                Move::Toggle(i) => {
                    if on.contains(&i) { on.retain(|other| *other != i) } else { on.push(i) }
                }
                Move::Change(i, kind) => all[i] = changed(&all[i], kind),
                Move::Pop => got.extend(popped(&mut chain)),
            }
            on.sort_unstable();
            let wanted: Vec<_> = on.iter().map(|i| Arc::clone(&all[*i])).collect();
            settle(&mut chain, &wanted, now).expect("it lives");
        }
        if finishes {
            chain.push(Item::Eof, now).expect("it lives");
        }
        while let Some(deadline) = chain.deadline() {
            now = deadline.max(now);
            chain.advance(now).expect("it lives");
        }
        // a line of rate zero lets go of what it has when it goes
        settle(&mut chain, &[], now).expect("it lives");
        got.extend(popped(&mut chain));
        prop_assert_eq!(chain.held(), 0);
        let ends = got.iter().filter(|item| !matches!(item, Item::Data(_))).count();
        prop_assert_eq!(ends, usize::from(finishes));
        prop_assert!(!finishes || got.last() == Some(&Item::Eof));
        let bytes: Vec<u8> = got.iter().flat_map(|item| match item {
            Item::Data(bytes) => bytes.to_vec(),
            Item::Eof | Item::Close => Vec::new(),
        }).collect();
        prop_assert_eq!(bytes, sent);
    }

    /// A limit passes a prefix of exactly its length, however its neighbours cut and delay.
    #[test]
    fn a_limit_passes_exactly_its_bytes(
        before in gentle(),
        after in gentle(),
        chunks in prop::collection::vec(1usize..400, 1..20),
        bytes in 0u64..2000,
    ) {
        let mut now = Instant::now();
        let start = now;
        let moving = |kind: Kind| if kind == bandwidth(0) { bandwidth(1) } else { kind };
        let (mut chain, _) = chain_of(&[moving(before), limit(bytes), moving(after)], now);
        let mut sent = Vec::new();
        for (i, size) in chunks.iter().enumerate() {
            sent.extend((0..*size).map(|j| (i * 31 + j) as u8));
            chain.push(Item::Data(sent[sent.len() - size..].to_vec().into()), now).expect("it lives");
            now += ms(3);
            chain.advance(now).expect("it lives");
        }
        let (_, got) = drain(&mut chain, start);
        let expected = usize::try_from(bytes).expect("small").min(sent.len());
        prop_assert_eq!(&got[..], &sent[..expected]);
    }

    /// Where chunks are corrupt only bits differ, at most one a byte, however its neighbours cut
    /// and delay; and none where the share is nothing.
    #[test]
    fn corruption_keeps_length_and_order(
        before in gentle(),
        after in gentle(),
        share in prop_oneof![Just(0.0), Just(1.0), 0.0..=1.0],
        chunks in prop::collection::vec(1usize..400, 1..20),
    ) {
        let start = Instant::now();
        let moving = |kind: Kind| if kind == bandwidth(0) { bandwidth(1) } else { kind };
        let (mut chain, _) = chain_of(&[moving(before), corrupt(share), moving(after)], start);
        let mut sent = Vec::new();
        for (i, size) in chunks.iter().enumerate() {
            sent.extend((0..*size).map(|j| (i * 31 + j) as u8));
            chain.push(Item::Data(sent[sent.len() - size..].to_vec().into()), start).expect("it lives");
        }
        let (_, got) = drain(&mut chain, start);
        prop_assert_eq!(got.len(), sent.len());
        let bits = differing_bits(&got, &sent);
        prop_assert!(bits.iter().all(|bits| *bits <= 1));
        let flipped = bits.iter().sum::<u32>() as usize;
        prop_assert!(share > 0.0 || flipped == 0);
        prop_assert!(share < 1.0 || flipped >= chunks.len(), "{} of {}", flipped, chunks.len());
    }
}
