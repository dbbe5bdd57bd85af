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
mod kafka;
mod logging;
mod output;
mod place;
mod serve;
mod settings;

use std::process::ExitCode;

use clap::Parser;

use self::{failure::Failure, output::Manner};

/// What one thread makes of a request, another one frees. glibc's allocator spends a quarter of a
/// node's time on that; this one does a tenth more writes (`bench/README.md`).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let (done, manner) = match cli::Cli::try_parse() {
        Ok(cli) => {
            let manner = if cli.wants_json() { Manner::Json } else { Manner::Prose };
            (commands::run(cli), manner)
        }
        // A call that cannot be read says in which manner it wants to be told so all the same.
        Err(error) if error.use_stderr() && cli::says_json(std::env::args_os()) => {
            let words = error.render().to_string();
            (Err(Failure::WrongCall(words.trim_end().to_owned())), Manner::Json)
        }
        Err(error) => error.exit(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(&failure, manner);
            ExitCode::from(failure.exit_code())
        }
    }
}
