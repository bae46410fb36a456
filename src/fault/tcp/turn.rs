//! Which of the connections of a link one injection of a fault meets, by their numbers.

use std::sync::{Mutex, PoisonError};

use crate::scenario::model::Turns;

/// Counts connections from the injection on. A connection is asked about again and again, so the
/// answer depends on its number alone.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Turns,
    /// The first connection that counts; those before were open already.
    from: u64,
    scan: Mutex<Scan>,
}

/// How far the connections were counted.
#[derive(Debug)]
struct Scan {
    next: u64,
    met: u64,
    /// The last one that is met.
    last: Option<u64>,
}

impl Turn {
    /// `None` = all connections are met.
    pub(super) fn new(turns: Turns, from: u64) -> Option<Self> {
        (!turns.is_all()).then(|| Self {
            turns,
            from,
            scan: Mutex::new(Scan {
                next: from,
                met: 0,
                last: None,
            }),
        })
    }

    /// Whether the connection of that number is met; `in_share` says which are in the fault's share.
    pub(super) fn holds(&self, number: u64, in_share: impl Fn(u64) -> bool) -> bool {
        let is_met = |number: u64| {
            let nth = number.checked_sub(self.from);
            nth.is_some_and(|nth| self.turns.is_due(nth)) && in_share(number)
        };
        if !is_met(number) || self.turns.first.is_none() {
            return is_met(number);
        }
        let mut scan = self.scan.lock().unwrap_or_else(PoisonError::into_inner);
        while scan.last.is_none() && scan.next <= number {
            scan.met += u64::from(is_met(scan.next));
            if !self.turns.has_room(scan.met) {
                scan.last = Some(scan.next);
            }
            scan.next += 1;
        }
        scan.last.is_none_or(|last| number <= last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the first twelve connections are met, asked in an odd order and twice.
    fn met(every: Option<u64>, first: Option<u64>, in_share: fn(u64) -> bool) -> Vec<u64> {
        let turn = Turn::new(Turns { every, first }, 2).expect("not all");
        for number in (0..12).rev() {
            turn.holds(number, in_share);
        }
        (0..12).filter(|n| turn.holds(*n, in_share)).collect()
    }

    #[test]
    fn counted_from_the_injection_by_number_alone() {
        assert_eq!(met(None, Some(3), |_| true), [2, 3, 4]);
        assert_eq!(met(Some(3), None, |_| true), [4, 7, 10]);
        assert_eq!(met(Some(3), Some(2), |_| true), [4, 7]);
        // the first so many are those that are met
        assert_eq!(met(None, Some(2), |n| n % 5 == 0), [5, 10]);
        assert!(Turn::new(Turns::default(), 0).is_none());
    }
}
