//! The way to a client, which tells when everything said so far has left, and says things in between.
//!
//! When a body ends with an error hyper drops what it has not written yet, even the head. So a body
//! that ends too early on purpose waits here until what it has given is out.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// What a client that speaks HTTP/2 says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Counts how often everything was written out.
#[derive(Debug, Default)]
pub(super) struct Wire {
    flushes: AtomicU64,
    /// Those who wait for the next time; on HTTP/2 there may be several.
    waiting: Mutex<Vec<Waker>>,
    /// What is to be written when all that hyper has is out.
    interim: Mutex<VecDeque<Bytes>>,
}

impl Wire {
    /// How often so far.
    pub(super) fn flushes(&self) -> u64 {
        self.flushes.load(Relaxed)
    }

    /// Whether it happened after it had happened `before` times; who asks is woken then.
    pub(super) fn poll_flushed(&self, cx: &Context<'_>, before: u64) -> Poll<()> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.flushes() > before {
            return Poll::Ready(());
        }
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Has this written as soon as all that hyper has is out.
    pub(super) fn say(&self, bytes: Bytes) {
        self.interim().push_back(bytes);
    }

    /// Waits until all of it is written.
    pub(super) async fn said(&self) {
        std::future::poll_fn(|cx| {
            let before = self.flushes();
            match self.interim().is_empty() {
                true => Poll::Ready(()),
                false => match self.poll_flushed(cx, before) {
                    // it was flushed meanwhile: look again
                    Poll::Ready(()) => {
                        cx.waker().wake_by_ref();
                        Poll::Pending
                    }
                    Poll::Pending => Poll::Pending,
                },
            }
        })
        .await;
    }

    fn interim(&self) -> MutexGuard<'_, VecDeque<Bytes>> {
        self.interim.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flushed(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.flushes.fetch_add(1, Relaxed);
        for waker in waiting.drain(..) {
            waker.wake();
        }
    }
}

/// A stream whose flushes are counted. hyper flushes it when it has written out all that it has.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    wire: Arc<Wire>,
    /// Read ahead, and not yet given out.
    ahead: BytesMut,
    /// What is left of what is being said in between.
    saying: Bytes,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S) -> (Self, Arc<Wire>) {
        let wire = Arc::new(Wire::default());
        let shared = Arc::clone(&wire);
        let watched = Self {
            stream,
            wire,
            ahead: BytesMut::new(),
            saying: Bytes::new(),
        };
        (watched, shared)
    }
}

impl<S: AsyncRead + Unpin> Watched<S> {
    /// Whether what comes is HTTP/2 by prior knowledge (RFC 9113 section 3.4); nothing of it is
    /// lost.
    ///
    /// # Errors
    /// When nothing can be read.
    pub(super) async fn speaks_http2(&mut self) -> io::Result<bool> {
        loop {
            let seen = self.ahead.len().min(PREFACE.len());
            if self.ahead[..seen] != PREFACE[..seen] {
                return Ok(false);
            }
            if seen == PREFACE.len() {
                return Ok(true);
            }
            if self.stream.read_buf(&mut self.ahead).await? == 0 {
                return Ok(false);
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Watched<S> {
    /// Ends what was begun to be said in between.
    fn poll_say(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.saying.is_empty() {
            let n = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.saying))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.saying.advance(n);
            if self.saying.is_empty() {
                self.wire.interim().pop_front();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let most = self.ahead.len().min(buffer.remaining());
            buffer.put_slice(&self.ahead.split_to(most));
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_say(cx))?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_say(cx))?;
            // it stays in its line until it is written
            let next = self.wire.interim().front().cloned();
            match next {
                Some(next) => self.saying = next,
                None => break,
            }
        }
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        self.wire.flushed();
        Poll::Ready(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_say(cx))?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
