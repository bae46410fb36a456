//! A disk of a process's own, held and filled from outside.
//!
//! The disk is a file system in memory (tmpfs(5)) in the mount namespace that the process's first life
//! made. It is held by descriptors: as long as they are open, later lives enter the same namespace and
//! find their data, as on a disk. When brownout ends, however it ends, they are closed; with the last
//! process the namespace goes, and the disk with it.
//!
//! What fills it is a file without a name (`O_TMPFILE`, open(2)): the process cannot see it, find it or
//! delete it, and it is gone when it is closed, also when brownout is killed. It is made on the file system
//! that carries our mark and nowhere else.

use crate::units::ByteSize;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod portable;

#[cfg(target_os = "linux")]
pub(super) use linux::Held;
#[cfg(not(target_os = "linux"))]
pub(super) use portable::Held;

/// How much of a disk is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskUse {
    /// What it holds.
    pub size: ByteSize,
    /// What is free of that.
    pub free: ByteSize,
}
