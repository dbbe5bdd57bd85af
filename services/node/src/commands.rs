//! What the commands do.

mod advice;
mod cat;
mod completions;
mod databases;
mod delete;
mod devices;
mod export;
mod get;
mod import;
mod list;
mod pages;
mod patch;
mod provision;
mod put;
mod schema;
mod serve;
mod stop;
mod tasks;
mod topics;
mod watch;
mod write;

use std::future::Future;

use crate::cli::{Cli, Command, Connection};
use crate::client::Client;
use crate::failure::Failure;

/// Does what the command line says.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    let Cli { connection, command } = cli;
    let client = || client(&connection);
    match command.unwrap_or_else(|| Command::Serve(Box::default())) {
        Command::Serve(args) => serve::run(*args),
        Command::Tasks(args) => tasks::run(args),
        Command::Topics(args) => topics::run(args, connection.timeout),
        Command::Cat(args) => cat::run(&args, connection.timeout),
        Command::Completions(args) => completions::run(&args),
        Command::Get(args) => wait_for(async { get::run(&client()?, &args).await }),
        Command::Put(args) => wait_for(async { put::run(&client()?, &args).await }),
        Command::Patch(args) => wait_for(async { patch::run(&client()?, &args).await }),
        Command::Delete(args) => wait_for(async { delete::run(&client()?, &args).await }),
        Command::List(args) => wait_for(async { list::run(&client()?, &args).await }),
        Command::Provision(args) => wait_for(async { provision::run(&client()?, &args).await }),
        Command::Databases(output) => wait_for(async { databases::run(&client()?, output).await }),
        Command::Schema(args) => wait_for(async { schema::run(&client()?, &args).await }),
        Command::Watch(args) => wait_for(async { watch::run(&client()?, &args).await }),
        Command::Devices(args) => wait_for(async { devices::run(&client()?, &args).await }),
        Command::Notifications(args) => {
            wait_for(async { devices::notifications(&client()?, &args).await })
        }
        Command::Import(args) => wait_for(async { import::run(client()?, args).await }),
        Command::Export(args) => wait_for(async { export::run(&client()?, &args).await }),
    }
}

fn client(connection: &Connection) -> Result<Client, Failure> {
    let url = connection.url.parse().map_err(|why: String| {
        Failure::WrongCall(format!("the URL of the node, {:?}: {why}", connection.url))
    })?;
    Ok(Client::new(url, connection.timeout))
}

fn wait_for(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Failed(format!("cannot start: {error}")))?;
    let done = runtime.block_on(work);
    // A thread that still waits for standard input must not hold up the end.
    runtime.shutdown_background();
    done
}
