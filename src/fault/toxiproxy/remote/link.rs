//! A link whose proxy runs elsewhere.

use std::net::SocketAddr;

use serde_json::Value;

use super::api::{Api, segment};
use crate::{
    fault::BindError,
    guard::{Blocked, Guard},
    plan::LinkPlan,
};

/// A link whose proxy runs elsewhere: the one there that listens where the target says.
#[derive(Debug)]
pub(in crate::fault) struct RemoteLink {
    pub(super) name: String,
    pub(super) listen: SocketAddr,
    pub(super) api: Api,
}

impl RemoteLink {
    /// Notes where it is; nobody is asked yet.
    ///
    /// # Errors
    /// When the API or the proxy lies outside the guard.
    pub(in crate::fault) fn new(
        plan: &LinkPlan,
        api: SocketAddr,
        guard: &Guard,
    ) -> Result<Self, BindError> {
        let forbidden = |source: Blocked| BindError::Forbidden {
            link: plan.name.clone(),
            source,
        };
        guard.check(api).map_err(forbidden)?;
        guard.check(plan.listen).map_err(forbidden)?;
        Ok(Self {
            name: plan.name.clone(),
            listen: plan.listen,
            api: Api::new(api, guard.clone()),
        })
    }

    /// Where its clients dial.
    pub(in crate::fault) const fn addr(&self) -> SocketAddr {
        self.listen
    }

    /// The name and the path of its proxy.
    ///
    /// # Errors
    /// When there is no such proxy, or it is disabled.
    pub(super) async fn find(&self) -> Result<(String, String), String> {
        let answer = self.api.ask("GET", "/proxies", &Value::Null).await?;
        let proxies = answer.of(200, "GET /proxies")?;
        let listen = self.listen.to_string();
        let mut all = proxies.as_object().into_iter().flatten();
        let Some((name, proxy)) = all.find(|(_, proxy)| proxy["listen"] == listen.as_str()) else {
            let api = self.api.addr;
            return Err(format!("no proxy of http://{api} listens on {listen}"));
        };
        if proxy["enabled"] != true {
            return Err(format!("proxy `{name}` is disabled, and not by this run"));
        }
        Ok((name.clone(), format!("/proxies/{}", segment(name))))
    }
}
