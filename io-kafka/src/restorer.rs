//! The thread that brings tables to what was committed, and looks where inputs end.
//!
//! It works beside the session's thread, which has a group to answer while a store is rebuilt.

mod catch_up;
mod kinship;
mod tail;
mod tombstones;

use std::{
    cell::OnceCell,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use futures_channel::oneshot;
use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};
use tidelog_core::{
    Offset, PartitionId, Spec, Topic,
    port::{LogId, Restored, SessionError, Store, StoreError, TaskId},
};
use tracing::warn;

use self::catch_up::Brought;
use crate::{
    Settings, Topics, bounds, context::Logging, error::session_error, leases::SessionNumber,
    member::GroupConsumer, record, transport::Shared,
};

/// How long one call waits before it is looked whether anybody still wants its outcome.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a dead owner's transaction may hold back a changelog, beyond its own time limit: brokers
/// look for such transactions every ten seconds.
const ABORTED_WITHIN: Duration = Duration::from_secs(15);

/// How long an open transaction may hold a restore back before it is ended. A commit that was made in good
/// order is through by then.
const HELD_BACK_FOR: Duration = Duration::from_millis(500);

/// Whether it is time to end what holds a restore back.
struct Freeing {
    since: Instant,
    is_tried: bool,
}

impl Freeing {
    fn new() -> Self {
        Self { since: Instant::now(), is_tried: false }
    }
}

/// The outcome of asking for the ends of a task's inputs.
pub(crate) type Ends = Result<Vec<(Topic, Offset)>, SessionError>;

/// A task as it was committed, and the first offset of each of its inputs.
pub(crate) struct Caught<T> {
    pub(crate) restored: Restored<T>,
    pub(crate) starts: Vec<Offset>,
    /// What the commits of the task are to say that its changelog is.
    pub(crate) log: LogId,
}

/// What the thread is asked for.
enum Job {
    Restore { partition: PartitionId, ticket: u64 },
    Ends { partition: PartitionId, reply: oneshot::Sender<Ends> },
}

/// A handle of the thread.
pub(crate) struct Restorer {
    jobs: Option<mpsc::Sender<Job>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Restorer {
    /// Starts the thread. It tells `done` what it has restored, with the ticket of the request.
    ///
    /// The committed positions are those of the very coordinator that gives the member its partitions, so
    /// it is the member that asks: a client of its own may be sent to a broker that has lost the group
    /// without knowing, and to which nobody commits any more.
    pub(crate) fn start<S: Store>(
        shared: &Arc<Shared<S>>,
        spec: &'static Spec,
        session: SessionNumber,
        member: Arc<GroupConsumer>,
        done: impl Fn(u64, Result<Caught<S::Tables>, SessionError>) + Send + 'static,
    ) -> Result<Self, SessionError> {
        let failed = |error: KafkaError| session_error("a consumer for restoring", &error);
        let settings = &shared.settings;
        let committed = settings.restoring_consumer(spec.name).create_with_context(Logging);
        let heads = settings.heads_consumer().create_with_context(Logging);
        let stop = Arc::new(AtomicBool::new(false));
        let work = Work {
            settings: settings.clone(),
            spec,
            shared: Arc::clone(shared),
            session,
            member,
            committed: committed.map_err(failed)?,
            heads: heads.map_err(failed)?,
            topics: OnceCell::new(),
            stop: Arc::clone(&stop),
        };
        let (jobs, received) = mpsc::channel();
        let run = move || {
            while let Ok(job) = received.recv() {
                match job {
                    Job::Restore { partition, ticket } => done(ticket, work.restore(partition)),
                    Job::Ends { partition, reply } => drop(reply.send(work.ends(partition))),
                }
            }
        };
        let thread = thread::Builder::new().name(format!("restore-{}", spec.name)).spawn(run);
        let thread = thread.map_err(|error| SessionError::Lost(error.to_string().into()))?;
        Ok(Self { jobs: Some(jobs), stop, thread: Some(thread) })
    }

    pub(crate) fn restore(&self, partition: PartitionId, ticket: u64) {
        self.give(Job::Restore { partition, ticket });
    }

    pub(crate) fn ends(&self, partition: PartitionId, reply: oneshot::Sender<Ends>) {
        self.give(Job::Ends { partition, reply });
    }

    fn give(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // Were the thread gone, whoever waits would be told by the end of its channel.
            drop(jobs.send(job));
        }
    }
}

impl Drop for Restorer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.jobs = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            warn!("the thread that restores has panicked");
        }
    }
}

/// What the thread has.
struct Work<S> {
    settings: Settings,
    spec: &'static Spec,
    shared: Arc<Shared<S>>,
    session: SessionNumber,
    /// Knows whom the group is coordinated by.
    member: Arc<GroupConsumer>,
    /// Sees what is committed.
    committed: BaseConsumer<Logging>,
    /// Sees what is written, committed or not.
    heads: BaseConsumer<Logging>,
    /// Says how the changelog is set, once that is asked.
    topics: OnceCell<Topics>,
    stop: Arc<AtomicBool>,
}

/// Every commit is in the changelog: one that ends before what the group has committed is what a broker tells
/// that led it once, and does not know yet that others have gone on.
fn yesterday(
    changelog: &str,
    partition: PartitionId,
    input: Topic,
    of_changelog: Option<Offset>,
    of_group: Option<Offset>,
) -> SessionError {
    let told = |offset: Option<Offset>| offset.map_or("none".to_owned(), |it| it.to_string());
    let reason = format!(
        "{changelog}/{partition} ends with position {} of {input}, and the group has committed {}: \
         either a broker answers for the changelog that does not lead it any more, and the next try \
         finds the one that does, or the changelog has lost its end; nothing was restored from it",
        told(of_changelog),
        told(of_group)
    );
    SessionError::Lost(reason.into())
}

impl<S: Store> Work<S> {
    fn task(&self, partition: PartitionId) -> TaskId {
        TaskId { service: self.spec.name, partition }
    }

    fn restore(&self, partition: PartitionId) -> Result<Caught<S::Tables>, SessionError> {
        let task = self.task(partition);
        // In this order: whatever had been committed when the positions were read lies before the end
        // of the changelog that is read after them.
        let positions = self.positions(partition)?;
        let changelog = self.settings.topic(Topic::Changelog(self.spec.name));
        let (_, end) = self.bounds(&self.heads, &changelog, partition)?;
        self.wait_until_stable(&changelog, partition, end)?;
        let Brought { tables, progress, log } = self.catch_up(task, &changelog, end)?;
        let inputs = self.spec.inputs.iter().zip(positions);
        let positions = inputs.map(|(topic, of_group)| {
            let found = progress.positions.iter().find(|(of, _)| of == topic);
            let of_changelog = found.map(|(_, offset)| *offset);
            if of_group > of_changelog {
                return Err(yesterday(&changelog, partition, *topic, of_changelog, of_group));
            }
            if of_group.is_some() && of_changelog != of_group {
                warn!(%task, %topic, ?of_changelog, ?of_group, "the positions differ: the changelog counts");
            }
            // An input that the task has never read is read from its very beginning, and the task is
            // told if that is gone.
            Ok((*topic, of_changelog.unwrap_or_default()))
        });
        let positions = positions.collect::<Result<_, SessionError>>()?;
        let restored = Restored { tables, positions, task_time: progress.task_time };
        let starts = self.spec.inputs.iter().map(|topic| {
            let (start, _) =
                self.bounds(&self.committed, &self.settings.topic(*topic), partition)?;
            Ok(start)
        });
        Ok(Caught { restored, starts: starts.collect::<Result<_, SessionError>>()?, log })
    }

    /// The group's position in each input, where it has one. It waits for commits under way.
    fn positions(&self, partition: PartitionId) -> Result<Vec<Option<Offset>>, SessionError> {
        let topics: Vec<_> =
            self.spec.inputs.iter().map(|topic| self.settings.topic(*topic)).collect();
        let deadline = self.stable_by();
        let mut freeing = Freeing::new();
        loop {
            let mut list = TopicPartitionList::new();
            for topic in &topics {
                list.add_partition(topic, record::number(partition));
            }
            match self.member.committed_offsets(list, PATIENCE) {
                Ok(list) => {
                    let of = |topic: &String| {
                        let found = list.find_partition(topic, record::number(partition))?;
                        match found.offset() {
                            rdkafka::Offset::Offset(offset) => {
                                Some(Offset(record::unsigned(offset)))
                            }
                            _ => None,
                        }
                    };
                    return Ok(topics.iter().map(of).collect());
                }
                Err(error) => {
                    self.free(self.task(partition), &mut freeing);
                    self.wait(deadline, "the committed positions", &error)?;
                }
            }
        }
    }

    /// Waits until everything before `end` has been committed or aborted.
    fn wait_until_stable(
        &self,
        topic: &str,
        partition: PartitionId,
        end: Offset,
    ) -> Result<(), SessionError> {
        let deadline = self.stable_by();
        let mut pause = Duration::from_millis(1);
        let mut freeing = Freeing::new();
        loop {
            let (_, stable) = self.bounds(&self.committed, topic, partition)?;
            if stable >= end {
                return Ok(());
            }
            if self.is_stopped() || Instant::now() >= deadline {
                let reason = format!(
                    "{topic}/{partition} ends at {end}, and an open transaction holds its readers back \
                     at {stable}"
                );
                return Err(SessionError::Lost(reason.into()));
            }
            self.free(self.task(partition), &mut freeing);
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// Ends what the last owner of a task has left open, if that holds us back for longer than the end
    /// of a transaction takes.
    fn free(&self, task: TaskId, freeing: &mut Freeing) {
        if freeing.is_tried || freeing.since.elapsed() < HELD_BACK_FOR {
            return;
        }
        freeing.is_tried = true;
        let Some(owners) = &self.shared.owners else { return };
        if let Err(error) = owners.end_transaction(task, || !self.is_stopped()) {
            // The broker ends it by its own time limit.
            warn!(%task, %error, "what the last owner has left open could not be ended, and is waited for");
        }
    }

    /// The first offset and the one after the last, as a consumer sees them.
    fn bounds(
        &self,
        consumer: &BaseConsumer<Logging>,
        topic: &str,
        partition: PartitionId,
    ) -> Result<(Offset, Offset), SessionError> {
        let deadline = Instant::now() + self.settings.request_timeout;
        loop {
            match bounds::bounds(consumer.client(), topic, partition, PATIENCE) {
                Ok(bounds) => return Ok(bounds),
                Err(error) => self.wait(deadline, topic, &error)?,
            }
        }
    }

    /// Waits before something is tried again, unless it has been tried for long enough.
    fn wait(&self, deadline: Instant, what: &str, error: &KafkaError) -> Result<(), SessionError> {
        if self.is_stopped() || Instant::now() >= deadline {
            return Err(session_error(what, error));
        }
        thread::sleep(Duration::from_millis(10));
        Ok(())
    }

    fn stable_by(&self) -> Instant {
        Instant::now() + self.settings.transaction_timeout + ABORTED_WITHIN
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// What an error of the store means for the session. A damaged one is begun anew by the next session.
pub(crate) fn store_failed(error: &StoreError) -> SessionError {
    let reason = error.to_string().into();
    match error {
        StoreError::Damaged(_) => SessionError::Lost(reason),
        StoreError::Failed(_) => SessionError::Fatal(reason),
    }
}
