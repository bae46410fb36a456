//! One HTTP/2 connection (RFC 9113), on hyper: any number of requests at once, each on a stream of
//! its own.

use std::{
    error::Error as StdError,
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, Uri,
    body::Incoming,
    client::conn::http2::{Builder, SendRequest},
    header::{CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE},
    http::uri::{Authority, PathAndQuery, Scheme},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::AbortHandle,
    time::timeout_at,
};

use super::{
    conn::{Done, Limits, Sent},
    exchange::{Answer, Call, FAULT_HEADER, KEPT_BODY, MADE_HEADER, REQUEST_HEADER},
    failure,
    network::Endpoint,
};
use crate::{
    measure::{Injected, Outcome},
    scenario::model::Method,
};

/// All headers of a response together may be so long.
const HEADERS: u32 = 64 << 10;

/// A connection that takes many requests at once. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Conn {
    sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
    /// The server has said that it is about to close it.
    leaving: AtomicBool,
}

impl Conn {
    /// HTTP/2 over an open stream, by prior knowledge (RFC 9113 section 3.3). The server's settings
    /// are not waited for.
    pub(super) async fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<Self, Outcome> {
        let (sender, connection) = Builder::new(TokioExecutor::new())
            .max_header_list_size(HEADERS)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| of_http2(&error))?;
        // its end shows itself in the requests on it
        let driver = tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            driver: driver.abort_handle(),
            leaving: AtomicBool::new(false),
        })
    }

    /// Whether another request may be tried on it.
    pub(super) fn is_open(&self) -> bool {
        !self.leaving.load(Ordering::Relaxed) && !self.sender.is_closed()
    }

    /// Sends a request and reads its answer to the end. What is too late has its stream reset, and
    /// the connection goes on.
    pub(super) async fn exchange(
        &self,
        endpoint: &Endpoint,
        call: &Call<'_>,
        limits: Limits,
    ) -> Sent {
        let response = match build(endpoint, call) {
            Ok(request) => self.response(request, limits).await,
            Err(outcome) => Err(Ended::Sent(outcome)),
        };
        let response = match response {
            Ok(response) => response,
            Err(Ended::Unsent) => {
                self.leaving.store(true, Ordering::Relaxed);
                return Sent::Unsent(Outcome::ClosedEarly);
            }
            Err(Ended::Sent(outcome)) => {
                return Sent::Done(Done {
                    injected: Injected::No,
                    result: Err(outcome),
                });
            }
        };
        Sent::Done(Done {
            injected: part_of_faults(response.headers()),
            result: match timeout_at(limits.deadline, read(response, call.keep_body)).await {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(error)) => Err(of_http2(&error)),
                Err(_) => Err(Outcome::TimeoutBody),
            },
        })
    }

    /// Sends a request and waits for the head of its answer.
    async fn response(
        &self,
        request: Request<Full<Bytes>>,
        limits: Limits,
    ) -> Result<Response<Incoming>, Ended> {
        // handles are cheap, and one is needed for each request under way
        let mut sender = self.sender.clone();
        match timeout_at(limits.head(), sender.try_send_request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(mut error)) => {
                let unsent = error.take_message().is_some();
                let error = error.into_error();
                if unsent || is_not_processed(&error) {
                    Err(Ended::Unsent)
                } else {
                    Err(Ended::Sent(of_http2(&error)))
                }
            }
            Err(_) => Err(Ended::Sent(Outcome::TimeoutFirstByte)),
        }
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// How a request ended without an answer.
enum Ended {
    /// The server did not act on it.
    Unsent,
    Sent(Outcome),
}

async fn read(response: Response<Incoming>, keep_body: bool) -> Result<Answer, hyper::Error> {
    let (head, mut body) = response.into_parts();
    let mut kept = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data()
            && keep_body
        {
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

/// The request with its pseudo-headers (RFC 9113 section 8.3.1) and without those that belong to a
/// connection of HTTP/1.1 (section 8.2.2).
fn build(endpoint: &Endpoint, call: &Call<'_>) -> Result<Request<Full<Bytes>>, Outcome> {
    let mut request = Request::new(Full::new(call.body.clone().unwrap_or_default()));
    *request.method_mut() = method(call.method);
    let headers = request.headers_mut();
    for (name, value) in endpoint.constant.fields().chain(call.headers) {
        headers.insert(name.clone(), value.clone());
    }
    for name in [CONNECTION, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    let id = HeaderValue::try_from(call.id.to_string()).map_err(|_| Outcome::Protocol)?;
    headers.insert(HeaderName::from_static(REQUEST_HEADER), id);
    let host = headers.remove(HOST).ok_or(Outcome::Protocol)?;
    let mut uri = hyper::http::uri::Parts::default();
    uri.scheme = Some(if endpoint.tls.is_some() {
        Scheme::HTTPS
    } else {
        Scheme::HTTP
    });
    uri.authority = Authority::try_from(host.as_bytes()).ok();
    uri.path_and_query = PathAndQuery::try_from(call.path).ok();
    *request.uri_mut() = Uri::from_parts(uri).map_err(|_| Outcome::Protocol)?;
    Ok(request)
}

const fn method(method: Method) -> hyper::Method {
    match method {
        Method::Get => hyper::Method::GET,
        Method::Head => hyper::Method::HEAD,
        Method::Post => hyper::Method::POST,
        Method::Put => hyper::Method::PUT,
        Method::Patch => hyper::Method::PATCH,
        Method::Delete => hyper::Method::DELETE,
        Method::Options => hyper::Method::OPTIONS,
    }
}

/// Whether the server has said that it did not act on the request: it was leaving, and this stream
/// came too late (RFC 9113 section 6.8).
fn is_not_processed(error: &hyper::Error) -> bool {
    find::<h2::Error>(error).is_some_and(|error| error.is_go_away() && error.is_remote())
}

/// The outcome of an error of a connection or a stream.
fn of_http2(error: &hyper::Error) -> Outcome {
    if let Some(error) = find::<h2::Error>(error) {
        if let Some(error) = error.get_io() {
            return of_io(error);
        }
        // what the server resets is reset; what we find wrong in its frames is its protocol
        return if error.is_remote() {
            Outcome::Reset
        } else {
            Outcome::Protocol
        };
    }
    match find::<io::Error>(error) {
        Some(error) => of_io(error),
        None if error.is_canceled() || error.is_closed() => Outcome::ClosedEarly,
        None => Outcome::Protocol,
    }
}

fn of_io(error: &io::Error) -> Outcome {
    match error.kind() {
        // h2's word for an end that no GOAWAY announced
        io::ErrorKind::BrokenPipe => Outcome::ClosedEarly,
        _ => failure::of_stream(error),
    }
}

/// The cause of a kind, if there is one.
fn find<E: StdError + 'static>(error: &hyper::Error) -> Option<&E> {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(found) = inner.downcast_ref::<E>() {
            return Some(found);
        }
        source = inner.source();
    }
    None
}
/// What the head of a response says of our faults' part in it.
fn part_of_faults(headers: &HeaderMap) -> Injected {
    if headers.contains_key(MADE_HEADER) {
        Injected::Made
    } else if headers.contains_key(FAULT_HEADER) {
        Injected::Met
    } else {
        Injected::No
    }
}
