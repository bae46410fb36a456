//! Connections to the API, and how long each part of a conversation may take: who is slow on purpose
//! holds nobody else up for ever.

use std::{
    io,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Sleep, sleep},
};
use tokio_util::sync::CancellationToken;

/// How long things may take at the API. By default what Toxiproxy allows (2.12: its `ReadTimeout`,
/// `WriteTimeout` and `TimeoutHandler`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// A request's head, and then its body, to come; and the next request, on a connection that is
    /// kept (where Toxiproxy waits for 60 s).
    pub read: Duration,
    /// A client to take some of an answer.
    pub write: Duration,
    /// A request to be done; then the answer is 503, and it is done nevertheless.
    pub answer: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            read: Duration::from_secs(15),
            write: Duration::from_secs(30),
            answer: Duration::from_secs(25),
        }
    }
}

/// Serves until told to stop; then ends with the requests that are under way.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    times: Times,
    stop: CancellationToken,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let (router, stop) = (router.clone(), stop.clone());
                    connections.spawn(converse(stream, router, times, stop));
                }
                // no descriptors left, perhaps
                Err(_) => sleep(Duration::from_millis(10)).await,
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn converse(stream: TcpStream, router: Router, times: Times, stop: CancellationToken) {
    // without it answers are late, not wrong
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(Patient {
        stream,
        within: times.write,
        stalled: None,
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(times.read);
    let connection = builder.serve_connection(io, TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    // how a connection ends is its client's business
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// A connection that is given up when its client takes nothing for too long.
struct Patient {
    stream: TcpStream,
    within: Duration,
    /// Since nothing could be written.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let within = self.within;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(within)));
        let over = stalled.as_mut().poll(cx);
        over.map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.watch(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
