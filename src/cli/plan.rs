//! `brownout plan`: what would happen, when, where, and how far it reaches. Sends nothing.

use std::{io::IsTerminal, path::PathBuf};

use brownout::plan::describe;

use crate::cli::{
    exit::Exit,
    files::{self, Overriding},
    talk,
};

/// Show what a run would do, on both clocks, and what it touches. Nothing is started or sent.
///
/// Prints the timeline, the highest rates, what the load takes of this machine, every address and
/// process that is touched, how far each fault can reach, and what is assumed.
///
/// Exit codes: 0 the plan stands; 2 a file or flag is wrong.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The scenario file.
    scenario: PathBuf,
    #[command(flatten)]
    overriding: Overriding,
    /// How to show it.
    #[arg(long, value_enum, default_value_t = Format::Terminal)]
    format: Format,
}

/// How a plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Terminal,
    /// For programs.
    Json,
}

pub(crate) fn main(args: &Args) -> Exit {
    let plan = match files::plan(&args.scenario, &args.overriding) {
        Ok(plan) => plan,
        Err(exit) => return exit,
    };
    let described = describe(&plan);
    match args.format {
        Format::Terminal => {
            let colour = std::io::stdout().is_terminal() && talk::colour();
            talk::data(&described.to_text(colour))
        }
        Format::Json => match serde_json::to_string_pretty(&described) {
            Ok(json) => talk::data(&(json + "\n")),
            Err(error) => {
                talk::error(&format!("the plan cannot be written: {error}"), None);
                Exit::Internal
            }
        },
    }
}
