//! A run from its first to its last moment: bind, open the record, start the target, let the
//! dispatcher work, and take everything out again on every way out.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    dispatcher::Dispatcher,
    prepare::{self, Opened, Options, RunError, RunErrorKind, Witnesses},
    target::ManagedTarget,
    trust,
};
use crate::{
    client::{Network, Wiring},
    event::{Observer, RunEvent, StopReason},
    fault::Planes,
    plan::Plan,
    time::{Clock, Offset},
};

/// A service that brownout did not start has this long to answer.
const STRANGERS_READY_WITHIN: Duration = Duration::from_secs(10);
/// From "all is ready" to the run's zero, so that every worker stands at the start.
const RUN_UP: Duration = Duration::from_millis(200);

/// A run that has ended; its record says how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The run's id.
    pub run_id: String,
    /// Its folder.
    pub folder: PathBuf,
}

/// Makes a run and takes everything out again, however it ends.
///
/// # Errors
/// When it cannot be begun, or when brownout itself fails. A failing target is no error.
pub async fn run(
    mut plan: Plan,
    options: Options,
    observers: Vec<Box<dyn Observer>>,
) -> Result<Finished, RunError> {
    super::harness::raise_descriptor_limit();
    let setup =
        |error: &dyn std::fmt::Display| RunError::new(RunErrorKind::Setup, error.to_string());
    Planes::look_up(&mut plan)
        .await
        .map_err(|error| setup(&error))?;
    let plan = Arc::new(plan);
    prepare::check_faults(&plan, &options)?;
    prepare::check_ports(&plan)?;
    prepare::check_resolver(&plan, &options)?;
    prepare::check_disks(&plan, &options)?;
    let planes =
        Arc::new(Planes::bind(Arc::clone(&plan), Clock::start()).map_err(|error| setup(&error))?);
    let wiring = Wiring {
        dns: planes.dns(),
        visitors: planes.visitors(),
        marks: planes.marks(),
        authority: planes.authority().cloned(),
    };
    let network = Network::new(&plan, wiring).map_err(|error| setup(&error))?;
    let Opened {
        run_id,
        folder,
        mut witnesses,
    } = prepare::open(&plan, &options, observers)?;

    let authority = planes.authority().map(AsRef::as_ref);
    let trusting = trust::prepare(&plan, authority, &folder)?;
    let mut target = ManagedTarget::prepare(
        &plan,
        &network,
        &options.executable,
        &folder,
        &planes.resolvers(),
        &trusting,
    )?;
    target.confine(&run_id).await?;
    planes.set_process_control(target.process_control());
    planes.set_remote_journal(target.remote_journal());
    if options.allow_exec {
        planes.set_exec_control(target.exec_control(&folder));
    }

    let started = start(&plan, &network, &mut target, &options, &mut witnesses).await;
    let last = match started {
        Started::Yes => {
            let clock = Clock::starting_at(Instant::now() + RUN_UP);
            let mut dispatcher =
                Dispatcher::new(&plan, &options, &network, &planes, target, witnesses, clock)?;
            dispatcher.work().await;
            let at = dispatcher.undo().await;
            (target, witnesses) = dispatcher.parts();
            at
        }
        Started::No(reason, detail) => {
            witnesses.tell(Offset::ZERO, &RunEvent::Stopping { reason, detail });
            (Offset::ZERO, false)
        }
    };
    planes.shutdown().await;
    for event in target.finish(&folder).await {
        witnesses.tell(last.0, &event);
    }
    witnesses.tell(last.0, &RunEvent::Ended { complete: last.1 });
    match witnesses.failure() {
        Some(error) => Err(
            RunError::new(RunErrorKind::Internal, error.to_string()).hint(
                "the run was stopped and everything taken out; what was written can be reported",
            ),
        ),
        None => Ok(Finished { run_id, folder }),
    }
}

enum Started {
    Yes,
    No(StopReason, String),
}

/// Starts the target and waits until it is ready; Ctrl-C ends the wait.
async fn start(
    plan: &Arc<Plan>,
    network: &Arc<Network>,
    target: &mut ManagedTarget,
    options: &Options,
    witnesses: &mut Witnesses,
) -> Started {
    let starting = async {
        let started = target
            .start(|event| witnesses.tell(Offset::ZERO, &event))
            .await;
        if let Err((reason, detail)) = started {
            return Started::No(reason, detail);
        }
        match prepare::wait_for_strangers(plan, network, STRANGERS_READY_WITHIN).await {
            None => Started::Yes,
            Some(seen) => Started::No(StopReason::TargetUnreachable, seen),
        }
    };
    tokio::select! {
        started = starting => started,
        () = options.interrupt.raised() => {
            Started::No(StopReason::Operator, "interrupted before the run began".into())
        }
    }
}
