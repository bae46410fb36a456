//! What breaks, where, when, and in which way.

use super::{Anchor, Effect, Loss, Provenance, Shape, Turns, When};
use crate::{diagnostic::Spanned, time::Story, units::Ratio};

/// A fault as written.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Its name: `apps.facebook` for one place of the list `apps`.
    pub name: Spanned<String>,
    /// Where it is put in.
    pub at: Spanned<FaultPlace>,
    /// The feature that is lost by it, where it is there for that.
    pub lose: Option<Spanned<Loss>>,
    /// The schedule that draws when it comes; then `from` is where that begins, and it has no end.
    pub drawn_by: Option<String>,
    /// When it begins; of one that waits for a condition, when that begins to be watched.
    pub from: Spanned<Anchor>,
    /// The condition that it waits for.
    pub when: Option<When>,
    /// When it ends; a `kill` needs none.
    pub until: Option<Spanned<Until>>,
    /// How long it takes to grow to its full share (dns, http) or amount (tcp latency); lies
    /// inside its window. Zero = a step.
    pub ramp: Story,
    /// How long it takes to shrink, inside its window. Zero = a step.
    pub ramp_out: Story,
    /// The part of what it could meet that it meets.
    pub share: Ratio,
    /// Which connections or questions it meets, by their order (tcp and dns).
    pub turns: Turns,
    /// How it comes and goes.
    pub shape: Shape,
    /// What it does.
    pub effect: Spanned<Effect>,
    /// Where its numbers come from.
    pub provenance: Provenance,
}

impl Fault {
    /// Whether a name means it: its own, or that of the list or the schedule that it is from.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        if self.drawn_by.as_deref() == Some(name) {
            return true;
        }
        let own = self.name.value.strip_prefix(name);
        own.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// The name as it is written: of one from a list, the list's; of one that is drawn, the fault's.
    #[must_use]
    pub fn written_name(&self) -> &str {
        self.name.value.split('.').next().unwrap_or_default()
    }
}

/// When a fault ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Until {
    /// `for: SPAN` of story time.
    For(Story),
    /// `until: ANCHOR`.
    At(Anchor),
    /// `until: {when: CONDITION for SPAN}`.
    When(When),
}

/// Where a fault is put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultPlace {
    /// `portal -> sms`: a declared link.
    Link {
        /// The service that dials.
        from: String,
        /// The service that is dialled.
        to: String,
    },
    /// `service portal`: the way of the visitors to it.
    Service(String),
    /// `feature portal/certificates`: the visitors' requests of one feature.
    Feature {
        /// The service.
        service: String,
        /// The feature.
        feature: String,
    },
    /// `process portal`: a launched process.
    Process(String),
    /// `host`: whatever a command reaches.
    Host,
    /// `dns cowin.test` or `dns portal.cowin.test`: a zone, or one name.
    Dns(String),
}
