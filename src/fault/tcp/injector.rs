//! TCP faults, put in and taken out.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{Link, Verdict, posting::Posting};
use crate::{
    fault::{FaultError, Injector, Removal, board::Board, dose::Dose, http::Face},
    scenario::model::TcpEffect,
    units::Ratio,
};

/// A TCP fault on a link.
///
/// `share` is a share of connections, chosen by (seed, fault, number of the connection); a level
/// scales it, but for latency, whose amount is scaled instead. A `down` that holds everybody
/// closes the listener; one that holds a share resets its share of connections.
#[derive(Debug)]
pub(in crate::fault) struct TcpInjector {
    link: Arc<Link>,
    dose: Arc<Dose>,
    effect: TcpEffect,
    posting: Mutex<Option<Arc<Posting>>>,
}

impl TcpInjector {
    pub(in crate::fault) const fn new(link: Arc<Link>, dose: Arc<Dose>, effect: TcpEffect) -> Self {
        Self {
            link,
            dose,
            effect,
            posting: Mutex::new(None),
        }
    }

    fn posting(&self) -> std::sync::MutexGuard<'_, Option<Arc<Posting>>> {
        self.posting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, error: &std::io::Error) -> FaultError {
        FaultError::NotInjected {
            fault: self.dose.name().to_owned(),
            detail: format!("link `{}`: {error}", self.link.name()),
        }
    }
}

#[async_trait]
impl Injector for TcpInjector {
    async fn inject(&self, level: Ratio) -> Result<(), FaultError> {
        self.dose.set_level(level);
        let posting = Arc::new(Posting::new(
            Arc::clone(&self.dose),
            &self.effect,
            self.link.accepted(),
        ));
        *self.posting() = Some(Arc::clone(&posting));
        self.link
            .post(posting)
            .await
            .map_err(|error| self.failed(&error))
    }

    async fn level(&self, level: Ratio) -> Result<(), FaultError> {
        self.dose.set_level(level);
        self.link
            .announce()
            .await
            .map_err(|error| self.failed(&error))
    }

    async fn remove(&self) -> Result<Removal, FaultError> {
        let Some(posting) = self.posting().clone() else {
            return Ok(Removal::verified("it was not in force"));
        };
        let not_removed = |detail: String| FaultError::NotRemoved {
            fault: self.dose.name().to_owned(),
            detail: format!("link `{}`: {detail}", self.link.name()),
        };
        self.link
            .take_down(&posting)
            .await
            .map_err(|error| not_removed(error.to_string()))?;
        *self.posting() = None;
        let left = Board::let_go(&posting).await;
        if left > 0 {
            let detail = format!("{left} connections have not let go of it");
            return Ok(Removal::doubtful(detail));
        }
        Ok(look(&self.link).await)
    }

    fn hits(&self) -> u64 {
        self.dose.hits()
    }
}

/// Dials a link after the removal of one of its faults.
pub(in crate::fault) async fn look(link: &Link) -> Removal {
    let name = link.name();
    match link.look().await {
        Verdict::Accepts(None) => {
            Removal::verified(format!("gone; link `{name}` accepts connections"))
        }
        Verdict::Accepts(Some(Face::Own)) => Removal::verified(format!(
            "gone; link `{name}` accepts connections and shows its own certificate"
        )),
        Verdict::Accepts(Some(Face::OfFault(other))) => Removal::verified(format!(
            "gone; link `{name}` accepts connections and shows the certificate of fault `{other}`"
        )),
        Verdict::HeldDown(other) => Removal::verified(format!(
            "gone; link `{name}` is still held down by fault `{other}`"
        )),
        Verdict::Silent(detail) => Removal::doubtful(format!("link `{name}`: {detail}")),
    }
}
