//! Events in words.

use std::time::Duration;

use brownout::{
    event::{BaselineVerdict, ExitCause, RunEvent},
    plan::Plan,
    scenario::model::Edge,
    units::Span,
};

/// What is said of an event; `None` of those that are too many or too fine for people.
pub(super) fn words(event: &RunEvent, plan: &Plan) -> Option<String> {
    let fault = |index: &usize| {
        let fault = &plan.faults[*index];
        format!("{} ({})", fault.name, fault.at)
    };
    Some(match event {
        RunEvent::Started => format!(
            "running for {} (story time {})",
            Span(plan.length),
            plan.time_scale
        ),
        RunEvent::Phase { index } => format!("phase {}", plan.phases[*index].name),
        RunEvent::ProcessStarted {
            service,
            pid,
            restarts,
        } => {
            let again = if *restarts > 0 { " again" } else { "" };
            format!("{service} started{again} (pid {pid})")
        }
        RunEvent::ProcessReady { service, took } => {
            let took = Duration::from_millis(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
            format!("{service} ready after {}", Span(took))
        }
        RunEvent::ProcessExited {
            service,
            status,
            cause,
        } => match cause {
            ExitCause::Own => format!("{service} CRASHED: {status}"),
            ExitCause::Liveness => {
                format!("{service} CRASHED: killed after its liveness probe failed")
            }
            ExitCause::Injected => format!("{service} ended by a fault of ours: {status}"),
            ExitCause::Shutdown => return None,
        },
        RunEvent::LivenessFailed {
            service,
            in_a_row,
            seen,
        } => format!("{service} liveness probe failed ({in_a_row} in a row): {seen}"),
        RunEvent::Baseline { verdict, detail } => {
            let word = match verdict {
                BaselineVerdict::Good => "good",
                BaselineVerdict::BelowSteadyState => "below the steady state",
                BaselineVerdict::Unsteady => "unsteady",
                BaselineVerdict::Waived => "waived",
            };
            format!("baseline {word}: {detail}")
        }
        RunEvent::FaultInjected { fault: index } => format!("fault {} in force", fault(index)),
        RunEvent::FaultRemoved {
            fault: index,
            verified,
            detail,
        } => {
            let word = if *verified {
                "out, verified"
            } else {
                "NOT verified to be out"
            };
            format!("fault {} {word}: {detail}", fault(index))
        }
        RunEvent::FaultFailed {
            fault: index,
            detail,
        } => format!("fault {} FAILED: {detail}", fault(index)),
        RunEvent::FaultCondition {
            fault: index,
            edge,
            came,
            detail,
            ..
        } => {
            let then = match (edge, came) {
                (Edge::Start, true) => "comes",
                (Edge::Start, false) => "never comes",
                (Edge::End, _) => "goes",
            };
            format!("fault {} {then}: {detail}", fault(index))
        }
        RunEvent::Note { text } => format!("note: {text}"),
        RunEvent::Stopping { detail, .. } => format!("stopping: {detail}"),
        RunEvent::FaultArming { .. }
        | RunEvent::FaultRemoving { .. }
        | RunEvent::FaultTally { .. }
        | RunEvent::Measured(_)
        | RunEvent::Harness(_)
        | RunEvent::Ended { .. } => return None,
    })
}
