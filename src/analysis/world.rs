//! A run under one reading of its counts: everything that claims and reports look at.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use super::{
    ServiceEvent,
    grid::Grid,
    health::Criteria,
    samples::{Reading, Samples},
    subjects::{Judged, Setting},
    timeline::{Ending, Timeline},
};
use crate::{
    plan::{Origin, Plan},
    record::Record,
    scenario::model::Subject,
    time::Offset,
};

/// A run, read in one way.
#[derive(Debug)]
pub(crate) struct World<'a> {
    /// What it was read from.
    pub(crate) record: &'a Record,
    /// What was to happen.
    pub(crate) plan: &'a Plan,
    /// Its bins.
    pub(crate) grid: Grid,
    /// When things happened.
    pub(crate) timeline: Timeline,
    /// The bins of the baseline.
    pub(crate) baseline: Range<usize>,
    /// All load together.
    pub(crate) all: Samples<'a>,
    /// Services and features: `portal`, `portal/login`.
    pub(crate) places: BTreeMap<String, Judged<'a>>,
    /// Populations by their journeys.
    pub(crate) people: BTreeMap<String, Judged<'a>>,
    /// Populations by their requests.
    pub(crate) requests: BTreeMap<String, Samples<'a>>,
    /// Crashes and restarts by service.
    pub(crate) events: BTreeMap<String, Vec<ServiceEvent>>,
}

impl<'a> World<'a> {
    /// Reads a record.
    pub(crate) fn new(record: &'a Record, reading: Reading) -> Self {
        let plan = &record.header.plan;
        let timeline = Timeline::new(record);
        let watermark = match timeline.ending {
            Ending::Complete => Duration::MAX,
            Ending::Stopped { .. } | Ending::CutOff { .. } => {
                timeline.end.0.saturating_sub(longest_timeout(plan))
            }
        };
        let grid = Grid::new(plan.measure.bin, timeline.end.0, watermark);
        let (from, to) = plan.baseline_window();
        let mut edges: Vec<usize> = timeline.edges(plan).map(|at| grid.edge(at)).collect();
        edges.sort_unstable();
        edges.dedup();
        let setting = Setting {
            plan,
            grid,
            timeline: &timeline,
            baseline: grid.range(from, to),
            edges: &edges,
            reading,
        };
        let mut places = BTreeMap::new();
        for (id, service) in plan.services.iter().enumerate() {
            let whole = setting.service(record, id);
            for feature in &service.features {
                let judged = setting.feature(record, id, &feature.name, &whole);
                places.insert(judged.name.clone(), judged);
            }
            places.insert(service.name.clone(), whole);
        }
        let mut people = BTreeMap::new();
        let whole = timeline.ending == Ending::Complete;
        let mut requests = BTreeMap::new();
        for (id, population) in plan.populations.iter().enumerate() {
            let id = u16::try_from(id).unwrap_or(u16::MAX);
            let journeys = Samples::of_journeys(&record.journeys, id, (grid, reading), whole);
            let judged = setting.population(&population.name, journeys);
            people.insert(population.name.clone(), judged);
            let sent = setting.by_origin(record, |origin| origin == Origin::Population(id));
            requests.insert(population.name.clone(), sent);
        }
        let all = setting.by_origin(record, |origin| origin != Origin::Probe);
        let baseline = setting.baseline.clone();
        let mut world = Self {
            record,
            plan,
            grid,
            baseline,
            all,
            places,
            people,
            requests,
            events: BTreeMap::new(),
            timeline,
        };
        world.events = super::crashes::events(&world);
        world
    }

    /// The judged subject of a claim; `None` when the plan has no such subject.
    pub(crate) fn judged(&self, subject: &Subject) -> Option<&Judged<'a>> {
        match subject {
            Subject::Service(_) | Subject::Feature { .. } => self.places.get(&label(subject)),
            Subject::Population(name) => self.people.get(name),
        }
    }

    /// The last instant that is known well enough to be judged.
    pub(crate) fn known_to(&self) -> Offset {
        match self.timeline.ending {
            Ending::Complete => self.timeline.end,
            Ending::Stopped { .. } | Ending::CutOff { .. } => self.grid.offset(self.grid.known),
        }
    }

    /// Whether the run reached its intended end.
    pub(crate) fn complete(&self) -> bool {
        self.timeline.ending == Ending::Complete
    }
}

/// `portal`, `portal/login`, `citizens`.
pub(crate) fn label(subject: &Subject) -> String {
    match subject {
        Subject::Service(name) | Subject::Population(name) => name.clone(),
        Subject::Feature { service, feature } => format!("{service}/{feature}"),
    }
}

/// After this long nothing of a request is open any more.
fn longest_timeout(plan: &Plan) -> Duration {
    plan.populations
        .iter()
        .map(|p| p.client.timeout)
        .max()
        .unwrap_or(Duration::from_secs(1))
}

/// The criteria of a service, which its features inherit.
pub(crate) fn service_criteria(plan: &Plan, name: &str) -> Criteria {
    Criteria::of(plan, &Subject::Service(name.to_owned()), None)
}
