//! An open connection, whichever protocol it speaks.

use tokio::{net::TcpStream, time::Instant};

use super::{
    exchange::{Answer, Call},
    http1, http2,
    network::Endpoint,
};
use crate::{
    measure::{Injected, Outcome},
    plan::Protocol,
    tls::Stream,
};

/// A connection to a service. Dropping it closes it.
#[derive(Debug)]
pub(super) enum Conn {
    Http1(http1::Conn),
    Http2(http2::Conn),
}

/// When an exchange has timed out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The head of the answer must be there then; `None` = at the deadline.
    pub(super) head: Option<Instant>,
    /// The whole answer must be there then.
    pub(super) deadline: Instant,
}

/// What came of a request on a connection.
#[derive(Debug)]
pub(super) enum Sent {
    /// Nobody has acted on it: the connection had ended before. On a kept connection it can be sent
    /// on another one; on a new one this is the outcome.
    Unsent(Outcome),
    /// It went out.
    Done(Done),
}

/// What came of a request that went out.
#[derive(Debug)]
pub(super) struct Done {
    /// What the response's head says of our faults' part in it.
    pub(super) injected: Injected,
    /// The whole answer, or how it failed.
    pub(super) result: Result<Answer, Outcome>,
}

impl Limits {
    /// Those of a call whose writing begins now.
    pub(super) fn of(call: &Call<'_>) -> Self {
        Self {
            head: call.first_byte_timeout.map(|limit| Instant::now() + limit),
            deadline: call.deadline,
        }
    }

    /// When the head of the answer must be there.
    pub(super) fn head(self) -> Instant {
        self.head
            .map_or(self.deadline, |head| head.min(self.deadline))
    }
}

impl Conn {
    /// Speaks the endpoint's protocol over an open stream; nothing is asked yet.
    pub(super) async fn over(
        stream: Stream<TcpStream>,
        endpoint: &Endpoint,
    ) -> Result<Self, Outcome> {
        match endpoint.protocol {
            Protocol::Http1 => Ok(Self::Http1(http1::Conn::over(stream))),
            Protocol::Http2 { .. } => {
                if stream.protocol().is_some_and(|agreed| agreed != b"h2") {
                    return Err(Outcome::Protocol);
                }
                http2::Conn::over(stream).await.map(Self::Http2)
            }
        }
    }

    /// Whether another request may be tried on it.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Http1(conn) => conn.is_open(),
            Self::Http2(conn) => conn.is_open(),
        }
    }

    /// Sends a request and reads its answer to the end, within the limits. With `close` it is the
    /// last one.
    pub(super) async fn exchange(
        &mut self,
        endpoint: &Endpoint,
        call: &Call<'_>,
        limits: Limits,
        close: bool,
    ) -> Sent {
        match self {
            Self::Http1(conn) => conn.exchange(&endpoint.constant, call, limits, close).await,
            // larger than the other, and rarer
            Self::Http2(conn) => Box::pin(conn.exchange(endpoint, call, limits)).await,
        }
    }
}
