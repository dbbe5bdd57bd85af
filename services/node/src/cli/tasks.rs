//! The words of `tidelog tasks`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tidelog_core::port::TaskId;

use super::Json;

/// `tidelog tasks`.
#[derive(Debug, Args)]
pub(crate) struct TasksArgs {
    /// Folder of the data, of a node that does not run [default: ./tidelog-data] [env: TIDELOG_DATA]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,

    /// TOML file with settings, where it names the folder [env: TIDELOG_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Print each task as a line of JSON, for scripts
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) action: Option<TasksAction>,
}

/// What can be done about a task.
#[derive(Debug, Subcommand)]
pub(crate) enum TasksAction {
    /// Move a task on over records that were removed before it read them
    Skip(SkipArgs),
}

/// `tidelog tasks skip`.
#[derive(Debug, Args)]
pub(crate) struct SkipArgs {
    /// The task, as in entity-storage/3
    pub(crate) task: TaskId,

    /// Do it; without, only say what would be done
    #[arg(long)]
    pub(crate) yes: bool,

    /// Who asks for it, for the dead letter [default: $USER]
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    pub(crate) by: Option<String>,
}

impl TasksArgs {
    /// How results are printed.
    pub(crate) fn output(&self) -> Json {
        Json { json: self.json }
    }
}

fn parse_name(text: &str) -> Result<String, String> {
    const BYTES_MAX: usize = 128;
    let is_good = (1..=BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control);
    if is_good { Ok(text.to_owned()) } else { Err(format!("a name has 1 to {BYTES_MAX} bytes")) }
}
