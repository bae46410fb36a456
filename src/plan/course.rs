//! A population's traffic over the whole run: curves as written, curves from files, and the lines
//! of replayed logs.

use std::sync::Arc;

use super::{
    mistakes::{File, Mistakes},
    model::{Phase, RateCurve, ReplayPlan},
    phases,
};
use crate::{
    scenario::model::{CurvePoint, Demand, Recorded, RecordedTraffic, ReplayLog},
    seed::Seed,
    time::{Compression, Offset, Story},
    units::{Rate, Ratio, Span},
};

/// A replayed log is shown in bins of a second, or so many longer ones.
const MOST_BINS: u64 = 10_000;

/// A population's traffic.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// All of it, a second.
    pub(super) curve: RateCurve,
    /// Exactly so many arrivals.
    pub(super) arrivals: u64,
    /// What of it comes from logs.
    pub(super) replay: Option<ReplayPlan>,
}

/// By what a demand is multiplied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) time: Compression,
    pub(super) load: f64,
    /// Arrivals for each unit of the demand: requests are divided by a journey's length.
    pub(super) arrivals: f64,
}

/// Where something lies in the run.
struct Stretch {
    /// For messages.
    name: String,
    story_from: Story,
    story_to: Story,
    from: Offset,
    to: Offset,
}

impl Stretch {
    fn of(phase: &Phase) -> Self {
        Self {
            name: format!("phase `{}`", phase.name),
            story_from: phase.story_from,
            story_to: phase.story_to,
            from: phase.from,
            to: phase.to,
        }
    }

    fn run(phases: &[Phase]) -> Self {
        let last = phases.last();
        Self {
            name: "the run".to_owned(),
            story_from: Story::default(),
            story_to: last.map_or_else(Story::default, |p| p.story_to),
            from: Offset::ZERO,
            to: last.map_or(Offset::ZERO, |p| p.to),
        }
    }

    const fn length(&self) -> Story {
        Story(self.story_to.0.saturating_sub(self.story_from.0))
    }
}

/// Lays a demand over the phases. The seed decides which lines of a log come at a part of its load.
pub(super) fn course(
    demand: &Demand,
    phases: &[Phase],
    scale: Scale,
    seed: Seed,
    out: &mut Mistakes<'_>,
) -> Course {
    let curves = demand.phases.iter().map(|given| &given.phase);
    let files = demand.recorded.iter().filter_map(|r| r.phase.as_ref());
    phases::check_names(curves.chain(files), phases, out);
    let factor = scale.load * scale.arrivals;
    let mut knots = Vec::new();
    let mut logs = Logs::default();
    if let Some(whole) = demand.recorded.iter().find(|r| r.phase.is_none()) {
        let stretch = Stretch::run(phases);
        add(whole, &stretch, scale, seed, &mut knots, &mut logs, out);
    } else {
        for phase in phases {
            let named = |name: &str| name == phase.name;
            let curve = demand.phases.iter().find(|g| named(&g.phase.value));
            let file = demand
                .recorded
                .iter()
                .find(|r| r.phase.as_ref().is_some_and(|p| named(&p.value)));
            let from = knots.len();
            if let Some(file) = file {
                let stretch = Stretch::of(phase);
                add(file, &stretch, scale, seed, &mut knots, &mut logs, out);
                continue;
            }
            match curve {
                Some(curve) => {
                    phases::one_phase(&curve.curve, phase, scale.time, factor, &mut knots, out);
                }
                None => knots.extend([(phase.from, Rate::ZERO), (phase.to, Rate::ZERO)]),
            }
            logs.rest.extend_from_slice(&knots[from..]);
        }
    }
    knots.dedup();
    logs.rest.dedup();
    logs.finish(RateCurve { knots })
}

/// What is gathered of logs.
#[derive(Default)]
struct Logs {
    /// What comes from no log.
    rest: Vec<(Offset, Rate)>,
    files: Vec<String>,
    lines: u64,
    nanos: Vec<u64>,
}

impl Logs {
    fn finish(self, curve: RateCurve) -> Course {
        if self.files.is_empty() {
            return Course {
                arrivals: curve.count(),
                curve,
                replay: None,
            };
        }
        let rest = RateCurve { knots: self.rest };
        let replayed = self.nanos.len() as u64;
        Course {
            arrivals: rest.count() + replayed,
            curve,
            replay: Some(ReplayPlan {
                files: self.files,
                lines: self.lines,
                replayed,
                rest,
                nanos: Arc::from(self.nanos),
            }),
        }
    }
}

/// Adds what a file tells.
fn add(
    recorded: &Recorded,
    stretch: &Stretch,
    scale: Scale,
    seed: Seed,
    knots: &mut Vec<(Offset, Rate)>,
    logs: &mut Logs,
    out: &mut Mistakes<'_>,
) {
    let from = knots.len();
    match &recorded.what {
        RecordedTraffic::Curve { points, step } => {
            let taken = points.last().map_or_else(Story::default, |p| Story(p.at));
            if taken > stretch.length() {
                too_long("curve", recorded, taken, stretch, out);
                return;
            }
            let factor = scale.load * scale.arrivals;
            curve(points, *step, stretch, scale.time, factor, knots);
            logs.rest.extend_from_slice(&knots[from..]);
        }
        RecordedTraffic::Replay { log, speed } => {
            if scale.load > 1.0 {
                out.error(
                    File::Scenario,
                    recorded.place,
                    "has only so many lines",
                    format!(
                        "the load scale is {}, but the lines of a log cannot be multiplied",
                        scale.load
                    ),
                )
                .hint("`brownout import` makes curves of it, which can: `{file: curve.csv}`");
                return;
            }
            let last = log.micros.last().copied().unwrap_or(0);
            let taken = Story(std::time::Duration::from_micros(last).div_f64(speed.get()));
            if taken > stretch.length() {
                too_long("log", recorded, taken, stretch, out);
                return;
            }
            let nanos = kept(log, speed.get(), stretch, scale, seed);
            bins(&nanos, stretch, knots);
            logs.rest
                .extend([(stretch.from, Rate::ZERO), (stretch.to, Rate::ZERO)]);
            logs.files.push(recorded.file.clone());
            logs.lines += log.micros.len() as u64;
            logs.nanos.extend(nanos);
        }
    }
}

fn too_long(
    what: &str,
    recorded: &Recorded,
    taken: Story,
    stretch: &Stretch,
    out: &mut Mistakes<'_>,
) {
    let over = match recorded.phase {
        Some(_) => "the phase",
        None => "the phases",
    };
    let faster = taken.0.as_secs_f64() / stretch.length().0.as_secs_f64();
    let hint = match &recorded.what {
        RecordedTraffic::Curve { .. } => format!("lengthen {over}, or cut the file"),
        RecordedTraffic::Replay { speed, .. } => format!(
            "lengthen {over}, or replay it with `speed: {}x`",
            (speed.get() * faster * 10.0).ceil() / 10.0
        ),
    };
    out.error(
        File::Scenario,
        recorded.place,
        format!("takes {}", Span(whole(taken))),
        format!(
            "the {what} takes {}, but {} lasts {}",
            Span(whole(taken)),
            stretch.name,
            stretch.length()
        ),
    )
    .hint(hint);
}

/// Whole milliseconds, rounded up: more digits only distract.
fn whole(length: Story) -> std::time::Duration {
    let millis = length.0.as_nanos().div_ceil(1_000_000);
    std::time::Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// The knots of a curve from a file; outside its points nothing comes.
fn curve(
    points: &[CurvePoint],
    step: bool,
    stretch: &Stretch,
    time: Compression,
    factor: f64,
    knots: &mut Vec<(Offset, Rate)>,
) {
    let real = |point: &CurvePoint| {
        let story = Story(stretch.story_from.0.saturating_add(point.at));
        // the last knot is the end exactly, whatever the compression rounds to
        if story >= stretch.story_to {
            stretch.to
        } else {
            Offset(time.real(story)).min(stretch.to)
        }
    };
    let first = points.first().map_or(stretch.to, real);
    if first > stretch.from {
        knots.extend([(stretch.from, Rate::ZERO), (first, Rate::ZERO)]);
    }
    let mut last = Rate::ZERO;
    for (nth, point) in points.iter().enumerate() {
        let at = real(point);
        if step && nth > 0 {
            knots.push((at, last));
        }
        last = point.rate.scaled(factor);
        knots.push((at, last));
    }
    let end = points.last().map_or(stretch.from, real);
    if end < stretch.to {
        knots.extend([(end, Rate::ZERO), (stretch.to, Rate::ZERO)]);
    }
}

/// The lines that come, in nanoseconds of real time. At a part of the load each line is kept or
/// not by a number that the seed and its place in the log decide: more load keeps what less kept.
fn kept(log: &ReplayLog, speed: f64, stretch: &Stretch, scale: Scale, seed: Seed) -> Vec<u64> {
    let share = Ratio::new(scale.load).unwrap_or(Ratio::ONE);
    let from = nanos(stretch.from);
    let to = nanos(stretch.to);
    let nanos_each = 1e3 / (speed * scale.time.get());
    log.micros
        .iter()
        .zip(0u64..)
        .filter(|(_, line)| share == Ratio::ONE || seed.indexed(*line).falls_in(share))
        .map(|(micros, _)| {
            let since = (*micros as f64 * nanos_each).round() as u64;
            from.saturating_add(since).min(to)
        })
        .collect()
}

fn nanos(at: Offset) -> u64 {
    u64::try_from(at.0.as_nanos()).unwrap_or(u64::MAX)
}

/// The rates of replayed lines, as steps that are equally long and hold them all.
fn bins(nanos_of: &[u64], stretch: &Stretch, knots: &mut Vec<(Offset, Rate)>) {
    let from = nanos(stretch.from);
    let length = nanos(stretch.to).saturating_sub(from).max(1);
    let count = (length / 1_000_000_000).clamp(1, MOST_BINS);
    let border = |bin: u64| {
        let since = u128::from(length) * u128::from(bin) / u128::from(count);
        from.saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    };
    let at = |nanos: u64| Offset(std::time::Duration::from_nanos(nanos));
    let mut rest = nanos_of;
    for bin in 0..count {
        let (begin, end) = (border(bin), border(bin + 1));
        let inside = if bin + 1 == count {
            rest.len()
        } else {
            rest.partition_point(|nanos| *nanos < end)
        };
        rest = &rest[inside..];
        let seconds = (end - begin) as f64 / 1e9;
        let rate = Rate::per_second(inside as f64 / seconds).unwrap_or_default();
        match knots.last_mut() {
            Some((until, last)) if bin > 0 && *last == rate => *until = at(end),
            _ => knots.extend([(at(begin), rate), (at(end), rate)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        diagnostic::{Place, Source},
        import::Stamp,
        scenario::model::{DemandKind, Spacing},
    };

    const RUN: u64 = 100;

    fn demand(what: RecordedTraffic) -> Demand {
        Demand {
            kind: DemandKind::Arrivals,
            phases: Vec::new(),
            recorded: vec![Recorded {
                phase: None,
                file: "x".into(),
                place: Place::default(),
                what,
            }],
            spacing: Spacing::Uniform,
        }
    }

    fn course_of(what: RecordedTraffic, load: f64, time: f64) -> Result<Course, String> {
        let time = Compression::new(time).expect("a factor");
        let story = Story(Duration::from_secs(RUN));
        let phases = [Phase {
            name: "all".into(),
            story_from: Story::default(),
            story_to: story,
            from: Offset::ZERO,
            to: Offset(time.real(story)),
        }];
        let source = Source::new("x.yaml", "");
        let mut out = Mistakes::new(&source, &source);
        let scale = Scale {
            time,
            load,
            arrivals: 1.0,
        };
        let course = course(&demand(what), &phases, scale, Seed(3), &mut out);
        match out.finish().0.first() {
            Some(mistake) => Err(mistake.message.clone()),
            None => Ok(course),
        }
    }

    fn curve_of(points: &[(u64, f64)], step: bool) -> RecordedTraffic {
        let point = |&(at, rate): &(u64, f64)| CurvePoint {
            at: Duration::from_secs(at),
            rate: Rate::per_second(rate).expect("a rate"),
        };
        RecordedTraffic::Curve {
            points: points.iter().map(point).collect(),
            step,
        }
    }

    fn log_of(micros: Vec<u64>, speed: f64) -> RecordedTraffic {
        RecordedTraffic::Replay {
            log: ReplayLog {
                micros: micros.into(),
                begin: Stamp::from_micros(0),
                bad: 0,
            },
            speed: Compression::new(speed).expect("a factor"),
        }
    }

    #[test]
    fn a_curve_is_straight_between_its_points_or_stays() {
        let points = [(10, 5.0), (20, 15.0), (40, 0.0)];
        for (step, seconds, expected) in [
            (false, 100, 250),
            (true, 100, 350),
            (false, 15, 37),
            (true, 15, 25),
        ] {
            let course = course_of(curve_of(&points, step), 1.0, 1.0).expect("a course");
            let until = Offset(Duration::from_secs(seconds));
            let came = course.curve.integral_between(Offset::ZERO, until);
            assert_eq!(came.floor() as u64, expected, "{step} {seconds}");
        }
        let course = course_of(curve_of(&points, true), 0.5, 10.0).expect("a course");
        // half the rate, a tenth of the time
        assert_eq!(course.arrivals, 18);
        assert_eq!(course.curve.max().get(), 7.5);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let long = curve_of(&[(0, 5.0), (101, 5.0)], false);
        let message = course_of(long, 1.0, 1.0).expect_err("too long");
        assert_eq!(message, "the curve takes 1m 41s, but the run lasts 1m 40s");
        let just = curve_of(&[(0, 5.0), (100, 5.0)], false);
        assert_eq!(course_of(just, 1.0, 7.0).expect("fits").arrivals, 71);

        let micros = vec![0, 150_000_000];
        let message = course_of(log_of(micros.clone(), 1.0), 1.0, 1.0).expect_err("too long");
        assert_eq!(message, "the log takes 2m 30s, but the run lasts 1m 40s");
        course_of(log_of(micros.clone(), 1.5), 1.0, 1.0).expect("fits");
        let message = course_of(log_of(micros, 2.0), 2.0, 1.0).expect_err("too much");
        assert!(message.contains("cannot be multiplied"), "{message}");
    }

    proptest::proptest! {
        #[test]
        fn all_lines_of_a_log_come_and_the_curve_holds_them(
            mut micros in proptest::collection::vec(0u64..100_000_000, 1..300),
            speed in 1.0f64..100.0,
            time in 0.5f64..100.0,
        ) {
            micros.sort_unstable();
            let lines = micros.len() as u64;
            let course = course_of(log_of(micros, speed), 1.0, time).expect("a course");
            proptest::prop_assert_eq!(course.arrivals, lines);
            proptest::prop_assert_eq!(course.curve.count(), lines);
            let replay = course.replay.expect("a replay");
            proptest::prop_assert!(replay.nanos.is_sorted());
            // the run's end is the last that may come
            let end = RUN as f64 * 1e9 / time;
            proptest::prop_assert!(replay.nanos.iter().all(|at| *at as f64 <= end + 1.0));
        }

        #[test]
        fn more_load_keeps_what_less_kept(less in 0.01f64..1.0, more in 0.01f64..1.0) {
            let (less, more) = (less.min(more), less.max(more));
            let micros: Vec<u64> = (0..2_000).map(|n| n * 1_000).collect();
            let kept = |load| {
                let course = course_of(log_of(micros.clone(), 1.0), load, 1.0).expect("a course");
                course.replay.expect("a replay").nanos
            };
            let (less, more) = (kept(less), kept(more));
            proptest::prop_assert!(less.iter().all(|at| more.binary_search(at).is_ok()));
        }
    }
}
