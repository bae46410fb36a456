//! Leases: faults that go when who put them in no longer says that it lives.
//!
//! A lease names what its holder may put in: toxics, or (a proxy alone) that a proxy is disabled.
//! The holder asks for the lease first, then puts the faults in, and renews it. When it is not
//! renewed in time, its toxics are taken out and its proxies enabled, whatever became of the
//! holder.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{error::ApiError, wire::Object};

/// An hour: a lease that needs no renewal is none.
const LONGEST_MS: u64 = 3_600_000;

/// What a lease lets go of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) proxy: String,
    /// `None`: that the proxy is disabled.
    pub(super) toxic: Option<String>,
}

/// A lease.
#[derive(Debug)]
pub(super) struct Lease {
    ttl: Duration,
    pub(super) expires: Instant,
    pub(super) holds: Vec<Hold>,
}

impl Lease {
    /// Reads a request for one, or for one more time of one; what it holds stays unless it is
    /// given.
    ///
    /// # Errors
    /// When `ttl` (milliseconds) is missing or out of range, or a hold names no proxy.
    pub(super) fn read(body: &Object, known: Option<&Self>) -> Result<Self, ApiError> {
        let ttl = match (body.whole("ttl", LONGEST_MS)?, known) {
            (Some(0), _) => return Err(ApiError::BadBody("ttl must be at least 1".into())),
            (Some(millis), _) => Duration::from_millis(millis),
            (None, Some(known)) => known.ttl,
            (None, None) => return Err(ApiError::Missing("ttl", None)),
        };
        let holds = match body.list("holds")? {
            Some(list) => list.into_iter().map(hold).collect::<Result<_, _>>()?,
            None => known.map(|known| known.holds.clone()).unwrap_or_default(),
        };
        Ok(Self {
            ttl,
            expires: Instant::now() + ttl,
            holds,
        })
    }

    pub(super) fn to_json(&self) -> Value {
        let holds: Value = self
            .holds
            .iter()
            .map(|hold| match &hold.toxic {
                Some(toxic) => json!({"proxy": hold.proxy, "toxic": toxic}),
                None => json!({"proxy": hold.proxy}),
            })
            .collect();
        let left = self.expires.saturating_duration_since(Instant::now());
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        json!({"ttl": millis(self.ttl), "left": millis(left), "holds": holds})
    }
}

fn hold(value: Value) -> Result<Hold, ApiError> {
    let object = Object::new(value, "a hold")?;
    Ok(Hold {
        proxy: object
            .text("proxy")?
            .ok_or(ApiError::Missing("proxy", None))?,
        toxic: object.text("toxic")?,
    })
}
