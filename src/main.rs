//! The `brownout` executable: parse, call one command, return one exit code.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
