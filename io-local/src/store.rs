//! The store of a node whose log is elsewhere.

mod damage;
mod open;
mod tables;

pub use tables::{FrozenTables, StoreTables};

use std::{
    mem,
    path::{Path, PathBuf},
    sync::{Arc, RwLock, RwLockReadGuard},
    thread,
    time::{Duration, Instant},
};

use fjall::PersistMode;
use serde::{Deserialize, Serialize};
use tidelog_core::{
    Offset, Timestamp,
    message::{decode_row, encode_row},
    port::{LogId, Opened, Store, StoreBatch, StoreError, TaskId},
};

use self::open::Open;
use crate::{OpenError, database::Progress, keys};

/// The newest format of a store that this release knows.
const FORMAT: u8 = 2;

/// A format whose marks do not say of which log they are.
const FORMAT_WITHOUT_LOGS: u8 = 1;

/// Rows that one batch of [`FjallStore::clear`] removes.
const CLEAR_ROWS_MAX: usize = 10_000;

/// How long it is waited until nobody reads from a damaged database any more.
const LEFT_WITHIN: Duration = Duration::from_secs(10);

/// How long it is waited before it is looked again whether somebody does.
const LEFT_POLL: Duration = Duration::from_millis(10);

/// The tables of a node's tasks in one fjall database. Clones are handles to the same store.
#[derive(Clone)]
pub struct FjallStore(Arc<Shared>);

struct Shared {
    path: PathBuf,
    cache_bytes: u64,
    state: RwLock<State>,
}

enum State {
    Open(Arc<Open>),
    /// It was set aside because of this, and no other one is there yet.
    Aside(Box<str>),
}

/// How far a task's tables are, and by which log.
#[derive(Serialize, Deserialize)]
struct Mark {
    progress: Progress,
    changelog: Offset,
    log: Option<LogId>,
}

/// A mark of [`FORMAT_WITHOUT_LOGS`].
#[derive(Serialize, Deserialize)]
struct MarkWithoutLog {
    progress: Progress,
    changelog: Offset,
}

impl FjallStore {
    /// Opens a folder, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// If another process has it open, it was written by a newer release, or it cannot be read.
    pub fn open(path: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        Open::new(path, cache_bytes).map(|open| Self::of(open, path, cache_bytes))
    }

    /// As [`open`](Self::open), but sets a damaged folder aside and begins with an empty one. The last
    /// one that was set aside is kept beside it, under its name and `.damaged`.
    ///
    /// # Errors
    ///
    /// If another process has it open, it was written by a newer release, or the disk cannot be read
    /// or written.
    pub fn open_or_begin_anew(path: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        Open::new_or_anew(path, cache_bytes).map(|open| Self::of(open, path, cache_bytes))
    }

    fn of(open: Open, path: &Path, cache_bytes: u64) -> Self {
        let state = RwLock::new(State::Open(Arc::new(open)));
        Self(Arc::new(Shared { path: path.into(), cache_bytes, state }))
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.0.state.read().expect("opening a database catches its panics")
    }

    /// The database, unless damage was found.
    fn current(&self) -> Result<Arc<Open>, StoreError> {
        match &*self.state() {
            State::Open(open) => open.whole().map(|()| Arc::clone(open)),
            State::Aside(damage) => Err(StoreError::Damaged(damage.clone())),
        }
    }
}

impl Store for FjallStore {
    type Tables = StoreTables;
    type Frozen = FrozenTables;

    fn open(&self, task: TaskId) -> Result<Opened<StoreTables>, StoreError> {
        let open = self.current()?;
        let mark = open.rows.get(keys::task(task)).map_err(|error| open.failed(&error))?;
        let tables = StoreTables::new(task, Arc::clone(&open));
        let Some(mark) = mark else {
            // What a clearing that did not end has left is no state.
            self.clear(task)?;
            let (positions, changelog, log) = (Vec::new(), None, None);
            let (task_time, was_damaged) = (Timestamp::ZERO, open.is_anew);
            return Ok(Opened { tables, positions, changelog, log, task_time, was_damaged });
        };
        let Mark { progress, changelog, log } = decode_row(&mark)
            .map_err(|error| open.damaged(&format!("how far {task} is: {error}")))?;
        let Progress { positions, task_time } = progress;
        let (changelog, was_damaged) = (Some(changelog), false);
        Ok(Opened { tables, positions, changelog, log, task_time, was_damaged })
    }

    fn freeze(&self, task: TaskId) -> Result<FrozenTables, StoreError> {
        Ok(FrozenTables::new(task, self.current()?))
    }

    fn apply(&self, batches: &[StoreBatch]) -> Result<(), StoreError> {
        let open = self.current()?;
        let mut batch = open.database.batch();
        for done in batches {
            for (table, key, value) in done.rows.iter() {
                let key = keys::row(done.task, table, key);
                match value {
                    Some(value) => batch.insert(&open.rows, key, value.clone()),
                    None => batch.remove(&open.rows, key),
                }
            }
            let progress =
                Progress { positions: done.positions.clone(), task_time: done.task_time };
            let mark = Mark { progress, changelog: done.changelog, log: done.log };
            batch.insert(&open.rows, keys::task(done.task), encode_row(&mark));
        }
        open.commit(batch)
    }

    fn clear(&self, task: TaskId) -> Result<(), StoreError> {
        let open = self.current()?;
        // The mark goes first: rows without it are no state, however far the clearing gets.
        let mut batch = open.database.batch();
        batch.remove(&open.rows, keys::task(task));
        open.commit(batch)?;
        loop {
            let mut batch = open.database.batch();
            for guard in open.rows.prefix(keys::rows(task)).take(CLEAR_ROWS_MAX) {
                batch.remove(&open.rows, guard.key().map_err(|error| open.failed(&error))?);
            }
            if batch.is_empty() {
                return Ok(());
            }
            open.commit(batch)?;
        }
    }

    fn sync(&self) -> Result<(), StoreError> {
        let open = self.current()?;
        open.database.persist(PersistMode::SyncAll).map_err(|error| open.failed(&error))
    }

    fn damage(&self) -> Option<Box<str>> {
        match &*self.state() {
            State::Open(open) => open.damage().map(Into::into),
            State::Aside(damage) => Some(damage.clone()),
        }
    }

    fn begin_anew(&self) -> Result<(), StoreError> {
        let Shared { path, cache_bytes, state } = &*self.0;
        let deadline = Instant::now() + LEFT_WITHIN;
        loop {
            let mut state = state.write().expect("opening a database catches its panics");
            let Some(damage) = leave(&mut state) else { return Ok(()) };
            if let State::Aside(damage) = &*state {
                let begun = Open::anew(path, *cache_bytes, damage);
                let open = begun.map_err(|error| StoreError::Failed(error.to_string().into()))?;
                *state = State::Open(Arc::new(open));
                return Ok(());
            }
            if Instant::now() >= deadline {
                let reason = format!("{damage}; and some task still reads from it");
                return Err(StoreError::Damaged(reason.into()));
            }
            drop(state);
            thread::sleep(LEFT_POLL);
        }
    }
}

/// Closes a damaged database, if nobody reads from it. Gives the damage, if there is any.
fn leave(state: &mut State) -> Option<Box<str>> {
    let damage: Box<str> = match state {
        State::Open(open) => open.damage()?.into(),
        State::Aside(damage) => return Some(damage.clone()),
    };
    if let State::Open(open) = mem::replace(state, State::Aside(damage.clone())) {
        match Arc::try_unwrap(open) {
            // A database waits for its own threads, and gives up its lock last.
            Ok(open) => drop(open),
            Err(open) => *state = State::Open(open),
        }
    }
    Some(damage)
}
