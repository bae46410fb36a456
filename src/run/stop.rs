//! Stop conditions, judged live on completions: pure, fed with each second's measurements.

use std::time::Duration;

use super::condition::Condition;
use crate::{measure::BinDelta, plan::Plan, time::Offset};

/// Watches the stop conditions of a plan.
#[derive(Debug)]
pub(super) struct StopWatch {
    conditions: Vec<Condition>,
}

impl StopWatch {
    pub(super) fn new(plan: &Plan) -> Self {
        let conditions = plan.stop.iter();
        Self {
            conditions: conditions.map(|stop| Condition::new(plan, stop)).collect(),
        }
    }

    /// Takes the attempts that completed in the last second; returns the first condition that has
    /// held for as long as it says.
    pub(super) fn take(
        &mut self,
        now: Offset,
        second: Duration,
        delta: &BinDelta,
    ) -> Option<String> {
        let mut held = None;
        for condition in &mut self.conditions {
            if condition.take(now, second, Offset::ZERO, delta).is_some() {
                held.get_or_insert_with(|| condition.text().to_owned());
            }
        }
        held
    }
}
