//! Keeping a lease alive while a fault is in force, where the other side has leases.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::task::AbortHandle;

use super::{api::segment, link::RemoteLink};

/// How long a fault outlives us at most.
const TTL: Duration = Duration::from_secs(10);
/// Two renewals may be lost.
const RENEW_EVERY: Duration = Duration::from_secs(3);

/// A lease that is renewed until it is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    path: String,
    renewing: AbortHandle,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

impl Lease {
    /// Claims what will be put in; `None` where there are no leases (Toxiproxy has none).
    ///
    /// # Errors
    /// When the claim is refused.
    pub(super) async fn claim(
        link: &Arc<RemoteLink>,
        fault: &str,
        holds: Vec<Value>,
    ) -> Result<Option<Self>, String> {
        let id = segment(&format!("brownout-{}-{fault}", std::process::id()));
        let path = format!("/leases/{id}");
        let ttl = u64::try_from(TTL.as_millis()).unwrap_or(u64::MAX);
        let body = json!({"ttl": ttl, "holds": holds});
        let answer = link.api.ask("PUT", &path, &body).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        answer.of(200, "PUT /leases")?;
        let (renewed, link) = (path.clone(), Arc::clone(link));
        let renewing = tokio::spawn(async move {
            loop {
                tokio::time::sleep(RENEW_EVERY).await;
                // the next one may come through; if none does, the fault goes, as it should
                let _ = link.api.ask("PUT", &renewed, &body).await;
            }
        });
        Ok(Some(Self {
            path,
            renewing: renewing.abort_handle(),
        }))
    }

    /// Gives it back, and what is left of what it holds.
    pub(super) async fn end(self, link: &RemoteLink) {
        self.renewing.abort();
        // what is not given back ends by itself
        let _ = link.api.ask("DELETE", &self.path, &Value::Null).await;
    }
}
