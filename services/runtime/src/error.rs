//! Why a runner gives up.

use tidelog_core::{ReadFault, port::{SessionError, TaskId}};

/// Why a runner gave up. What was not committed is lost, for the next one to do again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The log cannot be used any more.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Commits failed again and again.
    #[error("{failures} commits failed one after another, the last one because {reason}")]
    Commits {
        /// How many.
        failures: u32,
        /// Why the last one failed.
        reason: Box<str>,
    },
    /// A task's tables could not be read, again and again.
    #[error("the tables of {task} could not be read {failures} times: {fault}")]
    Tables {
        /// The task.
        task: TaskId,
        /// How many times.
        failures: u32,
        /// What happened the last time.
        fault: ReadFault,
    },
}
