//! There are no such disks here, so nobody ever holds one.

use super::DiskUse;
use crate::{guardian::Pid, launch::enter::Room, units::Ratio};

#[derive(Debug)]
pub(in crate::launch) enum Held {}

impl Held {
    pub(in crate::launch) fn of(_: Pid, _: &str) -> Result<Self, String> {
        Err("this is not Linux".to_owned())
    }

    pub(in crate::launch) fn room(&self) -> Room {
        match *self {}
    }

    pub(in crate::launch) fn fill(&self, _: Option<Ratio>) -> Result<DiskUse, String> {
        match *self {}
    }
}
