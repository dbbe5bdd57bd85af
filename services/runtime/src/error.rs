//! Why a runner gave up.

use tidelog_core::port::TaskId;

/// Why [`run`](crate::run) gave up. What was not committed is for the next owner to do again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The session was lost again and again, with no commit in between.
    #[error("the session was lost {times} times in a row, at last because: {reason}")]
    Lost {
        /// How often.
        times: u32,
        /// Why, the last time.
        reason: Box<str>,
    },
    /// The log cannot be used by this process any more.
    #[error("the log cannot be used any more: {0}")]
    Fatal(Box<str>),
    /// A task failed again and again, with no commit in between.
    #[error("{task} failed {times} times in a row, at last because: {reason}")]
    Failing {
        /// The task.
        task: TaskId,
        /// How often.
        times: u32,
        /// Why, the last time.
        reason: Box<str>,
    },
}
