//! The time axis that every strip, lane and chart of a report shares.

use crate::analysis::Analysis;

/// Real seconds from the run's zero to its planned or observed end, whichever is later, so that
/// what was planned but not seen has a place too.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    /// End of the axis in real seconds; above zero.
    pub(super) end_s: f64,
    /// How far the run was observed.
    pub(super) observed_s: f64,
    /// Story seconds a real second.
    pub(super) time_scale: f64,
}

impl Axis {
    /// The axis of a run.
    pub(super) fn of(analysis: &Analysis) -> Self {
        let bins = analysis.curves.subjects.values().map(|c| c.offered.len());
        let drawn = bins.max().unwrap_or(0) as f64 * analysis.curves.bin_s;
        let last_phase = analysis.phases.last().map_or(0.0, |p| p.to_s);
        let end_s = [
            analysis.run.planned_s,
            analysis.run.observed_s,
            drawn,
            last_phase,
        ]
        .into_iter()
        .filter(|s| s.is_finite())
        .fold(0.0, f64::max);
        let time_scale = analysis.run.time_scale;
        Self {
            end_s: if end_s > 0.0 { end_s } else { 1.0 },
            observed_s: if analysis.run.observed_s.is_finite() {
                analysis.run.observed_s.max(0.0)
            } else {
                0.0
            },
            time_scale: if time_scale.is_finite() && time_scale > 0.0 {
                time_scale
            } else {
                1.0
            },
        }
    }

    /// Where an instant lies, as a share of the axis in `0..=1`.
    pub(super) fn share(&self, at_s: f64) -> f64 {
        if at_s.is_finite() {
            (at_s / self.end_s).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    /// The story time of a real instant, in seconds.
    pub(super) fn story(&self, at_s: f64) -> f64 {
        at_s * self.time_scale
    }

    /// Whether the two clocks differ.
    pub(super) fn compressed(&self) -> bool {
        (self.time_scale - 1.0).abs() > 1e-9
    }

    /// Round instants of the real clock, at most `most` of them, in real seconds.
    pub(super) fn ticks(&self, most: usize) -> Vec<f64> {
        ticks(self.end_s, most)
    }

    /// Round instants of the story clock, at most `most` of them, in real seconds.
    pub(super) fn story_ticks(&self, most: usize) -> Vec<f64> {
        let story = ticks(self.story(self.end_s), most);
        story.into_iter().map(|s| s / self.time_scale).collect()
    }
}

/// Steps that are round on a clock, in seconds.
const STEPS: [f64; 25] = [
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1200.0,
    1800.0, 3600.0, 7200.0, 10_800.0, 14_400.0, 21_600.0, 43_200.0, 86_400.0, 172_800.0,
];

/// Multiples of a round step in `0..=end`, at most `most` (and at least one) of them.
fn ticks(end: f64, most: usize) -> Vec<f64> {
    let most = most.max(2);
    let room = |step: f64| (end / step).floor() as usize + 1;
    let step = STEPS
        .iter()
        .copied()
        .find(|step| room(*step) <= most)
        .unwrap_or_else(|| {
            // Beyond days: whole numbers of days.
            (end / 86_400.0 / (most - 1) as f64).ceil() * 86_400.0
        });
    (0..room(step)).map(|i| i as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(
            ticks(180.0, 10),
            [
                0.0, 20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 140.0, 160.0, 180.0
            ]
        );
        assert_eq!(ticks(10_800.0, 4), [0.0, 3600.0, 7200.0, 10_800.0]);
        assert_eq!(ticks(0.05, 10), [0.0]);
    }

    proptest! {
        #[test]
        fn ticks_are_few_and_within(end in 0.001..1e8_f64, most in 2_usize..20) {
            let found = ticks(end, most);
            prop_assert!(!found.is_empty() && found.len() <= most);
            prop_assert!(found.iter().all(|t| *t <= end * (1.0 + 1e-9)));
        }
    }
}
