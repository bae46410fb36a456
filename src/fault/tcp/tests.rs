//! The TCP plane: chains on a clock of their own, links on real sockets.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use super::{
    posting::Posting,
    relay::{Fate, Place, relay},
    toxics::End,
    traffic::Traffic,
};
use crate::{
    fault::{
        BindError, Planes,
        board::Board,
        dose::Dose,
        fixtures::{
            PATIENCE, any_port, eventually, link, lost, nowhere, on_link, origin, parrot, plan,
            planes, read_out, sharing,
        },
    },
    plan::FaultPlan,
    scenario::model::{Effect, TcpEffect, TcpStream as Direction},
    seed::Seed,
    time::Clock,
    units::Ratio,
};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

const fn latency(latency: Duration, jitter: Duration, stream: Direction) -> TcpEffect {
    TcpEffect::Latency {
        latency,
        jitter,
        stream,
    }
}

fn posting(name: &str, effect: TcpEffect) -> Arc<Posting> {
    let fault = on_link(name, Effect::Tcp(effect.clone()));
    let dose = Arc::new(Dose::new(&fault, Seed(7)));
    Arc::new(Posting::new(dose, &effect, 0))
}

fn tcp(name: &str, effect: TcpEffect) -> FaultPlan {
    on_link(name, Effect::Tcp(effect))
}

/// The shell of tasks adds nothing to what the chains decide: exact on a clock of its own.
#[tokio::test(start_paused = true)]
async fn the_relay_acts_when_the_chains_say_so() {
    let board = Board::default();
    let (mut client, mut near) = tokio::io::duplex(1024);
    let (mut far, mut server) = tokio::io::duplex(1024);
    let fate = Fate::default();
    let place = Place {
        board: &board,
        traffic: &Traffic::default(),
        number: 0,
        http: false,
    };
    let start = Instant::now();
    let late = posting("late", latency(ms(100), ms(0), Direction::Upstream));
    board.post(Arc::clone(&late));
    let story = async {
        let mut buffer = [0; 2];
        client.write_all(b"ab").await.expect("written");
        server.read_exact(&mut buffer).await.expect("read");
        assert_eq!(start.elapsed(), ms(100));
        // the other direction is untouched
        server.write_all(b"cd").await.expect("written");
        client.read_exact(&mut buffer).await.expect("read");
        assert_eq!(start.elapsed(), ms(100));
        // removal releases what is held, at once
        client.write_all(b"ef").await.expect("written");
        tokio::time::sleep(ms(30)).await;
        board.take_down(&late);
        server.read_exact(&mut buffer).await.expect("read");
        assert_eq!((start.elapsed(), &buffer), (ms(130), b"ef"));
        assert_eq!(Arc::strong_count(&late), 1, "nobody acts on it any more");
        // half-close passes, the other half lives on
        client.shutdown().await.expect("closed");
        assert_eq!(server.read(&mut buffer).await.expect("read"), 0);
        server.write_all(b"gh").await.expect("written");
        client.read_exact(&mut buffer).await.expect("read");
        let timeout = ms(500);
        let stream = Direction::Downstream;
        board.post(posting("mute", TcpEffect::Timeout { timeout, stream }));
        tokio::time::sleep(ms(200)).await;
        server.write_all(b"ij").await.expect("written");
        assert_eq!(client.read(&mut buffer).await.expect("read"), 0);
    };
    let relayed = async {
        let end = relay(&mut near, &mut far, place, &fate).await;
        drop((near, far));
        (end, start.elapsed())
    };
    let ((end, ended), ()) = tokio::join!(relayed, story);
    // 500 ms after the last chunk, which came 200 ms after the fault
    assert_eq!((end, ended), (Err(End::Close), ms(130 + 200 + 500)));
}

#[tokio::test]
async fn a_link_passes_bytes_and_keeps_half_close() {
    let (planes, addr) = planes(parrot().await, false, Vec::new());
    let sent: Vec<u8> = (0..1_000_000u32).map(|i| (i % 251) as u8).collect();
    let mut stream = TcpStream::connect(addr).await.expect("it accepts");
    let (mut read, mut write) = stream.split();
    let mut got = Vec::new();
    let (written, read) = tokio::join!(
        async {
            write.write_all(&sent).await?;
            // the parrot goes on talking after this
            write.shutdown().await
        },
        read.read_to_end(&mut got)
    );
    written.expect("written");
    read.expect("read");
    assert!(got == sent, "{} bytes of {}", got.len(), sent.len());
    planes.shutdown().await;
    let refused = TcpStream::connect(addr).await.expect_err("closed");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn an_upstream_that_refuses_shows_as_a_reset() {
    let (planes, addr) = planes(nowhere().await, false, Vec::new());
    let error = lost(addr).await;
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    planes.shutdown().await;
}

#[tokio::test]
async fn latency_comes_to_existing_connections_and_goes() {
    let effect = latency(ms(300), ms(0), Direction::Downstream);
    let slow = latency(Duration::from_secs(3600), ms(0), Direction::Upstream);
    let faults = vec![tcp("late", effect), tcp("stuck", slow)];
    let (planes, addr) = planes(parrot().await, false, faults);
    let mut stream = TcpStream::connect(addr).await.expect("it accepts");
    let mut buffer = [0; 4];
    let mut ask = async |expected: &mut [u8; 4]| {
        let asked = Instant::now();
        stream.write_all(b"ping").await.expect("written");
        stream.read_exact(expected).await.expect("read");
        asked.elapsed()
    };
    ask(&mut buffer).await;

    planes.inject(0, Ratio::ONE).await.expect("injected");
    assert!(ask(&mut buffer).await >= ms(300));
    assert_eq!(planes.hits(0), 1);
    planes
        .level(0, Ratio::new(0.5).expect("a ratio"))
        .await
        .expect("levelled");
    let half = ask(&mut buffer).await;
    assert!(half >= ms(150), "{half:?}");

    // a chunk that would come in an hour comes when the fault goes
    planes.inject(1, Ratio::ONE).await.expect("injected");
    let removal = async {
        tokio::time::sleep(ms(30)).await;
        planes.remove(1).await.expect("removed")
    };
    let (_, removal) = timeout(PATIENCE, async { tokio::join!(ask(&mut buffer), removal) })
        .await
        .expect("released");
    assert!(removal.verified, "{}", removal.detail);
    assert!(planes.remove(0).await.expect("removed").verified);
    assert_eq!(planes.in_force(), []);
    planes.shutdown().await;
}

#[tokio::test]
async fn down_refuses_until_it_is_gone() {
    let faults = vec![tcp("down", TcpEffect::Down), tcp("too", TcpEffect::Down)];
    let (planes, addr) = planes(parrot().await, false, faults);
    let mut before = TcpStream::connect(addr).await.expect("it accepts");
    before.write_all(b"x").await.expect("written");
    before.read_exact(&mut [0]).await.expect("served");

    planes.inject(0, Ratio::ONE).await.expect("injected");
    planes.inject(1, Ratio::ONE).await.expect("injected");
    planes
        .inject(1, Ratio::ONE)
        .await
        .expect("again is no harm");
    assert!(matches!(read_out(&mut before).await, Ok(_) | Err(_)));
    let refused = TcpStream::connect(addr).await.expect_err("down");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(planes.hits(0), 1, "one connection was cut");

    let removal = planes.remove(0).await.expect("removed");
    assert!(
        removal.verified && removal.detail.contains("`too`"),
        "{removal:?}"
    );
    TcpStream::connect(addr).await.expect_err("still down");
    let removal = planes.remove(1).await.expect("removed");
    assert!(
        removal.verified && removal.detail.contains("accepts"),
        "{removal:?}"
    );
    let mut after = TcpStream::connect(addr).await.expect("up again");
    after.write_all(b"y").await.expect("written");
    after.read_exact(&mut [0]).await.expect("served");
    planes.shutdown().await;
}

#[tokio::test]
async fn down_for_a_share_meets_exactly_that_share() {
    let fault = sharing(tcp("flaky", TcpEffect::Down), 0.4);
    let seed = Dose::new(&fault, Seed(7)).seed();
    let (planes, addr) = planes(parrot().await, false, vec![fault]);
    planes.inject(0, Ratio::ONE).await.expect("injected");
    let share = Ratio::new(0.4).expect("a ratio");
    let mut met = 0;
    for number in 0..40 {
        let outcome = async {
            let mut stream = TcpStream::connect(addr).await?;
            stream.write_all(b"x").await?;
            stream.read_exact(&mut [0]).await
        };
        let expected = seed.indexed(number).falls_in(share);
        met += u64::from(expected);
        assert_eq!(outcome.await.is_err(), expected, "connection {number}");
    }
    assert_eq!(planes.hits(0), met);
    assert!((5..30).contains(&met), "{met} of 40");
    planes.shutdown().await;
}

#[tokio::test]
async fn the_first_so_many_connections_counted_anew() {
    let mut fault = tcp("cut", TcpEffect::Reset { after: ms(0) });
    fault.turns.every = Some(2);
    fault.turns.first = Some(2);
    let (planes, addr) = planes(parrot().await, false, vec![fault]);
    let talks = async |stream: &mut TcpStream| {
        let sent = stream.write_all(b"x").await;
        sent.is_ok() && stream.read_exact(&mut [0]).await.is_ok()
    };
    let mut open = TcpStream::connect(addr).await.expect("it listens");
    assert!(talks(&mut open).await, "before it is put in");
    for _ in 0..2 {
        planes.inject(0, Ratio::ONE).await.expect("injected");
        let mut met = Vec::new();
        for number in 1..=7 {
            let mut stream = TcpStream::connect(addr).await.expect("it listens");
            met.extend((!talks(&mut stream).await).then_some(number));
        }
        assert_eq!(met, [2, 4]);
        assert!(talks(&mut open).await, "open ones live on");
        assert!(planes.remove(0).await.expect("removed").verified);
    }
    assert_eq!(planes.hits(0), 4);
    planes.shutdown().await;
}

#[tokio::test]
async fn reset_is_a_reset() {
    let after = tcp("cut", TcpEffect::Reset { after: ms(50) });
    for http in [false, true] {
        let (planes, addr) = planes(parrot().await, http, vec![after.clone()]);
        let mut idle = TcpStream::connect(addr).await.expect("it accepts");
        planes.inject(0, Ratio::ONE).await.expect("injected");
        let mut busy = TcpStream::connect(addr).await.expect("it accepts");
        busy.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .expect("written");
        let error = read_out(&mut busy).await.expect_err("reset");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "http: {http}");
        assert!(planes.remove(0).await.expect("removed").verified);
        if !http {
            idle.write_all(b"x").await.expect("written");
            idle.read_exact(&mut [0]).await.expect("idle ones live on");
        }
        planes.shutdown().await;
    }
}

#[tokio::test]
async fn timeout_hangs_and_its_removal_closes() {
    let effect = TcpEffect::Timeout {
        timeout: Duration::ZERO,
        stream: Direction::Downstream,
    };
    let (planes, addr) = planes(parrot().await, false, vec![tcp("mute", effect)]);
    planes.inject(0, Ratio::ONE).await.expect("injected");
    let mut stream = TcpStream::connect(addr).await.expect("it accepts");
    stream.write_all(b"hello").await.expect("written");
    timeout(ms(100), stream.read_u8())
        .await
        .expect_err("nothing comes");
    eventually("it is met", || planes.hits(0) == 1).await;
    let removal = planes.remove(0).await.expect("removed");
    assert!(removal.verified, "{}", removal.detail);
    assert_eq!(read_out(&mut stream).await.unwrap_or_default(), b"");
    planes.shutdown().await;
}

#[tokio::test]
async fn the_same_seed_corrupts_the_same_chunks() {
    let effect = TcpEffect::Corrupt {
        share: Ratio::new(0.5).expect("a ratio"),
        stream: Direction::Downstream,
    };
    let mut runs = Vec::new();
    for _ in 0..2 {
        let faults = vec![tcp("noise", effect.clone())];
        let (planes, addr) = planes(parrot().await, false, faults);
        planes.inject(0, Ratio::ONE).await.expect("injected");
        let mut stream = TcpStream::connect(addr).await.expect("it accepts");
        // each is asked for when the one before it has come, so each is a chunk of its own
        let mut ask = async || {
            let mut buffer = [0; 4];
            stream.write_all(b"ping").await.expect("written");
            stream.read_exact(&mut buffer).await.expect("read");
            u32::from_be_bytes(buffer) ^ u32::from_be_bytes(*b"ping")
        };
        let mut flipped = Vec::new();
        for _ in 0..100 {
            flipped.push(ask().await);
        }
        assert!(flipped.iter().all(|bits| bits.count_ones() <= 1));
        let met = flipped.iter().filter(|bits| **bits != 0).count();
        assert!((25..75).contains(&met), "{met} of 100");
        planes.level(0, Ratio::ZERO).await.expect("levelled");
        for _ in 0..20 {
            assert_eq!(ask().await, 0, "none at a level of nothing");
        }
        planes.level(0, Ratio::ONE).await.expect("levelled");
        let removal = planes.remove(0).await.expect("removed");
        assert!(removal.verified, "{}", removal.detail);
        for _ in 0..20 {
            assert_eq!(ask().await, 0, "none when it is gone");
        }
        assert_eq!(planes.hits(0), 1);
        planes.shutdown().await;
        runs.push(flipped);
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn answers_on_an_http_link_are_corrupt_too() {
    let effect = TcpEffect::Corrupt {
        share: Ratio::ONE,
        stream: Direction::Downstream,
    };
    let (planes, addr) = planes(origin().await, true, vec![tcp("noise", effect)]);
    let answer = async || {
        let mut stream = TcpStream::connect(addr).await.expect("it accepts");
        let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.expect("written");
        let got = read_out(&mut stream).await.expect("orderly closed");
        let text = String::from_utf8_lossy(&got).into_owned();
        // the time of day is nobody's corruption
        let lines = text.lines().filter(|line| !line.starts_with("date:"));
        (got.len(), lines.map(str::to_owned).collect::<Vec<_>>())
    };
    let whole = answer().await;
    assert_eq!(whole, answer().await);
    planes.inject(0, Ratio::ONE).await.expect("injected");
    let mut changed = 0;
    for _ in 0..20 {
        let (length, lines) = answer().await;
        assert_eq!(length, whole.0);
        changed += u64::from(lines != whole.1);
    }
    assert!(changed >= 10, "{changed} of 20");
    assert_eq!(planes.hits(0), 20);
    planes.shutdown().await;
}

#[tokio::test]
async fn a_busy_port_and_a_forbidden_upstream_are_named() {
    let taken = std::net::TcpListener::bind(any_port()).expect("a port");
    let mut busy = link(nowhere().await, false);
    busy.listen = taken.local_addr().expect("an address");
    let error = Planes::bind(
        Arc::new(plan(vec![busy.clone()], Vec::new(), Vec::new())),
        Clock::start(),
    );
    let error = error.err().expect("refused");
    assert!(matches!(error, BindError::Link { .. }), "{error}");
    assert!(error.to_string().contains("`a -> b`"), "{error}");
    assert!(
        error.to_string().contains(&busy.listen.to_string()),
        "{error}"
    );

    let away = link("192.0.2.1:80".parse().expect("an address"), false);
    let error = Planes::bind(
        Arc::new(plan(vec![away], Vec::new(), Vec::new())),
        Clock::start(),
    );
    assert!(matches!(error.err(), Some(BindError::Forbidden { .. })));
}
