//! The way to a client, which tells when everything said so far has left.
//!
//! When a body ends with an error hyper drops what it has not written yet, even the head. So a body
//! that ends too early on purpose waits here until what it has given is out.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker, ready},
};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// What a client that speaks HTTP/2 says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Counts how often everything was written out.
#[derive(Debug, Default)]
pub(super) struct Wire {
    flushes: AtomicU64,
    /// Those who wait for the next time; on HTTP/2 there may be several.
    waiting: Mutex<Vec<Waker>>,
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
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S) -> (Self, Arc<Wire>) {
        let wire = Arc::new(Wire::default());
        let shared = Arc::clone(&wire);
        let watched = Self {
            stream,
            wire,
            ahead: BytesMut::new(),
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
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
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
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
