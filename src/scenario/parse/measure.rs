//! `measure:`: the thresholds of measuring.

use std::time::Duration;

use super::keys::MEASURE;
use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node},
    scenario::model::MeasureSettings,
    units::Span,
};

/// The section `measure:`; what is not given keeps its default.
pub(super) fn section(node: &Spanned<Node>, mistakes: &mut Mistakes) -> MeasureSettings {
    let mut settings = MeasureSettings::default();
    let Some(fields) = Fields::open(node, &MEASURE, mistakes) else {
        return settings;
    };
    let mut spans = [
        ("warm_up", &mut settings.warm_up),
        ("hold", &mut settings.hold),
        ("observe", &mut settings.observe),
        ("baseline_span", &mut settings.baseline_span),
    ];
    for (key, value) in &mut spans {
        if let Some(span) = fields.get(key).and_then(|node| mistakes.span(node)) {
            **value = span;
        }
    }
    let mut counts = [
        ("min_samples", &mut settings.min_samples, 1..=1_000_000),
        ("bad_bins", &mut settings.bad_bins, 1..=1_000),
        ("good_bins", &mut settings.good_bins, 1..=1_000),
        (
            "baseline_requests",
            &mut settings.baseline_requests,
            1..=1_000_000,
        ),
    ];
    for (key, value, range) in &mut counts {
        if let Some(count) = fields
            .get(key)
            .and_then(|node| mistakes.count(node, range.clone()))
        {
            **value = count;
        }
    }
    for (key, value) in [
        ("outage_below", &mut settings.outage_below),
        ("fallback_above", &mut settings.fallback_above),
    ] {
        if let Some(ratio) = fields.get(key).and_then(|node| mistakes.ratio(node)) {
            *value = ratio;
        }
    }
    if let Some(node) = fields.get("bin")
        && let Some(bin) = mistakes.span(node)
    {
        let (low, high) = (Duration::from_millis(100), Duration::from_secs(60));
        if bin < low || bin > high {
            mistakes.error(
                node.place,
                format!("a bin lasts from {} to {}", Span(low), Span(high)),
                "too short or too long",
            );
        }
        settings.bin = bin;
    }
    if let Some(node) = fields.get("baseline") {
        let words = [("required", false), ("optional", true)];
        let optional = mistakes.choice(node, "a way to treat a missing baseline", &words);
        settings.baseline_optional = optional.unwrap_or(false);
    }
    settings
}
