//! Bytes from socket to socket, with toxics that come and go meanwhile.

use std::{future::Future, sync::Arc, time::Duration};

use proptest::prelude::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::plain;
use crate::{
    fault::{
        board::Board,
        dose::Dose,
        fixtures::{PATIENCE, any_port, eventually, read_out},
        tcp::{
            Cut, Kind,
            posting::Posting,
            relay::{Ends, Fate, Place, Turn, Way, relay_sockets},
            toxics::End,
            traffic::Traffic,
        },
    },
    scenario::model::TcpStream as Direction,
    seed::Seed,
    units::{ByteRate, Ratio},
};

/// Both ends of a connection; with little room, so that senders have to wait.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(any_port()).await.expect("a port");
    let dialled = TcpStream::connect(listener.local_addr().expect("an address"));
    let (dialled, accepted) = tokio::join!(dialled, listener.accept());
    let both = (dialled.expect("connected"), accepted.expect("accepted").0);
    for stream in [&both.0, &both.1] {
        let socket = socket2::SockRef::from(stream);
        socket.set_send_buffer_size(16 << 10).expect("set");
        socket.set_recv_buffer_size(16 << 10).expect("set");
    }
    both
}

/// Bytes in which each place looks different from those around it.
fn pattern(count: usize) -> Vec<u8> {
    (0..count / 4 + 1)
        .flat_map(|i| {
            u32::try_from(i)
                .expect("few")
                .wrapping_mul(0x9E37_79B1)
                .to_le_bytes()
        })
        .take(count)
        .collect()
}

fn posting(name: &str, kind: Kind, stream: Direction) -> Arc<Posting> {
    let dose = Arc::new(Dose::of(name, Ratio::ONE, Seed(7)));
    Arc::new(Posting::toxic(dose, kind, stream))
}

const fn place<'a>(board: &'a Board<Posting>, traffic: &'a Traffic) -> Place<'a> {
    Place {
        board,
        traffic,
        number: 0,
        http: false,
    }
}

#[tokio::test]
async fn bytes_under_way_go_first_when_a_toxic_comes() {
    let (board, traffic) = (Board::default(), Traffic::default());
    let (ends, fate) = (Ends::default(), Fate::default());
    let mut way = Way::new(Direction::Upstream, place(&board, &traffic), &ends, &fate);
    let flow = traffic.flow(Direction::Upstream);
    let (mut client, mut near) = pair().await;
    let (mut far, mut server) = pair().await;
    let (mut reader, _) = near.split();
    let (_, mut writer) = far.split();
    // more than the sockets on the way can hold, and the server reads nothing
    let sent = pattern(4 << 20);
    let toxic = posting("t", Kind::Noop, Direction::Upstream);
    let full = async {
        eventually("something waits", || flow.received() > flow.sent()).await;
        board.post(Arc::clone(&toxic));
    };
    let turn = tokio::select! {
        biased;
        (turn, ()) = async { tokio::join!(plain(&mut way, &mut reader, &mut writer), full) } => turn,
        written = client.write_all(&sent) => panic!("all of it had room: {written:?}"),
    };
    assert_eq!(turn, Ok(Turn::Switch));
    let (came, went) = (flow.received(), flow.sent());
    assert_eq!(way.rest.len() as u64, came - went);
    assert!(!way.rest.is_empty());
    let mut got = vec![0; usize::try_from(went).expect("few")];
    server.read_exact(&mut got).await.expect("read");
    got.extend_from_slice(&way.rest);
    assert!(got == sent[..got.len()], "another order");
}

/// Relays between two pairs of sockets while `story` has their other ends; how it ended.
async fn relayed<F: Future<Output = ()>>(
    board: &Board<Posting>,
    traffic: &Traffic,
    story: impl FnOnce(TcpStream, TcpStream) -> F,
) -> Result<(), End> {
    let (client, mut near) = pair().await;
    let (mut far, server) = pair().await;
    let relaying = async {
        let end = relay_sockets(&mut near, &mut far, place(board, traffic)).await;
        if end == Err(End::Reset) {
            near.set_zero_linger().expect("set");
            far.set_zero_linger().expect("set");
        }
        drop((near, far));
        end
    };
    let both = async { tokio::join!(relaying, story(client, server)) };
    let (end, ()) = tokio::time::timeout(PATIENCE, both).await.expect("it ends");
    end
}

#[tokio::test]
async fn half_close_and_both_counts_hold() {
    let (board, traffic) = (Board::default(), Traffic::default());
    let (asked, answered) = (pattern(100_000), pattern(3_000_000));
    let end = relayed(&board, &traffic, async |mut client, mut server| {
        client.write_all(&asked).await.expect("written");
        client.shutdown().await.expect("closed");
        assert!(read_out(&mut server).await.expect("read") == asked);
        // the other direction lives on
        let answering = async {
            server.write_all(&answered).await.expect("written");
            drop(server);
        };
        let (got, ()) = tokio::join!(read_out(&mut client), answering);
        assert!(got.expect("read") == answered);
    });
    assert_eq!(end.await, Ok(()));
    for (direction, count) in [
        (Direction::Upstream, asked.len()),
        (Direction::Downstream, answered.len()),
    ] {
        let flow = traffic.flow(direction);
        assert_eq!((flow.received(), flow.sent()), (count as u64, count as u64));
    }
}

#[tokio::test]
async fn a_reset_is_passed_on() {
    let (board, traffic) = (Board::default(), Traffic::default());
    let end = relayed(&board, &traffic, async |mut client, mut server| {
        client.write_all(b"hello").await.expect("written");
        server.read_exact(&mut [0; 5]).await.expect("read");
        server.set_zero_linger().expect("set");
        drop(server);
        let error = read_out(&mut client).await.expect_err("a reset");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    });
    assert_eq!(end.await, Err(End::Reset));
}

#[test]
fn an_idle_connection_is_small() {
    let (board, traffic) = (Board::default(), Traffic::default());
    fn size<T>(_: impl FnOnce() -> T) -> usize {
        size_of::<T>()
    }
    let place = place(&board, &traffic);
    let (mut near, mut far) = (None::<TcpStream>, None::<TcpStream>);
    let bytes = size(|| {
        let near = near.as_mut().expect("never called");
        relay_sockets(near, far.as_mut().expect("never called"), place)
    });
    assert!(bytes < 2048, "{bytes} bytes");
}

/// What the story of a connection may do to it.
#[derive(Debug, Clone)]
enum Step {
    Post(Kind, Direction),
    /// Of those that are posted, counted round.
    TakeDown(usize),
}

/// Toxics that lose nothing.
fn harmless() -> impl Strategy<Value = Kind> {
    let micros = Duration::from_micros;
    prop_oneof![
        Just(Kind::Noop),
        (0..2000u64, 0..1000u64).prop_map(move |(latency, jitter)| Kind::Latency {
            latency: micros(latency),
            jitter: micros(jitter),
        }),
        (20_000_000..200_000_000u64).prop_map(|rate| Kind::Bandwidth {
            rate: ByteRate(rate),
        }),
        (500..5000usize).prop_map(move |average| {
            Kind::Slicer(Cut {
                average,
                variation: average / 2,
                delay: micros(0),
            })
        }),
        (0..3000u64).prop_map(move |delay| Kind::SlowClose {
            delay: micros(delay),
        }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let direction = prop_oneof![Just(Direction::Upstream), Just(Direction::Downstream)];
    prop_oneof![
        (harmless(), direction).prop_map(|(kind, stream)| Step::Post(kind, stream)),
        any::<usize>().prop_map(Step::TakeDown),
        any::<usize>().prop_map(Step::TakeDown),
    ]
}

/// Sends in pieces of that size, reads to the end meanwhile, and does a step of the story each time
/// that a part of what is expected has come.
async fn talk(
    mut stream: TcpStream,
    sent: &[u8],
    piece: usize,
    count: usize,
    mut steps: impl FnMut(),
    parts: usize,
) -> Vec<u8> {
    let (mut read, mut write) = stream.split();
    let writing = async {
        for piece in sent.chunks(piece) {
            write.write_all(piece).await.expect("written");
        }
        write.shutdown().await.expect("closed");
    };
    let reading = async {
        let mut got = Vec::with_capacity(count);
        let mut next = 0;
        while read.read_buf(&mut got).await.expect("read") > 0 {
            if got.len() >= next {
                steps();
                next += count / parts + 1;
            }
        }
        got
    };
    tokio::join!(writing, reading).1
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_or_reordered_while_toxics_come_and_go(
        steps in prop::collection::vec(step(), 1..12),
        up in (1..600_000usize, 1..100_000usize),
        down in (1..600_000usize, 1..100_000usize),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let (board, traffic) = (Board::default(), Traffic::default());
            let (asked, answered) = (pattern(up.0), pattern(down.0));
            let (mut posted, mut number) = (Vec::new(), 0);
            let (parts, mut steps) = (steps.len(), steps.into_iter());
            let act = || match steps.next() {
                Some(Step::Post(kind, stream)) => {
                    number += 1;
                    let toxic = posting(&format!("t{number}"), kind, stream);
                    board.post(Arc::clone(&toxic));
                    posted.push(toxic);
                }
                Some(Step::TakeDown(which)) if !posted.is_empty() => {
                    let toxic = posted.swap_remove(which % posted.len());
                    board.take_down(&toxic);
                }
                Some(Step::TakeDown(_)) | None => {}
            };
            let end = relayed(&board, &traffic, async |client, server| {
                let server = talk(server, &answered, down.1, asked.len(), || {}, 1);
                let client = talk(client, &asked, up.1, answered.len(), act, parts);
                let (at_server, at_client) = tokio::join!(server, client);
                assert!(at_server == asked, "upstream, {} of {}", at_server.len(), asked.len());
                assert!(at_client == answered, "downstream, {} of {}", at_client.len(), answered.len());
            });
            assert_eq!(end.await, Ok(()));
            let flow = traffic.flow(Direction::Downstream);
            assert_eq!((flow.received(), flow.sent()), (down.0 as u64, down.0 as u64));
        });
    }
}
