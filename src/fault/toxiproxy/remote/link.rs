//! A link whose proxy runs elsewhere.

use std::{net::SocketAddr, sync::Arc};

use serde_json::Value;

use super::{
    api::{Api, segment},
    orders::differs,
    writer::{OwnWriter, Proxy, Unwritten, Writer},
};
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
    pub(super) api: Arc<Api>,
    /// The first that can make a change makes it; the last, our own client, always can.
    writers: Vec<Box<dyn Writer>>,
}

impl RemoteLink {
    /// Notes where it is; nobody is asked yet.
    ///
    /// # Errors
    /// When the API or the proxy lies outside the guard.
    pub(in crate::fault) fn new(
        plan: &LinkPlan,
        api: &str,
        guard: &Guard,
    ) -> Result<Self, BindError> {
        let api: SocketAddr = api.parse().map_err(|_| BindError::NotFound {
            link: plan.name.clone(),
            host: api.to_owned(),
            detail: "its name was not looked up".to_owned(),
        })?;
        let forbidden = |source: Blocked| BindError::Forbidden {
            link: plan.name.clone(),
            source,
        };
        guard.check(api).map_err(forbidden)?;
        guard.check(plan.listen).map_err(forbidden)?;
        let own = Arc::new(Api::new(api, guard.clone()));
        #[cfg(feature = "toxiproxy-rust")]
        let first = super::crate_writer::CrateWriter::start(api);
        #[cfg(feature = "toxiproxy-rust")]
        let first = first.map(|writer| Box::new(writer) as Box<dyn Writer>);
        #[cfg(not(feature = "toxiproxy-rust"))]
        let first = None;
        let last: Box<dyn Writer> = Box::new(OwnWriter(Arc::clone(&own)));
        Ok(Self {
            name: plan.name.clone(),
            listen: plan.listen,
            api: own,
            writers: first.into_iter().chain([last]).collect(),
        })
    }

    /// Where its clients dial.
    pub(in crate::fault) const fn addr(&self) -> SocketAddr {
        self.listen
    }

    /// Its proxy.
    ///
    /// # Errors
    /// When there is no such proxy, or it is disabled.
    pub(super) async fn find(&self) -> Result<Proxy, String> {
        let proxies = self.ask(200, "GET", "/proxies", &Value::Null).await?;
        let listen = self.listen.to_string();
        let mut all = proxies.as_object().into_iter().flatten();
        let Some((name, proxy)) = all.find(|(_, proxy)| proxy["listen"] == listen.as_str()) else {
            let api = self.api.addr;
            return Err(format!("no proxy of http://{api} listens on {listen}"));
        };
        if proxy["enabled"] != true {
            return Err(format!("proxy `{name}` is disabled, and not by this run"));
        }
        let toxics = proxy["toxics"].as_array().into_iter().flatten();
        let names = toxics.filter_map(|toxic| toxic["name"].as_str().map(str::to_owned));
        Ok(Proxy {
            name: name.clone(),
            path: format!("/proxies/{}", segment(name)),
            toxics: names.collect(),
        })
    }

    /// Asks with our own client.
    ///
    /// # Errors
    /// Why there was no answer of that status.
    pub(super) async fn ask(
        &self,
        status: u16,
        how: &str,
        path: &str,
        body: &Value,
    ) -> Result<Value, String> {
        let answer = self.api.ask(how, path, body).await?;
        answer.of(status, &format!("{how} {path}"))
    }

    /// The name that a toxic will have there: ours, which no other toxic has, or the one that the
    /// crate gives it, as long as nobody else's has that.
    pub(super) fn name(&self, proxy: &Proxy, toxic: &Value) -> String {
        let ours = toxic["name"].as_str().unwrap_or_default();
        let names = self
            .writers
            .iter()
            .map(|writer| writer.name_of(proxy, toxic));
        let mut free = names
            .flatten()
            .filter(|name| name == ours || !proxy.toxics.contains(name));
        free.next().unwrap_or_else(|| ours.to_owned())
    }

    /// Puts a toxic in, and reads it back: what is there counts, not what was answered.
    ///
    /// # Errors
    /// When it is not there as it was asked for.
    pub(super) async fn add(&self, proxy: &Proxy, toxic: &Value) -> Result<(), String> {
        let mut told = Ok(());
        for writer in &self.writers {
            told = writer.add(proxy, toxic).await;
            if !matches!(told, Err(Unwritten::Cannot(_))) {
                break;
            }
        }
        because(told, self.expect_toxic(proxy, toxic).await)
    }

    /// Enables or disables a proxy, and reads that back.
    ///
    /// # Errors
    /// When it is not so.
    pub(super) async fn enable(&self, proxy: &Proxy, enabled: bool) -> Result<(), String> {
        let mut told = Ok(());
        for writer in &self.writers {
            told = writer.enable(proxy, enabled).await;
            if !matches!(told, Err(Unwritten::Cannot(_))) {
                break;
            }
        }
        because(told, self.expect_enabled(proxy, enabled).await)
    }

    /// Returns when no change can still be under way.
    pub(super) async fn settle(&self) {
        for writer in &self.writers {
            writer.settle().await;
        }
    }

    /// Reads a toxic back.
    ///
    /// # Errors
    /// When it is not there as it was asked for.
    pub(super) async fn expect_toxic(&self, proxy: &Proxy, wanted: &Value) -> Result<(), String> {
        let name = wanted["name"].as_str().unwrap_or_default();
        let path = format!("{}/toxics/{}", proxy.path, segment(name));
        let found = self.ask(200, "GET", &path, &Value::Null).await?;
        differs(wanted, &found).map_or(Ok(()), Err)
    }

    async fn expect_enabled(&self, proxy: &Proxy, enabled: bool) -> Result<(), String> {
        let found = self.ask(200, "GET", &proxy.path, &Value::Null).await?;
        if found["enabled"] == enabled {
            return Ok(());
        }
        Err(format!("wanted enabled: {enabled}, found {found}"))
    }
}

/// What was seen, and why it is so.
fn because(told: Result<(), Unwritten>, seen: Result<(), String>) -> Result<(), String> {
    seen.map_err(|seen| match told {
        Ok(()) => seen,
        Err(told) => format!("{told}; {seen}"),
    })
}
