//! The words of the command line.

mod cat;
mod data;
mod entity;
mod kafka;
mod schema;
mod tasks;
mod topics;
mod zones;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub(crate) use cat::{CatArgs, From};
pub(crate) use data::{ExportArgs, Format, ImportArgs, ListArgs};
pub(crate) use entity::{DeleteArgs, GetArgs, Json, PatchArgs, PutArgs, Write};
pub(crate) use schema::{
    EditArgs, Field, LearningArgs, LearningTo, PatchSchemaArgs, PinArgs, RelearnArgs, SchemaAction,
    SchemaArgs, ShowArgs, Step, UnpinArgs,
};
pub(crate) use tasks::{SkipArgs, TasksAction, TasksArgs};
pub(crate) use topics::{Named, TopicsAction, TopicsArgs};
pub(crate) use zones::{DevicesArgs, NotificationsArgs, WatchArgs};

use crate::settings::{Layer, parse_duration};

/// Tidelog: a durable, distributed data store for mobile and web apps.
///
/// Without a command, it runs a node with its default settings, as `tidelog serve` does.
#[derive(Debug, Parser)]
#[command(name = "tidelog", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) connection: Connection,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

impl Cli {
    /// Whether results, and failures with them, are for a program.
    pub(crate) fn wants_json(&self) -> bool {
        let output = match &self.command {
            Some(Command::Get(args)) => args.output,
            Some(Command::Put(args)) => args.output,
            Some(Command::Patch(args)) => args.output,
            Some(Command::Delete(args)) => args.output,
            Some(Command::List(args)) => args.output,
            Some(Command::Provision(args)) => args.output,
            Some(Command::Databases(output)) => *output,
            Some(Command::Schema(args)) => args.output(),
            Some(Command::Import(args)) => args.output,
            Some(Command::Watch(args)) => args.output,
            Some(Command::Devices(args)) => args.output,
            Some(Command::Notifications(args)) => args.output,
            Some(Command::Tasks(args)) => args.output(),
            Some(Command::Topics(args)) => args.output(),
            Some(
                Command::Serve(_) | Command::Export(_) | Command::Cat(_) | Command::Completions(_),
            )
            | None => return false,
        };
        output.json
    }
}

/// Whether arguments that cannot be understood as a whole ask for JSON.
pub(crate) fn says_json(args: impl IntoIterator<Item = OsString>) -> bool {
    args.into_iter().take_while(|arg| arg != "--").any(|arg| arg == "--json")
}

/// Where the node is that a client command speaks to.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Connection (for commands that speak to a running node)")]
pub(crate) struct Connection {
    /// URL of the node
    // Read as a URL only where a node is called: a bad variable must not keep one from serving.
    #[arg(long, global = true, env = "TIDELOG_URL", hide_env_values = true)]
    #[arg(default_value = "http://127.0.0.1:7070")]
    pub(crate) url: String,

    /// How long to wait for an answer
    #[arg(
        long,
        global = true,
        env = "TIDELOG_TIMEOUT",
        value_name = "TIME",
        default_value = "30s"
    )]
    #[arg(value_parser = parse_duration)]
    pub(crate) timeout: Duration,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a node: log, state and HTTP in one process
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Box<ServeArgs>),
    /// Read an entity
    #[command(after_help = GET_EXAMPLES)]
    Get(GetArgs),
    /// Create an entity, or replace it
    #[command(after_help = PUT_EXAMPLES)]
    Put(PutArgs),
    /// Change parts of an entity
    #[command(after_help = PATCH_EXAMPLES)]
    Patch(PatchArgs),
    /// Delete an entity
    #[command(after_help = DELETE_EXAMPLES)]
    Delete(DeleteArgs),
    /// List the entities of a collection or a zone, in byte order of their ids
    #[command(after_help = LIST_EXAMPLES)]
    List(ListArgs),
    /// Make a database; does nothing if it is there
    #[command(after_help = "Examples:\n  tidelog provision shop")]
    Provision(ProvisionArgs),
    /// List the databases
    Databases(Json),
    /// Show and change the schemas of documents, which are learned from them
    #[command(after_help = SCHEMA_HELP)]
    Schema(SchemaArgs),
    /// Print what changes in a zone, as it comes
    #[command(after_help = WATCH_EXAMPLES)]
    Watch(WatchArgs),
    /// List the devices of a user, or have one forgotten
    Devices(DevicesArgs),
    /// Print what a device has not read of the zones that it subscribes to
    Notifications(NotificationsArgs),
    /// Import the documents of a file: a JSON array or NDJSON, gzip too
    #[command(after_help = IMPORT_HELP)]
    Import(ImportArgs),
    /// Export a collection or a zone as NDJSON
    #[command(after_help = EXPORT_HELP)]
    Export(ExportArgs),
    /// Look after the tasks of a node that does not run: how far they are, and whether input is lost
    #[command(after_help = TASKS_HELP)]
    Tasks(TasksArgs),
    /// Create and check the topics of an installation on Kafka or Redpanda
    #[command(after_help = TOPICS_HELP)]
    Topics(TopicsArgs),
    /// Print the records of any topic as lines of JSON, on brokers or of a node that does not run
    #[command(after_help = CAT_HELP)]
    Cat(CatArgs),
    /// Print the completions of a shell
    #[command(after_help = "Examples:\n  tidelog completions bash > \
                            ~/.local/share/bash-completion/completions/tidelog\n  tidelog \
                            completions zsh > ~/.zfunc/_tidelog\n  tidelog completions fish > \
                            ~/.config/fish/completions/tidelog.fish")]
    Completions(CompletionsArgs),
}

/// `tidelog serve`.
#[derive(Debug, Default, Args)]
pub(crate) struct ServeArgs {
    /// TOML file with settings; its keys are the names of these flags [env: TIDELOG_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) flags: Layer,
}

/// `tidelog provision`.
#[derive(Debug, Args)]
pub(crate) struct ProvisionArgs {
    /// Name of the database: 1 to 128 of `A-Z a-z 0-9 . _ ~ -`
    #[arg(value_name = "DB")]
    pub(crate) database: tidelog_core::DatabaseId,

    #[command(flatten)]
    pub(crate) output: Json,
}

/// `tidelog completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

const EXAMPLES: &str = "\
Examples:
  tidelog                                       run a node at 127.0.0.1:7070
  tidelog provision shop                        make a database
  tidelog put shop/orders/eu/42 '{\"n\":1}'       write an entity
  tidelog get shop/orders/eu/42                 read it
  tidelog patch shop/orders/eu/42 '{\"n\":2}'     change it
  tidelog import movies.json --into shop/movies import a file

Ids are database/collection/zone/entity, as in shop/orders/eu/42; where the zone is left out
(shop/orders/42) it is `default`.

Exit codes: 0 done; 1 the node said no, or some documents were refused; 2 wrong call;
3 the node cannot be reached; 130 stopped by Ctrl-C.

With --json a failure is an object on the last line of standard error:
  {\"error\":{\"kind\",\"message\",\"exit_code\",\"advice\",\"problem\"}}
kind is refused (1), failed (1), wrong-call (2), unreachable (3) or interrupted (130); problem is the
node's problem document (RFC 9457), where it gave one. Standard output has results and nothing else.";

const SERVE_EXAMPLES: &str = "\
Settings come from the defaults, then the TOML file, then the environment, then these flags; later
ones win.

Examples:
  tidelog serve
  tidelog serve --listen 0.0.0.0:7070 --data /var/lib/tidelog
  tidelog serve --cors-origin https://app.example --log warn --log-format json
  tidelog serve --config tidelog.toml      # listen = \"0.0.0.0:7070\"
                                           # answer-timeout = \"5s\"
                                           # cors-origin = [\"https://app.example\"]";

const GET_EXAMPLES: &str = "\
Prints the document; its revision is told on standard error, or with --json on one line with it.

Examples:
  tidelog get shop/orders/eu/42
  tidelog get shop/orders/eu/42 --json | jq .revision";

const PUT_EXAMPLES: &str = "\
Examples:
  tidelog put shop/orders/eu/42 '{\"n\":1}'
  tidelog put shop/orders/eu/42 @order.json
  generate-order | tidelog put shop/orders/eu/42
  tidelog put shop/orders/eu/42 '{\"n\":2}' --if-match 1    only if nobody changed it since
  tidelog put shop/orders/eu/42 '{\"n\":1}' --create        only if it is not there yet";

const PATCH_EXAMPLES: &str = "\
An object is a JSON Merge Patch (RFC 7396). An array is a JSON Patch (RFC 6902), or, if all its
operations are increment, add-unique or remove-value, a list of Tidelog's own operations. The flags
say it where that is not what is meant. A patch to an entity that is not there starts from {}.

Examples:
  tidelog patch shop/orders/eu/42 '{\"state\":\"paid\",\"note\":null}'
  tidelog patch shop/orders/eu/42 '[{\"op\":\"add\",\"path\":\"/lines/-\",\"value\":{\"sku\":7}}]'
  tidelog patch shop/orders/eu/42 '[{\"op\":\"increment\",\"path\":\"/n\",\"by\":1}]'
  tidelog patch shop/orders/eu/42 @change.json --if-match 3";

const DELETE_EXAMPLES: &str = "\
Examples:
  tidelog delete shop/orders/eu/42
  tidelog delete shop/orders/eu/42 --if-match 3";

const LIST_EXAMPLES: &str = "\
Prints one entity a line: id, revision and document, separated by tabs; with --json the lines of
`tidelog export`.

Examples:
  tidelog list shop/orders/eu --limit 10
  tidelog list shop/orders --all --json | jq -r .id";

const IMPORT_HELP: &str = "\
Each document becomes an entity. Its name is the value at --id, or else made of the content's digest
and the document's position, so importing the same file again adds nothing twice: after a crash or
Ctrl-C run the same command again. With --id (and --entities) the file wins over what is there, and
of equal ids the last one in the file. What arrives compressed with gzip is unpacked.

A document that cannot be kept is reported with its position; the others are imported, and the exit
code is 1.

Examples:
  tidelog import movies.json --into shop/movies
  tidelog import orders.ndjson.gz --into shop/orders/eu --id /order/number
  tidelog export shop/orders | tidelog import - --into shop2/orders --entities";

const SCHEMA_HELP: &str = "\
A schema is learned from the documents, and follows them. What users state wins over it, keyword by
keyword, and stays until it is taken back. Schemas describe documents, and never keep one out.

Examples:
  tidelog schema show shop/orders
  tidelog schema show shop --json | jq '.schema.\"$defs\" | keys'
  tidelog schema pin shop/orders /age '{\"maximum\":120}'   state it
  tidelog schema pin shop/orders /lines/-/sku              state what is learned now
  tidelog schema unpin shop/orders /age                    have it learned again
  tidelog schema patch shop/orders '{\"title\":\"Orders\"}'  a JSON Merge Patch on what is stated
  tidelog schema edit shop/orders                          the same in an editor
  tidelog schema learning shop/orders off                  and on, and as-database
  tidelog schema relearn shop/orders                       begin again from the documents";

const TASKS_HELP: &str = "\
Prints a line for each input of each task: the task, the topic, the offset to be read next, and the
state. It works on the data folder, so the node must be stopped.

A task whose input was removed before it read it stops, and /readyz names it. `skip` moves it to the
first record that is still there, never over one that is, and leaves a dead letter that names the
lost range and who asked. It is all done, durably, or nothing.

Examples:
  tidelog tasks --data /var/lib/tidelog
  tidelog tasks skip entity-storage/3          what would be skipped
  tidelog tasks skip entity-storage/3 --yes --by ana";

const TOPICS_HELP: &str = "\
Creates nothing that is there, and alters nothing: what differs is said, a line each, with what to do.
The number of partitions is fixed for the life of an installation.

Exit codes: 0 all is as it should be; 1 something is not, or was refused; 2 wrong call; 3 no broker
answers.

Examples:
  tidelog topics create --brokers localhost:9092 --partitions 12
  tidelog topics check --brokers localhost:9092 --partitions 12 --json | jq -c '.differences[]'
  tidelog topics describe entity-patches --brokers localhost:9092";

const CAT_HELP: &str = "\
Prints one line {\"topic\",\"partition\",\"offset\",\"timestamp\",\"key\",\"headers\",\"payload\"} for each record
that is committed: the partitions in turn on a folder, as they come on brokers. What cannot be read is
printed as payload_base64, with the reason; a removal in a changelog has the payload null.

Topics are entity-updates, entity-patches, dead-letters and so on; `tidelog topics describe` names
them all.

Examples:
  tidelog cat entity-updates --data /var/lib/tidelog | jq -c .payload.after
  tidelog cat dead-letters --brokers localhost:9092
  tidelog cat entity-patches --brokers localhost:9092 --partition 3 --from 1042 --count 10
  tidelog cat entity-updates --brokers localhost:9092 --from end --follow";

const WATCH_EXAMPLES: &str = "\
Prints a line for each change: its number in the zone, time, kind, entity and revision. The numbers have no
gaps; with --since, a run goes on exactly where another one has ended.

Examples:
  tidelog watch shop/orders/eu
  tidelog watch shop/orders/eu --all --json | jq -c 'select(.change == \"deleted\")'
  tidelog watch shop/orders/eu --all --once";

const EXPORT_HELP: &str = "\
Writes one line {\"id\",\"revision\",\"value\"} for each entity, in byte order of the ids; `tidelog import
--entities` takes the lines back. It is not one snapshot: what changes meanwhile may be in it or not.

Examples:
  tidelog export shop/orders -o orders.ndjson
  tidelog export shop/orders/eu | gzip > eu.ndjson.gz";
