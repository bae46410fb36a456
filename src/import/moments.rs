//! The second in which most came, however wide the bins are in the end.

use super::stamp::Stamp;

const SECONDS: i64 = 3_600;
/// Hours that are kept at once. In a log that covers more of them and jumps back by as much, the
/// count of a second that was left long ago begins anew.
const MOST_HOURS: usize = 1_024;

#[derive(Debug)]
struct Hour {
    number: i64,
    counts: Box<[u32]>,
}

/// Counts a log's seconds.
#[derive(Debug, Default)]
pub(super) struct Moments {
    hours: Vec<Hour>,
    /// Where the last one was found: the next nearly always is the same.
    last: usize,
    peak: Option<(i64, u32)>,
}

impl Moments {
    pub(super) fn add(&mut self, second: i64) {
        let hour = second.div_euclid(SECONDS);
        if self.hours.get(self.last).is_none_or(|h| h.number != hour) {
            self.last = self.turn_to(hour);
        }
        let at = usize::try_from(second.rem_euclid(SECONDS)).unwrap_or(0);
        let count = &mut self.hours[self.last].counts[at];
        *count = count.saturating_add(1);
        if self.peak.is_none_or(|(_, most)| *count > most) {
            self.peak = Some((second, *count));
        }
    }

    /// The first second in which most came, and how many.
    pub(super) fn peak(&self) -> Option<(Stamp, u64)> {
        let (second, most) = self.peak?;
        Some((Stamp::from_micros(second * 1_000_000), u64::from(most)))
    }

    fn turn_to(&mut self, number: i64) -> usize {
        if let Some(known) = self.hours.iter().position(|h| h.number == number) {
            return known;
        }
        if self.hours.len() >= MOST_HOURS {
            let oldest = (0..self.hours.len()).min_by_key(|at| self.hours[*at].number);
            self.hours.swap_remove(oldest.unwrap_or(0));
        }
        self.hours.push(Hour {
            number,
            counts: vec![0; SECONDS as usize].into(),
        });
        self.hours.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_second_is_found_in_any_order() {
        let mut moments = Moments::default();
        assert_eq!(moments.peak(), None);
        for second in [7_200, 5, 7_200, 5, -1, 5, 7_201] {
            moments.add(second);
        }
        assert_eq!(moments.peak(), Some((Stamp::from_micros(5_000_000), 3)));
    }
}
