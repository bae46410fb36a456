//! One direction of a connection between two sockets on which no toxic acts: bytes go on as they come.

use std::{
    io,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncWrite, Interest},
    net::tcp::{ReadHalf, WriteHalf},
};

use super::{
    aside::Aside,
    pipe::Pipe,
    relay::{Turn, Way},
    scratch,
    toxics::End,
    traffic::Flow,
};

/// A piece that is worth a pipe: below, to copy it costs less than to hand over its pages.
const LARGE: usize = 8 << 10;
/// So many small pieces in a row end a stream: the head of an answer often comes by itself.
const PATIENCE: u8 = 3;

/// Passes on what comes until the direction has ended, or something else is posted.
///
/// # Errors
/// How the sockets must be closed, when it ends otherwise.
pub(super) async fn plain(
    way: &mut Way<'_>,
    reader: &mut ReadHalf<'_>,
    writer: &mut WriteHalf<'_>,
) -> Result<Turn, End> {
    let mut mover = Mover {
        flow: way.place.traffic.flow(way.direction),
        rest: Rest::Bytes(std::mem::take(&mut way.rest)),
        stream: 0,
    };
    let turn = {
        let changed = pin!(way.posted.changed());
        let mut changed = Aside::new(changed);
        let (reading, ends, direction) = (&mut way.reading, way.ends, way.direction);
        std::future::poll_fn(|cx| {
            loop {
                // what was posted before a byte came acts on it
                if let Poll::Ready(changed) = Pin::new(&mut changed).poll(cx) {
                    return Poll::Ready(changed.map(|()| Turn::Switch).map_err(|_| End::Close));
                }
                ready!(mover.poll_pass_on(cx, writer))?;
                if *reading {
                    *reading = ready!(mover.poll_take(cx, reader, writer))?;
                    if !*reading {
                        ends.mark(direction);
                    }
                } else {
                    if !ends.is_last() {
                        // a peer that is gone already shows in the other direction
                        let _ = ready!(Pin::new(&mut *writer).poll_shutdown(cx));
                    }
                    return Poll::Ready(Ok(Turn::Over));
                }
            }
        })
        .await?
    };
    way.rest = mover.rest.into_bytes().map_err(|_| End::Reset)?;
    Ok(turn)
}

struct Mover<'a> {
    flow: &'a Flow,
    rest: Rest,
    /// Not 0 while large pieces come: then they go through a pipe.
    stream: u8,
}

/// What came and has not gone on yet.
enum Rest {
    Bytes(Bytes),
    Piped(Pipe),
}

impl Rest {
    const NOTHING: Self = Self::Bytes(Bytes::new());

    fn into_bytes(self) -> io::Result<Bytes> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Piped(pipe) => pipe.drain().map(Bytes::from),
        }
    }
}

impl Mover<'_> {
    /// Passes on what came.
    fn poll_pass_on(
        &mut self,
        cx: &mut Context<'_>,
        writer: &mut WriteHalf<'_>,
    ) -> Poll<Result<(), End>> {
        match &mut self.rest {
            Rest::Bytes(bytes) => {
                while !bytes.is_empty() {
                    let written = ready!(Pin::new(&mut *writer).poll_write(cx, bytes));
                    let written = written.map_err(|_| End::Reset)?;
                    self.flow.went(written);
                    bytes.advance(written);
                }
            }
            Rest::Piped(pipe) => {
                let to = writer.as_ref();
                while pipe.holds() > 0 {
                    ready!(to.poll_write_ready(cx)).map_err(|_| End::Reset)?;
                    match to.try_io(Interest::WRITABLE, || pipe.pass_on(to)) {
                        Ok(passed) => self.flow.went(passed),
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(_) => return Poll::Ready(Err(End::Reset)),
                    }
                }
                // the pipe is free for others
                self.rest = Rest::NOTHING;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Takes in what is there, when nothing is left to pass on; whether there may be more. A reset on
    /// one side is passed on to the other.
    fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut ReadHalf<'_>,
        writer: &mut WriteHalf<'_>,
    ) -> Poll<Result<bool, End>> {
        let came = if self.stream > 0 {
            ready!(self.poll_pipe(cx, reader))
        } else {
            None
        };
        let came = match came {
            Some(came) => came,
            None => ready!(scratch::poll_read(cx, reader, |cx, bytes| {
                self.rest = pass_at_once(cx, writer, bytes, self.flow);
                bytes.len()
            })),
        };
        let came = came.map_err(|_| End::Reset)?;
        self.flow.came(came);
        self.stream = if came >= LARGE {
            PATIENCE
        } else {
            self.stream.saturating_sub(1)
        };
        Poll::Ready(Ok(came > 0))
    }

    /// Takes it into a pipe; `None` when there is none to borrow.
    fn poll_pipe(
        &mut self,
        cx: &mut Context<'_>,
        reader: &ReadHalf<'_>,
    ) -> Poll<Option<io::Result<usize>>> {
        let from = reader.as_ref();
        loop {
            if let Err(error) = ready!(from.poll_read_ready(cx)) {
                return Poll::Ready(Some(Err(error)));
            }
            let Some(mut pipe) = Pipe::borrow() else {
                return Poll::Ready(None);
            };
            match from.try_io(Interest::READABLE, || pipe.fill(from)) {
                Ok(came) => {
                    self.rest = Rest::Piped(pipe);
                    return Poll::Ready(Some(Ok(came)));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}

/// Mostly the receiver takes it, and nothing has to be kept. What is wrong with it shows when the rest is
/// written.
fn pass_at_once(
    cx: &mut Context<'_>,
    writer: &mut WriteHalf<'_>,
    bytes: &[u8],
    flow: &Flow,
) -> Rest {
    if bytes.is_empty() {
        return Rest::NOTHING;
    }
    let written = match Pin::new(writer).poll_write(cx, bytes) {
        Poll::Ready(Ok(written)) => written,
        Poll::Ready(Err(_)) | Poll::Pending => 0,
    };
    flow.went(written);
    Rest::Bytes(Bytes::copy_from_slice(&bytes[written..]))
}

#[cfg(test)]
mod tests;
