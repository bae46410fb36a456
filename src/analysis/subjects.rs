//! A subject (service, feature, population), judged bin by bin.

use std::ops::Range;

use super::{
    State,
    grid::Grid,
    health::{self, Criteria, Group, Sign},
    hysteresis::{Condition, conditions},
    samples::{JudgedBy, Reading, Samples},
    states::{self, Surroundings},
    stats::Counts,
    timeline::Timeline,
    world::service_criteria,
};
use crate::{
    plan::{Origin, PlacePlan, Plan},
    record::Record,
    scenario::model::{Effect, Subject},
};

/// What a subject did in the baseline.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usual {
    counts: Counts,
    seconds: f64,
}

impl Usual {
    fn a_second(&self, count: u64) -> Option<f64> {
        (self.seconds > 0.0 && self.counts.offered > 0).then(|| count as f64 / self.seconds)
    }

    /// G/O; `None` without a baseline.
    pub(crate) fn success(&self) -> Option<f64> {
        self.counts.success()
    }

    /// G a second.
    pub(crate) fn good_rate(&self) -> Option<f64> {
        self.a_second(self.counts.good)
    }

    /// O a second.
    pub(crate) fn offered_rate(&self) -> Option<f64> {
        self.a_second(self.counts.offered)
    }

    /// Attempts a second.
    pub(crate) fn attempt_rate(&self) -> Option<f64> {
        self.a_second(self.counts.attempts)
    }

    /// What some bins hold.
    pub(crate) fn of(samples: &Samples<'_>, window: Range<usize>, grid: Grid) -> Self {
        Self {
            counts: samples.sum(window.clone()),
            seconds: grid.seconds(window.len()),
        }
    }
}

/// A subject, judged.
#[derive(Debug)]
pub(crate) struct Judged<'a> {
    /// `portal`, `portal/login` or `citizens`.
    pub(crate) name: String,
    /// Index of the service that it is or belongs to; none for a population.
    pub(crate) service: Option<usize>,
    /// Its bins.
    pub(crate) samples: Samples<'a>,
    /// What its health is measured by.
    pub(crate) criteria: Criteria,
    /// Its baseline.
    pub(crate) usual: Usual,
    /// K, of services only: a feature's is not known.
    pub(crate) capacity: Option<f64>,
    /// Its bins, gathered.
    pub(crate) groups: Vec<Group>,
    /// What each bin says by itself; honest shedding above K counts as good.
    pub(crate) signs: Vec<Sign>,
    /// What is held of it, bin by bin.
    pub(crate) conditions: Vec<Condition>,
    /// Its states, bin by bin.
    pub(crate) states: Vec<State>,
    /// Width of a bin in seconds.
    pub(crate) width: f64,
}

impl Judged<'_> {
    /// Good requests that should have been in some bins: min(g_b * O, K) (definition 10). Without
    /// a baseline, the promise stands in for g_b.
    pub(crate) fn due(&self, counts: &Counts, bins: usize) -> f64 {
        let share = self.usual.success().unwrap_or(self.criteria.slo);
        let wanted = share * counts.offered as f64;
        let most = self.capacity.map(|k| k * self.width * bins as f64);
        most.map_or(wanted, |most| wanted.min(most))
    }

    /// Good requests lost in some bins (definition 12); a probe's samples are no loss.
    pub(crate) fn lost(&self, range: Range<usize>) -> f64 {
        if self.samples.by == JudgedBy::Probe {
            return 0.0;
        }
        let end = range.end.min(self.samples.bins.len());
        self.samples.bins[range.start.min(end)..end]
            .iter()
            .filter(|bin| !bin.probe)
            .map(|bin| (self.due(&bin.counts, 1) - bin.counts.good as f64).max(0.0))
            // the sum of no numbers would be -0
            .fold(0.0, |all, lost| all + lost)
    }
}

/// What judging a subject needs of the run.
pub(crate) struct Setting<'a, 't> {
    /// What was to happen.
    pub(crate) plan: &'a Plan,
    /// The run's bins.
    pub(crate) grid: Grid,
    /// When things happened.
    pub(crate) timeline: &'t Timeline,
    /// The bins of the baseline.
    pub(crate) baseline: Range<usize>,
    /// Bins that begin something new.
    pub(crate) edges: &'t [usize],
    /// How counts are read.
    pub(crate) reading: Reading,
}

impl<'a> Setting<'a, '_> {
    fn place(
        &self,
        record: &'a Record,
        here: impl Fn(u16, Option<&str>) -> bool,
        gap: usize,
    ) -> Samples<'a> {
        let how = (self.grid, self.reading, gap);
        Samples::of_place(&record.cells, self.plan, here, how)
    }

    /// Judges a service. Its probes are its health request, or those of its features.
    pub(crate) fn service(&self, record: &'a Record, id: usize) -> Judged<'a> {
        let plan = &self.plan.services[id];
        let criteria = service_criteria(self.plan, &plan.name);
        let own_probe = self.plan.series.iter().any(|s| {
            s.origin == Origin::Probe && usize::from(s.service.0) == id && s.feature.is_none()
        });
        let here = |service: u16, _: Option<&str>| usize::from(service) == id;
        let mut samples = self.place(record, here, criteria.gap);
        if samples.by == JudgedBy::Probe && own_probe {
            samples = self.place(
                record,
                |service, feature| here(service, feature) && feature.is_none(),
                criteria.gap,
            );
        }
        let capacity = plan.capacity.map(|rate| rate.get());
        let overload = capacity.map(|k| Overload::new(&samples, k, self.grid));
        self.judge(
            (plan.name.clone(), Some(id)),
            samples,
            (criteria, capacity, overload),
        )
    }

    /// Judges a feature.
    pub(crate) fn feature(
        &self,
        record: &'a Record,
        id: usize,
        feature: &str,
        whole: &Judged<'a>,
    ) -> Judged<'a> {
        let service = &self.plan.services[id].name;
        let subject = Subject::Feature {
            service: service.clone(),
            feature: feature.to_owned(),
        };
        let criteria = Criteria::of(self.plan, &subject, Some(whole.criteria));
        let here = |s: u16, f: Option<&str>| usize::from(s) == id && f == Some(feature);
        let samples = self.place(record, here, criteria.gap);
        let overload = whole
            .capacity
            .map(|k| Overload::new(&whole.samples, k, self.grid));
        self.judge(
            (format!("{service}/{feature}"), Some(id)),
            samples,
            (criteria, None, overload),
        )
    }

    /// Judges a population by its journeys.
    pub(crate) fn population(&self, name: &str, journeys: Samples<'a>) -> Judged<'a> {
        let subject = Subject::Population(name.to_owned());
        let mut criteria = Criteria::of(self.plan, &subject, None);
        criteria.slow = None; // a journey's length is not a latency
        self.judge((name.to_owned(), None), journeys, (criteria, None, None))
    }

    /// The requests of some origins.
    pub(crate) fn by_origin(
        &self,
        record: &'a Record,
        wanted: impl Fn(Origin) -> bool,
    ) -> Samples<'a> {
        let series = |id: crate::plan::SeriesId| {
            let series = self.plan.series.get(usize::from(id.0));
            series.is_some_and(|s| wanted(s.origin))
        };
        let by = JudgedBy::Requests;
        Samples::gather(&record.cells, by, series, self.grid, self.reading)
    }

    fn judge(
        &self,
        (name, service): (String, Option<usize>),
        samples: Samples<'a>,
        (criteria, capacity, overload): (Criteria, Option<f64>, Option<Overload>),
    ) -> Judged<'a> {
        let groups = health::groups(&samples, &criteria, self.edges);
        let usual = Usual::of(&samples, self.baseline.clone(), self.grid);
        let around = Surroundings {
            measure: &self.plan.measure,
            criteria: &criteria,
            capacity,
            usual: &usual,
            grid: self.grid,
            absent: self.absent(service),
            journeys: samples.by == JudgedBy::Journeys,
        };
        let raw = states::of_groups(&groups, &samples, &around);
        let mut signs = vec![Sign::Unknown; samples.bins.len()];
        for (group, state) in groups.iter().zip(&raw) {
            let range = group.from..group.to;
            // honest shedding above what it was built for is as well as can be
            let excused = *state == State::Shedding
                && overload.as_ref().is_none_or(|o| o.holds(range.clone()));
            for bin in range {
                let quiet =
                    group.sign == Sign::Bad && health::tally(&samples, bin, &criteria).spotless();
                signs[bin] = match (excused, quiet) {
                    (true, _) => Sign::Good,
                    (false, true) => Sign::Quiet,
                    (false, false) => group.sign,
                };
            }
        }
        let measure = &self.plan.measure;
        let conditions = conditions(
            &signs,
            measure.bad_bins.max(1) as usize,
            measure.good_bins.max(1) as usize,
        );
        let states = states::shown(&groups, &raw, &conditions, samples.bins.len());
        Judged {
            name,
            service,
            samples,
            criteria,
            usual,
            capacity,
            groups,
            signs,
            conditions,
            states,
            width: self.grid.width.as_secs_f64(),
        }
    }

    /// The bins in which the service's process was gone, or it was held or cut off by a fault of
    /// ours.
    fn absent(&self, service: Option<usize>) -> Vec<Range<usize>> {
        let Some(service) = service else {
            return Vec::new();
        };
        let name = &self.plan.services[service].name;
        let gone = self.timeline.absent.iter().filter(|(who, ..)| who == name);
        let mut absent: Vec<Range<usize>> = gone.map(|(_, a, b)| self.grid.range(*a, *b)).collect();
        for (i, fault) in self.plan.faults.iter().enumerate() {
            let here = match &fault.place {
                PlacePlan::Process(id) => {
                    let held = matches!(fault.effect, Effect::Process(e) if e.takes_away());
                    usize::from(id.0) == service && held
                }
                PlacePlan::Link { link, .. } => self.plan.links.get(*link).is_some_and(|link| {
                    link.visitors && usize::from(link.to.0) == service && states::cuts(fault)
                }),
                PlacePlan::Dns { .. } | PlacePlan::Host { .. } => false,
            };
            let spells = self.timeline.spells(i).filter(|_| here);
            absent.extend(spells.map(|(from, to)| self.grid.range(from, to)));
        }
        absent
    }
}

/// Whether a service was offered more than K.
struct Overload {
    offered: Vec<u64>,
    capacity: f64,
    width: f64,
}

impl Overload {
    fn new(samples: &Samples<'_>, capacity: f64, grid: Grid) -> Self {
        Self {
            offered: samples.bins.iter().map(|b| b.counts.offered).collect(),
            capacity,
            width: grid.width.as_secs_f64(),
        }
    }

    fn holds(&self, range: Range<usize>) -> bool {
        let bins = range.len();
        let offered: u64 = self.offered[range].iter().sum();
        offered as f64 > self.capacity * self.width * bins as f64
    }
}
