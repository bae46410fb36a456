//! Stop conditions, judged live on completions: pure, fed with each second's measurements.

use std::time::Duration;

use crate::{
    measure::{BinDelta, Cell},
    plan::{Origin, Plan, StopPlan},
    scenario::model::{Limit, Measure, Subject},
    time::Offset,
};

/// Watches the stop conditions of a plan.
#[derive(Debug)]
pub(super) struct StopWatch {
    conditions: Vec<(StopPlan, Vec<bool>, Option<Offset>)>,
}

impl StopWatch {
    pub(super) fn new(plan: &Plan) -> Self {
        let conditions = plan
            .stop
            .iter()
            .map(|stop| (stop.clone(), series_of(plan, &stop.subject), None))
            .collect();
        Self { conditions }
    }

    /// Takes the attempts that completed in the last second; returns the first condition that has
    /// held for as long as it says. A second without attempts neither holds nor breaks one.
    pub(super) fn take(
        &mut self,
        now: Offset,
        second: Duration,
        delta: &BinDelta,
    ) -> Option<String> {
        for (stop, series, since) in &mut self.conditions {
            let mut sum = Cell::default();
            for cell in &delta.cells {
                if series.get(usize::from(cell.series.0)) == Some(&true) {
                    sum.merge(&cell.clone().into());
                }
            }
            let (Some(value), Some(limit)) =
                (measured(stop.measure, &sum, second), plain(stop.limit))
            else {
                continue;
            };
            if !stop.comparison.holds(value, limit) {
                *since = None;
                continue;
            }
            // the second that just passed counts
            let begun = *since.get_or_insert(Offset(now.0.saturating_sub(second)));
            if now.since(begun) >= stop.lasting {
                return Some(stop.text.clone());
            }
        }
        None
    }
}

fn series_of(plan: &Plan, subject: &Subject) -> Vec<bool> {
    let service = |id: crate::plan::ServiceId| plan.services[usize::from(id.0)].name.as_str();
    let is_load = |origin| matches!(origin, Origin::Population(_));
    plan.series
        .iter()
        .map(|series| match subject {
            Subject::Service(name) => is_load(series.origin) && service(series.service) == name,
            Subject::Feature {
                service: name,
                feature,
            } => {
                is_load(series.origin)
                    && service(series.service) == name
                    && series.feature.as_ref() == Some(feature)
            }
            Subject::Population(name) => match series.origin {
                Origin::Population(index) => plan.populations[usize::from(index)].name == *name,
                Origin::Probe => false,
            },
        })
        .collect()
}

fn measured(measure: Measure, cell: &Cell, second: Duration) -> Option<f64> {
    let counts = &cell.counts;
    let (offered, good, shed) = (counts.offered(), counts.good(), counts.shed());
    let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    match measure {
        Measure::Success => share(good, offered),
        Measure::AdmittedSuccess => share(good, offered - shed),
        Measure::Goodput => (offered > 0).then(|| good as f64 / second.as_secs_f64()),
        Measure::Latency(q) => cell
            .response
            .quantile(f64::from(q) / 10_000.0)
            .map(|time| time.as_secs_f64()),
        Measure::Shed => share(shed, offered),
        Measure::Fallback => share(counts.get(crate::measure::Outcome::Fallback), good),
        Measure::Timeouts => share(counts.sum(crate::measure::Outcome::is_timeout), offered),
        Measure::Errors => share(offered - good - shed, offered),
        Measure::Amplification => share(counts.total(), cell.first_attempts),
    }
}

/// A limit as a plain number; one relative to the baseline has no meaning for a stop condition,
/// and the plan refuses it.
fn plain(limit: Limit) -> Option<f64> {
    match limit {
        Limit::Ratio(value) | Limit::Rate(value) | Limit::Number(value) => Some(value),
        Limit::Time(time) => Some(time.as_secs_f64()),
        Limit::OfBaseline(_) | Limit::OfCapacity(_) => None,
    }
}
