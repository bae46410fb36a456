//! `brownout enter`: started by brownout itself, never by people.

use std::path::PathBuf;

use brownout::{
    launch::{self, NewDisk, Room},
    units::ByteSize,
};

use crate::cli::{exit::Exit, talk};

/// Become another program that sees files of its own. For brownout's own use.
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub(crate) struct Args {
    /// The file that stands in the place of /etc/resolv.conf.
    #[arg(long)]
    resolv_conf: Option<PathBuf>,
    /// The folder in whose place a disk of its own stands.
    #[arg(long, requires = "size", requires = "mark")]
    disk: Option<PathBuf>,
    /// How much the disk holds, in bytes.
    #[arg(long)]
    size: Option<u64>,
    /// What the disk is called in the list of mounts.
    #[arg(long)]
    mark: Option<String>,
    /// The mount namespace to enter again, in place of a new one.
    #[arg(long, conflicts_with_all = ["resolv_conf", "disk"])]
    mounts: Option<PathBuf>,
    /// The user namespace that this belongs to.
    #[arg(long, requires = "mounts")]
    users: Option<PathBuf>,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

impl Args {
    fn room(&self) -> Room {
        if let Some(mounts) = self.mounts.clone() {
            let users = self.users.clone();
            return Room::Again { mounts, users };
        }
        let disk = self.disk.clone().map(|path| NewDisk {
            path,
            size: ByteSize(self.size.unwrap_or_default()),
            mark: self.mark.clone().unwrap_or_default(),
        });
        Room::New {
            resolv_conf: self.resolv_conf.clone(),
            disk,
        }
    }
}

pub(crate) fn main(args: &Args) -> Exit {
    let Some((program, arguments)) = args.command.split_first() else {
        talk::error("no program is given", None);
        return Exit::BadInput;
    };
    // it returns only when it fails
    let error = launch::enter(&args.room(), program, arguments);
    talk::error(&error.to_string(), None);
    Exit::Internal
}
