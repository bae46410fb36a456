//! The thin shell around two chains: reads, asks, writes.

use std::{
    future::poll_fn,
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::Context,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

use super::{
    alarm,
    aside::Aside,
    chain::Chain,
    plain::plain,
    posting::Posting,
    scratch,
    toxics::{End, Item},
    traffic::{Flow, Traffic},
};
use crate::{
    fault::board::{Board, Posted},
    scenario::model::TcpStream as Direction,
};

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
pub(super) struct Ends {
    client: AtomicBool,
    server: AtomicBool,
    both: CancellationToken,
    /// One direction has passed on all that it had.
    one_over: AtomicBool,
}

impl Ends {
    /// A direction has passed on all but its end; whether it is the last one to do so: then the sockets
    /// are closed next, and need no half-close before.
    pub(super) fn is_last(&self) -> bool {
        self.one_over.swap(true, Relaxed)
    }

    /// That direction's sender has finished.
    pub(super) fn mark(&self, direction: Direction) {
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

/// One direction of a connection, whichever way its bytes go on.
pub(super) struct Way<'a> {
    pub(super) direction: Direction,
    pub(super) place: Place<'a>,
    pub(super) ends: &'a Ends,
    fate: &'a Fate,
    pub(super) posted: watch::Receiver<Posted<Posting>>,
    /// What came, has passed every toxic, and has not gone on yet.
    pub(super) rest: Bytes,
    /// Its sender has not finished.
    pub(super) reading: bool,
}

/// Why one manner of passing bytes on stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// The direction has ended.
    Over,
    /// The other manner goes on.
    Switch,
}

impl<'a> Way<'a> {
    /// One that has not begun.
    pub(super) fn new(
        direction: Direction,
        place: Place<'a>,
        ends: &'a Ends,
        fate: &'a Fate,
    ) -> Self {
        Self {
            direction,
            place,
            ends,
            fate,
            posted: place.board.subscribe(),
            rest: Bytes::new(),
            reading: true,
        }
    }

    /// What is posted for this connection and direction.
    ///
    /// # Errors
    /// A reset, when the link is down for this connection.
    fn wanted(&mut self) -> Result<Vec<Arc<Posting>>, End> {
        let list = self.posted.borrow_and_update();
        let mut wanted = Vec::new();
        for posting in list
            .iter()
            .filter(|posting| posting.holds(self.place.number))
        {
            // one direction decides, so that a connection is counted once
            if posting.cuts() && self.direction == Direction::Upstream {
                posting.met();
                return Err(End::Reset);
            }
            if posting.acts_on(self.direction) {
                wanted.push(Arc::clone(posting));
            }
        }
        Ok(wanted)
    }

    /// Makes the chain what is posted.
    fn settle(&mut self, chain: &mut Chain) -> Result<(), End> {
        let (number, direction) = (self.place.number, self.direction);
        let wanted = self.wanted()?;
        let now = Instant::now();
        chain.settle(
            &wanted,
            now,
            |posting| posting.build(number, direction, now),
            |posting, toxic| posting.change(toxic, number, direction, now),
        )
    }
}

/// Relays between two sockets until both directions have ended.
///
/// # Errors
/// How the sockets must be closed, when it ends otherwise.
pub(super) async fn relay_sockets(
    client: &mut TcpStream,
    server: &mut TcpStream,
    place: Place<'_>,
) -> Result<(), End> {
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let (ends, fate) = (Ends::default(), Fate::default());
    let up = Way::new(Direction::Upstream, place, &ends, &fate);
    let down = Way::new(Direction::Downstream, place, &ends, &fate);
    let up = pin!(pass(up, from_client, to_server));
    let down = pin!(pass(down, from_server, to_client));
    // bytes that come on one are nothing to the other
    tokio::try_join!(Aside::new(up), Aside::new(down)).map(|_| ())
}

/// Passes on what comes on one direction, through toxics while there are any.
async fn pass(
    mut way: Way<'_>,
    mut reader: ReadHalf<'_>,
    mut writer: WriteHalf<'_>,
) -> Result<(), End> {
    loop {
        let turn = if way.wanted()?.is_empty() {
            plain(&mut way, &mut reader, &mut writer).await?
        } else {
            // connections without toxics need no room for it
            Box::pin(pump(&mut way, &mut reader, &mut writer, true)).await?
        };
        if turn == Turn::Over {
            return Ok(());
        }
    }
}

/// Relays between anything and anything until both directions have ended.
///
/// # Errors
/// How both must be closed, when it ends otherwise.
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
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_server, mut to_server) = tokio::io::split(server);
    let ends = Ends::default();
    let mut up = Way::new(Direction::Upstream, place, &ends, fate);
    let mut down = Way::new(Direction::Downstream, place, &ends, fate);
    let up = pump(&mut up, &mut from_client, &mut to_server, false);
    let down = async {
        pump(&mut down, &mut from_server, &mut to_client, false).await?;
        if !place.http {
            return Ok(Turn::Over);
        }
        tokio::select! {
            () = tokio::time::sleep(LINGER) => {}
            () = ends.both.cancelled() => {}
        }
        Err(End::Close)
    };
    tokio::try_join!(up, down).map(|_| ())
}

/// Passes on what comes through the chain of toxics, until the direction has ended or, where bytes
/// `may_go_plain`, until no toxic is left and nothing is held.
async fn pump<R, W>(
    way: &mut Way<'_>,
    reader: &mut R,
    writer: &mut W,
    may_go_plain: bool,
) -> Result<Turn, End>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    let Place { traffic, http, .. } = way.place;
    let (direction, ends, fate) = (way.direction, way.ends, way.fate);
    let flow = traffic.flow(direction);
    let mut chain = Chain::default();
    // the HTTP proxy hung up: what the client still says goes nowhere
    let mut deaf = false;
    way.settle(&mut chain)?;
    if !way.reading {
        chain.push(Item::Eof, Instant::now())?;
    }
    loop {
        chain.advance(Instant::now())?;
        while way.rest.is_empty() {
            match chain.pop() {
                None => break,
                Some(Item::Data(_)) if deaf => {}
                Some(Item::Data(bytes)) => way.rest = bytes,
                Some(Item::Close) => return Err(End::Close),
                Some(Item::Eof) => {
                    // a peer that is gone already shows in the other direction
                    let _ = writer.shutdown().await;
                    if direction == Direction::Upstream {
                        fate.gone.cancel();
                    }
                    return Ok(Turn::Over);
                }
            }
        }
        if may_go_plain && chain.is_idle() {
            return Ok(Turn::Switch);
        }
        let deadline = chain.deadline();
        let room = chain.has_room();
        tokio::select! {
            // what was posted before a byte came acts on it
            biased;
            changed = way.posted.changed() => {
                changed.map_err(|_| End::Close)?;
                way.settle(&mut chain)?;
            }
            written = writer.write_buf(&mut way.rest), if !way.rest.is_empty() => match written {
                Ok(n) if n > 0 => flow.went(n),
                _ if http && direction == Direction::Upstream => {
                    way.rest.clear();
                    deaf = true;
                }
                _ => return Err(End::Reset),
            },
            read = read(reader), if way.reading && room => {
                way.reading = take(read, flow, &mut chain, direction, fate)?;
                if !way.reading {
                    ends.mark(direction);
                }
            }
            () = until(deadline), if deadline.is_some() => {}
            // nobody can say anything more, and what was said is lost
            () = ends.both.cancelled(), if !way.reading && chain.loses() => {
                return Err(End::Close);
            }
        }
    }
}

/// What comes next; nothing is the end.
async fn read<R: AsyncRead + Unpin>(reader: &mut R) -> io::Result<Bytes> {
    let copy = |_: &mut Context<'_>, bytes: &[u8]| Bytes::copy_from_slice(bytes);
    poll_fn(|cx| scratch::poll_read(cx, reader, copy)).await
}

/// Hands what was read to the chain; whether there may be more.
fn take(
    read: io::Result<Bytes>,
    flow: &Flow,
    chain: &mut Chain,
    direction: Direction,
    fate: &Fate,
) -> Result<bool, End> {
    let now = Instant::now();
    match read {
        Ok(bytes) if bytes.is_empty() => {
            if direction == Direction::Downstream && fate.reset.load(Relaxed) {
                return Err(End::Reset);
            }
            chain.push(Item::Eof, now).map(|()| false)
        }
        Ok(bytes) => {
            flow.came(bytes.len());
            chain.push(Item::Data(bytes), now).map(|()| true)
        }
        // a reset on one side is passed on to the other
        Err(_) => Err(End::Reset),
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => alarm::until(at).await,
        None => std::future::pending().await,
    }
}
