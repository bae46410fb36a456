//! Before the run: a folder, a record, the guardian, bound listeners, a started and ready target.
//! What can go wrong goes wrong here, before anything is sent.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    Interrupt, harness,
    machine::{self, Hindrance},
};
use crate::{
    event::{ObserveError, Observer, RunEvent},
    plan::{LaunchPlan, Plan, Resolver},
    record::{FORMAT_VERSION, Header, Writer},
    scenario::model::Effect,
    time::{Offset, wall},
    units::ByteSize,
};

/// Where and how to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder in which each run gets a folder of its own.
    pub reports: PathBuf,
    /// This executable, which the guardian is.
    pub executable: PathBuf,
    /// How the operator stops the run.
    pub interrupt: Interrupt,
    /// Threads that send load; one for each processor unless said otherwise.
    pub workers: usize,
    /// Whether faults may run commands (`exec`).
    pub allow_exec: bool,
}

/// A run could not be made or finished, and it is not the target's fault.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct RunError {
    /// What kind of trouble it is; the exit code depends on it.
    pub kind: RunErrorKind,
    /// What happened.
    pub message: String,
    /// What would help.
    pub hint: Option<String>,
}

/// Kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunErrorKind {
    /// The folder for reports cannot be used.
    Reports,
    /// An address that the files name is taken, or a file that they name cannot be used.
    Setup,
    /// brownout itself failed.
    Internal,
}

impl RunError {
    pub(super) fn new(kind: RunErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Everyone who watches the run. After the first failure of the record nothing more is told: a
/// record with a hole would be worse than one that ends.
pub(super) struct Witnesses {
    observers: Vec<Box<dyn Observer>>,
    failed: Option<ObserveError>,
}

impl Witnesses {
    pub(super) fn tell(&mut self, at: Offset, event: &RunEvent) {
        if self.failed.is_some() {
            return;
        }
        for observer in &mut self.observers {
            if let Err(error) = observer.observe(at, event) {
                self.failed.get_or_insert(error);
            }
        }
    }

    pub(super) const fn failure(&self) -> Option<&ObserveError> {
        self.failed.as_ref()
    }
}

/// A run's folder and its witnesses.
pub(super) struct Opened {
    pub(super) run_id: String,
    pub(super) folder: PathBuf,
    pub(super) witnesses: Witnesses,
}

/// Creates the run's folder and record.
pub(super) fn open(
    plan: &Plan,
    options: &Options,
    others: Vec<Box<dyn Observer>>,
) -> Result<Opened, RunError> {
    let (run_id, folder) = create_folder(&options.reports, &plan.scenario)?;
    let header = Header {
        record: FORMAT_VERSION,
        brownout: env!("CARGO_PKG_VERSION").into(),
        run_id: run_id.clone(),
        started_at: wall(),
        host: harness::host(),
        plan: plan.clone(),
    };
    let record = Writer::create(&folder, &header)
        .map_err(|error| RunError::new(RunErrorKind::Reports, error.to_string()))?;
    let mut observers: Vec<Box<dyn Observer>> = vec![Box::new(record)];
    observers.extend(others);
    Ok(Opened {
        run_id,
        folder,
        witnesses: Witnesses {
            observers,
            failed: None,
        },
    })
}

/// `reports/cowin-2021-20261122T030405Z`, with `-2` and so on when two begin in one second.
fn create_folder(reports: &Path, scenario: &str) -> Result<(String, PathBuf), RunError> {
    let failed = |error: std::io::Error| {
        let message = format!(
            "cannot create a folder for the run in {}: {error}",
            reports.display()
        );
        RunError::new(RunErrorKind::Reports, message)
            .hint("choose another place with --reports DIR")
    };
    std::fs::create_dir_all(reports).map_err(failed)?;
    let stamp = wall().strftime("%Y%m%dT%H%M%SZ").to_string();
    for n in 1.. {
        let suffix = if n == 1 {
            String::new()
        } else {
            format!("-{n}")
        };
        let run_id = format!("{scenario}-{stamp}{suffix}");
        let folder = reports.join(&run_id);
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok((run_id, folder)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
    }
    unreachable!("the loop ends by return only")
}

/// Checks that the commands of faults may be run, and that this machine can do what the faults ask.
pub(super) fn check_faults(plan: &Plan, options: &Options) -> Result<(), RunError> {
    for fault in &plan.faults {
        let name = &fault.name;
        let setup = |message| RunError::new(RunErrorKind::Setup, message);
        if let (Effect::Exec(exec), false) = (&fault.effect, options.allow_exec) {
            return Err(setup(format!("fault `{name}` {exec}"))
                .hint("read the commands; `--allow-exec` lets a run carry them out"));
        }
        if let Some(Hindrance { reason, hint }) = machine::hindrance(fault) {
            let message = format!("fault `{name}` cannot be put in here: {reason}");
            let hint = format!("{hint}; `brownout check --here` says what this machine can do");
            return Err(setup(message).hint(hint));
        }
    }
    Ok(())
}

/// What would help where a process cannot have our resolver.
const WITHOUT_RESOLVER: &str = "run as root, or leave `resolver: brownout` out: then dns faults meet \
    our clients only";

/// Checks that processes can have our DNS server as their resolver, if any shall.
pub(super) fn check_resolver(plan: &Plan, options: &Options) -> Result<(), RunError> {
    let asked = |launch: &LaunchPlan| launch.resolver == Resolver::Brownout;
    if !plan.launch.iter().any(asked) {
        return Ok(());
    }
    own_resolver(&options.executable).map_err(|why| {
        let message = format!("a launched process cannot have our resolver: {why}");
        RunError::new(RunErrorKind::Setup, message).hint(WITHOUT_RESOLVER)
    })
}

/// Whether a launched process can have our DNS server as its resolver on this machine: tries both
/// the namespace and the port.
///
/// # Errors
/// What forbids it.
pub fn own_resolver(executable: &Path) -> Result<(), String> {
    crate::launch::can_enter(executable)?;
    crate::fault::can_resolve().map_err(|error| error.to_string())
}

/// What would help where a process cannot have a disk of its own.
const WITHOUT_DISK: &str =
    "run as root, give it less, or take `disk` out of the target's `launch:`";

/// Checks that processes can have disks of their own, if any shall, and that these fit into memory.
pub(super) fn check_disks(plan: &Plan, options: &Options) -> Result<(), RunError> {
    let disks = plan.launch.iter().filter_map(|launch| launch.disk.as_ref());
    let sizes = disks.map(|disk| disk.size);
    own_disks(&options.executable, sizes).map_err(|why| {
        let message = format!("a launched process cannot have a disk of its own: {why}");
        RunError::new(RunErrorKind::Setup, message).hint(WITHOUT_DISK)
    })
}

/// Whether launched processes can have disks of these sizes on this machine: tries it, unless there are
/// none.
///
/// # Errors
/// What forbids it.
pub fn own_disks(
    executable: &Path,
    sizes: impl IntoIterator<Item = ByteSize>,
) -> Result<(), String> {
    let sizes: Vec<u64> = sizes.into_iter().map(|size| size.0).collect();
    if sizes.is_empty() {
        return Ok(());
    }
    let (wanted, there) = (sizes.iter().sum(), super::proc::memory());
    // it is zero where the system does not tell
    if there > 0 && wanted > there {
        let gb = |bytes: u64| bytes as f64 / 1e9;
        return Err(format!(
            "it lies in memory, {:.1} GB are wanted, and the machine has {:.1} GB",
            gb(wanted),
            gb(there)
        ));
    }
    crate::launch::can_mount(executable)
}

/// Checks that every address that a launched process will listen on is free.
pub(super) fn check_ports(plan: &Plan) -> Result<(), RunError> {
    let taken = crate::launch::busy_ports(plan);
    if taken.is_empty() {
        return Ok(());
    }
    let taken: Vec<String> = taken.iter().map(ToString::to_string).collect();
    let message = format!("cannot start the target: {}", taken.join("; "));
    Err(RunError::new(RunErrorKind::Setup, message)
        .hint("another run or program uses the address; `ss -ltnp` shows which"))
}

/// Waits until every service that brownout did not start answers. Returns who does not, and why.
pub(super) async fn wait_for_strangers(
    plan: &Arc<Plan>,
    network: &Arc<crate::client::Network>,
    within: Duration,
) -> Option<String> {
    let launched = |id| plan.launch.iter().any(|launch| launch.service == id);
    let deadline = tokio::time::Instant::now() + within;
    for (index, service) in plan.services.iter().enumerate() {
        let id = crate::plan::ServiceId(u16::try_from(index).unwrap_or(u16::MAX));
        if launched(id) {
            continue;
        }
        loop {
            let limit = Duration::from_secs(2);
            match crate::probe::ready(network, id, None, service.health.as_ref(), limit).await {
                Ok(()) => break,
                Err(seen) if tokio::time::Instant::now() >= deadline => {
                    let (host, port) = (&service.host, service.port);
                    let at = service
                        .at
                        .map_or_else(|| format!("{host}:{port}"), |at| at.to_string());
                    return Some(format!("{} at {at} is not ready: {seen}", service.name));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(250)).await,
            }
        }
    }
    None
}
