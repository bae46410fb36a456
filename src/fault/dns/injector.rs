//! DNS faults, put in and taken out.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use hickory_proto::rr::Name;

use super::{
    DnsServer,
    ask::ask,
    rules::{Names, Rule},
    zone::fully_qualified,
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
/// arrival); a level scales it.
pub(in crate::fault) struct DnsInjector {
    server: Arc<DnsServer>,
    dose: Arc<Dose>,
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
        fully_qualified(name)?;
        Ok(Self {
            server,
            dose,
            names: Names {
                name: name.to_ascii_lowercase(),
                zone,
            },
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
        let example = book.zones.example(&self.names);
        let name = example.as_deref().unwrap_or(&self.names.name);
        let asked = match fully_qualified(name) {
            Ok(asked) => asked,
            Err(error) => return Removal::doubtful(error.to_string()),
        };
        let posted = book.rules.snapshot();
        let other = posted
            .iter()
            .find(|rule| rule.names.mean(name))
            .map(|rule| rule.dose.name().to_owned());
        drop(posted);
        if let Some(other) = other {
            return Removal::verified(format!("gone; `{name}` is still under fault `{other}`"));
        }
        match self.question(&asked).await {
            Ok(Some(code)) => {
                // a record of ours must be found; for other names it counts that we answer
                let healthy = code == hickory_proto::op::ResponseCode::NoError;
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

    async fn question(
        &self,
        name: &Name,
    ) -> std::io::Result<Option<hickory_proto::op::ResponseCode>> {
        let mut answered = None;
        for _ in 0..ASKED {
            let mut from = None;
            let announce = |addr| {
                from = Some(addr);
                self.server.book.own().insert(addr);
            };
            let result = ask(self.server.addr(), name.clone(), ANSWER_WITHIN, announce).await;
            if let Some(addr) = from {
                self.server.book.own().remove(&addr);
            }
            answered = result?;
            if answered.is_some() {
                break;
            }
        }
        Ok(answered)
    }
}

#[async_trait]
impl Injector for DnsInjector {
    async fn inject(&self, level: Ratio) -> Result<(), FaultError> {
        self.dose.set_level(level);
        let rule = Arc::new(Rule {
            dose: Arc::clone(&self.dose),
            names: self.names.clone(),
            effect: self.effect,
        });
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
