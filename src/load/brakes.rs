//! What holds the members of a population back together: their retry budget and their circuit
//! breakers. Each worker has its own.

use super::{
    breaker::{Breaker, Leave},
    budget::Budget,
};
use crate::{measure::Outcome, plan::ServiceId, scenario::model::ClientPolicy, time::Offset};

/// The brakes of a population on one worker.
#[derive(Debug)]
pub(super) struct Brakes {
    pub(super) budget: Option<Budget>,
    /// One for each service, or none at all.
    breakers: Vec<Breaker>,
}

/// Leave to send; a member without a breaker always has it.
#[derive(Debug)]
pub(super) struct Permit(Option<Leave>);

impl Brakes {
    pub(super) fn new(policy: &ClientPolicy, services: usize, workers: usize) -> Self {
        let breakers = policy.breaker.map(|breaker| {
            std::iter::repeat_with(|| Breaker::new(breaker))
                .take(services)
                .collect()
        });
        Self {
            budget: policy.retry.budget.map(|b| Budget::new(b, workers)),
            breakers: breakers.unwrap_or_default(),
        }
    }

    /// Leave to send a request to a service; `None` when the circuit is open.
    pub(super) fn permit(&mut self, to: ServiceId, now: Offset) -> Option<Permit> {
        match self.breakers.get_mut(usize::from(to.0)) {
            None => Some(Permit(None)),
            Some(breaker) => breaker.ask(now).map(|leave| Permit(Some(leave))),
        }
    }

    /// Tells how the request ended that there was leave for.
    pub(super) fn ended(
        &mut self,
        to: ServiceId,
        Permit(leave): Permit,
        outcome: Outcome,
        now: Offset,
    ) {
        if let (Some(leave), Some(breaker)) = (leave, self.breakers.get_mut(usize::from(to.0))) {
            breaker.tell(leave, outcome, now);
        }
    }
}
