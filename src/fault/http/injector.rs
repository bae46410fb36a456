//! HTTP faults, put in and taken out.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{
    Proxy,
    rules::{Action, Matcher, Rule},
};
use crate::{
    fault::{
        FaultError, Injector, Removal,
        board::Board,
        dose::Dose,
        tcp::{Link, look},
    },
    scenario::model::HttpEffect,
    units::Ratio,
};

/// An HTTP fault on a link. `share` is a share of the requests that its conditions mean, or of the
/// people who send them; a level scales it.
#[derive(Debug)]
pub(in crate::fault) struct HttpInjector {
    link: Arc<Link>,
    proxy: Arc<Proxy>,
    dose: Arc<Dose>,
    matcher: Arc<Matcher>,
    action: Action,
    rule: Mutex<Option<Arc<Rule>>>,
}

impl HttpInjector {
    /// Prepares a fault.
    ///
    /// # Errors
    /// What cannot be carried out: an impossible status, header, pattern or path, or a link of mere
    /// bytes.
    pub(in crate::fault) fn prepare(
        link: Arc<Link>,
        dose: Arc<Dose>,
        effect: &HttpEffect,
    ) -> Result<Self, String> {
        let proxy = link
            .http()
            .cloned()
            .ok_or_else(|| format!("link `{}` does not understand HTTP", link.name()))?;
        let matcher = Arc::new(Matcher::prepare(&effect.matching)?);
        let action = Action::prepare(effect, dose.seed())?;
        if let Some(copies) = action.copies() {
            proxy.keep_copies(Arc::clone(&matcher), Arc::clone(copies));
        }
        Ok(Self {
            link,
            proxy,
            dose,
            matcher,
            action,
            rule: Mutex::new(None),
        })
    }

    fn rule(&self) -> std::sync::MutexGuard<'_, Option<Arc<Rule>>> {
        self.rule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn freeze_copies(&self, frozen: bool) {
        if let Some(copies) = self.action.copies() {
            copies.freeze(frozen);
        }
    }
}

#[async_trait]
impl Injector for HttpInjector {
    async fn inject(&self, level: Ratio) -> Result<(), FaultError> {
        self.dose.set_level(level);
        self.action.renew();
        self.freeze_copies(true);
        let rule = Arc::new(Rule::new(
            Arc::clone(&self.dose),
            Arc::clone(&self.matcher),
            self.action.clone(),
        ));
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
        self.freeze_copies(false);
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

    fn spared(&self) -> u64 {
        self.dose.spared()
    }
}
