//! Being told what becomes of tasks.

use tidelog_core::port::TaskId;

/// Is told what becomes of the tasks of a runner: for people, and for health checks.
pub trait Watch {
    /// A task has got into this state.
    fn task(&self, task: TaskId, state: TaskState);
}

/// What has become of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// Its tables are being restored.
    Restoring,
    /// It reads.
    Running,
    /// It has stopped reading until something is done about it. Others go on.
    Stopped(Box<str>),
    /// It failed, and is to be restored.
    Failed(Box<str>),
    /// It is not here any more.
    Gone,
}

/// Nobody watches.
impl Watch for () {
    fn task(&self, _task: TaskId, _state: TaskState) {}
}
