//! `brownout schema`: the JSON Schemas of the file formats, for editors.

use std::io::Write as _;

use brownout::{scenario, target};

use crate::cli::exit::Exit;

/// Print the JSON Schema of a file format.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which file format.
    #[arg(value_enum)]
    format: Format,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Scenario,
    Target,
}

pub(crate) fn main(args: &Args) -> Exit {
    let schema = match args.format {
        Format::Scenario => scenario::SCHEMA,
        Format::Target => target::SCHEMA,
    };
    match std::io::stdout().lock().write_all(schema.as_bytes()) {
        Ok(()) => Exit::Pass,
        Err(_) => Exit::Internal,
    }
}
