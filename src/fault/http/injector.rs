//! HTTP faults, put in and taken out.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{
    Proxy,
    rules::{Action, Rule},
};
use crate::{
    fault::{
        FaultError, Injector, Removal,
        board::Board,
        dose::Dose,
        tcp::{Link, look},
    },
    scenario::model::{HttpEffect, RoutePattern},
    units::Ratio,
};

/// An HTTP fault on a link. `share` is a share of the requests that its routes mean; a level
/// scales it.
#[derive(Debug)]
pub(in crate::fault) struct HttpInjector {
    link: Arc<Link>,
    proxy: Arc<Proxy>,
    dose: Arc<Dose>,
    routes: Arc<[RoutePattern]>,
    action: Action,
    rule: Mutex<Option<Arc<Rule>>>,
}

impl HttpInjector {
    /// Prepares a fault.
    ///
    /// # Errors
    /// What cannot be carried out: an impossible status or header, or a link of mere bytes.
    pub(in crate::fault) fn prepare(
        link: Arc<Link>,
        dose: Arc<Dose>,
        effect: &HttpEffect,
    ) -> Result<Self, String> {
        let proxy = link
            .http()
            .cloned()
            .ok_or_else(|| format!("link `{}` does not understand HTTP", link.name()))?;
        Ok(Self {
            link,
            proxy,
            dose,
            routes: effect.matching.routes.clone().into(),
            action: Action::prepare(effect)?,
            rule: Mutex::new(None),
        })
    }

    fn rule(&self) -> std::sync::MutexGuard<'_, Option<Arc<Rule>>> {
        self.rule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Injector for HttpInjector {
    async fn inject(&self, level: Ratio) -> Result<(), FaultError> {
        self.dose.set_level(level);
        let rule = Arc::new(Rule {
            dose: Arc::clone(&self.dose),
            routes: Arc::clone(&self.routes),
            action: self.action.clone(),
        });
        *self.rule() = Some(Arc::clone(&rule));
        self.proxy.rules.post(rule);
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
        self.proxy.rules.take_down(&rule);
        let left = Board::let_go(&rule).await;
        if left > 0 {
            let detail = format!("{left} requests are still held by it");
            return Ok(Removal::doubtful(detail));
        }
        Ok(look(&self.link).await)
    }

    fn hits(&self) -> u64 {
        self.dose.hits()
    }
}
