//! How much went through a link.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::scenario::model::TcpStream as Direction;

/// Bytes of one direction; on cache lines of its own, since several threads count.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(in crate::fault) struct Flow {
    received: AtomicU64,
    sent: AtomicU64,
}

/// Bytes that went through a link, while its connections live.
#[derive(Debug, Default)]
pub(in crate::fault) struct Traffic {
    up: Flow,
    down: Flow,
}

impl Traffic {
    /// That direction's.
    pub(in crate::fault) const fn flow(&self, direction: Direction) -> &Flow {
        match direction {
            Direction::Upstream => &self.up,
            Direction::Downstream => &self.down,
        }
    }
}

impl Flow {
    /// So many came from the sender.
    pub(super) fn came(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Relaxed);
    }

    /// So many went to the receiver.
    pub(super) fn went(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Relaxed);
    }

    /// What came from the sender.
    pub(in crate::fault) fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// What went to the receiver.
    pub(in crate::fault) fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }
}
