//! A population's journey, made ready to be walked: names became numbers, paths were compiled.

use std::time::Duration;

use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};

use super::{
    data,
    text::{Place, Text},
};
use crate::{
    client::{Judge, PathError},
    plan::{Plan, PopulationPlan, RequestPlan, SeriesId, ServiceId, StepPlan, WaitPlan},
    scenario::model::{Body, Check, ClientPolicy, DataSource, Method, StatusSet, Take, Template},
    seed::Seed,
};

/// Why load cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A JSONPath of a step is none.
    #[error("step `{step}`: {source}")]
    Path {
        /// The step.
        step: String,
        /// What is wrong.
        source: PathError,
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
    /// What its first request is counted under: there an arrival counts that could not be sent.
    pub(super) first_series: SeriesId,
    /// The population's seed.
    pub(super) seed: Seed,
    /// The data that an arrival brings: the number of the value, its name, its generator.
    data: Vec<(usize, String, DataSource)>,
    values: usize,
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
    pub(super) method: Method,
    path: Text,
    headers: Vec<(HeaderName, Text)>,
    body: Option<Text>,
    pub(super) judge: Judge,
    pub(super) keep_body: bool,
    /// The numbers of the values that are taken, in the order of the judge's takes.
    takes: Vec<usize>,
}

/// The values of one arrival.
#[derive(Debug, Clone)]
pub(super) struct Values(Vec<String>);

impl Script {
    pub(super) fn new(plan: &Plan, population: &PopulationPlan) -> Result<Self, LoadError> {
        let mut names = Names {
            known: Vec::new(),
            data: Vec::new(),
            plan,
        };
        let steps: Vec<_> = population
            .journey
            .steps
            .iter()
            .map(|step| Step::new(step, &mut names))
            .collect::<Result<_, _>>()?;
        let first_series = steps.iter().find_map(|step| match step {
            Step::Request(request) => Some(request.series),
            Step::WaitFor(_) | Step::Think { .. } => None,
        });
        Ok(Self {
            policy: population.client.clone(),
            steps,
            first_series: first_series.ok_or_else(|| LoadError::Empty {
                journey: population.journey.name.clone(),
            })?,
            seed: plan.seed.named(&population.name),
            values: names.known.len(),
            data: names.data,
        })
    }

    /// What an arrival brings along.
    pub(super) fn values(&self, arrival: u64) -> Values {
        let mut values = vec![String::new(); self.values];
        let seed = self.seed.indexed(arrival);
        for (slot, name, source) in &self.data {
            data::draw(source, name, seed, arrival, &mut values[*slot]);
        }
        Values(values)
    }
}

/// The values' names while a journey is read.
struct Names<'a> {
    known: Vec<String>,
    data: Vec<(usize, String, DataSource)>,
    plan: &'a Plan,
}

impl Names<'_> {
    /// The number of a value that a template uses.
    fn used(&mut self, step: &str, name: &str) -> Result<usize, LoadError> {
        if let Some(at) = self.known.iter().position(|known| known == name) {
            return Ok(at);
        }
        let declared = self.plan.data.iter().find(|(n, _)| n == name);
        let source = declared.map(|(_, source)| source.clone());
        let source = source.ok_or_else(|| LoadError::Name {
            step: step.to_owned(),
            name: name.to_owned(),
        })?;
        let slot = self.taken(name);
        self.data.push((slot, name.to_owned(), source));
        Ok(slot)
    }

    /// The number of a value that an answer gives.
    fn taken(&mut self, name: &str) -> usize {
        if let Some(at) = self.known.iter().position(|known| known == name) {
            return at;
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
            method: plan.method,
            path,
            headers,
            body,
            keep_body: judge.wants_body(),
            judge,
            takes: plan.take.iter().map(|t| names.taken(&t.name)).collect(),
        })
    }

    fn wait(plan: &WaitPlan, names: &mut Names<'_>) -> Result<Self, LoadError> {
        let good = [Check::Status(StatusSet(vec![(200, 299)]))];
        let judge = judge(&plan.name, &good, &[], &plan.take)?;
        let mut slot = |name: &str| names.used(&plan.name, name);
        Ok(Self {
            service: plan.service,
            method: Method::Get,
            path: Text::new(&plan.path, Place::Path, &mut slot)?,
            headers: Vec::new(),
            body: None,
            keep_body: judge.wants_body(),
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

    /// Keeps what was taken from an answer.
    pub(super) fn keep(&self, taken: Vec<String>, values: &mut Values) {
        for (slot, value) in self.takes.iter().zip(taken) {
            values.0[*slot] = value;
        }
    }
}

/// A request written out.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) path: String,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
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
