//! Certificate faults, put in and taken out.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{Front, front::Flawed};
use crate::{
    fault::{
        FaultError, Injector, Removal,
        board::Board,
        dose::Dose,
        tcp::{Link, look},
    },
    scenario::model::TlsEffect,
    tls::Shown,
    units::Ratio,
};

/// A certificate fault on a link that speaks TLS with who dials it. `share` is a share of handshakes, by
/// their order; a level scales it.
#[derive(Debug)]
pub(in crate::fault) struct TlsInjector {
    link: Arc<Link>,
    front: Arc<Front>,
    dose: Arc<Dose>,
    shown: Shown,
    posting: Mutex<Option<Arc<Flawed>>>,
}

impl TlsInjector {
    /// Prepares a fault: its certificate is made now.
    ///
    /// # Errors
    /// When the link speaks no TLS with who dials it, or nobody can sign the certificate.
    pub(in crate::fault) fn prepare(
        link: Arc<Link>,
        dose: Arc<Dose>,
        effect: TlsEffect,
    ) -> Result<Self, String> {
        let front = link.http().and_then(|proxy| proxy.front()).cloned();
        let front =
            front.ok_or_else(|| format!("link `{}` shows nobody a certificate", link.name()))?;
        Ok(Self {
            shown: front.flawed(effect)?,
            link,
            front,
            dose,
            posting: Mutex::new(None),
        })
    }

    fn posting(&self) -> std::sync::MutexGuard<'_, Option<Arc<Flawed>>> {
        self.posting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Injector for TlsInjector {
    async fn inject(&self, level: Ratio) -> Result<(), FaultError> {
        self.dose.set_level(level);
        let posting = Arc::new(Flawed {
            dose: Arc::clone(&self.dose),
            shown: self.shown.clone(),
        });
        *self.posting() = Some(Arc::clone(&posting));
        self.front.flawed.post(posting);
        Ok(())
    }

    async fn level(&self, level: Ratio) -> Result<(), FaultError> {
        self.dose.set_level(level);
        Ok(())
    }

    async fn remove(&self) -> Result<Removal, FaultError> {
        let Some(posting) = self.posting().take() else {
            return Ok(Removal::verified("it was not in force"));
        };
        self.front.flawed.take_down(&posting);
        let left = Board::let_go(&posting).await;
        if left > 0 {
            let detail = format!("{left} handshakes still go by its certificate");
            return Ok(Removal::doubtful(detail));
        }
        Ok(look(&self.link).await)
    }

    fn hits(&self) -> u64 {
        self.dose.hits()
    }
}
