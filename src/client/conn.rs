//! One HTTP/1.1 connection. It is driven by the task that waits for its answer, so that a request
//! costs one task and no channel between two; an idle one is looked at when it is used again.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::http1::{Connection, SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout_at};

use super::{
    dial::Stream,
    exchange::{Answer, FAULT_HEADER, KEPT_BODY},
    failure,
};
use crate::measure::Outcome;

/// A connection that takes one request at a time. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Conn {
    sender: SendRequest<Full<Bytes>>,
    driver: Driver,
    used: bool,
    progress: Progress,
}

/// How far the last exchange came, for when it is cut off.
#[derive(Debug, Default)]
struct Progress {
    head_came: bool,
    injected: bool,
}

/// The half of a connection that reads and writes; gone once the connection has ended.
#[derive(Debug)]
struct Driver {
    connection: Option<Connection<TokioIo<Stream>, Full<Bytes>>>,
    error: Option<hyper::Error>,
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
pub(super) enum Sent {
    /// Nothing of it went out: the connection had ended before. On a kept connection it can be
    /// sent on another one; on a new one this is the outcome.
    Unsent(Request<Full<Bytes>>, Outcome),
    /// It went out.
    Done(Done),
}

/// What came of a request that went out.
pub(super) struct Done {
    /// The response bore the mark of a fault of ours.
    pub(super) injected: bool,
    /// The whole answer, or how it failed.
    pub(super) result: Result<Answer, Outcome>,
}

impl Conn {
    /// HTTP/1.1 over an open stream; nothing is sent yet.
    pub(super) async fn over(io: TokioIo<Stream>) -> Result<Self, Outcome> {
        let (sender, connection) = handshake(io)
            .await
            .map_err(|error| failure::of_http(&error))?;
        Ok(Self {
            sender,
            driver: Driver {
                connection: Some(connection),
                error: None,
            },
            used: false,
            progress: Progress::default(),
        })
    }

    /// Whether another request may be tried on it.
    pub(super) const fn is_open(&self) -> bool {
        self.driver.connection.is_some()
    }

    /// Sends a request and reads its answer to the end. What is too late closes the connection.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        limits: Limits,
        keep_body: bool,
    ) -> Sent {
        self.progress = Progress::default();
        let work = self.exchange_untimed(request, limits.head, keep_body);
        if let Ok(sent) = timeout_at(limits.deadline, work).await {
            if matches!(&sent, Sent::Done(Done { result: Err(_), .. })) {
                self.driver.connection = None;
            }
            return sent;
        }
        self.driver.connection = None;
        let late = if self.progress.head_came {
            Outcome::TimeoutBody
        } else {
            Outcome::TimeoutFirstByte
        };
        Sent::Done(Done {
            injected: self.progress.injected,
            result: Err(late),
        })
    }

    async fn exchange_untimed(
        &mut self,
        request: Request<Full<Bytes>>,
        head_by: Option<Instant>,
        keep_body: bool,
    ) -> Sent {
        let Self {
            sender,
            driver,
            used,
            progress,
        } = self;
        if *used && driver.while_driven(sender.ready()).await.is_err() {
            driver.connection = None;
            return Sent::Unsent(request, Outcome::ClosedEarly);
        }
        *used = true;
        let response = driver.while_driven(sender.try_send_request(request));
        let response = match head_by {
            // a timer of its own only where one is wanted
            Some(limit) => timeout_at(limit, response).await,
            None => Ok(response.await),
        };
        let Ok(response) = response else {
            driver.connection = None;
            return Sent::Done(Done {
                injected: false,
                result: Err(Outcome::TimeoutFirstByte),
            });
        };
        let response = match response {
            Ok(response) => response,
            Err(mut error) => {
                let unsent = error.take_message();
                let outcome = driver.outcome(&error.into_error());
                driver.connection = None;
                return match unsent {
                    Some(request) => Sent::Unsent(request, outcome),
                    None => Sent::Done(Done {
                        injected: false,
                        result: Err(outcome),
                    }),
                };
            }
        };
        progress.head_came = true;
        let injected = response.headers().contains_key(FAULT_HEADER);
        progress.injected = injected;
        let result = driver.read(response, keep_body).await;
        driver.settle().await;
        Sent::Done(Done { injected, result })
    }
}

impl Driver {
    /// Waits for `future` and moves the connection meanwhile.
    async fn while_driven<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if let Some(connection) = &mut self.connection
                && let Poll::Ready(ended) = Pin::new(connection).poll(cx)
            {
                self.connection = None;
                self.error = ended.err();
            }
            future.as_mut().poll(cx)
        })
        .await
    }

    async fn read(
        &mut self,
        response: Response<Incoming>,
        keep_body: bool,
    ) -> Result<Answer, Outcome> {
        let (head, mut body) = response.into_parts();
        let mut kept = BytesMut::new();
        while let Some(frame) = self.while_driven(body.frame()).await {
            let frame = frame.map_err(|error| self.outcome(&error))?;
            if keep_body && let Some(data) = frame.data_ref() {
                let room = KEPT_BODY - kept.len();
                kept.extend_from_slice(&data[..data.len().min(room)]);
            }
        }
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: kept.freeze(),
        })
    }

    /// Lets the connection notice the end of the answer, and whether it is to be closed now.
    async fn settle(&mut self) {
        self.while_driven(async {}).await;
    }

    /// The outcome of an error; the connection's own error knows more than 'cancelled' does.
    fn outcome(&self, error: &hyper::Error) -> Outcome {
        match &self.error {
            Some(own) if error.is_canceled() || error.is_closed() => failure::of_http(own),
            _ => failure::of_http(error),
        }
    }
}
