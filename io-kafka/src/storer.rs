//! The thread that writes into the store what has been committed.
//!
//! It works beside the session's thread, which makes the next commit meanwhile.

use std::{
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
};

use tidelog_core::{
    Spec,
    port::{SessionError, Store, StoreBatch, StoreError},
};
use tracing::warn;

use crate::{leases::SessionNumber, tables::Unstored, transport::Shared};

/// What a commit has written.
pub(crate) struct Job {
    /// The number of the commit.
    pub(crate) number: u64,
    pub(crate) batches: Vec<StoreBatch>,
    /// What shows the rows of each batch until the store has them.
    pub(crate) unstored: Vec<Arc<Unstored>>,
}

/// A handle of the thread. It has one commit at a time.
pub(crate) struct Storer {
    jobs: Option<mpsc::Sender<Job>>,
    done: mpsc::Receiver<()>,
    is_busy: bool,
    thread: Option<JoinHandle<()>>,
}

impl Storer {
    /// Starts the thread. A store that cannot be written is told to `failed`, and is the end.
    pub(crate) fn start<S: Store>(
        spec: &'static Spec,
        shared: Arc<Shared<S>>,
        session: SessionNumber,
        failed: impl Fn(StoreError) + Send + 'static,
    ) -> Result<Self, SessionError> {
        let (jobs, received) = mpsc::channel::<Job>();
        let (tell_done, done) = mpsc::channel();
        let run = move || {
            while let Ok(Job { number, batches, unstored }) = received.recv() {
                let places = batches.iter().map(|batch| (batch.task, batch.positions.clone()));
                let places: Vec<_> = places.collect();
                if let Err(error) = shared.store.apply(session, batches) {
                    return failed(error);
                }
                unstored.iter().for_each(|rows| rows.stored());
                for (task, positions) in places {
                    shared.board.stored(session, task, number, &positions);
                }
                // The session may be over.
                tell_done.send(()).unwrap_or_default();
            }
        };
        let thread = thread::Builder::new().name(format!("store-{}", spec.name)).spawn(run);
        let thread = thread.map_err(|error| SessionError::Lost(error.to_string().into()))?;
        Ok(Self { jobs: Some(jobs), done, is_busy: false, thread: Some(thread) })
    }

    /// Has a commit written, after the one before.
    pub(crate) fn store(&mut self, job: Job) {
        self.wait();
        let Some(jobs) = &self.jobs else { return };
        for (rows, batch) in job.unstored.iter().zip(&job.batches) {
            rows.show(Arc::clone(&batch.rows));
        }
        self.is_busy = jobs.send(job).is_ok();
    }

    /// Waits until the store has everything.
    pub(crate) fn wait(&mut self) {
        if self.is_busy {
            self.is_busy = false;
            if self.done.recv().is_err() {
                // The store has failed, of which the session is told.
                self.jobs = None;
            }
        }
    }
}

impl Drop for Storer {
    fn drop(&mut self) {
        self.jobs = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            warn!("the thread that stores has panicked");
        }
    }
}
