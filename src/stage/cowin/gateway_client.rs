//! One call to the SMS gateway, over a connection of its own.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;

use crate::stage::StageError;

/// A message on its way to a phone.
#[derive(Debug, Clone)]
pub(super) struct Sms {
    /// To whom.
    pub(super) mobile: String,
    /// The code.
    pub(super) otp: String,
}

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    /// No connection.
    #[error("cannot connect to the sms gateway")]
    Connect(#[source] std::io::Error),
    /// The connection broke, or what came back was not HTTP.
    #[error("the call to the sms gateway failed")]
    Http(#[from] hyper::Error),
    /// The gateway said something other than 2xx.
    #[error("the sms gateway answered {0}")]
    Status(StatusCode),
    /// No answer in time.
    #[error("the sms gateway did not answer in time")]
    Late,
}

/// Knows where the gateway is. Each call dials anew: a gateway that moved, or a link that was cut, is
/// noticed at once, and nothing has to be kept alive.
#[derive(Debug, Clone)]
pub(super) struct GatewayClient {
    host: String,
    port: u16,
    authority: header::HeaderValue,
}

impl GatewayClient {
    /// Takes `http://host[:port]`.
    pub(super) fn new(url: &str) -> Result<Self, StageError> {
        let wrong = || StageError::GatewayUrl {
            url: url.to_owned(),
        };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        if uri.scheme_str() != Some("http") || uri.path().len() > 1 || uri.query().is_some() {
            return Err(wrong());
        }
        let authority = uri.authority().ok_or_else(wrong)?;
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let value = header::HeaderValue::from_str(authority.as_str()).map_err(|_| wrong())?;
        Ok(Self {
            host,
            port: authority.port_u16().unwrap_or(80),
            authority: value,
        })
    }

    /// Hands one message over, within `deadline`.
    pub(super) async fn send(&self, sms: &Sms, deadline: Duration) -> Result<(), SendError> {
        tokio::time::timeout(deadline, self.call(sms))
            .await
            .unwrap_or(Err(SendError::Late))
    }

    async fn call(&self, sms: &Sms) -> Result<(), SendError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(SendError::Connect)?;
        // Without the option the call still works, only later.
        drop(stream.set_nodelay(true));
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let text = format!(
            "{} is your OTP to register for vaccination. Valid for 3 minutes",
            sms.otp
        );
        let body = json!({"mobile": sms.mobile, "otp": sms.otp, "text": text}).to_string();
        let mut request = Request::post("/send");
        if let Some(headers) = request.headers_mut() {
            headers.insert(header::HOST, self.authority.clone());
            headers.insert(
                header::CONTENT_TYPE,
                header::HeaderValue::from_static("application/json"),
            );
            headers.insert(
                header::CONNECTION,
                header::HeaderValue::from_static("close"),
            );
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .expect("method, path and headers are valid: each was checked or is constant");
        let exchange = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            // Read to the end, so that closing the connection is no reset.
            response.into_body().collect().await?;
            Ok::<_, hyper::Error>(status)
        };
        // The connection is driven here and not in a task of its own, so that giving up on the call
        // closes it.
        tokio::pin!(connection, exchange);
        let status = tokio::select! {
            status = &mut exchange => status?,
            ended = &mut connection => {
                ended?;
                exchange.await?
            }
        };
        if status.is_success() {
            Ok(())
        } else {
            Err(SendError::Status(status))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_only_the_address_of_a_plain_http_server() {
        for url in [
            "http://127.0.0.1:8201",
            "http://sms.cowin.test",
            "http://[::1]:80/",
        ] {
            assert!(GatewayClient::new(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "127.0.0.1:8201",
            "https://sms.test",
            "http://sms.test/send",
            "/send",
        ] {
            assert!(GatewayClient::new(url).is_err(), "{url}");
        }
        assert_eq!(GatewayClient::new("http://[::1]:81").unwrap().host, "::1");
    }
}
