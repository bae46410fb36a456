//! What the operator sees while a run goes on: one line that renews itself on a terminal, or one
//! line a second that pipes.

use std::{io::IsTerminal, time::Duration};

use brownout::{
    event::{BaselineVerdict, ExitCause, ObserveError, Observer, RunEvent},
    measure::{Latencies, Outcome, OutcomeCounts},
    plan::{Origin, Plan},
    time::Offset,
    units::Span,
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How a run is shown while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LiveMode {
    /// `line` on a terminal, `plain` elsewhere.
    Auto,
    /// A line that renews itself, with events above it.
    Line,
    /// A line a second and a line an event, on stderr.
    Plain,
    /// Nothing.
    Off,
}

impl LiveMode {
    fn resolved(self) -> Self {
        match self {
            Self::Auto if std::io::stderr().is_terminal() => Self::Line,
            Self::Auto => Self::Plain,
            other => other,
        }
    }
}

/// Shows a run on stderr.
pub(crate) struct Live {
    mode: LiveMode,
    bar: ProgressBar,
    plan: Plan,
    phase: String,
    in_force: Vec<usize>,
    second: Second,
    /// Requests under way: now, and a second ago.
    in_flight: (u64, u64),
}

/// What was measured in the last second, probes left out.
#[derive(Default)]
struct Second {
    counts: OutcomeCounts,
    response: Latencies,
}

impl Live {
    pub(crate) fn new(mode: LiveMode, plan: &Plan) -> Self {
        let mode = mode.resolved();
        let target = match mode {
            LiveMode::Line => ProgressDrawTarget::stderr(),
            _ => ProgressDrawTarget::hidden(),
        };
        let millis = u64::try_from(plan.length.as_millis()).unwrap_or(u64::MAX);
        let bar = ProgressBar::with_draw_target(Some(millis), target);
        bar.set_style(
            ProgressStyle::with_template("{bar:12.cyan/dim} {wide_msg}")
                .expect("a valid template")
                .progress_chars("━━─"),
        );
        Self {
            mode,
            bar,
            plan: plan.clone(),
            phase: "starting the target".into(),
            in_force: Vec::new(),
            second: Second::default(),
            in_flight: (0, 0),
        }
    }

    #[expect(clippy::print_stderr, reason = "this is the talk that goes to stderr")]
    fn say(&self, at: Offset, text: &str) {
        let line = format!(
            "{:>8} {text}",
            Span(Duration::from_millis(at.0.as_millis() as u64 / 100 * 100)).to_string()
        );
        match self.mode {
            LiveMode::Line => self.bar.println(line),
            LiveMode::Plain => eprintln!("{line}"),
            LiveMode::Auto | LiveMode::Off => {}
        }
    }

    fn second(&mut self, at: Offset) {
        let counts = &self.second.counts;
        let (good, shed) = (counts.good(), counts.shed());
        let errors = counts.total() - good - shed;
        // what was begun either ended or is under way; outcomes are known only at the end
        let offered = (counts.total() + self.in_flight.0).saturating_sub(self.in_flight.1);
        let p99 = self
            .second
            .response
            .quantile(0.99)
            .map_or("-".into(), short);
        let left = self.plan.length.saturating_sub(at.0);
        let faults: Vec<&str> = self
            .in_force
            .iter()
            .map(|fault| self.plan.faults[*fault].name.as_str())
            .collect();
        let faults = if faults.is_empty() {
            String::new()
        } else {
            format!("  ⚡ {}", faults.join(", "))
        };
        let worst = worst(counts)
            .map(|(name, n)| format!(" ({name} {n})"))
            .unwrap_or_default();
        // what a game day needs most stands first: a narrow terminal cuts off the rest
        let text = format!(
            "{}  {} left{faults}  offered {offered}/s  good {good}  shed {shed}  errors {errors}{worst}  p99 {p99}  in flight {}",
            self.phase,
            Span(Duration::from_secs(left.as_secs())),
            self.in_flight.0,
        );
        match self.mode {
            LiveMode::Line => {
                self.bar
                    .set_position(u64::try_from(at.0.as_millis()).unwrap_or(u64::MAX));
                self.bar.set_message(text);
            }
            LiveMode::Plain => self.say(at, &text),
            LiveMode::Auto | LiveMode::Off => {}
        }
        self.second = Second::default();
    }

    fn fault(&self, fault: usize) -> String {
        let plan = &self.plan.faults[fault];
        format!("{} ({})", plan.name, plan.at)
    }
}

/// The most frequent failure.
fn worst(counts: &OutcomeCounts) -> Option<(&'static str, u64)> {
    counts
        .iter()
        .filter(|(outcome, _)| !outcome.is_good() && *outcome != Outcome::Shed)
        .max_by_key(|(_, n)| *n)
        .map(|(outcome, n)| (outcome.name(), n))
}

/// A latency in at most three figures: `4.2ms`, `312ms`, `5.0s`.
fn short(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    match ms {
        _ if ms < 10.0 => format!("{ms:.1}ms"),
        _ if ms < 1000.0 => format!("{ms:.0}ms"),
        _ => format!("{:.1}s", ms / 1e3),
    }
}

impl Observer for Live {
    fn observe(&mut self, at: Offset, event: &RunEvent) -> Result<(), ObserveError> {
        match event {
            RunEvent::Started => {
                self.say(
                    at,
                    &format!(
                        "running for {} (story time {})",
                        Span(self.plan.length),
                        self.plan.time_scale
                    ),
                );
            }
            RunEvent::Phase { index } => {
                self.phase = self.plan.phases[*index].name.clone();
                self.say(at, &format!("phase {}", self.phase));
            }
            RunEvent::ProcessStarted {
                service,
                pid,
                restarts,
            } => {
                let again = if *restarts > 0 { " again" } else { "" };
                self.say(at, &format!("{service} started{again} (pid {pid})"));
            }
            RunEvent::ProcessReady { service, took } => {
                self.say(at, &format!("{service} ready after {}", short(*took)));
            }
            RunEvent::ProcessExited {
                service,
                status,
                cause,
            } => match cause {
                ExitCause::Own => self.say(at, &format!("{service} CRASHED: {status}")),
                ExitCause::Liveness => {
                    self.say(
                        at,
                        &format!("{service} CRASHED: killed after its liveness probe failed"),
                    );
                }
                ExitCause::Injected => {
                    self.say(at, &format!("{service} ended by a fault of ours: {status}"))
                }
                ExitCause::Shutdown => {}
            },
            RunEvent::LivenessFailed {
                service,
                in_a_row,
                seen,
            } => {
                self.say(
                    at,
                    &format!("{service} liveness probe failed ({in_a_row} in a row): {seen}"),
                );
            }
            RunEvent::Baseline { verdict, detail } => {
                let word = match verdict {
                    BaselineVerdict::Good => "good",
                    BaselineVerdict::BelowSteadyState => "below the steady state",
                    BaselineVerdict::Unsteady => "unsteady",
                    BaselineVerdict::Waived => "waived",
                };
                self.say(at, &format!("baseline {word}: {detail}"));
            }
            RunEvent::FaultInjected { fault } => {
                self.in_force.push(*fault);
                self.say(at, &format!("fault {} in force", self.fault(*fault)));
            }
            RunEvent::FaultRemoved {
                fault,
                verified,
                detail,
            } => {
                self.in_force.retain(|f| f != fault);
                let word = if *verified {
                    "out, verified"
                } else {
                    "NOT verified to be out"
                };
                self.say(
                    at,
                    &format!("fault {} {word}: {detail}", self.fault(*fault)),
                );
            }
            RunEvent::FaultFailed { fault, detail } => {
                self.say(
                    at,
                    &format!("fault {} FAILED: {detail}", self.fault(*fault)),
                );
            }
            RunEvent::Measured(delta) => {
                for cell in &delta.cells {
                    let series = &self.plan.series[usize::from(cell.series.0)];
                    if matches!(series.origin, Origin::Population(_)) {
                        self.second.counts.merge(&cell.counts);
                        self.second.response.merge(&cell.response);
                    }
                }
            }
            RunEvent::Harness(tick) => {
                self.in_flight = (tick.in_flight, self.in_flight.0);
                self.second(at);
            }
            RunEvent::Note { text } => self.say(at, &format!("note: {text}")),
            RunEvent::Stopping { detail, .. } => self.say(at, &format!("stopping: {detail}")),
            RunEvent::Ended { .. } => self.bar.finish_and_clear(),
            RunEvent::FaultArming { .. }
            | RunEvent::FaultRemoving { .. }
            | RunEvent::FaultTally { .. } => {}
        }
        Ok(())
    }
}
