//! A proxy: where it listens and leads, whether it is enabled, and its toxics.

use std::{net::SocketAddr, sync::Arc};

use serde_json::{Value, json};

use super::{
    error::ApiError,
    listen,
    metrics::Counters,
    toxic::{Order, Toxic},
    wire::Object,
};
use crate::{
    fault::{
        board::Board,
        tcp::{Lanes, Link, Upstream},
    },
    guard::Guard,
    scenario::model::TcpStream as Direction,
    seed::Seed,
};

/// What all proxies stand on.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) guard: Guard,
    pub(super) seed: Seed,
    pub(super) counters: Counters,
    pub(super) lanes: Lanes,
}

impl Ground {
    /// Refuses an upstream that could never be dialled, as far as its text tells.
    pub(super) fn check(&self, upstream: &str) -> Result<(), ApiError> {
        let Ok(addr) = upstream.parse() else {
            return Ok(());
        };
        let checked = self.guard.check(addr);
        checked.map_err(|blocked| ApiError::Forbidden(format!("upstream {blocked}")))
    }
}

/// A proxy.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) name: String,
    /// As it was given, and as it was resolved once it was enabled.
    listen: String,
    upstream: String,
    /// While it is enabled.
    link: Option<Link>,
    /// In order of creation.
    toxics: Vec<Toxic>,
}

impl Proxy {
    /// A proxy that is not enabled.
    pub(super) const fn new(name: String, listen: String, upstream: String) -> Self {
        Self {
            name,
            listen,
            upstream,
            link: None,
            toxics: Vec::new(),
        }
    }

    pub(super) const fn is_enabled(&self) -> bool {
        self.link.is_some()
    }

    /// Listens, if it does not yet.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) async fn start(&mut self, ground: &Ground) -> Result<(), ApiError> {
        if self.link.is_some() {
            return Ok(());
        }
        let addr = listen::resolve(&self.listen).await?;
        let upstream = self.upstream.parse().map_or_else(
            |_| Upstream::Named(self.upstream.clone()),
            |addr: SocketAddr| Upstream::At(addr),
        );
        let refused = |error: std::io::Error| listen::failure(addr, &error);
        let counter = |listener: SocketAddr| {
            let listener = listener.to_string();
            ground.counters.of(&self.name, &listener, &self.upstream)
        };
        let (guard, lanes) = (&ground.guard, &ground.lanes);
        let link = Link::alone(&self.name, addr, upstream, guard, lanes, counter);
        let link = link.map_err(refused)?;
        self.listen = link.addr().to_string();
        for toxic in &self.toxics {
            let posted = link.post(Arc::clone(&toxic.posting)).await;
            posted.map_err(refused)?;
        }
        self.link = Some(link);
        Ok(())
    }

    /// Closes its listener and every connection. Its toxics stay.
    pub(super) async fn stop(&mut self) {
        if let Some(link) = self.link.take() {
            link.shut_down().await;
        }
    }

    /// Whether it listens or leads elsewhere; a port that the system chooses is always another.
    ///
    /// # Errors
    /// When `listen` cannot be resolved.
    pub(super) async fn differs(&self, listen: &str, upstream: &str) -> Result<bool, ApiError> {
        let addr = listen::resolve(listen).await?;
        Ok(self.listen != addr.to_string() || self.upstream != upstream)
    }

    /// Changes what is given; moved, it drops its connections and keeps its toxics.
    ///
    /// # Errors
    /// When the body is wrong, or the system refuses: then it is left stopped.
    pub(super) async fn update(&mut self, body: &Object, ground: &Ground) -> Result<(), ApiError> {
        let listen = body.text("listen")?.unwrap_or_else(|| self.listen.clone());
        let upstream = body.text("upstream")?;
        let upstream = upstream.unwrap_or_else(|| self.upstream.clone());
        let enabled = body.flag("enabled")?.unwrap_or(self.is_enabled());
        ground.check(&upstream)?;
        if self.differs(&listen, &upstream).await? {
            self.stop().await;
            self.listen = listen;
            self.upstream = upstream;
        }
        if enabled {
            self.start(ground).await
        } else {
            self.stop().await;
            Ok(())
        }
    }

    /// Puts a toxic in.
    ///
    /// # Errors
    /// When its name is taken, or an attribute is wrong.
    pub(super) async fn add(&mut self, order: Order, ground: &Ground) -> Result<Value, ApiError> {
        let name = order.name();
        if self.toxics.iter().any(|toxic| toxic.name == name) {
            return Err(ApiError::ToxicExists);
        }
        let toxic = order.build(ground.seed.named(&self.name))?;
        if let Some(link) = &self.link {
            let posted = link.post(Arc::clone(&toxic.posting)).await;
            posted.map_err(|error| listen::failure(link.addr(), &error))?;
        }
        let json = toxic.to_json();
        self.toxics.push(toxic);
        Ok(json)
    }

    /// # Errors
    /// When there is none of that name.
    pub(super) fn toxic(&self, name: &str) -> Result<&Toxic, ApiError> {
        let mut toxics = self.toxics.iter();
        toxics
            .find(|toxic| toxic.name == name)
            .ok_or(ApiError::NoToxic)
    }

    /// Changes a toxic. When this returns, no connection acts on what it was.
    ///
    /// # Errors
    /// When there is none of that name, or the body is wrong.
    pub(super) async fn change(&mut self, name: &str, body: &Object) -> Result<Value, ApiError> {
        let mut toxics = self.toxics.iter_mut();
        let toxic = toxics
            .find(|toxic| toxic.name == name)
            .ok_or(ApiError::NoToxic)?;
        let old = toxic.change(body)?;
        if let Some(link) = &self.link {
            link.replace(&old, &toxic.posting);
            Board::let_go(&old).await;
        }
        Ok(toxic.to_json())
    }

    /// Takes a toxic out. When this returns, no connection acts on it.
    ///
    /// # Errors
    /// When there is none of that name.
    pub(super) async fn remove(&mut self, name: &str) -> Result<(), ApiError> {
        let mut toxics = self.toxics.iter();
        let index = toxics
            .position(|toxic| toxic.name == name)
            .ok_or(ApiError::NoToxic)?;
        let toxic = self.toxics.remove(index);
        if let Some(link) = &self.link {
            let taken = link.take_down(&toxic.posting).await;
            taken.map_err(|error| listen::failure(link.addr(), &error))?;
            Board::let_go(&toxic.posting).await;
        }
        Ok(())
    }

    /// Takes every toxic out.
    pub(super) async fn clear(&mut self) -> Result<(), ApiError> {
        while let Some(last) = self.toxics.last() {
            let name = last.name.clone();
            self.remove(&name).await?;
        }
        Ok(())
    }

    /// Its toxics in order of creation, those of the upstream first.
    pub(super) fn toxics(&self) -> Value {
        let of = |direction| {
            let toxics = self.toxics.iter();
            toxics
                .filter(move |toxic| toxic.stands(direction))
                .map(Toxic::to_json)
        };
        of(Direction::Upstream)
            .chain(of(Direction::Downstream))
            .collect()
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "listen": self.listen,
            "upstream": self.upstream,
            "enabled": self.is_enabled(),
            "toxics": self.toxics(),
        })
    }

    /// How many connections it has accepted since it was enabled and how many are open, and how
    /// many each toxic met.
    pub(super) async fn connections(&self) -> Value {
        let (accepted, open) = match &self.link {
            Some(link) => link.connections().await,
            None => (0, 0),
        };
        let toxics: serde_json::Map<String, Value> = self
            .toxics
            .iter()
            .map(|toxic| (toxic.name.clone(), json!(toxic.connections())))
            .collect();
        json!({"accepted": accepted, "open": open, "toxics": toxics})
    }
}
