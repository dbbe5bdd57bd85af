//! The local state of a node whose log is elsewhere.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::TaskId;
use crate::{
    state::{Overlay, Tables},
    time::Timestamp,
    topic::{Offset, Topic},
};

/// The tables of a node's tasks, which can always be rebuilt from their changelogs.
///
/// A task's rows, its input positions and its changelog position are written in one batch: a crash
/// can leave the store behind the changelog, and never ahead of it or torn.
///
/// Once anything in it is found to be damaged, all of it fails to be read and written until it is begun
/// anew: nothing is to be built on what cannot be relied upon.
pub trait Store: Send + Sync + 'static {
    /// The tables of one task.
    type Tables: Tables + Send + Sync;

    /// The tables of one task as they were at one moment.
    type Frozen: Tables + Send;

    /// Opens the tables of a task, empty where there are none.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    fn open(&self, task: TaskId) -> Result<Opened<Self::Tables>, StoreError>;

    /// The tables of a task as they are now, whatever is applied later: for queries. Of a batch that is
    /// being applied they hold all or nothing. It is not called while anything of the task is cleared.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    fn freeze(&self, task: TaskId) -> Result<Self::Frozen, StoreError>;

    /// Writes what some tasks did, all of it or nothing.
    ///
    /// # Errors
    ///
    /// If the store cannot be written. It can then not be used any more.
    fn apply(&self, batches: &[StoreBatch]) -> Result<(), StoreError>;

    /// Removes everything of a task.
    ///
    /// # Errors
    ///
    /// If the store cannot be written. It can then not be used any more.
    fn clear(&self, task: TaskId) -> Result<(), StoreError>;

    /// Makes everything that was applied survive a loss of power.
    ///
    /// # Errors
    ///
    /// If the store cannot be written. It can then not be used any more.
    fn sync(&self) -> Result<(), StoreError>;

    /// What was found to be damaged, until the store is begun anew. Stores that see to it themselves,
    /// when they are made, have nothing to say.
    fn damage(&self) -> Option<Box<str>> {
        None
    }

    /// Sets a damaged store aside, and begins anew with nothing. It waits for a while until nobody has
    /// tables that were opened before.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] if somebody still has such tables, and [`StoreError::Failed`] if there is
    /// no other store to be had.
    fn begin_anew(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The tables of a task, and how far they are.
#[derive(Debug)]
pub struct Opened<T> {
    /// The tables.
    pub tables: T,
    /// For each input, the offset to be read next; none where there is no state.
    pub positions: Vec<(Topic, Offset)>,
    /// The changelog's offset to be read next, where there is state.
    pub changelog: Option<Offset>,
    /// Of which changelog that is an offset, where that was known.
    pub log: Option<LogId>,
    /// The task time.
    pub task_time: Timestamp,
    /// Whether there is no state, and may be none for the sole reason that it was damaged.
    pub was_damaged: bool,
}

/// What one task did.
#[derive(Clone, Debug)]
pub struct StoreBatch {
    /// The task.
    pub task: TaskId,
    /// The rows that it wrote.
    pub rows: Arc<Overlay>,
    /// For each input, the offset to be read next.
    pub positions: Vec<(Topic, Offset)>,
    /// The changelog's offset to be read next.
    pub changelog: Offset,
    /// Of which changelog that is an offset, where that is known.
    pub log: Option<LogId>,
    /// The task time.
    pub task_time: Timestamp,
}

/// The identity of a changelog. One that is made anew has the name of the one before, and its offsets,
/// and another identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LogId(pub u128);

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for LogId {
    type Err = LogIdError;

    fn from_str(text: &str) -> Result<Self, LogIdError> {
        let is_plain = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| is_plain);
        number.map(Self).ok_or(LogIdError)
    }
}

/// A text that is no identity of a changelog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a changelog's identity is written as 32 hexadecimal digits")]
pub struct LogIdError;

/// Why the store cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Something in it is not what was written. What it has is of no use, and can be rebuilt.
    #[error("the store is damaged: {0}")]
    Damaged(Box<str>),
    /// It cannot be read or written, for a reason that is none of its own.
    #[error("the store cannot be used: {0}")]
    Failed(Box<str>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_reads_back_and_nothing_else_is_one() {
        let id = LogId(0x0123_4567_89ab_cdef);
        assert_eq!(id.to_string().parse(), Ok(id));
        let sign = format!("+{:031x}", 1);
        for text in ["", "1", "0123456789abcdef0123456789abcdeg", &sign] {
            assert_eq!(text.parse::<LogId>(), Err(LogIdError), "{text}");
        }
    }
}
