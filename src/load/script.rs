//! A population's journey, made ready to be walked: names became numbers, paths were compiled.

use std::{ops::Range, time::Duration};

use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};

use super::{
    data::{self, Datum},
    retry::family,
    text::{Place, Text},
};
use crate::{
    client::{Destination, Judge, PatternError},
    measure::Outcome,
    plan::{Plan, PopulationPlan, RequestPlan, SeriesId, ServiceId, StepPlan, WaitPlan},
    scenario::model::{
        Body, Branch, BranchOn, Check, ClientPolicy, Method, StatusSet, Take, Template,
    },
    seed::Seed,
};

/// Why load cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A JSONPath or regular expression of a step is none.
    #[error("step `{step}`: {source}")]
    Path {
        /// The step.
        step: String,
        /// What is wrong.
        source: PatternError,
    },
    /// A template uses a name that nothing gives a value to.
    #[error("step `{step}`: nothing is called `{name}`")]
    Name {
        /// The step.
        step: String,
        /// The name.
        name: String,
    },
    /// A header of a step has a name that HTTP forbids.
    #[error("step `{step}`: `{name}` cannot be the name of a header")]
    Header {
        /// The step.
        step: String,
        /// The name.
        name: String,
    },
    /// A journey asks for nothing.
    #[error("journey `{journey}` has no request")]
    Empty {
        /// The journey.
        journey: String,
    },
    /// The users of closed populations cannot be started.
    #[error("cannot start users: {0}")]
    Users(String),
    /// A worker's thread or runtime could not be made.
    #[error("cannot start a worker: {0}")]
    Worker(#[from] std::io::Error),
}

/// A population's journey.
#[derive(Debug, Clone)]
pub(super) struct Script {
    pub(super) policy: ClientPolicy,
    pub(super) steps: Vec<Step>,
    /// The population's seed.
    pub(super) seed: Seed,
    /// The journeys that its members walk, at least one.
    ways: Vec<Way>,
    values: usize,
}

/// One of a population's journeys.
#[derive(Debug, Clone)]
pub(super) struct Way {
    weight: u32,
    /// The numbers of its steps.
    pub(super) steps: Range<usize>,
    /// What its first request is counted under: there an arrival counts that could not be sent.
    pub(super) first_series: SeriesId,
    /// The data that an arrival brings, each with the number of its value.
    data: Vec<(usize, Datum)>,
}

/// A step.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Request(Box<Request>),
    WaitFor(Box<Wait>),
    Think { min: Duration, max: Duration },
}

/// A request that counts as load.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) series: SeriesId,
    pub(super) ask: Ask,
    then: Vec<Branch<Option<usize>>>,
}

/// Polls, outside the load.
#[derive(Debug, Clone)]
pub(super) struct Wait {
    pub(super) ask: Ask,
    pub(super) within: Duration,
    pub(super) every: Duration,
}

/// What is sent, and what is made of the answer.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) service: ServiceId,
    /// The service's host, and whether it is reached over TLS.
    origin: (String, bool),
    pub(super) method: Method,
    path: Text,
    headers: Vec<(HeaderName, Text)>,
    body: Option<Text>,
    pub(super) judge: Judge,
    pub(super) keep_body: bool,
    pub(super) keep_headers: bool,
    /// The numbers of the values that are taken, in the order of the judge's takes.
    takes: Vec<usize>,
}

/// The values of one arrival.
#[derive(Debug, Clone)]
pub(super) struct Values(Vec<String>);

impl Script {
    pub(super) fn new(plan: &Plan, population: &PopulationPlan) -> Result<Self, LoadError> {
        let mut names = Names {
            before: 0,
            known: Vec::new(),
            data: Vec::new(),
            plan,
        };
        let mut steps = Vec::new();
        let mut ways = Vec::new();
        for way in population.journey.ways() {
            // what another journey takes is not there in this one
            names.before = names.known.len();
            let own = &population.journey.steps[way.steps.clone()];
            for step in own {
                steps.push(Step::new(step, &mut names)?);
            }
            let first_series = own.iter().find_map(|step| match step {
                StepPlan::Request(request) => Some(request.series),
                StepPlan::WaitFor(_) | StepPlan::Think { .. } => None,
            });
            ways.push(Way {
                weight: way.weight,
                first_series: first_series.ok_or(LoadError::Empty { journey: way.name })?,
                steps: way.steps,
                data: std::mem::take(&mut names.data),
            });
        }
        Ok(Self {
            policy: population.client.clone(),
            steps,
            seed: plan.seed.named(&population.name),
            ways,
            values: names.known.len(),
        })
    }

    /// The journey that an arrival walks, by the weights.
    pub(super) fn way(&self, arrival: u64) -> &Way {
        let last = &self.ways[self.ways.len() - 1];
        if self.ways.len() == 1 {
            return last;
        }
        let all: f64 = self.ways.iter().map(|way| f64::from(way.weight)).sum();
        let mut at = self.seed.indexed(arrival).named("journey").unit() * all;
        let found = self.ways.iter().find(|way| {
            at -= f64::from(way.weight);
            at < 0.0
        });
        found.unwrap_or(last)
    }

    /// What an arrival brings along.
    pub(super) fn values(&self, arrival: u64) -> Values {
        let mut values = vec![String::new(); self.values];
        let seed = self.seed.indexed(arrival);
        for (slot, datum) in &self.way(arrival).data {
            data::draw(datum, seed, arrival, &mut values[*slot]);
        }
        Values(values)
    }
}

/// The values' names while a journey is read.
struct Names<'a> {
    /// So many belong to journeys read before.
    before: usize,
    known: Vec<String>,
    data: Vec<(usize, Datum)>,
    plan: &'a Plan,
}

impl Names<'_> {
    /// The number of a value that a template uses.
    fn used(&mut self, step: &str, name: &str) -> Result<usize, LoadError> {
        if let Some(slot) = self.slot(name) {
            return Ok(slot);
        }
        let datum = Datum::find(&self.plan.data, name).ok_or_else(|| LoadError::Name {
            step: step.to_owned(),
            name: name.to_owned(),
        })?;
        let slot = self.taken(name);
        self.data.push((slot, datum));
        Ok(slot)
    }

    fn slot(&self, name: &str) -> Option<usize> {
        let own = &self.known[self.before..];
        own.iter()
            .position(|known| known == name)
            .map(|at| self.before + at)
    }

    fn origin(&self, service: ServiceId) -> (String, bool) {
        let service = &self.plan.services[usize::from(service.0)];
        (service.host.to_ascii_lowercase(), service.https)
    }

    /// The number of a value that an answer gives.
    fn taken(&mut self, name: &str) -> usize {
        if let Some(slot) = self.slot(name) {
            return slot;
        }
        self.known.push(name.to_owned());
        self.known.len() - 1
    }
}

impl Step {
    fn new(step: &StepPlan, names: &mut Names<'_>) -> Result<Self, LoadError> {
        Ok(match step {
            StepPlan::Request(request) => Self::Request(Box::new(Request {
                series: request.series,
                ask: Ask::request(request, names)?,
                then: request.then.clone(),
            })),
            StepPlan::WaitFor(wait) => Self::WaitFor(Box::new(Wait {
                ask: Ask::wait(wait, names)?,
                within: wait.within,
                every: wait.every,
            })),
            StepPlan::Think { min, max } => Self::Think {
                min: *min,
                max: *max,
            },
        })
    }
}

impl Request {
    /// Where the journey goes on if this request ended so: to the step of that number, or nowhere.
    /// `None` when nothing is said about it.
    pub(super) fn turn(&self, outcome: Outcome, status: Option<u16>) -> Option<Option<usize>> {
        let fits = |on: &BranchOn| match on {
            BranchOn::Status(set) => status.is_some_and(|status| set.contains(status)),
            BranchOn::Failed(kind) => family(outcome) == Some(*kind),
            BranchOn::Fallback => outcome == Outcome::Fallback,
        };
        let taken = self.then.iter().find(|branch| fits(&branch.on));
        taken.map(|branch| branch.to)
    }
}

impl Ask {
    fn request(plan: &RequestPlan, names: &mut Names<'_>) -> Result<Self, LoadError> {
        let step = &plan.name;
        let mut slot = |name: &str| names.used(step, name);
        let path = Text::new(&plan.path, Place::Path, &mut slot)?;
        let mut headers = Vec::new();
        for (name, value) in &plan.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| LoadError::Header {
                step: step.clone(),
                name: name.clone(),
            })?;
            headers.push((name, Text::new(value, Place::Header, &mut slot)?));
        }
        let body = match &plan.body {
            None => None,
            Some(Body::Text(text)) => Some(Text::new(text, Place::Plain, &mut slot)?),
            Some(Body::Json(json)) => {
                if headers.iter().all(|(name, _)| name != CONTENT_TYPE) {
                    let kind = Template::parse("application/json").unwrap_or_default();
                    headers.push((CONTENT_TYPE, Text::new(&kind, Place::Header, &mut slot)?));
                }
                Some(Text::json(json, &mut slot)?)
            }
        };
        let judge = judge(step, &plan.check, &plan.fallback, &plan.take)?;
        Ok(Self {
            service: plan.service,
            origin: names.origin(plan.service),
            method: plan.method,
            path,
            headers,
            body,
            keep_body: judge.wants_body(),
            keep_headers: judge.wants_headers(),
            judge,
            takes: plan.take.iter().map(|t| names.taken(&t.name)).collect(),
        })
    }

    fn wait(plan: &WaitPlan, names: &mut Names<'_>) -> Result<Self, LoadError> {
        let good = [Check::Status(StatusSet(vec![(200, 299)]))];
        let judge = judge(&plan.name, &good, &[], &plan.take)?;
        let origin = names.origin(plan.service);
        let mut slot = |name: &str| names.used(&plan.name, name);
        Ok(Self {
            service: plan.service,
            origin,
            method: Method::Get,
            path: Text::new(&plan.path, Place::Path, &mut slot)?,
            headers: Vec::new(),
            body: None,
            keep_body: judge.wants_body(),
            keep_headers: judge.wants_headers(),
            judge,
            takes: plan.take.iter().map(|t| names.taken(&t.name)).collect(),
        })
    }

    /// The request's path, headers and body for one arrival.
    pub(super) fn fill(&self, values: &Values) -> Filled {
        let mut path = String::new();
        self.path.fill(&values.0, &mut path);
        let headers = self.headers.iter().filter_map(|(name, text)| {
            let mut value = String::new();
            text.fill(&values.0, &mut value);
            // a header text holds nothing that a value may not
            Some((name.clone(), HeaderValue::from_str(&value).ok()?))
        });
        Filled {
            headers: headers.collect(),
            body: self.body.as_ref().map(|body| {
                let mut out = String::new();
                body.fill(&values.0, &mut out);
                out.into()
            }),
            path,
        }
    }

    /// Where a request with this path goes, for cookies.
    pub(super) fn destination<'a>(&'a self, path: &'a str) -> Destination<'a> {
        let (host, https) = &self.origin;
        Destination {
            host,
            https: *https,
            path,
        }
    }

    /// Keeps what was taken from an answer.
    pub(super) fn keep(&self, taken: Vec<String>, values: &mut Values) {
        for (slot, value) in self.takes.iter().zip(taken) {
            values.0[*slot] = value;
        }
    }
}

/// A header written out.
pub(super) type Header = (HeaderName, HeaderValue);

/// A request written out.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) path: String,
    pub(super) headers: Vec<Header>,
    pub(super) body: Option<bytes::Bytes>,
}

fn judge(
    step: &str,
    check: &[Check],
    fallback: &[Check],
    take: &[Take],
) -> Result<Judge, LoadError> {
    Judge::new(check, fallback, take).map_err(|source| LoadError::Path {
        step: step.to_owned(),
        source,
    })
}
