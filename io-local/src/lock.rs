//! The lock of a database that is not open.

use std::{fs, io, path::Path};

use crate::OpenError;

/// Keeps everybody from opening a database until it is dropped. None if there is no database yet.
///
/// # Errors
///
/// If a process has it open.
pub(crate) fn lock(path: &Path) -> Result<Option<fs::File>, OpenError> {
    let failed =
        |source: io::Error| OpenError::Database { path: path.into(), source: source.into() };
    let lock = match fs::OpenOptions::new().read(true).write(true).open(path.join("lock")) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(fs::TryLockError::WouldBlock) => Err(OpenError::Locked { path: path.into() }),
        Err(fs::TryLockError::Error(error)) => Err(failed(error)),
    }
}
