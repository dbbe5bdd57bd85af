//! `tidelog schema edit`.

use std::env;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tidelog_core::{document, message::LearningScope};

use super::{Stated, change, print};
use crate::cli::EditArgs;
use crate::client::{Client, nonce};
use crate::failure::Failure;
use crate::output;

/// Changes what is stated of a collection's documents in an editor.
pub(super) async fn run(client: &Client, args: &EditArgs) -> Result<(), Failure> {
    let EditArgs { collection, output } = args;
    let before = Stated::read(client, collection).await?.statement;
    let file = Draft::write(&before)?;
    edit(&file.0)?;
    let after = read(&file.0)?;
    if after == before {
        output::say("nothing was changed");
        return Ok(());
    }
    let reply = change(client, collection, |stated| match *stated == before {
        true => Ok(after.clone()),
        false => {
            // What was written is worth more than a clean folder.
            Err(Failure::Failed(format!(
                "somebody else has changed what is stated of {collection}; yours was: {after}"
            )))
        }
    });
    print(&LearningScope::Collection(collection.clone()), &reply.await?, *output)
}

/// A file that is edited, and removed at the end.
struct Draft(PathBuf);

impl Draft {
    fn write(statement: &Value) -> Result<Self, Failure> {
        let path = env::temp_dir().join(format!("tidelog-schema-{:016x}.json", nonce()));
        let failed = |error| Failure::Failed(format!("cannot write {}: {error}", path.display()));
        let mut file =
            OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed)?;
        let text = serde_json::to_string_pretty(statement)
            .map_err(|error| Failure::Failed(error.to_string()))?;
        writeln!(file, "{text}").map_err(failed)?;
        Ok(Self(path))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // It is in the folder for such files, which is cleared by others too.
        let _ = fs::remove_file(&self.0);
    }
}

fn edit(file: &Path) -> Result<(), Failure> {
    let said = |name| env::var_os(name).filter(|editor| !editor.is_empty());
    let editor = said("VISUAL").or_else(|| said("EDITOR")).unwrap_or_else(|| OsString::from("vi"));
    // As other programs have it: the variable may hold arguments, so a shell takes it apart.
    let mut command = OsString::from("exec ");
    command.push(&editor);
    command.push(" \"$1\"");
    let status = Command::new("sh").arg("-c").arg(command).arg("sh").arg(file).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::Failed(format!(
            "{} ended with {status}; nothing was changed",
            editor.display()
        ))),
        Err(error) => Err(Failure::Failed(format!("cannot run {}: {error}", editor.display()))),
    }
}

fn read(file: &Path) -> Result<Value, Failure> {
    let bytes = fs::read(file).map_err(|error| {
        Failure::Failed(format!("cannot read {} again: {error}", file.display()))
    })?;
    document::parse_value(&bytes).map_err(|error| {
        Failure::Failed(format!("what was written is no JSON, and nothing was changed: {error}"))
    })
}
