//! Value axes: linear for rates, logarithmic for latencies.

use crate::report::numbers::{rate, seconds};

/// Height of a plot's drawing in its own units; y grows downwards.
pub(super) const HEIGHT: f64 = 100.0;

/// The shortest latency that a logarithmic axis shows, in seconds.
const SHORTEST_S: f64 = 1e-4;

/// A value axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// From 0 to `top`.
    Linear {
        /// Value at the top edge.
        top: f64,
        /// Between two ticks.
        step: f64,
    },
    /// From `10^low` to `10^high` seconds.
    Log {
        /// Exponent at the bottom edge.
        low: i32,
        /// Exponent at the top edge.
        high: i32,
    },
}

/// A labelled position on a value axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    /// Percent from the top of the plot.
    pub(super) top: f64,
    /// What stands there.
    pub(super) label: String,
    /// Whether it is the zero at the foot, which says itself where labels lie on the curves.
    pub(super) base: bool,
}

impl Scale {
    /// A linear axis that holds the highest of the values.
    pub(super) fn linear(values: impl Iterator<Item = f64>) -> Self {
        let peak = values.filter(|v| v.is_finite()).fold(0.0, f64::max);
        let peak = if peak > 0.0 { peak } else { 1.0 };
        // About four round steps.
        let rough = peak / 4.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0]
            .into_iter()
            .map(|m| m * power)
            .find(|s| *s >= rough * 0.999_999)
            .unwrap_or(10.0 * power);
        let top = (peak / step).ceil().max(1.0) * step;
        Self::Linear { top, step }
    }

    /// A logarithmic axis of at least two decades that holds all of the values, in seconds.
    pub(super) fn log(values: impl Iterator<Item = f64>) -> Self {
        let (least, most) = values
            .filter(|v| v.is_finite())
            .map(|v| v.max(SHORTEST_S))
            .fold((f64::INFINITY, 0.0_f64), |(lo, hi), v| {
                (lo.min(v), hi.max(v))
            });
        if most == 0.0 {
            return Self::Log { low: -3, high: 1 };
        }
        // The epsilon keeps a value of exactly a decade inside that decade.
        let low = (least.log10() + 1e-9).floor() as i32;
        let high = ((most.log10() - 1e-9).ceil() as i32).max(low + 2);
        Self::Log { low, high }
    }

    /// Where a value lies, in percent from the top, within the plot.
    pub(super) fn y(self, value: f64) -> f64 {
        let share = match self {
            Self::Linear { top, .. } => value / top,
            Self::Log { low, high } => {
                let decades = f64::from(high - low);
                (value.max(SHORTEST_S).log10() - f64::from(low)) / decades
            }
        };
        HEIGHT * (1.0 - share.clamp(0.0, 1.0))
    }

    /// The labelled positions.
    pub(super) fn ticks(self) -> Vec<Tick> {
        match self {
            Self::Linear { top, step } => (0..=(top / step).round() as u32)
                .map(|i| self.tick(f64::from(i) * step, rate))
                .collect(),
            Self::Log { low, high } => (low..=high)
                .map(|power| self.tick(10_f64.powi(power), decade))
                .collect(),
        }
    }

    fn tick(self, value: f64, say: impl Fn(f64) -> String) -> Tick {
        Tick {
            top: self.y(value),
            label: say(value),
            base: value == 0.0,
        }
    }
}

/// A power of ten in seconds, without useless digits.
fn decade(value: f64) -> String {
    match value {
        v if v >= 99.0 => seconds(Some(v)),
        v if v >= 0.99 => format!("{v:.0} s"),
        v if v >= 0.000_99 => format!("{:.0} ms", v * 1e3),
        v => format!("{:.1} ms", v * 1e3),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rates_get_round_ticks() {
        let scale = Scale::linear([476.0].into_iter());
        let labels: Vec<String> = scale.ticks().into_iter().map(|t| t.label).collect();
        assert_eq!(labels, ["0/s", "200/s", "400/s", "600/s"]);
        assert_eq!(scale.y(0.0), 100.0);
        assert_eq!(scale.y(600.0), 0.0);
    }

    #[test]
    fn latencies_get_decades() {
        let scale = Scale::log([0.011, 5.0].into_iter());
        let labels: Vec<String> = scale.ticks().into_iter().map(|t| t.label).collect();
        assert_eq!(labels, ["10 ms", "100 ms", "1 s", "10 s"]);
        assert_eq!(
            Scale::log([0.1].into_iter()),
            Scale::Log { low: -1, high: 1 }
        );
    }

    #[test]
    fn nothing_is_drawable_too() {
        for scale in [
            Scale::linear([f64::NAN].into_iter()),
            Scale::log(std::iter::empty()),
        ] {
            assert!(scale.ticks().len() >= 2);
            assert!(scale.ticks().iter().all(|t| t.top.is_finite()));
        }
    }

    proptest! {
        #[test]
        fn every_value_is_within_the_plot(value in 0.0..1e12_f64) {
            for scale in [Scale::linear([value].into_iter()), Scale::log([value].into_iter())] {
                prop_assert!((0.0..=HEIGHT).contains(&scale.y(value)));
                prop_assert!(scale.ticks().len() <= 20);
            }
        }
    }
}
