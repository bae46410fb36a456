//! Who asks a Toxiproxy for a change.

use std::sync::Arc;

use serde_json::{Value, json};

use super::api::Api;

/// A proxy elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proxy {
    pub(super) name: String,
    /// Its path in the API.
    pub(super) path: String,
    /// The names of the toxics that it had when it was looked up.
    pub(super) toxics: Vec<String>,
}

/// Why a change was not asked for, or what came of asking.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unwritten {
    /// Nothing was asked for: somebody else must.
    #[cfg_attr(
        not(feature = "toxiproxy-rust"),
        expect(dead_code, reason = "our own client can ask for everything")
    )]
    #[error("{0}")]
    Cannot(String),
    /// It was asked for; whether it was done has to be looked at.
    #[error("{0}")]
    Doubtful(String),
}

/// Asks for the changes that put a fault in. It need not be believed: what came of it is read back.
#[async_trait::async_trait]
pub(super) trait Writer: std::fmt::Debug + Send + Sync {
    /// The name that a toxic would have if it put it in; `None` when it cannot.
    fn name_of(&self, proxy: &Proxy, toxic: &Value) -> Option<String>;

    /// Asks for a toxic.
    ///
    /// # Errors
    /// When it cannot, or what it knows of why it was not done.
    async fn add(&self, proxy: &Proxy, toxic: &Value) -> Result<(), Unwritten>;

    /// Asks for a proxy to be enabled or disabled.
    ///
    /// # Errors
    /// When it cannot, or what it knows of why it was not done.
    async fn enable(&self, proxy: &Proxy, enabled: bool) -> Result<(), Unwritten>;

    /// Returns when nothing that it was asked for can still be under way.
    async fn settle(&self);
}

/// Our own client: it can ask for everything.
#[derive(Debug)]
pub(super) struct OwnWriter(pub(super) Arc<Api>);

impl OwnWriter {
    async fn post(&self, path: &str, body: &Value) -> Result<(), Unwritten> {
        let answer = self.0.ask("POST", path, body).await;
        let told = answer.and_then(|answer| answer.of(200, &format!("POST {path}")));
        told.map(drop).map_err(Unwritten::Doubtful)
    }
}

#[async_trait::async_trait]
impl Writer for OwnWriter {
    fn name_of(&self, _: &Proxy, toxic: &Value) -> Option<String> {
        toxic["name"].as_str().map(str::to_owned)
    }

    async fn add(&self, proxy: &Proxy, toxic: &Value) -> Result<(), Unwritten> {
        self.post(&format!("{}/toxics", proxy.path), toxic).await
    }

    async fn enable(&self, proxy: &Proxy, enabled: bool) -> Result<(), Unwritten> {
        self.post(&proxy.path, &json!({"enabled": enabled})).await
    }

    async fn settle(&self) {
        // whoever stops waiting for it closes its connection
    }
}
