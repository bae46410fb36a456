//! What the tests of the staging systems share.

mod upstream;

use std::time::Duration;

pub(super) use upstream::{LOOPBACK, Upstream};

/// Waits for something that must come to pass, for as long as a slow machine may need.
pub(super) async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let patience = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let held = tokio::time::timeout(Duration::from_secs(30), patience).await;
    assert!(held.is_ok(), "never happened: {what}");
}

/// The plainest client: one connection a request.
pub(super) mod http {
    use std::net::SocketAddr;

    use bytes::Bytes;
    use http_body_util::{BodyExt as _, Full};
    use hyper::StatusCode;
    use hyper_util::rt::TokioIo;
    use serde_json::Value;
    use tokio::net::TcpStream;
    use tokio::task::JoinSet;

    /// What came back.
    #[derive(Debug)]
    pub(in super::super) struct Answer {
        pub(in super::super) status: StatusCode,
        pub(in super::super) retry_after: Option<String>,
        pub(in super::super) degraded: Option<String>,
        pub(in super::super) body: Value,
    }

    pub(in super::super) async fn get(to: SocketAddr, path: &str, token: Option<&str>) -> Answer {
        call(to, "GET", path, token, None).await
    }

    pub(in super::super) async fn post(
        to: SocketAddr,
        path: &str,
        token: Option<&str>,
        body: Value,
    ) -> Answer {
        call(to, "POST", path, token, Some(body)).await
    }

    pub(in super::super) async fn call(
        to: SocketAddr,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> Answer {
        let stream = TcpStream::connect(to).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        // Aborted with this call: giving up closes the connection.
        let mut driver = JoinSet::new();
        driver.spawn(async move { drop(connection.await) });
        let mut request = hyper::Request::builder()
            .method(method)
            .uri(path)
            .header("host", to.to_string())
            .header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let response = sender.send_request(request).await.unwrap();
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        let (status, retry_after) = (response.status(), header("retry-after"));
        let degraded = header("x-degraded");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Answer {
            status,
            retry_after,
            degraded,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        }
    }
}
