//! Requests of each route in bins of time. How long the log is shows only at its end, so bins begin
//! with a second each and are merged when there are too many: memory stays the same.

use std::time::Duration;

use super::error::ImportError;

/// Widths in seconds, each a multiple of the one before.
const WIDTHS: [i64; 13] = [
    1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400,
];
/// How many bins there may be when their width was asked for.
const MOST_GIVEN: usize = 20_000;

/// Counts, by route and bin.
#[derive(Debug)]
pub(super) struct Bins {
    /// Of a bin, in seconds.
    width: i64,
    /// Whether the width was asked for, so that it may not change.
    fixed: bool,
    most: usize,
    /// The number of the first bin: bin `n` covers the seconds from `n * width` on.
    base: i64,
    /// How many bins are in use.
    len: usize,
    /// By route; the bins behind the last are zero.
    counts: Vec<Vec<u32>>,
}

impl Bins {
    /// Bins of a given width (in whole seconds), or as wide as it takes to be at most `most`.
    pub(super) fn new(given: Option<Duration>, most: usize) -> Self {
        let width = given.map_or(1, |bin| i64::try_from(bin.as_secs()).unwrap_or(i64::MAX));
        Self {
            width: width.max(1),
            fixed: given.is_some(),
            most: if given.is_some() {
                MOST_GIVEN
            } else {
                // two, since a bin border may lie between any two seconds
                most.max(2)
            },
            base: 0,
            len: 0,
            counts: Vec::new(),
        }
    }

    /// Counts a request of `route` in `second`.
    pub(super) fn add(&mut self, route: usize, second: i64) -> Result<(), ImportError> {
        let bin = loop {
            let bin = second.div_euclid(self.width);
            match usize::try_from(bin - self.base) {
                Ok(at) if at < self.len => break at,
                _ => self.cover(bin)?,
            }
        };
        if route >= self.counts.len() {
            self.counts.resize_with(route + 1, Vec::new);
        }
        let counts = &mut self.counts[route];
        if bin >= counts.len() {
            counts.resize(bin + 1, 0);
        }
        counts[bin] = counts[bin].saturating_add(1);
        Ok(())
    }

    /// Their width.
    pub(super) const fn width(&self) -> Duration {
        Duration::from_secs(self.width.unsigned_abs())
    }

    /// The second at which the first one begins.
    pub(super) const fn first_second(&self) -> i64 {
        self.base * self.width
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The counts of a route; shorter than [`Self::len`] when its last bins are empty.
    pub(super) fn of(&self, route: usize) -> &[u32] {
        self.counts.get(route).map_or(&[], Vec::as_slice)
    }

    /// Makes room for a bin, or makes the bins wider.
    fn cover(&mut self, bin: i64) -> Result<(), ImportError> {
        if self.len == 0 {
            self.base = bin;
            self.len = 1;
            return Ok(());
        }
        let last = self.base + self.len as i64 - 1;
        let (low, high) = (self.base.min(bin), last.max(bin));
        let needed = usize::try_from(high - low + 1).unwrap_or(usize::MAX);
        if needed > self.most {
            if self.fixed {
                return Err(ImportError::TooManyBins {
                    bin: self.width(),
                    most: self.most,
                });
            }
            self.widen();
            return Ok(());
        }
        let shift = usize::try_from(self.base - low).unwrap_or(0);
        if shift > 0 {
            for counts in self.counts.iter_mut().filter(|c| !c.is_empty()) {
                counts.splice(0..0, std::iter::repeat_n(0, shift));
            }
        }
        self.base = low;
        self.len = needed;
        Ok(())
    }

    fn widen(&mut self) {
        let wider = WIDTHS.iter().find(|width| **width > self.width);
        let wider = wider.copied().unwrap_or(self.width.saturating_mul(2));
        let factor = wider / self.width;
        let base = self.base.div_euclid(factor);
        let to = |at: usize| {
            let bin = (self.base + at as i64).div_euclid(factor) - base;
            usize::try_from(bin).unwrap_or(0)
        };
        let len = to(self.len - 1) + 1;
        for counts in &mut self.counts {
            for at in 0..counts.len() {
                let count = std::mem::take(&mut counts[at]);
                let into = &mut counts[to(at)];
                *into = into.saturating_add(count);
            }
            counts.truncate(len);
        }
        self.base = base;
        self.len = len;
        self.width = wider;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_widen_until_they_are_few() {
        let mut bins = Bins::new(None, 4);
        for second in [100, 103, 101, 99, 118] {
            bins.add(1, second).expect("counted");
        }
        assert_eq!(bins.width(), Duration::from_secs(10));
        assert_eq!(bins.first_second(), 90);
        assert_eq!(bins.of(1), [1, 3, 1]);
        assert_eq!(bins.of(0), [0; 0]);
        assert_eq!(bins.len(), 3);
    }

    #[test]
    fn a_given_width_stays() {
        let mut bins = Bins::new(Some(Duration::from_secs(60)), 1);
        bins.add(0, 0).expect("counted");
        bins.add(0, 60 * (MOST_GIVEN as i64 - 1)).expect("counted");
        assert!(bins.add(0, -1).is_err());
        assert_eq!(bins.len(), MOST_GIVEN);
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_lost(
            seconds in proptest::collection::vec((0usize..3, -100_000i64..100_000), 1..200),
            most in 1usize..50,
        ) {
            let mut bins = Bins::new(None, most);
            for (route, second) in &seconds {
                bins.add(*route, *second).expect("counted");
            }
            proptest::prop_assert!(bins.len() <= most.max(2));
            let width = bins.width().as_secs() as i64;
            for route in 0..3 {
                for (at, count) in bins.of(route).iter().enumerate() {
                    let from = bins.first_second() + at as i64 * width;
                    let inside = seconds
                        .iter()
                        .filter(|(r, s)| *r == route && (from..from + width).contains(s));
                    proptest::prop_assert_eq!(inside.count(), *count as usize);
                }
                let counted: u32 = bins.of(route).iter().sum();
                let came = seconds.iter().filter(|(r, _)| *r == route).count();
                proptest::prop_assert_eq!(counted as usize, came);
            }
        }
    }
}
