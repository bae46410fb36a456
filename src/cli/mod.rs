//! The command line. Declared in `main.rs` only, so it is held to the library's public API;
//! it alone may print, exit, or name clap and miette's report types.

mod check;
mod dns;
mod enter;
mod exit;
mod files;
mod guardian;
mod heal;
mod here;
mod import;
mod live;
mod plan;
mod proxy;
mod report;
mod run;
mod schema;
mod stage;
mod talk;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use exit::Exit;

/// Rehearse outages: drive floods and faults on one clock against a staging system, and judge the
/// recovery in numbers.
#[derive(Debug, Parser)]
#[command(name = "brownout", version, about, max_term_width = 100)]
#[command(after_help = "Start with: brownout run scenarios/cowin-2021.yaml")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
    Plan(plan::Args),
    Check(check::Args),
    Import(import::Args),
    Report(report::Args),
    Runs(report::RunsArgs),
    Heal(heal::Args),
    Schema(schema::Args),
    Proxy(proxy::Args),
    Stage(stage::Args),
    Dns(dns::Args),
    Completions(Completions),
    #[command(hide = true)]
    Guardian(guardian::Args),
    #[command(hide = true)]
    Enter(enter::Args),
}

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
struct Completions {
    /// The shell.
    shell: clap_complete::Shell,
}

/// Parses the arguments, runs one command, and says how it ended.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(proxy::with_go_flags(std::env::args_os())) {
        Ok(cli) => cli,
        Err(error) => {
            // clap's own exit code for bad usage is 2 too; help and version are not mistakes.
            let code = if error.use_stderr() {
                Exit::BadInput
            } else {
                Exit::Pass
            };
            let _ = error.print();
            return code.into();
        }
    };
    let exit = match cli.command {
        Command::Run(args) => run::main(args),
        Command::Plan(args) => plan::main(&args),
        Command::Check(args) => check::main(&args),
        Command::Import(args) => import::main(&args),
        Command::Report(args) => report::main(&args),
        Command::Runs(args) => report::runs(&args),
        Command::Heal(args) => heal::main(&args),
        Command::Schema(args) => schema::main(&args),
        Command::Proxy(args) => proxy::main(args),
        Command::Stage(args) => stage::main(args),
        Command::Dns(args) => dns::main(&args),
        Command::Completions(args) => completions(args.shell),
        Command::Guardian(args) => guardian::main(&args),
        Command::Enter(args) => enter::main(&args),
    };
    exit.into()
}

fn completions(shell: clap_complete::Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "brownout", &mut script);
    talk::data(&String::from_utf8_lossy(&script))
}
