//! The plan. It is kept in the record, so that a report needs nothing but the record; secrets are
//! left out there.

mod claim;
mod fault;
mod shape;

pub use claim::{ClaimPlan, ConditionPlan, Point, Rule, WindowPlan};
pub use fault::{FaultPlan, PlacePlan, Trigger};
pub use shape::{FlapPlan, ShapePlan};

use std::{
    net::{IpAddr, SocketAddr},
    ops::Range,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};

pub use crate::target::model::{Disk, Protocol, Resolver};
use crate::{
    guard::Guard,
    scenario::model::{
        Body, Branch, Check, ClientPolicy, DataSource, MeasureSettings, Method, Provenance,
        RoutePattern, Spacing, Take, Template,
    },
    seed::Seed,
    time::{Compression, Offset, Story},
    units::{Rate, Users},
};

/// Everything that will happen.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The scenario's name.
    pub scenario: String,
    /// Its title.
    pub title: String,
    /// The scenario file, as given.
    pub scenario_path: PathBuf,
    /// The target's name.
    pub target: String,
    /// The target file, as given.
    pub target_path: PathBuf,
    /// The target's environment.
    pub environment: String,
    /// History's rates were multiplied by this.
    pub load_scale: f64,
    /// Story time is compressed by this.
    pub time_scale: Compression,
    /// The seed.
    pub seed: Seed,
    /// The phases on both clocks, without gaps.
    pub phases: Vec<Phase>,
    /// Real length of the run, the sum of the phases.
    pub length: Duration,
    /// Where brownout may connect to.
    pub guard: Guard,
    /// The services; other parts refer to them by index.
    pub services: Vec<ServicePlan>,
    /// The links that are interposed: the declared ones, and `visitors -> X` where a fault needs it.
    pub links: Vec<LinkPlan>,
    /// The zones that our DNS server answers for.
    pub zones: Vec<ZonePlan>,
    /// How many addresses that server has; whoever resolves a name tries one after the other.
    #[serde(default = "one")]
    pub dns_servers: u32,
    /// The processes to start, in an order that honours `needs`.
    pub launch: Vec<LaunchPlan>,
    /// The populations.
    pub populations: Vec<PopulationPlan>,
    /// Generators of data, by name.
    pub data: Vec<(String, DataSource)>,
    /// What requests are counted under; index = `SeriesId`.
    pub series: Vec<Series>,
    /// The faults.
    pub faults: Vec<FaultPlan>,
    /// What "healthy" means, and what must hold before anything is injected.
    pub steady_state: Vec<ClaimPlan>,
    /// What history saw.
    pub symptoms: Vec<ClaimPlan>,
    /// What must hold.
    pub gates: Vec<ClaimPlan>,
    /// When to stop early.
    pub stop: Vec<ConditionPlan>,
    /// Thresholds.
    pub measure: MeasureSettings,
    /// What was assumed, for the report.
    pub assumptions: Vec<Assumption>,
    /// Advice of the planner that a report repeats (baseline thin, phase shorter than 3 timeouts).
    pub advice: Vec<String>,
}

/// How many DNS servers plans of older records have.
const fn one() -> u32 {
    1
}

/// A phase on both clocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Its start in the story.
    pub story_from: Story,
    /// Its end in the story.
    pub story_to: Story,
    /// Its start in real time.
    pub from: Offset,
    /// Its end in real time.
    pub to: Offset,
}

/// Index into [`Plan::services`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServiceId(pub u16);

/// Index into [`Plan::series`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SeriesId(pub u16);

/// A service, resolved.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServicePlan {
    /// Its name.
    pub name: String,
    /// `https` rather than `http`.
    pub https: bool,
    /// The host that clients name.
    pub host: String,
    /// The port that clients name.
    pub port: u16,
    /// Where it really listens, when that is not what the URL says.
    pub at: Option<SocketAddr>,
    /// Whether its host is in one of our zones.
    pub in_zone: bool,
    /// Its health request's path.
    pub health: Option<ProbePlan>,
    /// K.
    pub capacity: Option<Rate>,
    /// Headers sent with each request; secrets, so never kept.
    #[serde(skip)]
    pub headers: Vec<(String, String)>,
    /// What is spoken to it.
    #[serde(default)]
    pub protocol: Protocol,
    /// TLS.
    pub tls: TlsPlan,
    /// Its features.
    pub features: Vec<FeaturePlan>,
}

/// TLS towards a service. Files were found and readable when the plan was made.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct TlsPlan {
    /// Trust only these authorities; the system's otherwise.
    pub ca: Option<PathBuf>,
    /// Client certificate chain.
    pub cert: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
    /// The name to expect.
    pub server_name: String,
    /// Do not verify.
    pub insecure: bool,
}

/// A feature, resolved.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FeaturePlan {
    /// Its name.
    pub name: String,
    /// Its routes.
    pub routes: Vec<RoutePattern>,
    /// Its probe.
    pub probe: Option<ProbePlan>,
    /// What marks a good answer as degraded.
    pub fallback: Vec<Check>,
}

/// A probe request and the series that its results are counted under.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProbePlan {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
}

/// A link that is interposed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LinkPlan {
    /// `portal -> sms`, or `visitors -> portal`.
    pub name: String,
    /// Whether it is the way of the visitors.
    pub visitors: bool,
    /// The service that is dialled.
    pub to: ServiceId,
    /// Whether it understands HTTP.
    pub http: bool,
    /// Where it listens; port 0 = any (visitors' links).
    pub listen: SocketAddr,
    /// Where it dials.
    pub upstream: SocketAddr,
    /// What it shows to who dials it, if TLS is spoken there; towards the service it speaks TLS where
    /// the service's URL does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<LinkTls>,
    /// The API of a Toxiproxy that runs elsewhere, whose proxy takes the place of a link of ours: an
    /// address or a name, and a port. A run looks a name up once, and its record holds the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
}

/// The certificate of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkTls {
    /// Made for the run, and signed by an authority made for the run.
    Generated,
    /// The operator's own.
    Files {
        /// The certificate, and what leads from it to its authority.
        cert: PathBuf,
        /// Its key.
        key: PathBuf,
    },
}

/// A zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ZonePlan {
    /// Its name in lower case, without a final dot.
    pub name: String,
    /// Full names in lower case, without a final dot, and their addresses.
    pub records: Vec<(String, Vec<IpAddr>)>,
    /// Time to live.
    pub ttl: Duration,
}

/// A process to start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LaunchPlan {
    /// The service that it is.
    pub service: ServiceId,
    /// Program and arguments; `brownout` was replaced by this executable.
    pub command: Vec<String>,
    /// Extra environment; may hold secrets.
    #[serde(skip)]
    pub env: Vec<(String, String)>,
    /// Working directory.
    pub directory: PathBuf,
    /// Whom it asks about names.
    #[serde(default)]
    pub resolver: Resolver,
    /// The disk that it gets for itself.
    #[serde(default)]
    pub disk: Option<Disk>,
    /// Where it will listen, checked to be free before the start.
    pub listens: SocketAddr,
    /// Ready when this answers 2xx; else when the port accepts.
    pub ready: Option<ProbePlan>,
    /// How long that may take.
    pub ready_within: Duration,
    /// When it is judged dead.
    pub liveness: Option<LivenessPlan>,
    /// Start it again when it exits by itself.
    pub restart: bool,
    /// Wait before a restart.
    pub restart_after: Duration,
}

/// A liveness probe.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LivenessPlan {
    /// What is asked.
    pub get: ProbePlan,
    /// How often.
    pub every: Duration,
    /// How long it waits.
    pub timeout: Duration,
    /// Failures in a row that make it dead.
    pub failures: u32,
}

/// A population, resolved.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PopulationPlan {
    /// Its name.
    pub name: String,
    /// Its journey.
    pub journey: JourneyPlan,
    /// Arrivals (journeys started) a second over real time; none in a closed population.
    pub curve: RateCurve,
    /// What of them are lines of logs, each at its own time.
    #[serde(default)]
    pub replay: Option<ReplayPlan>,
    /// Who comes at once; the curve holds them already.
    #[serde(default)]
    pub herds: Vec<HerdPlan>,
    /// How they are spread.
    pub spacing: Spacing,
    /// Exactly so many arrivals: the integral of the curve, rounded (that of the curve without the
    /// logs, and each line of those); none in a closed population.
    pub arrivals: u64,
    /// The users of a closed population; an open one has none.
    #[serde(default)]
    pub users: Option<UsersPlan>,
    /// How its members behave.
    pub client: ClientPolicy,
    /// Where its numbers come from.
    pub provenance: Provenance,
}

/// Arrivals that logs tell. The record keeps how many; when each comes is known to the run alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReplayPlan {
    /// The logs, as the scenario names them.
    pub files: Vec<String>,
    /// How many good lines they have.
    pub lines: u64,
    /// How many of them come: all, or the part that the load scale leaves.
    pub replayed: u64,
    /// What comes besides, by curves.
    #[serde(skip)]
    pub rest: RateCurve,
    /// When the lines come, in nanoseconds of real time, in order.
    #[serde(skip)]
    pub nanos: Arc<[u64]>,
}

/// Many who come at the same time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HerdPlan {
    /// How many; not whole where the load is scaled.
    pub count: f64,
    /// When the first of them come.
    pub at: Offset,
    /// They are spread over so much time.
    pub over: Duration,
}

/// A piecewise linear rate over real time. Knots are in order; two at the same instant are a step;
/// before the first and after the last the rate is zero.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RateCurve {
    /// The knots.
    pub knots: Vec<(Offset, Rate)>,
}

/// After a journey that failed a user waits at least this long, however short its pause is: users of
/// a target that is gone must not knock in a tight loop.
pub const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The users of a closed population: each walks the journey, pauses, and begins again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsersPlan {
    /// How many there are over real time.
    pub curve: UserCurve,
    /// The most at once, all phases considered.
    pub most: u32,
    /// Shortest pause between two journeys of a user.
    pub pause_min: Duration,
    /// Longest pause.
    pub pause_max: Duration,
}

/// A piecewise linear number of users over real time. Knots are in order; two at the same instant
/// are a step; before the first and from the last on nobody is there.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct UserCurve {
    /// The knots.
    pub knots: Vec<(Offset, Users)>,
}

/// A journey, resolved.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JourneyPlan {
    /// Its name.
    pub name: String,
    /// Its steps; of several journeys, those of each, one after the other.
    pub steps: Vec<StepPlan>,
    /// The journeys that a population's members walk where there are several; empty where there is
    /// one, which is all of the steps.
    #[serde(default)]
    pub ways: Vec<WayPlan>,
}

/// One of several journeys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WayPlan {
    /// Its name.
    pub name: String,
    /// Its part of all arrivals is this over the sum of the weights.
    pub weight: u32,
    /// Its steps.
    pub steps: Range<usize>,
}

/// A step, resolved.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepPlan {
    /// A request that counts as load.
    Request(RequestPlan),
    /// Polls, outside the load.
    WaitFor(WaitPlan),
    /// A pause.
    Think {
        /// Shortest.
        min: Duration,
        /// Longest.
        max: Duration,
    },
}

/// A request, resolved.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RequestPlan {
    /// Its name.
    pub name: String,
    /// What it is counted under.
    pub series: SeriesId,
    /// Where it goes.
    pub service: ServiceId,
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: Template,
    /// Headers of the step (those of the service come on top).
    pub headers: Vec<(String, Template)>,
    /// The body.
    pub body: Option<Body>,
    /// What is kept from the answer.
    pub take: Vec<Take>,
    /// What makes the answer good; without a status check, 2xx and 3xx are.
    pub check: Vec<Check>,
    /// What marks a good answer as degraded (the step's and the feature's).
    pub fallback: Vec<Check>,
    /// Where the journey goes on when it ends in a certain way: the number of a later step, or
    /// `None` where it stops. The first that fits decides.
    #[serde(default)]
    pub then: Vec<Branch<Option<usize>>>,
}

/// A wait, resolved.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WaitPlan {
    /// Its name.
    pub name: String,
    /// Who is asked.
    pub service: ServiceId,
    /// Path and query.
    pub path: Template,
    /// What must be in the answer.
    pub take: Vec<Take>,
    /// How long at most.
    pub within: Duration,
    /// How often.
    pub every: Duration,
}

/// What requests are counted under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// Who sends them.
    pub origin: Origin,
    /// The step's or probe's name.
    pub name: String,
    /// Where they go.
    pub service: ServiceId,
    /// The feature that they belong to.
    pub feature: Option<String>,
}

/// Who sends requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The population of that index.
    Population(u16),
    /// The probe; not counted as load.
    Probe,
}

/// Something that nobody knows and somebody chose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assumption {
    /// What it is about: `load citizens`, `fault sms_late`.
    pub about: String,
    /// What is known of it: the source, or history's value.
    pub note: String,
    /// Whether it is marked `assumed: true` (else it is merely a cited source).
    pub assumed: bool,
}
