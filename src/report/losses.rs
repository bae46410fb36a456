//! Features that were lost on purpose, as every report tells of them.

use super::numbers::{count, percent, seconds};
use crate::analysis::{Analysis, LossResult, Meanwhile};

/// Headings of [`rows`].
pub(crate) const HEAD: [&str; 6] = [
    "feature",
    "offered",
    "success",
    "baseline",
    "fallback",
    "back after",
];

/// Each loss that came about: what it is called, and what became of the features.
pub(crate) fn told(analysis: &Analysis) -> impl Iterator<Item = (String, Vec<[String; 6]>)> {
    let came = analysis.losses.iter().filter(|loss| loss.from_s.is_some());
    came.map(|loss| {
        let title = format!("{} lost by {}", loss.feature, loss.fault);
        let rows = loss.features.iter().map(|m| row(loss, m));
        (title, rows.collect())
    })
}

fn row(loss: &LossResult, meanwhile: &Meanwhile) -> [String; 6] {
    let lost = if meanwhile.lost { " (lost)" } else { "" };
    [
        format!("{}{lost}", meanwhile.feature),
        count(meanwhile.offered),
        percent(meanwhile.success),
        percent(meanwhile.baseline_success),
        percent(meanwhile.fallback),
        back(loss, meanwhile),
    ]
}

fn back(loss: &LossResult, meanwhile: &Meanwhile) -> String {
    match (meanwhile.unwell, meanwhile.back_after_s) {
        (false, _) if meanwhile.offered == 0 => "nobody looked".to_owned(),
        (false, _) => "never unhealthy".to_owned(),
        (true, Some(0.0)) => "at once".to_owned(),
        (true, Some(after)) => seconds(Some(after)),
        (true, None) if loss.to_s.is_none() => "not removed".to_owned(),
        (true, None) => "not back".to_owned(),
    }
}
