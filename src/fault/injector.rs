//! What every plane can do with a fault.

use async_trait::async_trait;

use super::FaultError;
use crate::units::Ratio;

/// What was seen when a fault was taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// It was looked at, and seen to be gone.
    pub verified: bool,
    /// How that was seen, or what is wrong; for people.
    pub detail: String,
}

impl Removal {
    pub(super) fn verified(detail: impl Into<String>) -> Self {
        Self {
            verified: true,
            detail: detail.into(),
        }
    }

    pub(super) fn doubtful(detail: impl Into<String>) -> Self {
        Self {
            verified: false,
            detail: detail.into(),
        }
    }
}

/// One fault on its plane. Calls for one fault never overlap: [`super::Planes`] sees to that, and
/// to idempotence; an injector is put in once, levelled any number of times, and removed once, and
/// then perhaps all over again.
#[async_trait]
pub trait Injector: Send + Sync {
    /// Puts the fault in at `level`; when this returns it is in force.
    ///
    /// # Errors
    /// When it did not take effect.
    async fn inject(&self, level: Ratio) -> Result<(), FaultError>;

    /// Changes how much of it is in force: a part of its share, or of its amount where that is
    /// what the plane scales (TCP latency).
    ///
    /// # Errors
    /// When the change did not take effect.
    async fn level(&self, level: Ratio) -> Result<(), FaultError>;

    /// Takes it out, releases what it holds, and looks whether it is gone.
    ///
    /// # Errors
    /// When it is known to be still in force.
    async fn remove(&self) -> Result<Removal, FaultError>;

    /// How many requests, connections or questions it met so far, over all its injections.
    fn hits(&self) -> u64;

    /// To how many of those that it was meant for it could do nothing: no body to cut off, none
    /// that is JSON, no earlier answer.
    fn spared(&self) -> u64 {
        0
    }
}
