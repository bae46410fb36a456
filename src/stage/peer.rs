//! One call to another process of a staging system, over a connection of its own.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::StageError;

/// Why a call brought no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// No connection.
    #[error("cannot connect")]
    Connect(#[source] std::io::Error),
    /// The connection broke, or what came back was not HTTP.
    #[error("the call failed")]
    Http(#[from] hyper::Error),
    /// No answer in time.
    #[error("no answer in time")]
    Late,
}

/// Knows where another process is. Each call dials anew: one that moved, or a link that was cut, is
/// noticed at once, and nothing has to be kept alive.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    host: String,
    port: u16,
    authority: HeaderValue,
}

impl Peer {
    /// Takes `http://host[:port]`; `what` says in an error whose address it should have been.
    pub(super) fn new(url: &str, what: &'static str) -> Result<Self, StageError> {
        let wrong = || StageError::PeerUrl {
            url: url.to_owned(),
            what,
        };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        if uri.scheme_str() != Some("http") || uri.path().len() > 1 || uri.query().is_some() {
            return Err(wrong());
        }
        let authority = uri.authority().ok_or_else(wrong)?;
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let value = HeaderValue::from_str(authority.as_str()).map_err(|_| wrong())?;
        Ok(Self {
            host,
            port: authority.port_u16().unwrap_or(80),
            authority: value,
        })
    }

    /// Sends one request within `deadline`; `json` is its body, `bearer` the token that it shows.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &'static str,
        bearer: Option<HeaderValue>,
        json: String,
        deadline: Duration,
    ) -> Result<(StatusCode, Bytes), CallError> {
        let mut request = Request::new(Full::new(Bytes::from(json)));
        *request.method_mut() = method;
        *request.uri_mut() = Uri::from_static(path);
        let headers = request.headers_mut();
        headers.insert(header::HOST, self.authority.clone());
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        if let Some(bearer) = bearer {
            headers.insert(header::AUTHORIZATION, bearer);
        }
        tokio::time::timeout(deadline, self.exchange(request))
            .await
            .unwrap_or(Err(CallError::Late))
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), CallError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(CallError::Connect)?;
        // Without the option the call still works, only later.
        drop(stream.set_nodelay(true));
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let exchange = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            // Read to the end, so that closing the connection is no reset.
            let body = response.into_body().collect().await?.to_bytes();
            Ok::<_, hyper::Error>((status, body))
        };
        // The connection is driven here and not in a task of its own, so that giving up on the call
        // closes it.
        tokio::pin!(connection, exchange);
        tokio::select! {
            answer = &mut exchange => Ok(answer?),
            ended = &mut connection => {
                ended?;
                Ok(exchange.await?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_only_the_address_of_a_plain_http_server() {
        let peer = |url| Peer::new(url, "an SMS gateway");
        for url in [
            "http://127.0.0.1:8201",
            "http://sms.cowin.test",
            "http://[::1]:80/",
        ] {
            assert!(peer(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "127.0.0.1:8201",
            "https://sms.test",
            "http://sms.test/send",
            "/send",
        ] {
            assert!(peer(url).is_err(), "{url}");
        }
        assert_eq!(peer("http://[::1]:81").unwrap().host, "::1");
    }
}
