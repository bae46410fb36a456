//! What a process has for itself alone, over all its lives.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use super::{
    disk::{DiskUse, Held},
    enter::{NewDisk, Room, entering},
};
use crate::{
    guardian::Pid,
    plan::model::{LaunchPlan, Resolver},
    units::Ratio,
};

/// How a process gets files of its own.
#[derive(Debug)]
pub(super) struct Own {
    /// brownout, which enters before it becomes the program.
    executable: PathBuf,
    /// What its first life enters; `None` = nothing.
    room: Option<Room>,
    /// What its disk is called, if it has one.
    mark: Option<String>,
    disk: OnceLock<Held>,
}

impl Own {
    pub(super) fn new(executable: &Path, resolv_conf: Option<&Path>, plan: &LaunchPlan) -> Self {
        let resolv_conf = resolv_conf.filter(|_| plan.resolver == Resolver::Brownout);
        // two runs may go on at the same time
        let mark = format!("brownout-disk-{}-{}", std::process::id(), plan.service.0);
        let disk = plan.disk.as_ref().map(|disk| NewDisk {
            path: disk.path.clone(),
            size: disk.size,
            mark: mark.clone(),
        });
        let any = resolv_conf.is_some() || disk.is_some();
        Self {
            executable: executable.to_owned(),
            mark: disk.as_ref().map(|_| mark),
            room: any.then(|| Room::New {
                resolv_conf: resolv_conf.map(Path::to_owned),
                disk,
            }),
            disk: OnceLock::new(),
        }
    }

    /// The command of its next life.
    pub(super) fn command(&self, command: &[String]) -> Vec<String> {
        let again = self.disk.get().map(Held::room);
        match again.as_ref().or(self.room.as_ref()) {
            Some(room) => entering(&self.executable, room, command),
            None => command.to_vec(),
        }
    }

    /// Takes hold of the disk that a life which is ready has made. Without one, or when it is held
    /// already, there is nothing to do.
    ///
    /// # Errors
    /// Why it cannot be held, for people.
    pub(super) fn hold(&self, pid: Pid) -> Result<(), String> {
        let Some(mark) = self.mark.as_ref().filter(|_| self.disk.get().is_none()) else {
            return Ok(());
        };
        // nobody else sets it: a process has one life at a time
        let _ = self.disk.set(Held::of(pid, mark)?);
        Ok(())
    }

    /// See [`Held::fill`].
    ///
    /// # Errors
    /// Likewise.
    pub(super) fn fill(&self, used: Option<Ratio>) -> Result<DiskUse, String> {
        let disk = self.disk.get();
        let disk = disk.ok_or_else(|| "it has no disk of its own".to_owned())?;
        disk.fill(used)
    }
}
