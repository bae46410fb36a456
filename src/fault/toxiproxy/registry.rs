//! All proxies and leases of a server.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{
    error::ApiError,
    lease::Lease,
    proxy::{Ground, Proxy},
    toxic::Order,
    wire::Object,
};

/// What is asked for when a proxy is created.
#[derive(Debug)]
pub(super) struct Wanted {
    name: String,
    listen: String,
    upstream: String,
    pub(super) enabled: bool,
    toxics: Vec<Order>,
}

impl Wanted {
    /// Reads a proxy, number `number` of several if it is one of those.
    ///
    /// # Errors
    /// When it has no name or upstream, or a field has the wrong type.
    pub(super) fn read(body: &Object, number: Option<usize>) -> Result<Self, ApiError> {
        let text = |key| Ok(body.text(key)?.unwrap_or_default());
        let name = text("name")?;
        let upstream = text("upstream")?;
        for (field, value) in [("name", &name), ("upstream", &upstream)] {
            if value.is_empty() {
                return Err(ApiError::Missing(field, number));
            }
        }
        let toxics = body.list("toxics")?.unwrap_or_default();
        Ok(Self {
            name,
            upstream,
            listen: text("listen")?,
            enabled: body.flag("enabled")?.unwrap_or(true),
            toxics: toxics
                .into_iter()
                .map(|toxic| Order::read(&Object::new(toxic, "a toxic")?))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// All proxies and leases of a server.
#[derive(Debug)]
pub(super) struct Registry {
    pub(super) ground: Ground,
    proxies: BTreeMap<String, Proxy>,
    leases: BTreeMap<String, Lease>,
}

impl Registry {
    pub(super) const fn new(ground: Ground) -> Self {
        Self {
            ground,
            proxies: BTreeMap::new(),
            leases: BTreeMap::new(),
        }
    }

    /// All proxies, by name.
    pub(super) fn all(&self) -> Value {
        let proxies = self.proxies.iter();
        let entries = proxies.map(|(name, proxy)| (name.clone(), proxy.to_json()));
        Value::Object(entries.collect::<Map<_, _>>())
    }

    /// # Errors
    /// When there is none of that name.
    pub(super) fn proxy(&self, name: &str) -> Result<&Proxy, ApiError> {
        self.proxies.get(name).ok_or(ApiError::NoProxy)
    }

    fn proxy_mut(&mut self, name: &str) -> Result<(&mut Proxy, &Ground), ApiError> {
        let proxy = self.proxies.get_mut(name).ok_or(ApiError::NoProxy)?;
        Ok((proxy, &self.ground))
    }

    /// Creates a proxy and its toxics, all or nothing.
    ///
    /// # Errors
    /// When its name is taken, a toxic is wrong, or the system refuses.
    pub(super) async fn create(&mut self, wanted: Wanted) -> Result<Value, ApiError> {
        if self.proxies.contains_key(&wanted.name) {
            return Err(ApiError::ProxyExists);
        }
        self.ground.check(&wanted.upstream)?;
        let mut proxy = Proxy::new(wanted.name, wanted.listen, wanted.upstream);
        for order in wanted.toxics {
            proxy.add(order, &self.ground).await?;
        }
        if wanted.enabled {
            proxy.start(&self.ground).await?;
        }
        let json = proxy.to_json();
        self.proxies.insert(proxy.name.clone(), proxy);
        Ok(json)
    }

    /// Makes sure that the proxies of a list exist: one that listens and leads as it should stays
    /// untouched, others are replaced. Returns those that were done before it failed.
    pub(super) async fn populate(&mut self, body: &[u8]) -> (Vec<Value>, Result<(), ApiError>) {
        let mut done = Vec::new();
        let list = match read_list(body) {
            Ok(list) => list,
            Err(error) => return (done, Err(error)),
        };
        for mut wanted in list {
            // as in Toxiproxy, whose clients send back what they were given
            wanted.toxics.clear();
            match self.ensure(wanted).await {
                Ok(json) => done.push(json),
                Err(error) => return (done, Err(error)),
            }
        }
        (done, Ok(()))
    }

    async fn ensure(&mut self, wanted: Wanted) -> Result<Value, ApiError> {
        if let Some(known) = self.proxies.get_mut(&wanted.name) {
            if !known.differs(&wanted.listen, &wanted.upstream).await? {
                return Ok(known.to_json());
            }
            known.stop().await;
            self.proxies.remove(&wanted.name);
        }
        self.create(wanted).await
    }

    /// # Errors
    /// When there is none of that name, the body is wrong, or the system refuses.
    pub(super) async fn update(&mut self, name: &str, body: &Object) -> Result<Value, ApiError> {
        let (proxy, ground) = self.proxy_mut(name)?;
        proxy.update(body, ground).await?;
        Ok(proxy.to_json())
    }

    /// # Errors
    /// When there is none of that name.
    pub(super) async fn delete(&mut self, name: &str) -> Result<(), ApiError> {
        let mut proxy = self.proxies.remove(name).ok_or(ApiError::NoProxy)?;
        proxy.stop().await;
        Ok(())
    }

    /// # Errors
    /// When there is no such proxy, the name is taken, or the body is wrong.
    pub(super) async fn add_toxic(&mut self, name: &str, body: &Object) -> Result<Value, ApiError> {
        let (proxy, ground) = self.proxy_mut(name)?;
        proxy.add(Order::read(body)?, ground).await
    }

    /// # Errors
    /// When there is no such proxy or toxic, or the body is wrong.
    pub(super) async fn change_toxic(
        &mut self,
        name: &str,
        toxic: &str,
        body: &Object,
    ) -> Result<Value, ApiError> {
        self.proxy_mut(name)?.0.change(toxic, body).await
    }

    /// # Errors
    /// When there is no such proxy or toxic.
    pub(super) async fn remove_toxic(&mut self, name: &str, toxic: &str) -> Result<(), ApiError> {
        self.proxy_mut(name)?.0.remove(toxic).await
    }

    /// Enables every proxy and takes every toxic out.
    ///
    /// # Errors
    /// When one cannot be enabled.
    pub(super) async fn reset(&mut self) -> Result<(), ApiError> {
        for proxy in self.proxies.values_mut() {
            proxy.start(&self.ground).await?;
            proxy.clear().await?;
        }
        Ok(())
    }

    /// All leases, by name.
    pub(super) fn leases(&self) -> Value {
        let leases = self.leases.iter();
        let entries = leases.map(|(name, lease)| (name.clone(), lease.to_json()));
        Value::Object(entries.collect::<Map<_, _>>())
    }

    /// Takes or renews a lease.
    ///
    /// # Errors
    /// When the body is wrong.
    pub(super) fn lease(&mut self, name: &str, body: &Object) -> Result<Value, ApiError> {
        let lease = Lease::read(body, self.leases.get(name))?;
        let json = lease.to_json();
        self.leases.insert(name.to_owned(), lease);
        Ok(json)
    }

    /// When the next lease ends, unless it is renewed.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.leases.values().map(|lease| lease.expires).min()
    }

    /// Ends the leases that were not renewed; what is said about each.
    pub(super) async fn expire(&mut self) -> Vec<String> {
        let now = Instant::now();
        let over = |(name, lease): (&String, &Lease)| (lease.expires <= now).then(|| name.clone());
        let names: Vec<String> = self.leases.iter().filter_map(over).collect();
        let mut said = Vec::new();
        for name in names {
            let outcome = match self.end_lease(&name).await {
                Ok(count) => format!("{count} faults were taken out"),
                Err(error) => error.to_string(),
            };
            said.push(format!("lease {name} was not renewed: {outcome}"));
        }
        said
    }

    /// Ends a lease and what was put in under it; how many faults that were.
    ///
    /// # Errors
    /// When there is no such lease, or a proxy cannot be enabled again: the rest is done.
    pub(super) async fn end_lease(&mut self, name: &str) -> Result<usize, ApiError> {
        let lease = self.leases.remove(name).ok_or(ApiError::NoLease)?;
        let (mut count, mut result) = (0, Ok(()));
        for hold in lease.holds {
            // what was never put in, or is gone, is as it should be
            let Some(proxy) = self.proxies.get_mut(&hold.proxy) else {
                continue;
            };
            let done = match &hold.toxic {
                Some(toxic) => proxy.remove(toxic).await.is_ok(),
                None if proxy.is_enabled() => false,
                None => match proxy.start(&self.ground).await {
                    Ok(()) => true,
                    Err(error) => {
                        result = Err(error);
                        false
                    }
                },
            };
            count += usize::from(done);
        }
        result.map(|()| count)
    }

    /// How many connections each proxy and toxic met.
    pub(super) async fn connections(&self) -> Value {
        let mut all = Map::new();
        for (name, proxy) in &self.proxies {
            all.insert(name.clone(), proxy.connections().await);
        }
        Value::Object(all)
    }

    /// Closes everything.
    pub(super) async fn shut_down(&mut self) {
        for proxy in self.proxies.values_mut() {
            proxy.stop().await;
        }
        self.proxies.clear();
        self.leases.clear();
    }
}

/// Reads a list of proxies, all of which have a name and an upstream.
pub(super) fn read_list(body: &[u8]) -> Result<Vec<Wanted>, ApiError> {
    let list = match super::wire::first_value(body)? {
        Value::Array(list) => list,
        Value::Null => Vec::new(),
        other => return Err(ApiError::BadBody(format!("expected an array, not {other}"))),
    };
    list.into_iter()
        .enumerate()
        .map(|(i, value)| Wanted::read(&Object::new(value, "a proxy")?, Some(i + 1)))
        .collect()
}

/// What is answered to a populate.
pub(super) fn populated(done: Vec<Value>, result: &Result<(), ApiError>) -> Value {
    match result {
        Ok(()) => json!({"proxies": done}),
        Err(error) => {
            let proxies = if done.is_empty() {
                Value::Null
            } else {
                done.into()
            };
            let status = error.status().as_u16();
            json!({"error": error.to_string(), "status": status, "proxies": proxies})
        }
    }
}
