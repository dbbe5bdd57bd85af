//! Who runs a task.

use serde::{Deserialize, Serialize};

use crate::port::{TaskId, TaskIdError};

/// That a node runs a task, or no longer does, as the node itself tells. The last record of a task
/// counts; it may still be wrong, for a node that has died tells nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The task, as it is written: the record's key.
    pub task: Box<str>,
    /// One more than that of the owner before, as far as the node knew.
    pub epoch: u64,
    /// The node.
    pub node: Box<str>,
    /// Where the node answers others; nothing if it no longer runs the task.
    pub address: Option<Box<str>>,
    /// The id of the transactions of whoever runs it. Who takes over from a dead node can end what it
    /// left open.
    pub transactional_id: Box<str>,
}

impl Owner {
    /// The task.
    ///
    /// # Errors
    ///
    /// If it is none that this release knows.
    pub fn task(&self) -> Result<TaskId, TaskIdError> {
        self.task.parse()
    }
}
