//! How late a request is.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{seed::Seed, units::Span};

/// The 99% quantile of the standard normal distribution.
const Z99: f64 = 2.326_347_874_040_841;
/// No draw is longer: a log-normal distribution has no end.
const LONGEST: Duration = Duration::from_secs(3600);

/// A delay, the same for all or drawn for each request (real time).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpDelay {
    /// The delay; the shortest, the mean or the median where it is drawn.
    pub delay: Duration,
    /// How it is drawn.
    #[serde(default)]
    pub spread: Spread,
}

/// How a delay is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    /// Always the same.
    #[default]
    None,
    /// Evenly, up to `most`.
    Uniform {
        /// The longest.
        most: Duration,
    },
    /// Normal around the mean; below zero is zero.
    Normal {
        /// The standard deviation.
        deviation: Duration,
    },
    /// Log-normal: a median, and a long tail as queues and garbage collectors make it.
    LogNormal {
        /// The 99th percentile.
        p99: Duration,
    },
}

impl HttpDelay {
    /// The same delay for all.
    #[must_use]
    pub const fn constant(delay: Duration) -> Self {
        Self {
            delay,
            spread: Spread::None,
        }
    }

    /// The delay of the request that this seed belongs to; at most an hour where it is drawn.
    #[must_use]
    pub fn draw(&self, seed: Seed) -> Duration {
        let mut stream = seed.stream();
        let drawn = match self.spread {
            Spread::None => return self.delay,
            Spread::Uniform { most } => return stream.duration(self.delay, most),
            Spread::Normal { deviation } => {
                let z = normal(stream.unit(), stream.unit());
                z.mul_add(deviation.as_secs_f64(), self.delay.as_secs_f64())
            }
            Spread::LogNormal { p99 } => {
                let median = self.delay.as_secs_f64();
                let sigma = (p99.as_secs_f64() / median).ln() / Z99;
                median * (sigma * normal(stream.unit(), stream.unit())).exp()
            }
        };
        // NaN (a median of zero) is no delay
        Duration::try_from_secs_f64(drawn.max(0.0)).map_or(LONGEST, |drawn| drawn.min(LONGEST))
    }
}

/// A standard normal number from two even ones in 0..1 (Box and Muller, 1958).
fn normal(u: f64, v: f64) -> f64 {
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

impl fmt::Display for HttpDelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delay = Span(self.delay);
        match self.spread {
            Spread::None => write!(f, "{delay}"),
            Spread::Uniform { most } => write!(f, "{delay} to {}", Span(most)),
            Spread::Normal { deviation } => write!(f, "{delay} ± {}", Span(deviation)),
            Spread::LogNormal { p99 } => write!(f, "{delay}, p99 {}", Span(p99)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(spread: Spread) -> Vec<f64> {
        let delay = HttpDelay {
            delay: Duration::from_secs(2),
            spread,
        };
        let mut all: Vec<f64> = (0..10_000)
            .map(|n| delay.draw(Seed(7).indexed(n)).as_secs_f64())
            .collect();
        all.sort_by(f64::total_cmp);
        all
    }

    fn near(got: f64, wanted: f64) -> bool {
        (got / wanted - 1.0).abs() < 0.06
    }

    #[test]
    fn draws_have_the_quantiles_that_were_asked_for() {
        let same = drawn(Spread::None);
        assert_eq!((same[0], same[9_999]), (2.0, 2.0));

        let most = Duration::from_secs(4);
        let even = drawn(Spread::Uniform { most });
        assert!(even[0] >= 2.0 && even[9_999] <= 4.0);
        assert!(near(even[5_000], 3.0) && near(even[9_000], 3.8), "uniform");

        let deviation = Duration::from_secs(1);
        let bell = drawn(Spread::Normal { deviation });
        assert!(bell[0] == 0.0, "cut off at zero");
        assert!(near(bell[5_000], 2.0) && near(bell[8_413], 3.0), "normal");

        let p99 = Duration::from_secs(20);
        let tail = drawn(Spread::LogNormal { p99 });
        assert!(near(tail[5_000], 2.0), "median {}", tail[5_000]);
        assert!((17.0..24.0).contains(&tail[9_900]), "p99 {}", tail[9_900]);
    }

    #[test]
    fn the_same_seed_draws_the_same_and_nothing_is_endless() {
        let p99 = Duration::MAX;
        let wild = HttpDelay {
            delay: Duration::from_nanos(1),
            spread: Spread::LogNormal { p99 },
        };
        for n in 0..1_000 {
            let seed = Seed(1).indexed(n);
            assert_eq!(wild.draw(seed), wild.draw(seed));
            assert!(wild.draw(seed) <= LONGEST);
        }
        let nothing = HttpDelay {
            delay: Duration::ZERO,
            spread: Spread::LogNormal { p99 },
        };
        assert!(nothing.draw(Seed(1)) <= LONGEST);
    }

    #[test]
    fn a_delay_of_an_old_record_still_reads() {
        let old = r#"{"delay": {"delay": {"secs": 12, "nanos": 0}}}"#;
        let action: super::super::HttpAction = serde_json::from_str(old).expect("it reads");
        let expected = HttpDelay::constant(Duration::from_secs(12));
        assert_eq!(action, super::super::HttpAction::Delay(expected));
    }
}
