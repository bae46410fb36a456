//! From a service to an open stream.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::client::TlsStream;

use super::{
    conn::{Conn, Done, Limits, Sent},
    exchange::{Answer, Call},
    failure,
    http1::is_target,
    network::Network,
    resolver::VirtualResolver,
};
use crate::{marks::handshake_from, measure::Outcome, plan::ServiceId};

/// An open stream to a service.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Why nothing came of a request, with what people need to know beyond its class.
#[derive(Debug)]
pub(crate) struct Broken {
    /// Its class.
    pub(crate) outcome: Outcome,
    /// The error of a TLS handshake.
    pub(crate) handshake: Option<io::Error>,
    /// It was a fault of ours.
    pub(crate) injected: bool,
}

impl From<Outcome> for Broken {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            handshake: None,
            injected: false,
        }
    }
}

/// Connects, and shakes hands where the service speaks TLS.
pub(super) async fn open(
    network: &Network,
    service: ServiceId,
    addr: SocketAddr,
    deadline: Instant,
) -> Result<Conn, Broken> {
    let work = async {
        let tcp = network.sources.connect(addr).await;
        let tcp = tcp.map_err(|error| failure::of_connect(&error))?;
        // a failure here (the peer is gone again) shows itself in the first write
        let _ = tcp.set_nodelay(true);
        let endpoint = network.endpoint(service);
        let Some((tls, link)) = endpoint.tls_at(addr) else {
            return Ok(Conn::over(Stream::Plain(tcp), endpoint).await?);
        };
        let own = tcp.local_addr().ok().filter(|_| link);
        let tls = tls.connector.connect(tls.name.clone(), tcp).await;
        // whoever does not verify is not hurt, and takes the mark all the same
        let mark = own.and_then(|own| network.marks.take(&handshake_from(own)));
        let tls = tls.map_err(|error| Broken {
            outcome: failure::of_handshake(&error),
            handshake: Some(error),
            injected: mark.is_some(),
        })?;
        Ok(Conn::over(Stream::Tls(Box::new(tls)), endpoint).await?)
    };
    match timeout_at(deadline, work).await {
        Ok(opened) => opened,
        Err(_) => Err(Outcome::TimeoutConnect.into()),
    }
}

/// One request on a connection of its own, past any link of ours, by a fresh resolver. Unlike the
/// load's client it may run on any runtime. Without a call it only connects, and there is no answer.
/// It goes to `addr` where one is given (a launched process listens there).
pub(crate) async fn one_shot(
    network: &Network,
    service: ServiceId,
    addr: Option<SocketAddr>,
    call: Option<Call<'_>>,
    timeout: Duration,
) -> Result<Option<Answer>, Broken> {
    let deadline = Instant::now() + timeout;
    let addr = match addr {
        Some(addr) => network.allow(addr).map(|()| addr)?,
        None => {
            let resolver = VirtualResolver::new(network.resolver_seed(usize::MAX, 0));
            let upstream = network.upstream();
            let found = network.real_address(service, &resolver, &upstream, deadline);
            found.await?
        }
    };
    let mut conn = open(network, service, addr, deadline).await?;
    let Some(call) = call else {
        return Ok(None);
    };
    if !is_target(call.path) {
        return Err(Outcome::Protocol.into());
    }
    let limits = Limits {
        head: None,
        deadline,
    };
    let endpoint = network.endpoint(service);
    match conn.exchange(endpoint, &call, limits, true).await {
        Sent::Unsent(outcome) => Err(outcome.into()),
        Sent::Done(Done { result, .. }) => Ok(Some(result?)),
    }
}

impl Stream {
    /// The protocol that TLS agreed on (ALPN, RFC 7301); on a plain stream none is spoken about.
    pub(super) fn protocol(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => Some(stream.get_ref().1.alpn_protocol().unwrap_or_default()),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
