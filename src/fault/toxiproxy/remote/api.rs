//! Requests to a Toxiproxy's API.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;

use crate::{fault::tcp::dial, guard::Guard};

/// How long it may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// No answer about proxies is larger.
const LARGEST: usize = 16 << 20;

/// A Toxiproxy's API.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) addr: SocketAddr,
    guard: Guard,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Answer {
    /// The body of an answer of that status; otherwise what it says went wrong.
    pub(super) fn of(self, status: u16, asked: &str) -> Result<Value, String> {
        if self.status == status {
            return Ok(self.body);
        }
        let said = match &self.body["error"] {
            Value::String(error) => format!(" ({error})"),
            _ => String::new(),
        };
        Err(format!("{asked} was answered {}{said}", self.status))
    }
}

impl Api {
    pub(super) const fn new(addr: SocketAddr, guard: Guard) -> Self {
        Self { addr, guard }
    }

    /// Sends a request and reads the answer; a body that is no JSON is null.
    ///
    /// # Errors
    /// Why there was no answer.
    pub(super) async fn ask(
        &self,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Result<Answer, String> {
        let asking = self.exchange(method, path, body);
        let failed = |why: String| format!("{method} http://{}{path}: {why}", self.addr);
        match tokio::time::timeout(ANSWER_WITHIN, asking).await {
            Ok(answer) => answer.map_err(|error| failed(error.to_string())),
            Err(_) => Err(failed("no answer in time".into())),
        }
    }

    async fn exchange(
        &self,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let stream = dial(self.addr, &self.guard).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let body = match body {
            Value::Null => Bytes::new(),
            body => body.to_string().into(),
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.addr.to_string())
            .header(
                "user-agent",
                concat!("brownout/", env!("CARGO_PKG_VERSION")),
            )
            .header("content-type", "application/json")
            .body(Full::new(body))?;
        let exchange = async {
            let response = sender.send_request(request).await?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), LARGEST)
                .collect()
                .await?;
            let body = serde_json::from_slice(&body.to_bytes()).unwrap_or(Value::Null);
            Ok(Answer { status, body })
        };
        tokio::select! {
            answer = exchange => answer,
            // it ends when the exchange does, or with why there can be none
            ended = async { connection.await?; std::future::pending().await } => ended,
        }
    }

    /// Whether an address accepts connections.
    pub(super) async fn accepts(&self, addr: SocketAddr) -> Result<(), String> {
        let seen = dial(addr, &self.guard).await;
        seen.map(drop)
            .map_err(|error| format!("{addr} does not accept: {error}"))
    }
}

/// A name as a segment of a path.
pub(super) fn segment(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    name.bytes()
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}
