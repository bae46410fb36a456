//! What a worker allows itself.

use std::time::Duration;

use rustix::process::{Resource, getrlimit};

/// A late arrival is still sent, with its intended start kept, until it is this late; then it is
/// 'not sent' for lag. (Or until half of its client's timeout has passed, if that is shorter.)
pub const CATCH_UP_LIMIT: Duration = Duration::from_secs(5);

/// Journeys that one worker has under way at most, so that memory stays bounded; an arrival beyond
/// them is not sent.
pub const IN_FLIGHT_JOURNEYS: u64 = 32_768;

/// A worker that started its last arrival this late is behind its schedule: what then finds no
/// connection in time is blamed on the harness, not on the target.
pub(super) const LAGGING: Duration = Duration::from_millis(100);

/// Most arrivals released at once, before everything that is ready had its turn.
pub(super) const BATCH: usize = 512;

/// How long a drain waits for a busy worker.
pub(super) const DRAIN_WAIT: Duration = Duration::from_millis(500);

/// The share of the descriptors that connections may take.
const DESCRIPTOR_SHARE: f64 = 0.8;
/// Without a limit of the system's, this many connections.
const UNLIMITED: u64 = 1 << 20;

/// Connections that each worker may have open: its part of 80% of this process's descriptors. A
/// connection through a link of ours costs three (one here, two in the proxy).
pub(super) fn connections(workers: usize, interposed: bool) -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(UNLIMITED);
    let each = if interposed { 3.0 } else { 1.0 };
    let all = descriptors as f64 * DESCRIPTOR_SHARE / each;
    (all / workers.max(1) as f64).max(1.0) as usize
}
