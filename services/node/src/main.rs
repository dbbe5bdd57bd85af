//! The binary `tidelog`: a node, and the commands that speak to one.
//!
//! `serve` runs a node; everything else is a client of a running one over HTTP. The composition of
//! the node is in [`serve`], the words of the command line in [`cli`], what they do in
//! [`commands`].

mod cli;
mod client;
mod commands;
mod failure;
mod input;
mod logging;
mod output;
mod place;
mod serve;
mod settings;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match commands::run(cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(&failure);
            failure.exit_code()
        }
    }
}
