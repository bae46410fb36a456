//! The thin shell around two chains: reads, asks, writes.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Duration, Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    chain::Chain,
    posting::Posting,
    toxics::{End, Item},
    traffic::Traffic,
};
use crate::{fault::board::Board, scenario::model::TcpStream as Direction};

/// Size of a read.
const CHUNK: usize = 16 << 10;
/// How long a client may still talk after an HTTP server has closed: closing at once would reset
/// the connection and could destroy the answer under way (RFC 9112 section 9.6).
const LINGER: Duration = Duration::from_secs(1);

/// One connection's place on its link.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) board: &'a Board<Posting>,
    pub(super) traffic: &'a Traffic,
    /// Its number, in order of arrival.
    pub(super) number: u64,
    /// The server's side is the HTTP proxy in this process, which closes as a whole.
    pub(super) http: bool,
}

/// What the HTTP proxy and the relay in front of it tell each other about one connection.
#[derive(Debug, Default)]
pub(in crate::fault) struct Fate {
    reset: AtomicBool,
    /// The client has closed (its side of) the connection.
    pub(in crate::fault) gone: CancellationToken,
}

impl Fate {
    /// The connection shall end with a reset, as the one behind it did.
    pub(in crate::fault) fn reset(&self) {
        self.reset.store(true, Relaxed);
    }
}

/// Who has read its last byte.
#[derive(Default)]
struct Ends {
    client: AtomicBool,
    server: AtomicBool,
    both: CancellationToken,
}

impl Ends {
    fn mark(&self, direction: Direction) {
        let (mine, other) = match direction {
            Direction::Upstream => (&self.client, &self.server),
            Direction::Downstream => (&self.server, &self.client),
        };
        mine.store(true, Relaxed);
        if other.load(Relaxed) {
            self.both.cancel();
        }
    }
}

/// Relays until both directions have ended.
///
/// # Errors
/// How the sockets must be closed, when it ends otherwise.
pub(super) async fn relay<C, S>(
    client: &mut C,
    server: &mut S,
    place: Place<'_>,
    fate: &Fate,
) -> Result<(), End>
where
    C: AsyncRead + AsyncWrite + Unpin + Send,
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (from_client, to_client) = tokio::io::split(client);
    let (from_server, to_server) = tokio::io::split(server);
    let ends = Ends::default();
    let up = pump(
        Direction::Upstream,
        from_client,
        to_server,
        place,
        &ends,
        fate,
    );
    let down = async {
        let direction = Direction::Downstream;
        pump(direction, from_server, to_client, place, &ends, fate).await?;
        if !place.http {
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(LINGER) => {}
            () = ends.both.cancelled() => {}
        }
        Err(End::Close)
    };
    tokio::try_join!(up, down).map(|_| ())
}

async fn pump<R, W>(
    direction: Direction,
    mut reader: R,
    mut writer: W,
    place: Place<'_>,
    ends: &Ends,
    fate: &Fate,
) -> Result<(), End>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    let flow = place.traffic.flow(direction);
    let mut posted = place.board.subscribe();
    let mut chain = Chain::default();
    let mut buffer = BytesMut::new();
    let mut writing = Bytes::new();
    let mut reading = true;
    // the HTTP proxy hung up: what the client still says goes nowhere
    let mut deaf = false;
    settle(&mut chain, &mut posted, direction, place)?;
    loop {
        chain.advance(Instant::now())?;
        while writing.is_empty() {
            match chain.pop() {
                None => break,
                Some(Item::Data(_)) if deaf => {}
                Some(Item::Data(bytes)) => writing = bytes,
                Some(Item::Close) => return Err(End::Close),
                Some(Item::Eof) => {
                    // a peer that is gone already shows in the other direction
                    let _ = writer.shutdown().await;
                    if direction == Direction::Upstream {
                        fate.gone.cancel();
                    }
                    return Ok(());
                }
            }
        }
        let deadline = chain.deadline();
        let room = chain.has_room();
        if reading && room && buffer.capacity() - buffer.len() < CHUNK / 4 {
            buffer.reserve(CHUNK);
        }
        tokio::select! {
            // what was posted before a byte came acts on it
            biased;
            changed = posted.changed() => {
                changed.map_err(|_| End::Close)?;
                settle(&mut chain, &mut posted, direction, place)?;
            }
            written = writer.write_buf(&mut writing), if !writing.is_empty() => match written {
                Ok(n) if n > 0 => flow.went(n),
                _ if place.http && direction == Direction::Upstream => {
                    writing.clear();
                    deaf = true;
                }
                _ => return Err(End::Reset),
            },
            read = reader.read_buf(&mut buffer), if reading && room => {
                flow.came(buffer.len());
                reading = take(read, &mut buffer, &mut chain, direction, fate)?;
                if !reading {
                    ends.mark(direction);
                }
            }
            () = until(deadline), if deadline.is_some() => {}
            // nobody can say anything more, and what was said is lost
            () = ends.both.cancelled(), if !reading && chain.loses() => return Err(End::Close),
        }
    }
}

/// Hands what was read to the chain; whether there may be more.
fn take(
    read: io::Result<usize>,
    buffer: &mut BytesMut,
    chain: &mut Chain,
    direction: Direction,
    fate: &Fate,
) -> Result<bool, End> {
    let now = Instant::now();
    match read {
        Ok(0) if direction == Direction::Downstream && fate.reset.load(Relaxed) => Err(End::Reset),
        Ok(0) => chain.push(Item::Eof, now).map(|()| false),
        Ok(_) => chain
            .push(Item::Data(buffer.split().freeze()), now)
            .map(|()| true),
        // a reset on one side is passed on to the other
        Err(_) => Err(End::Reset),
    }
}

/// Makes the chain what is posted for this connection and direction.
fn settle(
    chain: &mut Chain,
    posted: &mut tokio::sync::watch::Receiver<crate::fault::board::Posted<Posting>>,
    direction: Direction,
    place: Place<'_>,
) -> Result<(), End> {
    let list = posted.borrow_and_update().clone();
    let mut wanted = Vec::new();
    for posting in list.iter().filter(|posting| posting.holds(place.number)) {
        // one direction decides, so that a connection is counted once
        if posting.cuts() && direction == Direction::Upstream {
            posting.met();
            return Err(End::Reset);
        }
        if posting.acts_on(direction) {
            wanted.push(std::sync::Arc::clone(posting));
        }
    }
    drop(list);
    let now = Instant::now();
    chain.settle(
        &wanted,
        now,
        |posting| posting.build(place.number, direction, now),
        |posting, toxic| posting.change(toxic, place.number, direction, now),
    )
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
