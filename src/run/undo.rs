//! Taking everything out, on every way out of a run.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    faults::{FaultDesk, Leave},
    prepare::Witnesses,
};
use crate::{event::RunEvent, time::Clock, units::Span};

/// A fault that is not out by then, its commands' own time apart, is reported as left behind; the
/// guardian has the last word.
const LIMIT: Duration = Duration::from_secs(10);

/// Takes out every fault that is in, the latest first, and waits until each is verified.
pub(super) async fn take_out(faults: &mut FaultDesk, witnesses: &mut Witnesses, clock: Clock) {
    for fault in faults.not_yet_out() {
        if let Some((_, Some(event), _)) = faults.remove(fault, Leave::ForGood) {
            witnesses.tell(clock.now(), &event);
        }
    }
    let limit = LIMIT + faults.commands_last();
    let deadline = Instant::now() + limit;
    while !faults.not_yet_out().is_empty() {
        match tokio::time::timeout_at(deadline, faults.next()).await {
            Ok(told) => {
                for (at, event, _) in told {
                    if let Some(event) = event {
                        witnesses.tell(at, &event);
                    }
                }
            }
            Err(_) => {
                for fault in faults.not_yet_out() {
                    let detail = format!("not out within {}", Span(limit));
                    witnesses.tell(clock.now(), &RunEvent::FaultFailed { fault, detail });
                }
                return;
            }
        }
    }
}
