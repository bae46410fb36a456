//! One measure of one subject over some bins.

use std::ops::Range;

use super::{
    samples::Samples,
    stats::{Counts, ratio, wilson},
    text,
};
use crate::scenario::model::{Limit, Measure};

/// A measured value and the number of samples behind it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Value {
    /// A share, seconds, a rate or a plain number, as the measure has it.
    pub(crate) value: f64,
    /// How many requests (or journeys) it rests on.
    pub(crate) of: u64,
    /// Its 95% interval, if it is a share.
    pub(crate) interval: Option<(f64, f64)>,
    /// What fails when the harness's unsent requests count as bad too.
    pub(crate) counts: Counts,
}

/// Measures; `None` when there is nothing to measure.
pub(crate) fn measure(
    samples: &Samples<'_>,
    measure: Measure,
    bins: Range<usize>,
    seconds: f64,
) -> Option<Value> {
    let counts = samples.sum(bins.clone());
    let share = |part, of| {
        ratio(part, of).map(|value| Value {
            value,
            of,
            interval: wilson(part, of),
            counts,
        })
    };
    let plain = |value, of| Value {
        value,
        of,
        interval: None,
        counts,
    };
    match measure {
        Measure::Success => share(counts.good, counts.offered),
        Measure::AdmittedSuccess => share(counts.good, counts.admitted()),
        Measure::Shed => share(counts.shed, counts.offered),
        Measure::Fallback => share(counts.fallback, counts.good),
        Measure::Timeouts => share(counts.timeouts, counts.offered),
        Measure::Errors => share(counts.errors(), counts.offered),
        Measure::Goodput => (seconds > 0.0 && counts.offered > 0)
            .then(|| plain(counts.good as f64 / seconds, counts.offered)),
        Measure::Amplification => counts.amplification().map(|a| plain(a, counts.first)),
        Measure::Latency(quantile) => {
            let latencies = samples.latencies(bins);
            let at = latencies.quantile(f64::from(quantile) / 10_000.0)?;
            Some(plain(at.as_secs_f64(), latencies.len()))
        }
    }
}

/// A value of a measure, for people.
pub(crate) fn show(measure: Measure, value: f64) -> String {
    match measure {
        Measure::Success
        | Measure::AdmittedSuccess
        | Measure::Shed
        | Measure::Fallback
        | Measure::Timeouts
        | Measure::Errors => text::percent(value),
        Measure::Goodput => format!("{value:.1}/s"),
        Measure::Latency(_) => text::latency(value),
        Measure::Amplification => format!("{value:.2}"),
    }
}

/// A limit in the unit of its measure; `None` when it refers to a baseline or capacity that is
/// not known. `usual` is the same measure over the baseline.
pub(crate) fn resolve(limit: Limit, usual: Option<f64>, capacity: Option<f64>) -> Option<f64> {
    match limit {
        Limit::Ratio(n) | Limit::Rate(n) | Limit::Number(n) => Some(n),
        Limit::Time(time) => Some(time.as_secs_f64()),
        Limit::OfBaseline(share) => usual.map(|u| u * share),
        Limit::OfCapacity(share) => capacity.map(|k| k * share),
    }
}
