//! The threads on which the connections of links live.

use std::{
    io,
    sync::{Mutex, PoisonError},
    thread,
};

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

use super::{alarm::ring, upstream::DIAL_WITHIN};
use crate::fine_timer::sharpen;

/// Threads that have a runtime each. A connection stays on the one that accepted it, so bytes that come
/// wake nobody but the thread that passes them on; in a runtime of several threads each wake-up may
/// wake another one to share the work, which costs more than to relay a small answer.
///
/// They are started when they are first needed.
#[derive(Debug, Default)]
pub(in crate::fault) struct Lanes {
    handles: Mutex<Vec<Handle>>,
    stop: CancellationToken,
}

impl Lanes {
    /// All of them: one for each processor.
    ///
    /// # Errors
    /// When the system refuses a thread or what a runtime needs.
    pub(super) fn handles(&self) -> io::Result<Vec<Handle>> {
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        if handles.is_empty() {
            let count = thread::available_parallelism().map_or(1, usize::from);
            let started: io::Result<Vec<Handle>> = (0..count).map(|_| self.start()).collect();
            *handles = started?;
        }
        Ok(handles.clone())
    }

    fn start(&self) -> io::Result<Handle> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let handle = runtime.handle().clone();
        let stop = self.stop.clone();
        runtime.spawn(ring());
        let serve = move || {
            sharpen();
            // its sockets are closed when the runtime is dropped, on its own thread
            runtime.block_on(stop.run_until_cancelled(tick()));
        };
        thread::Builder::new().name("link".into()).spawn(serve)?;
        Ok(handle)
    }
}

/// A runtime that has no earlier timer wakes itself up when one is set, by a system call; so there always is
/// one that is due before the time limit of a connection that is dialled now.
async fn tick() {
    loop {
        tokio::time::sleep(DIAL_WITHIN).await;
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
