//! A curve as SVG path data, thinned where there are more bins than anybody can see.

use std::fmt::Write;

use crate::report::axis::Axis;

use super::scale::{HEIGHT, Scale};

/// Width of a plot's drawing in its own units.
pub(super) const WIDTH: f64 = 1000.0;

/// A value in a bin; `at` is the middle of the bin, counted in bins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) at: f64,
    /// `None` where nothing was measured.
    pub(super) value: Option<f64>,
}

/// How many bins share a drawn column, if `bins` are drawn in at most `columns`.
pub(super) fn bins_a_column(bins: usize, columns: usize) -> usize {
    bins.div_ceil(columns.max(1)).max(1)
}

/// The points to draw: all of them or, where there are too many, the lowest and the highest of
/// each column in the order in which they occurred, so that no peak and no hole is lost.
pub(super) fn thin(values: &[Option<f64>], columns: usize) -> Vec<Point> {
    let size = bins_a_column(values.len(), columns);
    let point = |i: usize, value| Point {
        at: i as f64 + 0.5,
        value,
    };
    let mut points = Vec::with_capacity(values.len().min(2 * columns));
    for (c, column) in values.chunks(size).enumerate() {
        let first = c * size;
        let known = || {
            let finite =
                |(i, v): (usize, &Option<f64>)| v.filter(|v| v.is_finite()).map(|v| (first + i, v));
            column.iter().enumerate().filter_map(finite)
        };
        let low = known().min_by(|a, b| a.1.total_cmp(&b.1));
        let high = known().max_by(|a, b| a.1.total_cmp(&b.1));
        match (low, high) {
            (Some(low), Some(high)) if low.0 != high.0 => {
                let (a, b) = if low.0 < high.0 {
                    (low, high)
                } else {
                    (high, low)
                };
                points.push(point(a.0, Some(a.1)));
                points.push(point(b.0, Some(b.1)));
            }
            (Some(only), Some(_)) => points.push(point(only.0, Some(only.1))),
            _ => points.push(point(first, None)),
        }
    }
    points
}

/// A curve's geometry.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Paths {
    /// `d` of the line.
    pub(super) line: String,
    /// `d` of the area under it.
    pub(super) area: String,
}

/// Draws points. A gap stays a gap; each stretch begins and ends flat at the edges of its first
/// and last bin, so that a single bin is visible too.
pub(super) fn draw(points: &[Point], bin_s: f64, axis: &Axis, scale: Scale) -> Paths {
    let mut paths = Paths::default();
    for stretch in points.split(|p| p.value.is_none()) {
        let (Some(first), Some(last)) = (stretch.first(), stretch.last()) else {
            continue;
        };
        let x = |at: f64| WIDTH * axis.share(at * bin_s);
        let y = |p: &Point| p.value.map_or(HEIGHT, |v| scale.y(v));
        let mut way = format!("{:.1},{:.1}", x(first.at - 0.5), y(first));
        for p in stretch {
            let _ = write!(way, " {:.1},{:.1}", x(p.at), y(p));
        }
        let _ = write!(way, " {:.1},{:.1}", x(last.at + 0.5), y(last));
        let _ = write!(paths.line, "M{way}");
        let _ = write!(
            paths.area,
            "M{:.1},{HEIGHT} {way} {:.1},{HEIGHT}Z",
            x(first.at - 0.5),
            x(last.at + 0.5)
        );
    }
    paths
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AXIS: Axis = Axis {
        end_s: 10.0,
        observed_s: 10.0,
        time_scale: 1.0,
    };

    fn drawn(values: &[Option<f64>]) -> Paths {
        let scale = Scale::linear([10.0].into_iter());
        draw(&thin(values, 600), 1.0, &AXIS, scale)
    }

    #[test]
    fn one_bin_is_a_dash() {
        assert_eq!(
            drawn(&[Some(0.0)]).line,
            "M0.0,100.0 50.0,100.0 100.0,100.0"
        );
    }

    #[test]
    fn a_gap_stays_a_gap() {
        let paths = drawn(&[Some(1.0), None, Some(f64::NAN), Some(2.0)]);
        assert_eq!(paths.line.matches('M').count(), 2);
        assert!(!paths.line.contains("NaN"));
        assert_eq!(drawn(&[]), Paths::default());
        assert_eq!(drawn(&[None, None]), Paths::default());
    }

    proptest! {
        #[test]
        fn thinning_keeps_the_extremes_and_the_order(
            values in proptest::collection::vec(proptest::option::of(0.0..1e6_f64), 1..3000),
            columns in 1_usize..200,
        ) {
            let points = thin(&values, columns);
            prop_assert!(points.len() <= 2 * columns);
            prop_assert!(points.windows(2).all(|w| w[0].at < w[1].at));
            let of = |all: &mut dyn Iterator<Item = f64>| {
                all.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)))
            };
            prop_assert_eq!(
                of(&mut points.iter().filter_map(|p| p.value)),
                of(&mut values.iter().copied().flatten())
            );
        }
    }
}
