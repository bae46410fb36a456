//! Users over real time: how many there are at an instant, and when there is room for one more.

use std::time::Duration;

use super::model::{Plan, PopulationPlan, UserCurve};
use crate::{time::Offset, units::Users};

/// How late a place may open after the curve says so: what is rounded away in the search for that
/// instant must not leave the place closed at it.
const OPENING: Duration = Duration::from_micros(1);

/// A stretch on which the number of users is a straight line.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    from: Offset,
    to: Offset,
    start: f64,
    end: f64,
}

impl Stretch {
    fn at(&self, at: Offset) -> f64 {
        let part = at.since(self.from).as_secs_f64() / self.to.since(self.from).as_secs_f64();
        self.start + (self.end - self.start) * part.clamp(0.0, 1.0)
    }
}

impl UserCurve {
    fn stretches(&self) -> impl Iterator<Item = Stretch> + '_ {
        self.knots.windows(2).filter_map(|pair| match *pair {
            [(from, start), (to, end)] if from < to => Some(Stretch {
                from,
                to,
                start: start.get(),
                end: end.get(),
            }),
            _ => None,
        })
    }

    /// The users at `at`; at a step, those after it. From the last knot on nobody is there.
    #[must_use]
    pub fn at(&self, at: Offset) -> Users {
        let here = self.stretches().find(|s| s.from <= at && at < s.to);
        here.map_or(Users::NONE, |s| Users::new(s.at(at)).unwrap_or_default())
    }

    /// The users that `at` is reached with; at a step, those before it.
    fn before(&self, at: Offset) -> Users {
        let here = self.stretches().find(|s| s.from < at && at <= s.to);
        here.map_or(Users::NONE, |s| Users::new(s.at(at)).unwrap_or_default())
    }

    /// Whether user `number` (from 0) takes part at `at`.
    #[must_use]
    pub fn has_place(&self, number: u32, at: Offset) -> bool {
        self.at(at).whole() > number
    }

    /// The first instant from `from` on at which user `number` takes part; `None` when it never
    /// does again.
    #[must_use]
    pub fn opens(&self, number: u32, from: Offset) -> Option<Offset> {
        if self.has_place(number, from) {
            return Some(from);
        }
        let room = f64::from(number) + 0.5;
        self.stretches()
            .filter(|s| s.to > from)
            .find_map(|s| {
                if s.start >= room && s.from > from {
                    return Some(s.from);
                }
                // it climbs past the room within the stretch
                (s.start < room && s.end > room).then(|| {
                    let part = (room - s.start) / (s.end - s.start);
                    s.from.plus(s.to.since(s.from).mul_f64(part)).plus(OPENING)
                })
            })
            .map(|at| at.max(from.plus(OPENING)))
    }

    /// The most whole users at once.
    #[must_use]
    pub fn most(&self) -> u32 {
        let counts = self.knots.iter().map(|(_, users)| users.whole());
        counts.max().unwrap_or(0)
    }

    /// The fewest and the most whole users in `from..to`.
    #[must_use]
    pub fn range_between(&self, from: Offset, to: Offset) -> (u32, u32) {
        let (low, high) = Crowds(vec![self]).range_between(from, to);
        (low.whole(), high.whole())
    }
}

impl Plan {
    /// The users of all closed populations at `at`.
    #[must_use]
    pub fn users_at(&self, at: Offset) -> Users {
        Users::new(crowds(&self.populations).at(at)).unwrap_or_default()
    }
}

/// The users of all closed populations together.
#[derive(Debug, Clone)]
pub(super) struct Crowds<'a>(Vec<&'a UserCurve>);

/// The users of some populations; nobody where none is closed.
pub(super) fn crowds(populations: &[PopulationPlan]) -> Crowds<'_> {
    let closed = populations.iter().filter_map(|p| p.users.as_ref());
    Crowds(closed.map(|users| &users.curve).collect())
}

impl Crowds<'_> {
    pub(super) fn at(&self, at: Offset) -> f64 {
        self.0.iter().map(|c| c.at(at).get()).sum()
    }

    fn before(&self, at: Offset) -> f64 {
        self.0.iter().map(|c| c.before(at).get()).sum()
    }

    /// The fewest and the most in `from..to`: of a piecewise linear sum both lie at knots.
    pub(super) fn range_between(&self, from: Offset, to: Offset) -> (Users, Users) {
        let knots = self
            .0
            .iter()
            .flat_map(|c| c.knots.iter().map(|(at, _)| *at));
        let inside = knots
            .filter(|at| from < *at && *at < to)
            .flat_map(|at| [self.before(at), self.at(at)]);
        let (low, high) = [self.at(from), self.before(to)]
            .into_iter()
            .chain(inside)
            .fold((f64::INFINITY, 0.0_f64), |(low, high), n| {
                (low.min(n), high.max(n))
            });
        let users = |n| Users::new(n).unwrap_or_default();
        (users(low), users(high))
    }

    /// The mean number in `from..to`; at `from` when that is empty.
    pub(super) fn mean_between(&self, from: Offset, to: Offset) -> f64 {
        if from >= to {
            return self.at(from);
        }
        let stretches = self.0.iter().flat_map(|c| c.stretches());
        let mass = stretches.filter_map(|s| {
            let (low, high) = (s.from.max(from), s.to.min(to));
            let mean = f64::midpoint(s.at(low), s.at(high));
            (low < high).then(|| mean * high.since(low).as_secs_f64())
        });
        mass.sum::<f64>() / to.since(from).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Offset {
        Offset::from_secs_f64(seconds)
    }

    fn curve(knots: &[(f64, f64)]) -> UserCurve {
        let knot = |(seconds, n): &(f64, f64)| (at(*seconds), Users::new(*n).expect("a number"));
        UserCurve {
            knots: knots.iter().map(knot).collect(),
        }
    }

    /// 2 for 10 s, up to 6 in 10 s, then 1 for 10 s, then 4 for 10 s.
    fn hill() -> UserCurve {
        curve(&[
            (0.0, 2.0),
            (10.0, 2.0),
            (20.0, 6.0),
            (20.0, 1.0),
            (30.0, 1.0),
            (30.0, 4.0),
            (40.0, 4.0),
        ])
    }

    #[test]
    fn a_step_belongs_to_what_comes_after_and_the_end_to_nobody() {
        let hill = hill();
        for (seconds, there) in [
            (0.0, 2),
            (11.0, 2),
            (11.25, 3),
            (19.9, 6),
            (20.0, 1),
            (30.0, 4),
            (39.9, 4),
            (40.0, 0),
            (99.0, 0),
        ] {
            assert_eq!(hill.at(at(seconds)).whole(), there, "at {seconds}");
        }
        assert_eq!(hill.most(), 6);
        assert_eq!(hill.range_between(at(0.0), at(20.0)), (2, 6));
        assert_eq!(hill.range_between(at(20.0), at(40.0)), (1, 4));
        assert_eq!(UserCurve::default().most(), 0);
    }

    #[test]
    fn places_open_when_the_curve_reaches_them() {
        let hill = hill();
        for (number, from, opens) in [
            (0, 5.0, Some(5.0)),
            (2, 0.0, Some(11.25)),
            (5, 0.0, Some(18.75)),
            // over the top, and back in at the second step
            (3, 20.0, Some(30.0)),
            (4, 20.0, None),
            (6, 0.0, None),
            (0, 40.0, None),
        ] {
            let opened = hill.opens(number, at(from));
            match (opened, opens) {
                (None, None) => {}
                (Some(a), Some(b)) => {
                    assert!(a.since(at(b)) <= OPENING && a >= at(b), "{number}: {a:?}");
                    assert!(hill.has_place(number, a), "{number} at {a:?}");
                }
                other => panic!("user {number} from {from}: {other:?}"),
            }
        }
    }

    #[test]
    fn together_they_are_added_before_they_are_rounded() {
        let (a, b) = (curve(&[(0.0, 0.4), (10.0, 0.4)]), hill());
        let both = Crowds(vec![&a, &b]);
        let (low, high) = both.range_between(at(0.0), at(20.0));
        assert_eq!((low.get(), high.get()), (2.0, 6.0));
        assert_eq!(both.at(at(5.0)), 2.4);
        assert_eq!(both.mean_between(at(0.0), at(20.0)), 0.2 + 1.0 + 2.0);
        assert_eq!(both.mean_between(at(5.0), at(5.0)), 2.4);
    }

    proptest::proptest! {
        /// Who waits for its place finds it open, never waits in vain, and never looks again at once.
        #[test]
        fn an_opening_is_the_first_instant_with_a_place(
            levels in proptest::collection::vec((0u32..50, 0.001f64..30.0), 1..8),
            number in 0u32..50,
            from in 0.0f64..60.0,
        ) {
            let mut now = 0.0;
            let mut knots = vec![(0.0, 0.0)];
            for (level, lasts) in levels {
                knots.push((now, f64::from(level)));
                now += lasts;
                knots.push((now, f64::from((level * 7) % 50)));
            }
            let curve = curve(&knots);
            let from = at(from);
            match curve.opens(number, from) {
                Some(opens) => {
                    proptest::prop_assert!(opens >= from);
                    proptest::prop_assert!(opens == from || opens >= from.plus(OPENING));
                    proptest::prop_assert_eq!(opens == from, curve.has_place(number, from));
                    for part in 0..50 {
                        let early = from.plus(opens.since(from).mul_f64(f64::from(part) / 50.0));
                        let opening = opens.since(early) <= OPENING;
                        proptest::prop_assert!(opening || !curve.has_place(number, early));
                    }
                }
                None => {
                    for part in 0..200 {
                        let later = from.plus(Duration::from_millis(part * 500));
                        proptest::prop_assert!(!curve.has_place(number, later));
                    }
                }
            }
        }
    }
}
