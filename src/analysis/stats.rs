//! Counting and its uncertainty. Counts are added and histograms merged; ratios and percentiles
//! are only ever taken at the very end.

use std::ops::AddAssign;

use super::LatencySummary;
use crate::measure::{Latencies, Outcome, PackedCell};

/// The 97.5% quantile of the normal distribution: intervals hold 95%.
const Z: f64 = 1.96;

/// What was counted in some bins of some series.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// O: what the harness failed to send is not in it.
    pub(crate) offered: u64,
    /// G.
    pub(crate) good: u64,
    /// F, part of G.
    pub(crate) fallback: u64,
    /// H.
    pub(crate) shed: u64,
    /// Timed out at any stage.
    pub(crate) timeouts: u64,
    /// Every attempt, sent or not.
    pub(crate) attempts: u64,
    /// First attempts among them.
    pub(crate) first: u64,
    /// Not sent for the harness's own reasons.
    pub(crate) unsent: u64,
    /// Known to be hit by a fault of ours.
    pub(crate) injected: u64,
    /// Not good, and by the doing of a fault of ours.
    pub(crate) injected_bad: u64,
    /// Found no name or no listener, or was held back by a breaker: no evidence that the target was
    /// busy, for it saw none of these.
    pub(crate) unreached: u64,
    /// Refused: the listener was gone.
    pub(crate) refused: u64,
}

impl Counts {
    /// Not good; honest shedding is among them.
    pub(crate) const fn bad(&self) -> u64 {
        self.offered.saturating_sub(self.good)
    }

    /// Neither good nor shed.
    pub(crate) const fn errors(&self) -> u64 {
        self.bad().saturating_sub(self.shed)
    }

    /// Offered and not turned away.
    pub(crate) const fn admitted(&self) -> u64 {
        self.offered.saturating_sub(self.shed)
    }

    /// G/O.
    pub(crate) fn success(&self) -> Option<f64> {
        ratio(self.good, self.offered)
    }

    /// G/(O - H).
    pub(crate) fn admitted_success(&self) -> Option<f64> {
        ratio(self.good, self.admitted())
    }

    /// Attempts / first attempts.
    pub(crate) fn amplification(&self) -> Option<f64> {
        ratio(self.attempts, self.first)
    }

    /// The part that the harness failed to send.
    pub(crate) fn unsent_share(&self) -> f64 {
        ratio(self.unsent, self.attempts).unwrap_or(0.0)
    }
}

impl From<&PackedCell> for Counts {
    fn from(cell: &PackedCell) -> Self {
        let counts = &cell.counts;
        Self {
            offered: counts.offered(),
            good: counts.good(),
            fallback: counts.get(Outcome::Fallback),
            shed: counts.shed(),
            timeouts: counts.sum(Outcome::is_timeout),
            attempts: counts.total(),
            first: cell.first_attempts,
            unsent: counts.sum(Outcome::is_unsent_by_harness),
            injected: cell.injected,
            injected_bad: cell.injected_bad,
            unreached: counts
                .sum(|o| o.is_dns() || matches!(o, Outcome::Refused | Outcome::NotSentBreaker)),
            refused: counts.get(Outcome::Refused),
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.offered += other.offered;
        self.good += other.good;
        self.fallback += other.fallback;
        self.shed += other.shed;
        self.timeouts += other.timeouts;
        self.attempts += other.attempts;
        self.first += other.first;
        self.unsent += other.unsent;
        self.injected += other.injected;
        self.injected_bad += other.injected_bad;
        self.unreached += other.unreached;
        self.refused += other.refused;
    }
}

/// `part / whole`; `None` of nothing.
pub(crate) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The 95% interval of a share by Wilson (1927), "Probable inference, the law of succession, and
/// statistical inference": unlike the textbook interval it stays inside 0..=1 and is honest near
/// its ends, where successes live. `None` of nothing.
pub(crate) fn wilson(good: u64, of: u64) -> Option<(f64, f64)> {
    let p = ratio(good, of)?;
    let n = of as f64;
    let square = Z * Z;
    let middle = p + square / (2.0 * n);
    let reach = Z * (p * (1.0 - p) / n + square / (4.0 * n * n)).sqrt();
    let scale = 1.0 + square / n;
    // at the very ends rounding must not push the interval past the share itself
    let low = ((middle - reach) / scale).clamp(0.0, p);
    let high = ((middle + reach) / scale).clamp(p, 1.0);
    Some((low, high))
}

/// The usual quantiles, in seconds.
pub(crate) fn summarise(latencies: &Latencies) -> LatencySummary {
    let at = |q| latencies.quantile(q).map(|d| d.as_secs_f64());
    LatencySummary {
        p50_s: at(0.5),
        p90_s: at(0.9),
        p99_s: at(0.99),
        p999_s: at(0.999),
        max_s: at(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_matches_the_textbook() {
        // Newcombe (1998), table I, method 3: 81 of 263 gives 0.2553..0.3662
        let (low, high) = wilson(81, 263).expect("not empty");
        assert!((low - 0.2553).abs() < 1e-4, "{low}");
        assert!((high - 0.3662).abs() < 1e-4, "{high}");
        assert_eq!(wilson(0, 0), None);
    }

    proptest::proptest! {
        #[test]
        fn wilson_contains_the_share(of in 1u64..1_000_000, part in 0.0f64..=1.0) {
            let good = ((of as f64) * part) as u64;
            let (low, high) = wilson(good, of).expect("not empty");
            let p = good as f64 / of as f64;
            proptest::prop_assert!(0.0 <= low && low <= p && p <= high && high <= 1.0);
        }
    }
}
