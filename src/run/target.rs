//! The target as the run manages it: what was launched, its guardian, and the control that process
//! faults have over it.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;

use super::{
    chain,
    exec::Commands,
    prepare::{RunError, RunErrorKind},
    remote::Journal,
    trust,
};
use crate::{
    client::Network,
    event::{ExitCause, RunEvent, StopReason},
    fault::{
        ExecControl, ProcessControl, ProcessFailure, ProcessHold, ProcessLimits, ProcessRoom,
        ProcessState, toxiproxy::RemoteJournal,
    },
    guardian::{self, ControlGroup, Controller, Guardian, GuardianError, Limits},
    launch::{Cause, DiskUse, LaunchError, LaunchSetup, Notice, Notices, Prober, Supervisor},
    plan::{FaultPlan, LaunchPlan, PlacePlan, Plan, ProbePlan, ServiceId},
    scenario::model::{Effect, ProcessEffect},
    units::Ratio,
};

/// The output of launched processes, in the run's folder.
const LOGS: &str = "logs";

/// What names our DNS servers to launched processes, in the run's folder.
const RESOLV_CONF: &str = "resolv.conf";

/// The launched part of a target; nothing at all when brownout launches nothing.
pub(super) struct ManagedTarget {
    plan: Arc<Plan>,
    guardian: Arc<Guardian>,
    supervisor: Arc<Supervisor>,
    notices: Notices,
}

impl ManagedTarget {
    /// Starts the guardian. Nothing of the target is started yet.
    pub(super) fn prepare(
        plan: &Arc<Plan>,
        network: &Arc<Network>,
        executable: &Path,
        folder: &Path,
        resolvers: &[IpAddr],
        trusting: &trust::Variables,
    ) -> Result<Self, RunError> {
        let guardian = Guardian::start(executable, &folder.join(guardian::FILE_NAME))
            .map_err(|error| RunError::new(RunErrorKind::Internal, chain(&error)))?;
        let guardian = Arc::new(guardian);
        let prober = Arc::new(DirectProber(Arc::clone(network)));
        let logs = folder.join(LOGS);
        let mut setup = LaunchSetup::of(plan, Arc::clone(&guardian), prober, logs, executable);
        for (_, process) in &mut setup.processes {
            trust::add(trusting, process);
        }
        if !resolvers.is_empty() {
            let file = write_resolv_conf(folder, resolvers).map_err(|error| {
                let message = format!("cannot write {RESOLV_CONF}: {error}");
                RunError::new(RunErrorKind::Reports, message)
            })?;
            setup.resolv_conf = Some(file);
        }
        let (supervisor, notices) = Supervisor::new(setup);
        let supervisor = Arc::new(supervisor);
        Ok(Self {
            plan: Arc::clone(plan),
            guardian,
            supervisor,
            notices,
        })
    }

    /// Gives the processes that faults limit their control groups.
    pub(super) async fn confine(&self, run_id: &str) -> Result<(), RunError> {
        for (service, controllers) in limited(&self.plan) {
            // two runs into different folders may have the same id
            let name = format!("brownout-{run_id}-{}-{}", std::process::id(), service.0);
            let planned = controllers
                .into_iter()
                .map(|c| ControlGroup::plan(c, &name));
            let setup = |message: String| RunError::new(RunErrorKind::Setup, message);
            let groups = planned.collect::<Result<Vec<_>, _>>().map_err(setup)?;
            let confined = self.supervisor.confine(service, groups).await;
            confined.map_err(|error| setup(chain(&error)))?;
        }
        Ok(())
    }

    pub(super) fn process_control(&self) -> Arc<dyn ProcessControl> {
        Arc::new(Control(Arc::clone(&self.supervisor)))
    }

    /// Power to run the commands of faults; their output goes into the run's `folder`.
    pub(super) fn exec_control(&self, folder: &Path) -> Arc<dyn ExecControl> {
        Arc::new(Commands::new(&self.guardian, &folder.join(LOGS)))
    }

    /// The journal of faults that lie in a Toxiproxy elsewhere.
    pub(super) fn remote_journal(&self) -> Arc<dyn RemoteJournal> {
        Arc::new(Journal::new(&self.guardian))
    }

    /// Starts everything in order and waits until it is ready; tells what happens meanwhile. `Err`
    /// says why the run cannot begin, and whose doing that is.
    pub(super) async fn start(
        &mut self,
        mut tell: impl FnMut(RunEvent),
    ) -> Result<(), (StopReason, String)> {
        let supervisor = Arc::clone(&self.supervisor);
        let mut starting = Box::pin(async move { supervisor.start().await });
        let started = loop {
            tokio::select! {
                biased;
                Some((_, notice)) = self.notices.recv() => {
                    if let Some(event) = event_of(&self.plan, notice) {
                        tell(event);
                    }
                }
                result = &mut starting => break result,
            }
        };
        while let Ok((_, notice)) = self.notices.try_recv() {
            if let Some(event) = event_of(&self.plan, notice) {
                tell(event);
            }
        }
        started.map_err(|error| (whose(&error), chain(&error)))?;
        // its notice may have been among those that are not for the record
        if self.guardian.lost().is_cancelled() {
            return Err((StopReason::Internal, chain(&GuardianError::Lost)));
        }
        Ok(())
    }

    /// The next thing that happens to a launched process. Cancel safe.
    pub(super) async fn next_event(&mut self) -> Option<TargetEvent> {
        loop {
            let (_, notice) = self.notices.recv().await?;
            if notice == Notice::GuardianLost {
                return Some(TargetEvent::GuardianLost);
            }
            if let Some(event) = event_of(&self.plan, notice) {
                return Some(TargetEvent::Told(event));
            }
        }
    }

    /// Ends everything that was launched, and the guardian. Returns what happened meanwhile.
    pub(super) async fn finish(mut self, folder: &Path) -> Vec<RunEvent> {
        self.supervisor.shutdown().await;
        // without launched processes the guardian has nothing to do and ends at once
        let finished = self.guardian.finish().await;
        let mut events = Vec::new();
        if finished.is_err() {
            events.extend(left_behind(folder).map(|text| RunEvent::Note { text }));
        }
        while let Ok((_, notice)) = self.notices.try_recv() {
            events.extend(event_of(&self.plan, notice));
        }
        events
    }
}

/// The processes that faults limit, and what of.
fn limited(plan: &Plan) -> BTreeMap<ServiceId, Vec<Controller>> {
    let mut all: BTreeMap<ServiceId, Vec<Controller>> = BTreeMap::new();
    for fault in &plan.faults {
        let PlacePlan::Process(service) = &fault.place else {
            continue;
        };
        for controller in controllers(fault) {
            let wanted = all.entry(*service).or_default();
            if !wanted.contains(&controller) {
                wanted.push(controller);
            }
        }
    }
    all
}

/// What a fault needs control groups for.
pub(super) fn controllers(fault: &FaultPlan) -> Vec<Controller> {
    let Effect::Process(ProcessEffect::Limit { cpu, memory }) = &fault.effect else {
        return Vec::new();
    };
    let cpu = cpu.map(|_| Controller::Cpu);
    let memory = memory.map(|_| Controller::Memory);
    cpu.into_iter().chain(memory).collect()
}

/// What is left of a run although everything was tried, for people; `None` when nothing is.
fn left_behind(folder: &Path) -> Option<String> {
    let left = guardian::remains(&folder.join(guardian::FILE_NAME)).ok()?;
    if left.is_empty() {
        return None;
    }
    let processes = left.processes.iter().map(|process| {
        let (pid, program) = (process.pid, &process.program);
        format!("process {pid} ({program})")
    });
    let what: Vec<String> = left
        .owed
        .iter()
        .map(|owed| owed.note.clone())
        .chain(processes)
        .collect();
    Some(format!(
        "left behind: {}; `brownout heal {}` tries again",
        what.join(", "),
        folder.display()
    ))
}

/// The absolute path of a file as resolv.conf(5) has it. Times and tries are the C library's own.
fn write_resolv_conf(folder: &Path, resolvers: &[IpAddr]) -> std::io::Result<PathBuf> {
    let file = std::path::absolute(folder.join(RESOLV_CONF))?;
    let lines = resolvers.iter().map(|ip| format!("nameserver {ip}\n"));
    std::fs::write(&file, lines.collect::<String>())?;
    Ok(file)
}

/// What the managed target tells the dispatcher.
pub(super) enum TargetEvent {
    /// Something for the record.
    Told(RunEvent),
    /// The guardian died: nothing would undo a fault any more, so the run must stop.
    GuardianLost,
}

/// Why a run stops whose target was not started.
const fn whose(error: &LaunchError) -> StopReason {
    match error {
        LaunchError::Guardian(_) | LaunchError::Logs(_) | LaunchError::Stopped => {
            StopReason::Internal
        }
        LaunchError::PortBusy(_)
        | LaunchError::Start { .. }
        | LaunchError::Died { .. }
        | LaunchError::NotReady { .. } => StopReason::TargetDied,
    }
}

fn event_of(plan: &Plan, notice: Notice) -> Option<RunEvent> {
    let name = |id: ServiceId| plan.services[usize::from(id.0)].name.clone();
    Some(match notice {
        Notice::Started {
            service,
            pid,
            restarts,
        } => RunEvent::ProcessStarted {
            service: name(service),
            pid: pid.0,
            restarts,
        },
        Notice::Ready { service, took } => RunEvent::ProcessReady {
            service: name(service),
            took,
        },
        Notice::Exited {
            service,
            status,
            cause,
        } => RunEvent::ProcessExited {
            service: name(service),
            status: status.to_string(),
            cause: match cause {
                Cause::Own => ExitCause::Own,
                Cause::Liveness => ExitCause::Liveness,
                Cause::Injected => ExitCause::Injected,
                Cause::Shutdown => ExitCause::Shutdown,
            },
        },
        Notice::StartFailed { service, detail } => RunEvent::Note {
            text: format!("{} could not be started again: {detail}", name(service)),
        },
        Notice::LivenessFailed {
            service,
            in_a_row,
            seen,
        } => RunEvent::LivenessFailed {
            service: name(service),
            in_a_row,
            seen,
        },
        Notice::GuardianLost => return None,
    })
}

/// Asks launched processes past any link, as a scheduler on their machine would.
struct DirectProber(Arc<Network>);

#[async_trait]
impl Prober for DirectProber {
    async fn ask(
        &self,
        process: &LaunchPlan,
        probe: Option<&ProbePlan>,
        timeout: Duration,
    ) -> Result<(), String> {
        crate::probe::ready(
            &self.0,
            process.service,
            Some(process.listens),
            probe,
            timeout,
        )
        .await
        .map_err(|seen| seen.to_string())
    }
}

/// Process faults act through the supervisor, so that it knows whose doing an exit is.
struct Control(Arc<Supervisor>);

fn failure(error: impl std::error::Error) -> ProcessFailure {
    ProcessFailure {
        detail: chain(&error),
    }
}

#[async_trait]
impl ProcessControl for Control {
    async fn kill(&self, service: ServiceId) -> Result<(), ProcessFailure> {
        self.0.kill(service).await.map_err(failure)
    }

    async fn pause(&self, service: ServiceId) -> Result<(), ProcessFailure> {
        self.0.pause(service).await.map_err(failure)
    }

    async fn resume(&self, service: ServiceId) -> Result<(), ProcessFailure> {
        self.0.resume(service).await.map_err(failure)
    }

    async fn restart(&self, service: ServiceId) -> Result<(), ProcessFailure> {
        self.0.restart(service).await.map_err(failure)
    }

    async fn hold(&self, service: ServiceId, hold: ProcessHold) -> Result<(), ProcessFailure> {
        match hold {
            ProcessHold::Down => self.0.keep_down(service).await,
            ProcessHold::Crashing => self.0.crash_on(service).await,
        }
        .map_err(failure)
    }

    async fn release(&self, service: ServiceId, hold: ProcessHold) -> Result<(), ProcessFailure> {
        match hold {
            ProcessHold::Down => self.0.start_again(service).await,
            ProcessHold::Crashing => self.0.let_live(service),
        }
        .map_err(failure)
    }

    async fn limit(&self, service: ServiceId, limits: ProcessLimits) -> Result<(), ProcessFailure> {
        let ProcessLimits { cpu, memory } = limits;
        let limited = self.0.limit(service, Limits { cpu, memory }).await;
        limited.map_err(failure)
    }

    async fn fill(
        &self,
        service: ServiceId,
        used: Option<Ratio>,
    ) -> Result<ProcessRoom, ProcessFailure> {
        let filled = self.0.fill(service, used).await.map_err(failure)?;
        let DiskUse { size, free } = filled;
        Ok(ProcessRoom { size, free })
    }

    async fn state(&self, service: ServiceId) -> Result<ProcessState, ProcessFailure> {
        self.0
            .state(service)
            .await
            .map_err(failure)
            .map(|state| match state {
                guardian::ProcessState::Running => ProcessState::Running,
                guardian::ProcessState::Stopped => ProcessState::Stopped,
                guardian::ProcessState::Gone => ProcessState::Gone,
            })
    }
}
