//! A first start that was interrupted.

use std::{fs, io, path::Path};

use crate::OpenError;

/// What a new database consists of before its version is written, which comes last.
const BEGUN: [&str; 4] = ["0.jnl", "keyspaces", "lock", "version"];

/// Removes what an interrupted first start has left: fjall makes its files one by one and would not
/// open a folder in which it finds some of them. Nothing can have been written to it yet.
pub(crate) fn clear(path: &Path) -> Result<(), OpenError> {
    let failed =
        |source: io::Error| OpenError::Database { path: path.into(), source: source.into() };
    if !path.join("0.jnl").exists() || !is_begun(path).map_err(failed)? {
        return Ok(());
    }
    let lock = fs::File::create(path.join("lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Err(OpenError::Locked { path: path.into() }),
        Err(fs::TryLockError::Error(error)) => return Err(failed(error)),
    }
    // Whoever had the lock may have ended its start meanwhile.
    if !is_begun(path).map_err(failed)? {
        return Ok(());
    }
    tracing::warn!(path = %path.display(), "an interrupted first start is begun anew");
    let removed = [
        fs::remove_file(path.join("0.jnl")),
        fs::remove_dir_all(path.join("keyspaces")),
        fs::remove_file(path.join("version")),
    ];
    let is_error = |error: &io::Error| error.kind() != io::ErrorKind::NotFound;
    match removed.into_iter().filter_map(Result::err).find(is_error) {
        Some(error) => Err(failed(error)),
        None => Ok(()),
    }
}

/// Whether the folder holds nothing but a database that was never finished. One without a version that has
/// keyspaces was finished, and has lost it since.
fn is_begun(path: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(path)? {
        if !BEGUN.iter().any(|name| entry.as_ref().is_ok_and(|entry| entry.file_name() == *name)) {
            return Ok(false);
        }
    }
    match fs::read_dir(path.join("keyspaces")) {
        Ok(mut keyspaces) => {
            if keyspaces.next().is_some() {
                return Ok(false);
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    match fs::metadata(path.join("version")) {
        Ok(version) => Ok(version.len() == 0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_interrupted_first_start_left_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("0.jnl"), [0; 10]).expect("a file");
        fs::create_dir(folder.path().join("keyspaces")).expect("a folder");
        fs::write(folder.path().join("version"), []).expect("a file");
        clear(folder.path()).expect("it can be cleared");
        assert!(!folder.path().join("0.jnl").exists());
        assert!(!folder.path().join("keyspaces").exists());
    }

    #[test]
    fn a_database_that_has_lost_its_version_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = fjall::Database::builder(folder.path()).open().expect("it opens");
        drop(database.keyspace("rows", Default::default).expect("it is there"));
        drop(database);
        fs::remove_file(folder.path().join("version")).expect("it is there");
        clear(folder.path()).expect("nothing is to be done");
        assert!(folder.path().join("0.jnl").exists());
    }

    #[test]
    fn a_folder_with_anything_else_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("0.jnl"), [0; 10]).expect("a file");
        fs::write(folder.path().join("thesis.txt"), "years of work").expect("a file");
        clear(folder.path()).expect("nothing is to be done");
        assert!(folder.path().join("0.jnl").exists());
        fs::remove_file(folder.path().join("thesis.txt")).expect("it is there");
        fs::write(folder.path().join("version"), "FJL3").expect("a file");
        clear(folder.path()).expect("nothing is to be done");
        assert!(folder.path().join("0.jnl").exists());
    }
}
