//! Charts: requests a second, and latency, of all load or of one subject.

use crate::{
    analysis::Curve,
    report::{
        axis::Axis,
        numbers::{clock, rate, seconds},
    },
};

use super::{
    scale::{Scale, Tick},
    series::{self, Paths},
};

/// A chart, ready to be written down.
#[derive(Debug, Clone)]
pub(super) struct Chart {
    /// Whose curves (`""` = all load).
    pub(super) subject: String,
    pub(super) title: &'static str,
    /// What it shows, in words.
    pub(super) alt: String,
    pub(super) ticks: Vec<Tick>,
    pub(super) series: Vec<Series>,
    /// A level worth a line of its own: the capacity.
    pub(super) level: Option<Tick>,
}

/// A curve in a chart.
#[derive(Debug, Clone)]
pub(super) struct Series {
    /// Its key in the page's data, and its class.
    pub(super) key: &'static str,
    pub(super) name: &'static str,
    pub(super) paths: Paths,
    /// Whether the area below is tinted.
    pub(super) filled: bool,
}

/// Offered, good, shed and errors a second. `None` when nothing was offered.
pub(super) fn rates(
    subject: &str,
    curve: &Curve,
    capacity: Option<f64>,
    view: View,
) -> Option<Chart> {
    if !curve.offered.iter().flatten().any(|v| *v > 0.0) {
        return None;
    }
    let all = [
        ("good", "good", &curve.good, true),
        ("shed", "shed", &curve.shed, false),
        ("errors", "errors", &curve.errors, false),
        ("offered", "offered", &curve.offered, false),
    ];
    let scale = Scale::linear(
        all.iter()
            .flat_map(|(_, _, v, _)| v.iter().copied().flatten()),
    );
    let (peak, at) = peak(curve.offered.iter().map(|v| v.unwrap_or(0.0)), view.bin_s);
    let mut alt = format!("offered peaks at {} at {}", rate(peak), clock(at));
    if let Some(least) = least_share(curve) {
        alt.push_str(&format!(
            "; at the worst {} of what was offered was good",
            crate::report::numbers::percent(Some(least))
        ));
    }
    Some(Chart {
        subject: subject.into(),
        title: "Requests a second",
        alt,
        ticks: scale.ticks(),
        series: all
            .into_iter()
            .map(|(key, name, values, filled)| view.series(key, name, values, filled, scale))
            .collect(),
        // A capacity far above everything that happened would flatten the curves.
        level: capacity
            .filter(|k| matches!(scale, Scale::Linear { top, .. } if *k > 0.0 && *k <= top))
            .map(|k| Tick {
                top: scale.y(k),
                label: format!("capacity {}", rate(k)),
                base: false,
            }),
    })
}

/// Median and 99th percentile of the response time. `None` when nothing was measured.
pub(super) fn latencies(subject: &str, curve: &Curve, view: View) -> Option<Chart> {
    let both = || curve.p50_s.iter().chain(&curve.p99_s).copied().flatten();
    both().find(|v| v.is_finite())?;
    let scale = Scale::log(both());
    let (peak, at) = peak(curve.p99_s.iter().map(|v| v.unwrap_or(0.0)), view.bin_s);
    Some(Chart {
        subject: subject.into(),
        title: "Response time",
        alt: format!(
            "the 99th percentile peaks at {} at {}",
            seconds(Some(peak)),
            clock(at)
        ),
        ticks: scale.ticks(),
        series: vec![
            view.series("p50", "median", &curve.p50_s, false, scale),
            view.series("p99", "p99", &curve.p99_s, false, scale),
        ],
        level: None,
    })
}

/// How curves are laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    pub(super) axis: Axis,
    pub(super) bin_s: f64,
    /// The most columns to draw.
    pub(super) columns: usize,
}

impl View {
    fn series(
        &self,
        key: &'static str,
        name: &'static str,
        values: &[Option<f64>],
        filled: bool,
        scale: Scale,
    ) -> Series {
        let points = series::thin(values, self.columns);
        Series {
            key,
            name,
            paths: series::draw(&points, self.bin_s, &self.axis, scale),
            filled,
        }
    }
}

/// The highest value, and the begin of its bin in seconds.
fn peak(values: impl Iterator<Item = f64>, bin_s: f64) -> (f64, f64) {
    values
        .enumerate()
        .filter(|(_, v)| v.is_finite())
        .fold((0.0, 0.0), |(best, at), (i, v)| {
            if v > best {
                (v, i as f64 * bin_s)
            } else {
                (best, at)
            }
        })
}

/// The least share of good in any bin in which something was offered.
fn least_share(curve: &Curve) -> Option<f64> {
    let both = curve.offered.iter().zip(&curve.good);
    both.filter_map(|(o, g)| Some(((*o)?, (*g)?)))
        .filter(|(o, g)| *o > 0.0 && g.is_finite())
        .map(|(o, g)| g / o)
        .reduce(f64::min)
}
