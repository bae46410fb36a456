//! `brownout guardian`: started by brownout itself, never by people.

use std::path::PathBuf;

use crate::cli::exit::Exit;

/// Keep launched processes, and end them when standard input ends. For brownout's own use.
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub(crate) struct Args {
    /// File that what must be undone is appended to.
    #[arg(long)]
    journal: Option<PathBuf>,
}

#[expect(
    clippy::print_stderr,
    reason = "the one channel left: stdout speaks the protocol"
)]
pub(crate) fn main(args: &Args) -> Exit {
    match brownout::guardian::serve(args.journal.as_deref()) {
        Ok(true) => Exit::Pass,
        Ok(false) => Exit::Internal,
        Err(error) => {
            eprintln!("error: {error}");
            Exit::Internal
        }
    }
}
