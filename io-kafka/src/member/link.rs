//! The ways between a session and its thread.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::Wake,
    thread::Thread,
};

use futures_channel::oneshot;
use tidelog_core::{
    PartitionId,
    port::{Commit, Restored, SessionError, StoreError},
};

use crate::{
    restorer::{Caught, Ends},
    tables::KafkaTables,
};

/// Bytes of records that have been read and that the runner has not taken yet: enough for it to go on with while a
/// commit is made.
const UNTAKEN_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a session wants of its thread.
pub(crate) enum Command<T> {
    Restore {
        partition: PartitionId,
        ticket: u64,
        reply: oneshot::Sender<Result<Restored<KafkaTables<T>>, SessionError>>,
    },
    /// The restorer has done what it was asked for.
    Restored {
        ticket: u64,
        outcome: Result<Caught<T>, SessionError>,
    },
    /// What was committed cannot be written into the store.
    StoreFailed(StoreError),
    Ends {
        partition: PartitionId,
        reply: oneshot::Sender<Ends>,
    },
    Commit(Commit),
    /// A partition that is to go, or has gone, is not used any more.
    Release(PartitionId),
    Park(PartitionId),
    Leave,
}

/// The way to the thread.
pub(crate) struct Link<T> {
    commands: mpsc::Sender<Command<T>>,
    thread: Thread,
}

impl<T> Link<T> {
    pub(super) fn new(commands: mpsc::Sender<Command<T>>, thread: Thread) -> Self {
        Self { commands, thread }
    }

    pub(crate) fn send(&self, command: Command<T>) {
        // Were the thread gone, whoever waits would be told by the end of its channel.
        drop(self.commands.send(command));
        self.wake();
    }

    pub(crate) fn wake(&self) {
        self.thread.unpark();
    }
}

/// How much has been read and not been taken.
#[derive(Default)]
pub(crate) struct Credit {
    untaken_bytes: AtomicUsize,
}

impl Credit {
    /// Says whether the thread may have waited for this.
    pub(crate) fn give_back(&self, bytes: usize) -> bool {
        let before = self.untaken_bytes.fetch_sub(bytes, Ordering::Relaxed);
        before >= UNTAKEN_BYTES_MAX && before - bytes < UNTAKEN_BYTES_MAX
    }

    pub(super) fn take(&self, bytes: usize) {
        self.untaken_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.untaken_bytes.load(Ordering::Relaxed) >= UNTAKEN_BYTES_MAX
    }
}

/// Wakes the thread.
pub(super) struct Unpark(pub(super) Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
