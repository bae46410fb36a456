//! `brownout enter`: started by brownout itself, never by people.

use std::path::PathBuf;

use brownout::launch;

use crate::cli::{exit::Exit, talk};

/// Become another program, with another /etc/resolv.conf. For brownout's own use.
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub(crate) struct Args {
    /// The file that stands in the place of /etc/resolv.conf.
    #[arg(long)]
    resolv_conf: PathBuf,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

pub(crate) fn main(args: &Args) -> Exit {
    let Some((program, arguments)) = args.command.split_first() else {
        talk::error("no program is given", None);
        return Exit::BadInput;
    };
    // it returns only when it fails
    let error = launch::enter(&args.resolv_conf, program, arguments);
    talk::error(&error.to_string(), None);
    Exit::Internal
}
