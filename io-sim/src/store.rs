//! The store of a simulated node: in memory, over a journal on a disk that can crash.
//!
//! The rows of all tasks are in memory. What is applied goes into a journal first, and from time to
//! time everything into a snapshot, with which a new journal begins. Opening reads the snapshot and
//! the whole entries of its journal: what a crash leaves is a prefix of what was applied, with
//! everything in it that was synced.

mod saved;
mod tables;

pub use tables::{FrozenTables, SimTables};

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use tidelog_core::{
    Timestamp,
    message::{DecodeError, decode_row, encode_row},
    port::{Opened, Store, StoreBatch, StoreError, TaskId},
};

use self::{
    saved::{Entry, Snapshot},
    tables::State,
};
use crate::{
    disk::{Disk, DiskError, Journal, Replayed},
    sim::lock,
};

/// The tables of a node's tasks. Clones are handles to the same store.
#[derive(Clone)]
pub struct SimStore(Arc<Shared>);

struct Shared {
    disk: Disk,
    state: Mutex<State>,
    /// None once it could not be written.
    log: Mutex<Option<Log>>,
    found: Found,
}

/// Where changes are written.
struct Log {
    journal: Journal,
    /// Which journal follows the snapshot.
    generation: u64,
    snapshot_bytes: usize,
}

/// What a store found on its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Found {
    /// Nothing: it is new.
    Nothing,
    /// All that was written.
    Whole,
    /// What was written up to an entry that is torn or damaged; so many bytes were cut off.
    Cut(usize),
    /// A snapshot that is damaged: it begins again from nothing.
    Damaged,
}

/// A journal that is longer is replaced by a snapshot, if it is also longer than the last one.
const JOURNAL_BYTES_MAX: usize = 256 * 1024;

const SNAPSHOT: &str = "snapshot";
const NEW_SNAPSHOT: &str = "snapshot.new";

impl SimStore {
    /// Opens the store of a disk, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// If the disk cannot be read or written.
    pub fn open(disk: &Disk) -> Result<Self, StoreError> {
        let (state, log, found) = open(disk)?;
        Ok(Self(Arc::new(Shared {
            disk: disk.clone(),
            state: Mutex::new(state),
            log: Mutex::new(Some(log)),
            found,
        })))
    }

    /// What it found on its disk.
    #[must_use]
    pub fn found(&self) -> Found {
        self.0.found
    }

    /// Writes a change, then makes it.
    fn change(&self, entry: &Entry) -> Result<(), StoreError> {
        let mut slot = lock(&self.0.log);
        let mut log = slot.take().ok_or_else(broken)?;
        log.journal.append(&encode_row(entry)).map_err(failed)?;
        let mut state = lock(&self.0.state);
        entry.apply(&mut state);
        if log.journal.bytes() > JOURNAL_BYTES_MAX.max(log.snapshot_bytes) {
            log = log.compact(&self.0.disk, &state).map_err(failed)?;
        }
        // A failure on the way leaves the slot empty: nothing is written after what is unknown.
        *slot = Some(log);
        Ok(())
    }
}

impl Store for SimStore {
    type Tables = SimTables;
    type Frozen = FrozenTables;

    fn open(&self, task: TaskId) -> Result<Opened<SimTables>, StoreError> {
        self.0.disk.check_read().map_err(failed)?;
        let tables = SimTables::new(self, task);
        let state = lock(&self.0.state);
        let Some(task) = state.task(task) else {
            let task_time = Timestamp::ZERO;
            let (positions, changelog, log) = (Vec::new(), None, None);
            let was_damaged = self.0.found == Found::Damaged;
            return Ok(Opened { tables, positions, changelog, log, task_time, was_damaged });
        };
        let (positions, task_time) = (task.positions.clone(), task.task_time);
        let (changelog, log) = (Some(task.changelog), task.log);
        Ok(Opened { tables, positions, changelog, log, task_time, was_damaged: false })
    }

    fn freeze(&self, task: TaskId) -> Result<FrozenTables, StoreError> {
        self.0.disk.check_read().map_err(failed)?;
        let found = lock(&self.0.state).task(task).cloned();
        Ok(FrozenTables(found.unwrap_or_default()))
    }

    fn apply(&self, batches: &[StoreBatch]) -> Result<(), StoreError> {
        self.change(&Entry::of(batches))
    }

    fn clear(&self, task: TaskId) -> Result<(), StoreError> {
        self.change(&Entry::Clear(task))
    }

    fn sync(&self) -> Result<(), StoreError> {
        let mut slot = lock(&self.0.log);
        let log = slot.take().ok_or_else(broken)?;
        log.journal.sync().map_err(failed)?;
        *slot = Some(log);
        Ok(())
    }
}

impl fmt::Debug for SimStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { disk, found, .. } = &*self.0;
        f.debug_struct("SimStore").field("disk", disk).field("found", found).finish_non_exhaustive()
    }
}

fn open(disk: &Disk) -> Result<(State, Log, Found), StoreError> {
    let (snapshot, snapshot_bytes, found) = match read_snapshot(disk)? {
        Some((Some(snapshot), bytes)) => (snapshot, bytes, Found::Whole),
        Some((None, _)) => return begin_again(disk).map_err(failed),
        None => (Snapshot::empty(), 0, Found::Nothing),
    };
    let Snapshot { generation, tasks } = snapshot;
    let mut state = State::new(tasks);
    let name = journal_name(generation);
    let (journal, found) = match Journal::open(disk, &name) {
        Ok(Replayed { journal, entries, cut_bytes }) => {
            for entry in &entries {
                decode_row::<Entry>(entry).map_err(strange)?.apply(&mut state);
            }
            (journal, if cut_bytes > 0 { Found::Cut(cut_bytes) } else { Found::Whole })
        }
        Err(DiskError::NotFound(_)) => (Journal::create(disk, &name).map_err(failed)?, found),
        Err(error) => return Err(failed(error)),
    };
    let files = disk.files();
    let old = files.iter().map(|file| &**file).filter(|file| *file != name && *file != SNAPSHOT);
    old.for_each(|file| disk.remove(file));
    disk.sync_directory().map_err(failed)?;
    Ok((state, Log { journal, generation, snapshot_bytes }, found))
}

/// The snapshot, if there is one and it is not damaged, and its length.
fn read_snapshot(disk: &Disk) -> Result<Option<(Option<Snapshot>, usize)>, StoreError> {
    match Journal::open(disk, SNAPSHOT) {
        Ok(Replayed { journal, entries, .. }) => {
            let snapshot = entries.first().map(|entry| decode_row(entry)).transpose();
            Ok(Some((snapshot.map_err(strange)?, journal.bytes())))
        }
        Err(DiskError::NotFound(_)) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// Puts an empty snapshot in place of a damaged one. The journals that follow that are no state.
fn begin_again(disk: &Disk) -> Result<(State, Log, Found), DiskError> {
    let number = |name: &str| name.strip_prefix(JOURNAL_PREFIX)?.parse::<u64>().ok();
    let last = disk.files().iter().filter_map(|name| number(name)).max();
    let state = State::default();
    let log = Log::begin(disk, &state, last.map_or(0, |last| last + 1))?;
    Ok((state, log, Found::Damaged))
}

impl Log {
    /// Writes everything into a snapshot, and begins a new journal behind it.
    fn begin(disk: &Disk, state: &State, generation: u64) -> Result<Self, DiskError> {
        let mut snapshot = Journal::create(disk, NEW_SNAPSHOT)?;
        snapshot.append(&encode_row(&state.snapshot(generation)))?;
        snapshot.sync()?;
        let journal = Journal::create(disk, &journal_name(generation))?;
        disk.rename(NEW_SNAPSHOT, SNAPSHOT)?;
        // The old journal goes only when the new snapshot is there for good.
        disk.sync_directory()?;
        Ok(Self { journal, generation, snapshot_bytes: snapshot.bytes() })
    }

    fn compact(self, disk: &Disk, state: &State) -> Result<Self, DiskError> {
        let new = Self::begin(disk, state, self.generation + 1)?;
        disk.remove(&journal_name(self.generation));
        Ok(new)
    }
}

fn journal_name(generation: u64) -> String {
    format!("{JOURNAL_PREFIX}{generation}")
}

const JOURNAL_PREFIX: &str = "journal-";

/// What is whole and cannot be read was written by another release.
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` gives")]
fn strange(error: DecodeError) -> StoreError {
    StoreError::Failed(error.to_string().into())
}

fn broken() -> StoreError {
    StoreError::Failed("it could not be written before; open it again".into())
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` gives")]
fn failed(error: DiskError) -> StoreError {
    StoreError::Failed(error.to_string().into())
}

#[cfg(test)]
mod tests;
