//! How the operator stops a run.

use tokio::sync::watch;

/// A flag that the signal handler raises and the dispatcher watches.
#[derive(Debug, Clone)]
pub struct Interrupt(watch::Sender<u32>);

impl Default for Interrupt {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Interrupt {
    /// Counts one more request to stop and says how many there were, this one included. May be
    /// called from any thread; the first asks for an orderly stop.
    pub fn raise(&self) -> u32 {
        self.0.send_modify(|n| *n += 1);
        *self.0.borrow()
    }

    /// Whether anybody asked to stop.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        *self.0.borrow() > 0
    }

    /// Returns once somebody asked to stop.
    pub async fn raised(&self) {
        // the sender lives in `self`, so waiting cannot fail
        let _ = self.0.subscribe().wait_for(|n| *n > 0).await;
    }
}
