//! Helpers beside fjall: freeing its memtables outside of its locks, syncing its growing tables from
//! outside, and lowering the priority of its workers.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fjall::{AbstractTree as _, Keyspace};

use super::options::Options;
use super::store::Store;
use crate::Result;

/// Starts the helper that the flags ask for, if any.
///
/// # Errors
/// Fails if no thread can be started.
pub fn start(rows: &Store, log: Option<&Store>, options: &Options) -> Result<()> {
    if options.hold {
        let mut keyspaces = rows.keyspaces();
        keyspaces.extend(log.map(Store::keyspaces).unwrap_or_default());
        std::thread::Builder::new().name("holder".into()).spawn(move || hold(&keyspaces))?;
    }
    if options.worker_nice != 0 {
        renice(options.worker_nice)?;
    }
    if options.helper_ms > 0 {
        let (root, pause) = (options.data.clone(), Duration::from_millis(options.helper_ms));
        std::thread::Builder::new().name("helper".into()).spawn(move || {
            let mut sizes = HashMap::new();
            loop {
                std::thread::sleep(pause);
                // Files come and go while they are looked at.
                let _ = sync_growing(&root.join("fjall/keyspaces"), &mut sizes);
            }
        })?;
    }
    Ok(())
}

/// Keeps a reference to each memtable until it is the last one, and then frees the memtable here.
///
/// fjall drops its last reference to a flushed memtable while it holds the write lock that every
/// insert and every read of the keyspace needs; freeing its items one by one takes tens of
/// milliseconds.
fn hold(keyspaces: &[Keyspace]) {
    let mut held = Vec::new();
    let mut newest = vec![None; keyspaces.len()];
    loop {
        for (keyspace, newest) in keyspaces.iter().zip(&mut newest) {
            let memtable = keyspace.tree.active_memtable();
            if *newest != Some(memtable.id()) {
                *newest = Some(memtable.id());
                held.push(memtable);
            }
        }
        if let Some(at) = held.iter().position(|memtable| Arc::strong_count(memtable) == 1) {
            drop(held.swap_remove(at));
        } else {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Syncs each table that grew since the last look.
fn sync_growing(keyspaces: &Path, sizes: &mut HashMap<PathBuf, u64>) -> Result<()> {
    for keyspace in std::fs::read_dir(keyspaces)?.flatten() {
        let Ok(tables) = std::fs::read_dir(keyspace.path().join("tables")) else { continue };
        for table in tables.flatten() {
            let path = table.path();
            let size = table.metadata()?.len();
            let known = sizes.insert(path.clone(), size);
            if known.is_none_or(|known| known < size) {
                File::open(&path)?.sync_data()?;
            }
        }
    }
    Ok(())
}

/// Lowers the priority of fjall's worker threads, by name.
fn renice(nice: i32) -> Result<()> {
    for task in std::fs::read_dir("/proc/self/task")?.flatten() {
        let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        if name.starts_with("fjall") {
            let id = task.file_name().to_string_lossy().into_owned();
            std::process::Command::new("renice")
                .args(["-n", &nice.to_string(), "-p", &id])
                .stdout(std::process::Stdio::null())
                .status()?;
        }
    }
    Ok(())
}
