//! Histograms at rest. An open histogram has room for each bucket up to its highest value, some 65 KB;
//! a second's answers fall into a few hundred of them. Packed, only those take room: a run is
//! kept in a few KB for each second and series.

use std::{cmp::Ordering, iter::Peekable, time::Duration};

use super::{Latencies, buckets::bucket};

/// Counts beyond this are held to be this.
const MOST: u64 = u64::MAX >> 1;

/// Response or service times, packed: what [`Latencies`] hold, in a few bytes for each bucket that is not empty.
///
/// They can be added up, counted and read as they are, each in one pass; quantiles of many are those
/// of [`Latencies`] that they were added to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackedLatencies {
    len: u64,
    /// For each bucket, in order: twice its count, plus 1 where empty buckets lie before it, and then
    /// how many; both as LEB128.
    bytes: Box<[u8]>,
}

impl PackedLatencies {
    /// Adds others.
    pub fn merge(&mut self, other: &Self) {
        if self.is_empty() {
            self.clone_from(other);
        } else if !other.is_empty() {
            let sum = Sum {
                one: self.buckets().peekable(),
                other: other.buckets().peekable(),
            };
            *self = sum.collect();
        }
    }

    /// Number of recorded times.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was recorded.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many recorded times are above `limit` (within the histogram's 3 digits).
    #[must_use]
    pub fn count_above(&self, limit: Duration) -> u64 {
        let limit = bucket(u64::try_from(limit.as_micros()).unwrap_or(u64::MAX));
        let above = self.buckets().filter(|(bucket, _)| *bucket > limit);
        above.fold(0, |sum: u64, (_, count)| sum.saturating_add(count))
    }

    /// The buckets that are not empty, in order, and how many times lie in each.
    pub(super) const fn buckets(&self) -> Buckets<'_> {
        Buckets {
            rest: &self.bytes,
            next: 0,
        }
    }
}

impl From<&Latencies> for PackedLatencies {
    fn from(open: &Latencies) -> Self {
        let recorded = open.recorded();
        recorded
            .map(|(micros, count)| (bucket(micros), count))
            .collect()
    }
}

/// Of buckets in order; one may come several times.
impl FromIterator<(u32, u64)> for PackedLatencies {
    fn from_iter<T: IntoIterator<Item = (u32, u64)>>(buckets: T) -> Self {
        let (mut len, mut bytes, mut next) = (0_u64, Vec::new(), 0);
        for (bucket, count) in buckets {
            let count = count.min(MOST);
            len = len.saturating_add(count);
            let empty = bucket - next;
            write(&mut bytes, count << 1 | u64::from(empty > 0));
            if empty > 0 {
                write(&mut bytes, empty.into());
            }
            next = bucket + 1;
        }
        let bytes = bytes.into_boxed_slice();
        Self { len, bytes }
    }
}

/// Reads buckets.
#[derive(Debug, Clone)]
pub(super) struct Buckets<'a> {
    rest: &'a [u8],
    next: u32,
}

impl Iterator for Buckets<'_> {
    type Item = (u32, u64);

    fn next(&mut self) -> Option<(u32, u64)> {
        let word = read(&mut self.rest)?;
        if word & 1 == 1 {
            self.next += u32::try_from(read(&mut self.rest)?).ok()?;
        }
        let bucket = self.next;
        self.next += 1;
        Some((bucket, word >> 1))
    }
}

/// The buckets of two, in order.
struct Sum<'a> {
    one: Peekable<Buckets<'a>>,
    other: Peekable<Buckets<'a>>,
}

impl Iterator for Sum<'_> {
    type Item = (u32, u64);

    fn next(&mut self) -> Option<(u32, u64)> {
        let order = match (self.one.peek(), self.other.peek()) {
            (Some((one, _)), Some((other, _))) => one.cmp(other),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        match order {
            Ordering::Less => self.one.next(),
            Ordering::Greater => self.other.next(),
            Ordering::Equal => {
                let ((bucket, one), (_, other)) = (self.one.next()?, self.other.next()?);
                Some((bucket, one.saturating_add(other)))
            }
        }
    }
}

fn write(bytes: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        bytes.push(n as u8 | 0x80);
        n >>= 7;
    }
    bytes.push(n as u8);
}

fn read(bytes: &mut &[u8]) -> Option<u64> {
    let (mut n, mut shift) = (0, 0);
    loop {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        n |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(n);
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// From a microsecond to beyond the hour at which times saturate.
    fn times() -> impl Strategy<Value = Vec<Duration>> {
        let micros = (0u32..32, any::<u32>()).prop_map(|(bits, n)| u64::from(n >> bits));
        prop::collection::vec(micros.prop_map(Duration::from_micros), 0..200)
    }

    fn open(times: &[Duration]) -> Latencies {
        let mut open = Latencies::default();
        times.iter().for_each(|time| open.record(*time));
        open
    }

    fn packed(times: &[Duration]) -> PackedLatencies {
        PackedLatencies::from(&open(times))
    }

    fn opened(packed: &PackedLatencies) -> Latencies {
        let mut open = Latencies::default();
        open.add(packed);
        open
    }

    proptest! {
        #[test]
        fn what_is_packed_is_what_was_recorded(times in times(), limit in 0u64..5_000_000_000) {
            let (open, packed) = (open(&times), packed(&times));
            let back = opened(&packed);
            prop_assert_eq!((packed.len(), back.len()), (open.len(), open.len()));
            for q in [0.0, 0.01, 0.5, 0.9, 0.99, 1.0] {
                prop_assert_eq!(back.quantile(q), open.quantile(q));
            }
            let recorded: Vec<_> = open.recorded().collect();
            prop_assert_eq!(back.recorded().collect::<Vec<_>>(), recorded);
            let limit = Duration::from_micros(limit);
            let beyond = |time: &&Duration| {
                let micros = (time.as_micros() as u64).clamp(1, 3_600_000_000);
                bucket(micros) > bucket(limit.as_micros() as u64)
            };
            prop_assert_eq!(packed.count_above(limit), times.iter().filter(beyond).count() as u64);
        }

        #[test]
        fn adding_packed_ones_is_adding_open_ones(one in times(), other in times()) {
            let mut sum = open(&one);
            sum.merge(&open(&other));
            let mut merged = packed(&one);
            merged.merge(&packed(&other));
            prop_assert_eq!(&merged, &PackedLatencies::from(&sum));
            let mut reversed = packed(&other);
            reversed.merge(&packed(&one));
            prop_assert_eq!(&merged, &reversed);
            let mut added = opened(&packed(&one));
            added.add(&packed(&other));
            prop_assert_eq!(added.recorded().collect::<Vec<_>>(), sum.recorded().collect::<Vec<_>>());
        }

        #[test]
        fn packed_ones_survive_the_record(times in times()) {
            let text = serde_json::to_string(&open(&times)).expect("serialises");
            let back: Latencies = serde_json::from_str(&text).expect("reads back");
            prop_assert_eq!(PackedLatencies::from(&back), packed(&times));
        }
    }

    #[test]
    fn a_limit_among_the_fastest_answers_counts() {
        let millis = |n: u64| Duration::from_micros(n * 100);
        let packed = packed(&[millis(5), millis(12), millis(19)]);
        assert_eq!(packed.count_above(Duration::from_millis(1)), 2);
        assert_eq!(packed.count_above(Duration::from_secs(1)), 0);
    }

    #[test]
    fn a_second_of_answers_is_small() {
        // 40,000 answers between 0.1 and 4 ms, most of them fast
        let times = (1u64..=40_000).map(|n| Duration::from_micros(100 + 4_000 / n.div_ceil(10)));
        let packed = packed(&times.collect::<Vec<_>>());
        assert_eq!(packed.len(), 40_000);
        assert!(packed.bytes.len() < 1_000, "{}", packed.bytes.len());
    }

    #[test]
    fn counts_as_large_as_can_be_written() {
        let most: PackedLatencies = [(3, u64::MAX), (40_000, MOST)].into_iter().collect();
        assert_eq!(
            most.buckets().collect::<Vec<_>>(),
            [(3, MOST), (40_000, MOST)]
        );
        let mut twice = most.clone();
        twice.merge(&most);
        assert_eq!(
            twice.buckets().collect::<Vec<_>>(),
            [(3, MOST), (40_000, MOST)]
        );
    }
}
