//! Where a time lies in a histogram of three significant digits: the layout of HdrHistogram with a
//! lowest value of 1 (Gil Tene, <https://hdrhistogram.github.io/HdrHistogram/>), as plain arithmetic.
//! Up to 2,047 each microsecond is a bucket; from there on each doubling is cut into 1,024.

/// So many buckets of one width follow each other.
const HALF: u32 = 1024;
/// `2 * HALF` values are told apart to the last unit.
const EXACT: u64 = 2 * HALF as u64 - 1;

/// The bucket of a value.
pub(super) const fn bucket(value: u64) -> u32 {
    let shift = EXACT.leading_zeros() - (value | EXACT).leading_zeros();
    shift * HALF + (value >> shift) as u32
}

/// The smallest value of a bucket.
pub(super) const fn lowest(bucket: u32) -> u64 {
    let shift = (bucket / HALF).saturating_sub(1);
    ((bucket - shift * HALF) as u64) << shift
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_follow_each_other() {
        for bucket_ in 0..30_000 {
            assert_eq!(bucket(lowest(bucket_)), bucket_);
            assert_eq!(bucket(lowest(bucket_ + 1) - 1), bucket_);
        }
    }

    proptest! {
        #[test]
        fn values_share_a_bucket_where_the_histogram_says_so(value in any::<u64>(), bits in 0u32..64) {
            let value = (value >> bits).max(1);
            let histogram = Histogram::<u64>::new_with_bounds(1, u64::MAX / 2, 3).expect("valid");
            prop_assert_eq!(lowest(bucket(value)), histogram.lowest_equivalent(value));
        }
    }
}
