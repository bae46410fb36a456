//! The board where a plane posts what is in force: read on every request, changed a few times a
//! run.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::Instant};

/// What is in force, in order of injection.
pub(super) type Posted<T> = Arc<Vec<Arc<T>>>;

/// How long those who act on what was posted may take to let go of it.
const LET_GO_WITHIN: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// A list of what is in force; readers take snapshots and can wait for a change.
///
/// Who acts on an entry keeps its `Arc` exactly as long as it does so. That makes removal
/// verifiable: when only the remover still holds it, nothing acts on it.
#[derive(Debug)]
pub(super) struct Board<T>(watch::Sender<Posted<T>>);

impl<T> Default for Board<T> {
    fn default() -> Self {
        Self(watch::Sender::new(Arc::default()))
    }
}

impl<T> Board<T> {
    /// Posts an entry behind all others.
    pub(super) fn post(&self, entry: Arc<T>) {
        self.0.send_modify(|list| {
            let mut next = Vec::clone(list);
            next.push(entry);
            *list = Arc::new(next);
        });
    }

    /// Puts an entry in the place of another.
    pub(super) fn replace(&self, old: &Arc<T>, new: &Arc<T>) {
        self.0.send_modify(|list| {
            let swap =
                |entry: &Arc<T>| Arc::clone(if Arc::ptr_eq(entry, old) { new } else { entry });
            *list = Arc::new(list.iter().map(swap).collect());
        });
    }

    /// Takes an entry down; the others keep their order.
    pub(super) fn take_down(&self, entry: &Arc<T>) {
        self.0.send_modify(|list| {
            let mut next = Vec::clone(list);
            next.retain(|other| !Arc::ptr_eq(other, entry));
            *list = Arc::new(next);
        });
    }

    /// Tells the readers to look again (a level has changed).
    pub(super) fn announce(&self) {
        self.0.send_modify(|_| {});
    }

    /// What is posted now.
    pub(super) fn snapshot(&self) -> Posted<T> {
        self.0.borrow().clone()
    }

    /// To wait for changes.
    pub(super) fn subscribe(&self) -> watch::Receiver<Posted<T>> {
        self.0.subscribe()
    }

    /// Waits until nobody acts on an entry that was taken down; how many still do after a second.
    pub(super) async fn let_go(entry: &Arc<T>) -> usize {
        let deadline = Instant::now() + LET_GO_WITHIN;
        loop {
            let others = Arc::strong_count(entry) - 1;
            if others == 0 || Instant::now() >= deadline {
                return others;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Whether an entry is still posted.
pub(super) fn is_posted<T>(posted: &Posted<T>, entry: &Arc<T>) -> bool {
    posted.iter().any(|other| Arc::ptr_eq(other, entry))
}
