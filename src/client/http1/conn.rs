//! One HTTP/1.1 connection. It is driven by the task that waits for its answer, so that a request
//! costs one task and no channel between two; an idle one holds no buffer, and is looked at when it
//! is used again.

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout_at,
};

use super::{Constant, Decoder, Progress, Wanted, encode};
use crate::{
    client::{
        conn::{Done, Limits, Sent},
        exchange::{Answer, Call},
        failure,
    },
    measure::{Injected, Outcome},
    scenario::model::Method,
    tls::Stream,
};

/// How much is read at once.
const READ: usize = 64 << 10;
/// A body up to here is sent in one piece with its head.
const SMALL_BODY: usize = 16 << 10;

thread_local! {
    /// Shared by all connections of a thread, and used only while none of them waits.
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        input: vec![0; READ].into(),
        output: Vec::new(),
    });
}

struct Scratch {
    input: Box<[u8]>,
    output: Vec<u8>,
}

/// A connection that takes one request at a time. Dropping it closes it.
#[derive(Debug)]
pub(in crate::client) struct Conn<S = Stream<TcpStream>> {
    stream: S,
    open: bool,
    used: bool,
}

/// How a request ended before its answer did.
enum Ended {
    /// Nothing of it went out.
    Unsent(Outcome),
    /// Something of it may have gone out.
    Sent(Outcome),
}

/// A request under way.
struct Work<'a> {
    constant: &'a Constant,
    call: &'a Call<'a>,
    close: bool,
    begun: bool,
    /// What of the head (and a small body) is not written yet, from `written` on.
    head: Vec<u8>,
    written: usize,
    /// What of a large body is not written yet.
    body: Bytes,
    flushed: bool,
    /// Why writing ended before all was written.
    broken: Option<Outcome>,
    decoder: Decoder,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conn<S> {
    /// HTTP/1.1 over an open stream; nothing is sent yet.
    pub(in crate::client) const fn over(stream: S) -> Self {
        Self {
            stream,
            open: true,
            used: false,
        }
    }

    /// Whether another request may be tried on it.
    pub(in crate::client) const fn is_open(&self) -> bool {
        self.open
    }

    /// Sends a request and reads its answer to the end. What is too late closes the connection. With
    /// `close` the server is asked to close it after the answer.
    pub(in crate::client) async fn exchange(
        &mut self,
        constant: &Constant,
        call: &Call<'_>,
        limits: Limits,
        close: bool,
    ) -> Sent {
        let mut work = Work::new(constant, call, close);
        let mut until = limits.head();
        let moved = loop {
            let moving = |cx: &mut Context<'_>| {
                SCRATCH.with_borrow_mut(|scratch| self.poll(cx, &mut work, scratch))
            };
            // the timer is not touched when the answer is there at once
            match timeout_at(until, poll_fn(moving)).await {
                Err(_) if until < limits.deadline && work.decoder.head().is_some() => {
                    until = limits.deadline;
                }
                moved => break moved,
            }
        };
        let result = match moved {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Ended::Unsent(outcome))) => {
                self.open = false;
                return Sent::Unsent(outcome);
            }
            Ok(Err(Ended::Sent(outcome))) => Err(outcome),
            Err(_) if work.decoder.head().is_some() => Err(Outcome::TimeoutBody),
            Err(_) => Err(Outcome::TimeoutFirstByte),
        };
        self.open = result.is_ok() && work.is_written() && work.decoder.is_reusable();
        let (head, body) = work.decoder.into_parts();
        let injected = head.as_ref().map_or(Injected::No, |head| head.injected);
        let result = result.and_then(|()| {
            let head = head.ok_or(Outcome::Protocol)?;
            Ok(Answer {
                status: head.status,
                headers: head.headers,
                body: body.into(),
            })
        });
        Sent::Done(Done { injected, result })
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        work: &mut Work<'_>,
        scratch: &mut Scratch,
    ) -> Poll<Result<(), Ended>> {
        if !work.begun {
            // Whatever there is to be read now is no answer to this request: mostly it says that
            // the server has closed an idle connection.
            if self.used && self.read(cx, &mut scratch.input).is_ready() {
                return Poll::Ready(Err(Ended::Unsent(Outcome::ClosedEarly)));
            }
            self.used = true;
            work.begin(&mut scratch.output);
        }
        if let Err(outcome) = self.write(cx, work, &mut scratch.output) {
            return Poll::Ready(Err(Ended::Unsent(outcome)));
        }
        loop {
            let read = match self.read(cx, &mut scratch.input) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(read) => read,
            };
            let ended = match read {
                Ok(0) => Some(work.decoder.close()),
                Ok(length) => match work.decoder.feed(&scratch.input[..length]) {
                    Ok(Progress::More) => None,
                    Ok(Progress::Complete) => Some(Ok(())),
                    Err(_) => Some(Err(Outcome::Protocol)),
                },
                Err(error) => Some(Err(failure::of_stream(&error))),
            };
            if let Some(ended) = ended {
                let outcome = |outcome| match (outcome, work.broken) {
                    // a reset that the write met does not come to the reader a second time
                    (Outcome::ClosedEarly, Some(broken)) => broken,
                    (outcome, _) => outcome,
                };
                return Poll::Ready(ended.map_err(|ended| Ended::Sent(outcome(ended))));
            }
        }
    }

    /// Writes what the stream takes. An error says that it took nothing and never will.
    fn write(
        &mut self,
        cx: &mut Context<'_>,
        work: &mut Work<'_>,
        spare: &mut Vec<u8>,
    ) -> Result<(), Outcome> {
        while work.broken.is_none() && !work.is_written() {
            let stream = Pin::new(&mut self.stream);
            let moved = match work.head.get(work.written..) {
                Some(head) if !head.is_empty() => stream.poll_write(cx, head),
                _ if !work.body.is_empty() => stream.poll_write(cx, &work.body),
                _ => match stream.poll_flush(cx) {
                    Poll::Ready(Ok(())) => {
                        work.flushed = true;
                        *spare = std::mem::take(&mut work.head);
                        return Ok(());
                    }
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                    Poll::Pending => Poll::Pending,
                },
            };
            match moved {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(0)) => work.broken = Some(Outcome::ClosedEarly),
                Poll::Ready(Ok(length)) => work.advance(length),
                Poll::Ready(Err(error)) if work.written == 0 => {
                    return Err(failure::of_stream(&error));
                }
                // the answer may have come all the same
                Poll::Ready(Err(error)) => work.broken = Some(failure::of_stream(&error)),
            }
        }
        Ok(())
    }

    fn read(&mut self, cx: &mut Context<'_>, input: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(input);
        let read = Pin::new(&mut self.stream).poll_read(cx, &mut buffer);
        read.map_ok(|()| buffer.filled().len())
    }
}

impl<'a> Work<'a> {
    fn new(constant: &'a Constant, call: &'a Call<'a>, close: bool) -> Self {
        Self {
            constant,
            call,
            close,
            begun: false,
            head: Vec::new(),
            written: 0,
            body: Bytes::new(),
            flushed: false,
            broken: None,
            decoder: Decoder::new(Wanted {
                head: call.method == Method::Head,
                headers: call.keep_headers,
                body: call.keep_body,
            }),
        }
    }

    /// Writes the request into memory: that of the thread, as long as nothing has to wait.
    fn begin(&mut self, spare: &mut Vec<u8>) {
        self.begun = true;
        self.head = std::mem::take(spare);
        self.head.clear();
        encode(self.constant, self.call, self.close, &mut self.head);
        if let Some(body) = &self.call.body {
            if body.len() <= SMALL_BODY {
                self.head.extend_from_slice(body);
            } else {
                self.body = body.clone();
            }
        }
    }

    const fn is_written(&self) -> bool {
        self.flushed
    }

    fn advance(&mut self, length: usize) {
        if self.written < self.head.len() {
            self.written += length;
        } else {
            self.body.advance(length);
        }
    }
}
