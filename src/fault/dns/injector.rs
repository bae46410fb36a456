//! DNS faults, put in and taken out.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use hickory_proto::{op::ResponseCode, rr::Name};

use super::{
    ask::ask,
    rules::{Names, Rule},
    server::DnsServer,
    zone::wire,
};
use crate::{
    fault::{BindError, FaultError, Injector, Removal, board::Board, dose::Dose},
    scenario::model::DnsEffect,
    units::Ratio,
};

/// How long our own server may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);
/// A datagram may be lost even on loopback, when a buffer is full.
const ASKED: usize = 3;

/// A fault on a name or zone. `share` is a share of questions, chosen by (seed, fault, order of
/// arrival), or of names, chosen by (seed, fault, name); a level scales it.
pub(in crate::fault) struct DnsInjector {
    server: Arc<DnsServer>,
    dose: Arc<Dose>,
    /// The name as it was given.
    name: String,
    names: Names,
    effect: DnsEffect,
    rule: Mutex<Option<Arc<Rule>>>,
}

impl DnsInjector {
    /// Prepares a fault.
    ///
    /// # Errors
    /// When the name is none.
    pub(in crate::fault) fn prepare(
        server: Arc<DnsServer>,
        dose: Arc<Dose>,
        name: &str,
        zone: bool,
        effect: DnsEffect,
    ) -> Result<Self, BindError> {
        Ok(Self {
            server,
            dose,
            names: Names {
                name: wire(name)?,
                zone,
            },
            name: name.to_ascii_lowercase(),
            effect,
            rule: Mutex::new(None),
        })
    }

    fn rule(&self) -> std::sync::MutexGuard<'_, Option<Arc<Rule>>> {
        self.rule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks our server about a name that the fault means, and judges the answer.
    async fn look(&self) -> Removal {
        let book = &self.server.book;
        let example = book.zones.meant(&self.names).next();
        let (name, asked) = match example {
            Some((text, wire)) => (text.as_str(), wire.as_bytes()),
            None => (self.name.as_str(), self.names.name.as_bytes()),
        };
        let posted = book.rules.snapshot();
        let other = posted
            .iter()
            .find(|rule| rule.names.mean(asked))
            .map(|rule| rule.dose.name().to_owned());
        drop(posted);
        if let Some(other) = other {
            return Removal::verified(format!("gone; `{name}` is still under fault `{other}`"));
        }
        match self.question(name).await {
            Ok(Some(code)) => {
                // a record of ours must be found; for other names it counts that we answer
                let healthy = code == ResponseCode::NoError;
                if healthy || example.is_none() {
                    Removal::verified(format!("gone; asked about `{name}`, answered {code}"))
                } else {
                    Removal::doubtful(format!("asked about `{name}`, answered {code}"))
                }
            }
            Ok(None) => Removal::doubtful(format!("asked about `{name}`, no answer")),
            Err(error) => Removal::doubtful(format!("could not ask about `{name}`: {error}")),
        }
    }

    async fn question(&self, name: &str) -> std::io::Result<Option<ResponseCode>> {
        let mut name = Name::from_ascii(name).map_err(std::io::Error::other)?;
        name.set_fqdn(true);
        // those that a fault of some servers is put in at are the first ones
        let server = self.server.addrs().first().copied();
        let server = server.ok_or_else(|| std::io::Error::other("the server has no address"))?;
        for _ in 0..ASKED {
            let book = &self.server.book;
            let mut from: Option<SocketAddr> = None;
            let announce = |addr| {
                from = Some(addr);
                book.expect_own(addr);
            };
            let result = ask(server, name.clone(), ANSWER_WITHIN, announce).await;
            if let Some(addr) = from {
                book.forget_own(&addr);
            }
            if let Some(code) = result? {
                return Ok(Some(code));
            }
        }
        Ok(None)
    }
}

#[async_trait]
impl Injector for DnsInjector {
    async fn inject(&self, level: Ratio) -> Result<(), FaultError> {
        self.dose.set_level(level);
        let rule = Arc::new(Rule::new(
            Arc::clone(&self.dose),
            self.names.clone(),
            self.effect.clone(),
            &self.server.book.zones,
        ));
        *self.rule() = Some(Arc::clone(&rule));
        self.server.book.rules.post(rule);
        Ok(())
    }

    async fn level(&self, level: Ratio) -> Result<(), FaultError> {
        self.dose.set_level(level);
        Ok(())
    }

    async fn remove(&self) -> Result<Removal, FaultError> {
        let Some(rule) = self.rule().take() else {
            return Ok(Removal::verified("it was not in force"));
        };
        self.server.book.rules.take_down(&rule);
        let left = Board::let_go(&rule).await;
        if left > 0 {
            return Ok(Removal::doubtful(format!(
                "{left} answers are still made by it"
            )));
        }
        Ok(self.look().await)
    }

    fn hits(&self) -> u64 {
        self.dose.hits()
    }
}
