//! The meaning of a run. `report.json` is this, in seconds; reports show nothing else.
//!
//! All times named `_s` are real seconds since the run's zero or lengths in real seconds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::HarnessResult;

/// Version of `report.json`.
pub const REPORT_VERSION: u32 = 1;

/// What a run means.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Analysis {
    /// Version of this format.
    pub report: u32,
    /// Who and when.
    pub run: RunInfo,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in a sentence or two.
    pub summary: Vec<String>,
    /// The exit code that follows.
    pub exit_code: u8,
    /// The gates.
    pub gates: Vec<ClaimResult>,
    /// The symptoms.
    pub symptoms: Vec<ClaimResult>,
    /// Totals of the whole run.
    pub load: LoadTotals,
    /// By population.
    pub populations: BTreeMap<String, PopulationResult>,
    /// By service.
    pub services: BTreeMap<String, ServiceResult>,
    /// Services and features in the order in which they recovered from their last incident.
    pub order_of_return: Vec<Return>,
    /// The faults.
    pub faults: Vec<FaultResult>,
    /// What became of each feature that a fault was there to lose, and of the others meanwhile.
    #[serde(default)]
    pub losses: Vec<LossResult>,
    /// The phases.
    pub phases: Vec<PhaseResult>,
    /// The baseline.
    pub baseline: BaselineResult,
    /// Attempts / first attempts over the whole run, all populations.
    pub amplification: f64,
    /// How the harness itself fared.
    #[serde(default)]
    pub harness: HarnessResult,
    /// Doubts and advice.
    pub warnings: Vec<Warning>,
    /// The scenario's seed.
    pub seed: u64,
    /// What was assumed.
    pub assumptions: Vec<AssumptionResult>,
    /// The thresholds in force.
    pub thresholds: Thresholds,
    /// The curves that a page draws.
    pub curves: Curves,
}

/// Who and when.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunInfo {
    /// The run's id.
    pub id: String,
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's title.
    pub title: String,
    /// The target's name.
    pub target: String,
    /// The target's environment.
    pub environment: String,
    /// RFC 3339.
    pub started_at: String,
    /// Version of brownout that ran it.
    pub brownout: String,
    /// The machine.
    pub host: String,
    /// History's rates times this.
    pub load_scale: f64,
    /// Story seconds a real second.
    pub time_scale: f64,
    /// Planned real length.
    pub planned_s: f64,
    /// Observed real length.
    pub observed_s: f64,
    /// Whether the run reached its intended end.
    pub complete: bool,
    /// Where and how the record was cut off, if it was.
    pub cut_off: Option<String>,
    /// Why it was stopped early, if it was.
    pub stopped: Option<String>,
}

/// The verdict on a run or a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// Cannot be said.
    Inconclusive,
    /// The run was stopped early.
    Stopped,
}

/// What was observed of a claim that a run ended too early for. The reason is that of the run.
pub(crate) const UNFINISHED: &str = "not observed to its end";

/// A gate or symptom, judged. For a symptom, pass means that it was seen.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClaimResult {
    /// As written.
    #[serde(rename = "gate")]
    pub text: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What was observed, for people: `62.1% (of 8,123 requests)`, `recovered after 31.0 s`, `> 30 s`.
    pub observed: String,
    /// What was required, for people.
    pub required: String,
    /// When it was decided or first violated.
    pub at_s: Option<f64>,
    /// Evidence or the reason of doubt.
    pub detail: Option<String>,
}

/// Requests over the whole run (probes not counted).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LoadTotals {
    /// Arrivals planned: the integral of all curves.
    pub planned: u64,
    /// Arrivals that began.
    pub began: u64,
    /// Journeys that users of closed populations began; nobody plans their number.
    pub begun_by_users: u64,
    /// Attempts offered (O).
    pub offered: u64,
    /// Attempts sent.
    pub sent: u64,
    /// Good answers (G).
    pub good: u64,
    /// Degraded ones among them (F).
    pub fallback: u64,
    /// Honest sheds (H).
    pub shed: u64,
    /// Attempts not sent, by reason.
    pub not_sent: BTreeMap<String, u64>,
    /// Everything else, by class.
    pub errors: BTreeMap<String, u64>,
    /// Attempts known to be hit by a fault of ours.
    pub injected: u64,
    /// Attempts that were not good, and are known to be so by the doing of a fault of ours.
    #[serde(default)]
    pub injected_failures: u64,
}

/// A population's journeys and requests.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PopulationResult {
    /// Arrivals planned; nothing in a closed population, where nobody knows beforehand.
    pub planned: Option<u64>,
    /// The most users of a closed population at once, as planned.
    pub users: Option<u32>,
    /// Journeys begun.
    pub began: u64,
    /// Journeys that ended well.
    pub good: u64,
    /// Journeys that ended otherwise.
    pub failed: u64,
    /// First attempts.
    pub first_attempts: u64,
    /// All attempts.
    pub attempts: u64,
    /// attempts / first attempts.
    pub amplification: f64,
    /// Highest amplification of any 10 s, and when.
    pub peak_amplification: f64,
    /// Whether attempts stood above twice the baseline's amplification for 3 bins.
    pub retry_storm: bool,
    /// Response times in seconds.
    pub latency: LatencySummary,
}

/// Latency in seconds; `None` when nothing was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencySummary {
    /// Median.
    pub p50_s: Option<f64>,
    /// 90th percentile.
    pub p90_s: Option<f64>,
    /// 99th percentile.
    pub p99_s: Option<f64>,
    /// 99.9th percentile.
    pub p999_s: Option<f64>,
    /// Maximum.
    pub max_s: Option<f64>,
}

/// How a service fared.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServiceResult {
    /// The service as a whole.
    #[serde(flatten)]
    pub whole: SubjectResult,
    /// Crashes and restarts.
    pub events: Vec<ServiceEvent>,
    /// K, if known.
    pub capacity: Option<f64>,
    /// Its features.
    pub features: BTreeMap<String, SubjectResult>,
}

/// How a service or feature fared.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SubjectResult {
    /// What it was judged by: `requests`, `probe`, or `nothing`.
    pub judged_by: String,
    /// Its states, without gaps, in order.
    pub states: Vec<StateSpan>,
    /// Its incidents, in order.
    pub incidents: Vec<Incident>,
    /// Of its last incident; `None` when it never was unhealthy.
    pub recovery: Option<Recovery>,
    /// Offered over the whole run.
    pub offered: u64,
    /// Good over the whole run.
    pub good: u64,
    /// Shed over the whole run.
    pub shed: u64,
    /// G/O.
    pub success: Option<f64>,
    /// G/(O - H).
    pub admitted_success: Option<f64>,
    /// Wilson 95% interval of the success.
    pub success_interval: Option<(f64, f64)>,
    /// (1 - success)/(1 - SLO).
    pub budget_burn: Option<f64>,
    /// Part of a 30-day error budget at the baseline's rate that this run cost (1 = all of it).
    pub budget_30d: Option<f64>,
    /// Good requests that were lost: sum of max(0, min(g_b * O, K) - G).
    pub lost_goodput: f64,
    /// Response times.
    pub latency: LatencySummary,
}

/// A state (definition 9), worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Alive and listening, offered much, delivering next to nothing.
    Collapse,
    /// Success at or below 5%.
    Outage,
    /// Below the SLO, or too slow.
    Brownout,
    /// Everything not good is honest shed, and the admitted get their SLO.
    Shedding,
    /// SLO met with more fallbacks than usual.
    Graceful,
    /// SLO met.
    Healthy,
    /// No data.
    Unknown,
}

/// A stretch of one state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StateSpan {
    /// The state.
    pub state: State,
    /// Its begin.
    pub from_s: f64,
    /// Its end.
    pub to_s: f64,
}

/// A stretch in which a subject was unhealthy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Incident {
    /// First unhealthy bin.
    pub onset_s: f64,
    /// First bin of the healthy (or shedding) run that ended it; `None` = not within the run.
    pub end_s: Option<f64>,
    /// The worst state in it.
    pub worst: State,
    /// 1 - min G / min(g_b * O, K), in 0..=1.
    pub depth: f64,
    /// Good requests lost in it.
    pub lost_goodput: f64,
    /// First failed probe - onset; `None` = not detected by a probe.
    pub detected_after_s: Option<f64>,
    /// Names of the faults in force in it.
    pub faults: Vec<String>,
}

/// How a subject came back after the last removal of a fault that met it (definition 11-14).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recovery {
    /// The instant it is counted from (t1), and what that is: `sms_late removed`.
    pub from_s: f64,
    /// What that instant is.
    pub of: String,
    /// t_r; `None` = not within the observation window.
    pub recovered_s: Option<f64>,
    /// t_r - t1; 0 when it was healthy already.
    pub time_to_recover_s: Option<f64>,
    /// Length of the observation window when it did not recover: shown as `> X`.
    pub more_than_s: Option<f64>,
    /// t_r - onset.
    pub outage_s: Option<f64>,
    /// Good requests lost while the fault was in force.
    pub lost_during: f64,
    /// Good requests lost after it was removed.
    pub lost_after: f64,
    /// lost_after / (lost_during + lost_after).
    pub hangover_share: Option<f64>,
    /// Highest attempts/s in (t1, t_r] over the baseline's.
    pub surge: Option<f64>,
    /// The trigger was gone, load at the baseline's, and it did not recover (definition 14).
    pub metastable_suspected: bool,
}

/// A crash or restart.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServiceEvent {
    /// `crash`, `restart`, `killed_by_us`, `ready`.
    pub kind: String,
    /// When.
    pub at_s: f64,
    /// Evidence.
    pub detail: String,
    /// Whether a fault of ours did it.
    pub injected: bool,
}

/// A subject's return.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Return {
    /// `portal` or `portal/login`.
    pub subject: String,
    /// t_r.
    pub at_s: f64,
    /// Subjects within one bin share a rank; from 1.
    pub rank: u32,
}

/// A fault, as it went.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FaultResult {
    /// Its name.
    pub name: String,
    /// Where.
    pub at: String,
    /// What, for people: `http: delay 12s`.
    pub effect: String,
    /// When it was to be put in; of one that waits for a condition the earliest time.
    pub planned_s: f64,
    /// What became of the condition that its start waited for, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// What became of the condition that its end waited for, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_condition: Option<String>,
    /// Acknowledged injection.
    pub injected_s: Option<f64>,
    /// Verified removal.
    pub removed_s: Option<f64>,
    /// Whether the removal was verified.
    pub verified: bool,
    /// How, or what went wrong, or why it was never put in.
    pub detail: String,
    /// Requests, connections or questions that it met; none where nobody counted them.
    pub hits: Option<u64>,
    /// To how many of those that it was meant for it could do nothing.
    #[serde(default)]
    pub spared: u64,
    /// Attempts at its service that were not good while it was in force, where it is known request
    /// by request whose doing that was: of http faults on the way of the visitors.
    #[serde(default)]
    pub failures: Option<u64>,
    /// How many of them were the doing of faults of ours; the rest is the target's own.
    #[serde(default)]
    pub failures_injected: Option<u64>,
    /// Each time that it was in force, in order; more than one when it came and went.
    #[serde(default)]
    pub spells: Vec<Spell>,
}

impl FaultResult {
    /// What became of the conditions that it waited for, each after `; `; of one that was never put
    /// in the detail says it.
    #[must_use]
    pub fn conditions(&self) -> String {
        let each = self.condition.iter().chain(&self.end_condition);
        let each = each.filter(|_| self.injected_s.is_some());
        each.map(|condition| format!("; {condition}")).collect()
    }

    /// Each time that it was in force: from, and to if it was removed.
    #[must_use]
    pub fn stays(&self) -> Vec<(f64, Option<f64>)> {
        if self.spells.is_empty() {
            // a report of an older brownout knows the first edge and the last
            return self
                .injected_s
                .map(|at| (at, self.removed_s))
                .into_iter()
                .collect();
        }
        let spells = self.spells.iter();
        spells.map(|s| (s.injected_s, s.removed_s)).collect()
    }
}

/// A time that a fault was in force.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spell {
    /// Acknowledged injection.
    pub injected_s: f64,
    /// Removal; `None` = not within the run.
    pub removed_s: Option<f64>,
}

/// A lost feature (`lose: portal/certificates`), and the others while it was lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LossResult {
    /// `portal/certificates`.
    pub feature: String,
    /// The fault, or the list of faults, that it was lost by.
    pub fault: String,
    /// First acknowledged injection; `None` = it was never put in, and nothing else is known.
    pub from_s: Option<f64>,
    /// Last verified removal; `None` = not within the run.
    pub to_s: Option<f64>,
    /// The lost feature first, then every other that was visited or probed meanwhile.
    pub features: Vec<Meanwhile>,
}

/// What became of a feature while one was lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Meanwhile {
    /// `portal/certificates`.
    pub feature: String,
    /// Whether it is the lost one.
    pub lost: bool,
    /// Offered while the fault was in force.
    pub offered: u64,
    /// G/O while the fault was in force.
    pub success: Option<f64>,
    /// G/O of its baseline.
    pub baseline_success: Option<f64>,
    /// F/G while the fault was in force: the share of its good answers that were degraded.
    pub fallback: Option<f64>,
    /// Whether it was unhealthy between the injection and its return.
    pub unwell: bool,
    /// How long after the verified removal it was back (zero = well already); `None` of one that
    /// was not unwell, or not back within the time that recovery is waited for.
    pub back_after_s: Option<f64>,
}

/// A phase, as it went.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PhaseResult {
    /// Its name.
    pub name: String,
    /// Real begin.
    pub from_s: f64,
    /// Real end.
    pub to_s: f64,
    /// Begin in the story, for people.
    pub story_from: String,
    /// End in the story, for people.
    pub story_to: String,
    /// Offered a second.
    pub offered_rate: f64,
    /// Good a second.
    pub good_rate: f64,
    /// G/O.
    pub success: Option<f64>,
    /// Response times.
    pub latency: LatencySummary,
}

/// The baseline (definition 7).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct BaselineResult {
    /// `good`, `below_steady_state`, `unsteady`, `waived`.
    pub verdict: String,
    /// For people.
    pub detail: String,
    /// Begin.
    pub from_s: f64,
    /// End.
    pub to_s: f64,
    /// Requests in it.
    pub requests: u64,
    /// G/O.
    pub success: Option<f64>,
    /// Good a second.
    pub goodput: Option<f64>,
    /// Response times.
    pub latency: LatencySummary,
}

/// A doubt or a piece of advice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The kind, stable: `lag`, `not_sent`, `cpu`, `machine_cpu`, `steal`, `descriptors`, `ports`,
    /// `connections`, `few_samples`, `clock_gap`, `fault_not_removed`, `dns_band`, `cut_off`,
    /// `advice`.
    pub kind: String,
    /// What was seen.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// An assumption of the scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssumptionResult {
    /// What it is about.
    pub about: String,
    /// Source or history's value.
    pub note: String,
    /// `true` = somebody chose it; `false` = it is cited.
    pub assumed: bool,
}

/// Thresholds in force, for the page's foot.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Thresholds {
    /// As `name: value` in the order of the definitions.
    pub values: Vec<(String, String)>,
}

/// Curves, one value a bin. Index i is the bin that begins at i * bin_s. `None` = not known: of
/// rates in the youngest bins of a run that ended early, of latencies also where nothing was sent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Curves {
    /// Width of a bin.
    pub bin_s: f64,
    /// All load together, then one for each service (`portal`) and feature (`portal/login`).
    pub subjects: BTreeMap<String, Curve>,
}

/// The curves of one subject (`""` = all load).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Curve {
    /// Offered a second.
    pub offered: Vec<Option<f64>>,
    /// Good a second.
    pub good: Vec<Option<f64>>,
    /// Shed a second.
    pub shed: Vec<Option<f64>>,
    /// Errors a second (neither good nor shed).
    pub errors: Vec<Option<f64>>,
    /// Median response time in seconds.
    pub p50_s: Vec<Option<f64>>,
    /// 99th percentile of the response time in seconds.
    pub p99_s: Vec<Option<f64>>,
}
