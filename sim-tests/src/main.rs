//! The command `cargo sim`: runs, hunts, shrinks and explains.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
