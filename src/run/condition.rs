//! A condition that is judged while the run goes on, on completions: pure, fed with each second's
//! measurements. Stop conditions and faults that wait for one share it.

use std::time::Duration;

use crate::{
    measure::{BinDelta, Cell},
    plan::{ConditionPlan, Origin, Plan},
    scenario::model::{Comparison, Limit, Measure, Subject},
    time::Offset,
    units::{Ratio, Span},
};

/// A condition under watch.
#[derive(Debug)]
pub(super) struct Condition {
    plan: ConditionPlan,
    /// Which series count, by their ids.
    series: Vec<bool>,
    /// It has held since then.
    since: Option<Offset>,
    /// For how long it has held without a break, at most.
    longest: Duration,
    /// What came nearest to the limit, or farthest beyond it.
    nearest: Option<f64>,
}

impl Condition {
    pub(super) fn new(plan: &Plan, condition: &ConditionPlan) -> Self {
        Self {
            plan: condition.clone(),
            series: series_of(plan, &condition.subject),
            since: None,
            longest: Duration::ZERO,
            nearest: None,
        }
    }

    /// Takes the attempts that completed in the second that ended at `now`; returns what was measured
    /// once the condition has held for as long as it says, counted from `from` at the earliest. A second
    /// without attempts neither holds nor breaks it.
    pub(super) fn take(
        &mut self,
        now: Offset,
        second: Duration,
        from: Offset,
        delta: &BinDelta,
    ) -> Option<f64> {
        let mut sum = Cell::default();
        for cell in &delta.cells {
            if self.series.get(usize::from(cell.series.0)) == Some(&true) {
                sum.merge(&cell.clone().into());
            }
        }
        let condition = &self.plan;
        let value = measured(condition.measure, &sum, second)?;
        let limit = plain(condition.limit)?;
        let nearest = self.nearest.get_or_insert(value);
        *nearest = match condition.comparison {
            Comparison::AtLeast | Comparison::Above => nearest.max(value),
            Comparison::AtMost | Comparison::Below => nearest.min(value),
        };
        if !condition.comparison.holds(value, limit) {
            self.since = None;
            return None;
        }
        // the second that just passed counts
        let passed = Offset(now.0.saturating_sub(second)).max(from);
        let begun = *self.since.get_or_insert(passed);
        self.longest = self.longest.max(now.since(begun));
        (now.since(begun) >= condition.lasting).then_some(value)
    }

    /// As it is written.
    pub(super) fn text(&self) -> &str {
        &self.plan.text
    }

    /// That it has come true.
    pub(super) fn came(&self, value: f64) -> String {
        let value = shown(self.plan.measure, value);
        format!("{} came true: {value} in the last second", self.plan.text)
    }

    /// That it never came true, and how near it came.
    pub(super) fn never(&self) -> String {
        let text = &self.plan.text;
        let Some(nearest) = self.nearest else {
            return format!("{text} never came true: nothing was measured");
        };
        let nearest = shown(self.plan.measure, nearest);
        let bound = match self.plan.comparison {
            Comparison::AtLeast | Comparison::Above => "at most",
            Comparison::AtMost | Comparison::Below => "at least",
        };
        if self.longest.is_zero() {
            return format!("{text} never came true: {bound} {nearest} in any second");
        }
        let longest = Span(self.longest).whole_millis();
        let reached = match self.plan.comparison {
            Comparison::AtLeast | Comparison::Above => "up to",
            Comparison::AtMost | Comparison::Below => "down to",
        };
        format!("{text} never came true: it held for {longest} at most, {reached} {nearest}")
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

/// A limit as a plain number; one relative to the baseline or the capacity has no meaning here, and the
/// plan refuses it.
fn plain(limit: Limit) -> Option<f64> {
    match limit {
        Limit::Ratio(value) | Limit::Rate(value) | Limit::Number(value) => Some(value),
        Limit::Time(time) => Some(time.as_secs_f64()),
        Limit::OfBaseline(_) | Limit::OfCapacity(_) => None,
    }
}

/// A measured value with its unit, for people.
fn shown(measure: Measure, value: f64) -> String {
    match measure {
        Measure::Success
        | Measure::AdmittedSuccess
        | Measure::Shed
        | Measure::Fallback
        | Measure::Timeouts
        | Measure::Errors => {
            let tenths = (value * 1000.0).round() / 1000.0;
            Ratio::new(tenths).map_or_else(|| tenths.to_string(), |share| share.to_string())
        }
        Measure::Goodput => format!("{:.1}/s", value),
        Measure::Latency(_) => {
            // more digits than the histograms have would only distract
            let value = match value >= 1.0 {
                true => (value * 100.0).round() / 100.0,
                false => value,
            };
            let time = Duration::try_from_secs_f64(value).unwrap_or_default();
            Span(time).whole_millis().to_string()
        }
        Measure::Amplification => format!("{value:.2}"),
    }
}

#[cfg(test)]
pub(super) mod tests;
