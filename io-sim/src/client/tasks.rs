//! Tasks that end with their owner.

use madsim::task::{AbortHandle, JoinHandle, spawn_local};

/// A task on the machine of whoever starts it, which is cut off wherever it stands when this is dropped.
#[derive(Debug)]
pub(crate) struct Task(AbortHandle);

impl Task {
    /// Starts a task.
    pub(crate) fn start(run: impl Future<Output = ()> + 'static) -> Self {
        let handle: JoinHandle<()> = spawn_local(run);
        Self(handle.abort_handle())
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
