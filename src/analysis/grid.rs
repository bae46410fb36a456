//! Bins: where an instant lies among them, and which of them make up a window.

use std::{ops::Range, time::Duration};

use crate::time::Offset;

/// The bins of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    /// D.
    pub(crate) width: Duration,
    /// How many bins the observed run has; the last may be partial.
    pub(crate) bins: usize,
    /// How many of them are known: all, unless the run ended early. Then the answers to younger
    /// requests might still have come, so judging those bins would favour what was quick.
    pub(crate) known: usize,
}

impl Grid {
    /// The bins of a run that was observed for `length`; those that end later than `watermark`
    /// are unknown.
    pub(crate) fn new(width: Duration, length: Duration, watermark: Duration) -> Self {
        let size = width.as_nanos().max(1);
        let bins = usize::try_from(length.as_nanos().div_ceil(size)).unwrap_or(usize::MAX);
        let known = if watermark >= length {
            bins
        } else {
            usize::try_from(watermark.as_nanos() / size).unwrap_or(usize::MAX)
        };
        Self { width, bins, known }
    }

    /// The first bin whose middle is not before `at`: a window begins and ends there, so that a
    /// bin belongs to the window that holds the greater part of it.
    pub(crate) fn edge(&self, at: Offset) -> usize {
        let half = self.width.as_nanos().max(2) / 2;
        let bin = at.0.as_nanos().saturating_sub(half).div_ceil(half * 2);
        usize::try_from(bin).unwrap_or(usize::MAX).min(self.bins)
    }

    /// The bins of a window, at least the one that it begins in if that is in the run.
    pub(crate) fn range(&self, from: Offset, to: Offset) -> Range<usize> {
        let (first, end) = (self.edge(from), self.edge(to));
        if first < end {
            return first..end;
        }
        let holds = usize::try_from(from.bin(self.width)).unwrap_or(usize::MAX);
        if from < to && holds < self.bins {
            return holds..holds + 1;
        }
        first..first
    }

    /// The begin of a bin, in seconds.
    pub(crate) fn start(&self, bin: usize) -> f64 {
        self.width.as_secs_f64() * bin as f64
    }

    /// The begin of a bin.
    pub(crate) fn offset(&self, bin: usize) -> Offset {
        Offset::from_secs_f64(self.start(bin))
    }

    /// The length of so many bins, in seconds.
    pub(crate) fn seconds(&self, bins: usize) -> f64 {
        self.width.as_secs_f64() * bins as f64
    }

    /// How many whole bins cover a length; at least one.
    pub(crate) fn spanning(&self, length: Duration) -> usize {
        let bins = length.as_nanos().div_ceil(self.width.as_nanos().max(1));
        usize::try_from(bins).unwrap_or(usize::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Offset {
        Offset::from_secs_f64(seconds)
    }

    #[test]
    fn a_bin_belongs_where_its_middle_lies() {
        let grid = Grid::new(
            Duration::from_secs(1),
            Duration::from_secs(60),
            Duration::MAX,
        );
        assert_eq!(grid.range(at(10.0), at(20.0)), 10..20);
        assert_eq!(grid.range(at(10.03), at(20.03)), 10..20);
        assert_eq!(grid.range(at(10.6), at(20.6)), 11..21);
        assert_eq!(grid.range(at(10.1), at(10.2)), 10..11);
        assert_eq!(grid.range(at(50.0), at(90.0)), 50..60);
        assert_eq!(grid.range(at(70.0), at(90.0)), 60..60);
        assert_eq!(grid.range(at(7.0), at(7.0)), 7..7);
    }

    #[test]
    fn young_bins_of_a_short_run_are_unknown() {
        let second = Duration::from_secs(1);
        let grid = Grid::new(
            second,
            Duration::from_millis(42_300),
            Duration::from_millis(37_300),
        );
        assert_eq!((grid.bins, grid.known), (43, 37));
        let whole = Grid::new(second, Duration::from_millis(42_300), Duration::MAX);
        assert_eq!((whole.bins, whole.known), (43, 43));
    }
}
