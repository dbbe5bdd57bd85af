//! Commits: one transaction each, and the store's batch once it is real.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use futures_channel::{mpsc, oneshot};
use futures_util::StreamExt;
use tidelog_core::{
    Destination, Offset, PartitionId, Spec, Topic,
    port::{Commit, CommitOutcome, SessionError, Store, StoreBatch, TaskCommit, TaskId},
};

use super::{Home, changelog, snapshots::Owner};
use crate::{
    client::{
        Cluster, GroupView, Place, Task, TransactionError, TransactionalProducer, Unsent, Watched,
    },
    fault::FaultKind,
    wire::Instant,
};

/// How long a commit is tried again while its group is being rearranged.
const REARRANGED_FOR: Duration = Duration::from_secs(10);

/// A slow commit waits so long at most before it begins.
const SLOW_MS_MAX: u64 = 5_000;

/// The producer of a session, at work on one commit at a time.
#[derive(Debug)]
pub(super) struct Committer {
    jobs: mpsc::UnboundedSender<Job>,
    state: Watched<State>,
    _task: Task,
}

/// A commit under way.
#[derive(Debug)]
pub(super) struct Committing {
    pub(super) outcome: oneshot::Receiver<Result<CommitOutcome, SessionError>>,
    partitions: BTreeSet<PartitionId>,
}

impl Committing {
    pub(super) fn covers(&self, partition: PartitionId) -> bool {
        self.partitions.contains(&partition)
    }
}

struct Job {
    commit: Commit,
    outcome: oneshot::Sender<Result<CommitOutcome, SessionError>>,
}

/// How the producer is.
#[derive(Clone, Debug)]
enum State {
    /// It is beginning anew: what became of its last transaction is not settled.
    Beginning,
    /// Everything before is settled.
    Settled,
    /// It has ended.
    Over(SessionError),
}

/// Why a transaction came to nothing, or is not known to have come to something.
enum Refused {
    /// The group is being rearranged: it can be tried again.
    Rearranged(Box<str>),
    /// It is not real, and never will be.
    Rejected(Box<str>),
    /// It is not known.
    Unknown(Box<str>),
    /// The session is over.
    Over(SessionError),
}

impl Committer {
    /// Starts a producer, which first settles what an earlier one of its id has left.
    pub(super) fn start<S: Store>(
        cluster: Cluster,
        producer: TransactionalProducer,
        group: Watched<GroupView>,
        home: Rc<Home<S>>,
        owner: Owner,
        spec: &'static Spec,
    ) -> Self {
        let (jobs, queue) = mpsc::unbounded();
        let state = Watched::new(State::Beginning);
        let work = Work { cluster, producer, group, home, owner, spec, state: state.clone() };
        Self { jobs, state, _task: Task::start(work.run(queue)) }
    }

    /// Begins a commit.
    pub(super) fn begin(&self, commit: Commit) -> Committing {
        let partitions = commit.tasks.iter().map(|task| task.partition).collect();
        let (sender, outcome) = oneshot::channel();
        // Should the producer have ended, the receiver finds that out.
        let _ = self.jobs.unbounded_send(Job { commit, outcome: sender });
        Committing { outcome, partitions }
    }

    /// Waits until everything before is settled.
    pub(super) async fn settled(&self) -> Result<(), SessionError> {
        let look = |state: &State| match state {
            State::Beginning => None,
            State::Settled => Some(Ok(())),
            State::Over(error) => Some(Err(error.clone())),
        };
        self.state.find(look).await
    }
}

struct Work<S: Store> {
    cluster: Cluster,
    producer: TransactionalProducer,
    group: Watched<GroupView>,
    home: Rc<Home<S>>,
    owner: Owner,
    spec: &'static Spec,
    state: Watched<State>,
}

impl<S: Store> Work<S> {
    async fn run(mut self, mut jobs: mpsc::UnboundedReceiver<Job>) {
        loop {
            if let Err(error) = self.begin_anew().await {
                self.state.change(|state| *state = State::Over(error.clone()));
                while let Some(job) = jobs.next().await {
                    let _ = job.outcome.send(Err(error.clone()));
                }
                return;
            }
            self.state.change(|state| *state = State::Settled);
            loop {
                let Some(job) = jobs.next().await else { return };
                let outcome = self.commit(&job.commit).await;
                let is_settled = outcome == Ok(CommitOutcome::Committed);
                if !is_settled {
                    // Before the outcome is told: whoever restores then waits.
                    self.state.change(|state| *state = State::Beginning);
                    self.home.board.failed(self.owner, self.spec.name, &job.commit.tasks);
                }
                let _ = job.outcome.send(outcome);
                if !is_settled {
                    break;
                }
            }
        }
    }

    async fn begin_anew(&mut self) -> Result<(), SessionError> {
        loop {
            match self.producer.init().await {
                Ok(()) => return Ok(()),
                Err(TransactionError::Fatal(why)) => return Err(SessionError::Lost(why)),
                Err(TransactionError::Retriable(_) | TransactionError::Abortable { .. }) => {
                    self.cluster.back_off().await;
                }
            }
        }
    }

    async fn commit(&mut self, commit: &Commit) -> Result<CommitOutcome, SessionError> {
        self.cluster.stand_still(FaultKind::CommitSlow, SLOW_MS_MAX).await;
        if self.cluster.fault(FaultKind::RecordsRedelivered).is_some() {
            return Ok(CommitOutcome::Rejected("what was read is to be read again".into()));
        }
        let until = self.cluster.after(REARRANGED_FOR);
        loop {
            if let Some(why) = self.not_ours(commit) {
                return Ok(CommitOutcome::Rejected(why));
            }
            let generation = self.group.with(|group| group.generation);
            match self.transaction(commit).await {
                Ok(ends) => {
                    self.apply(commit, &ends)?;
                    return Ok(CommitOutcome::Committed);
                }
                Err(Refused::Rearranged(why)) => {
                    if self.cluster.now() >= until || self.producer.abort().await.is_err() {
                        return Ok(CommitOutcome::Rejected(why));
                    }
                    self.rearranged(generation, until).await;
                }
                Err(Refused::Rejected(why)) => return Ok(CommitOutcome::Rejected(why)),
                Err(Refused::Unknown(why)) => return Ok(CommitOutcome::Unknown(why)),
                Err(Refused::Over(error)) => return Err(error),
            }
        }
    }

    /// Why the commit cannot be made any more, if a partition of its is not ours.
    fn not_ours(&self, commit: &Commit) -> Option<Box<str>> {
        self.group.with(|group| {
            let mut partitions = commit.tasks.iter().map(|task| task.partition);
            let lost = partitions.find(|it| group.is_over || !group.owned.contains(it))?;
            Some(format!("{}/{lost} has gone to another owner", self.spec.name).into())
        })
    }

    /// Waits until the group has another generation, for a while.
    async fn rearranged(&self, generation: i32, until: Instant) {
        let changed = self
            .group
            .find(|group| (group.generation != generation || group.is_over).then_some(()));
        self.cluster.before(until, changed).await;
    }

    /// Makes everything real, or nothing. Tells the ends of the changelogs.
    async fn transaction(
        &mut self,
        commit: &Commit,
    ) -> Result<BTreeMap<PartitionId, Offset>, Refused> {
        let appended = self.producer.send(self.records(commit)).await.map_err(refused)?;
        let positions = commit.tasks.iter().flat_map(|task| {
            task.positions.iter().map(|(topic, at)| ((*topic, task.partition), *at))
        });
        let group = self.group.with(GroupView::metadata);
        self.producer.send_offsets(&group, positions.collect()).await.map_err(refused)?;
        let lost = self.cluster.fault(FaultKind::CommitOutcomeLost);
        let unknown = || Refused::Unknown("the coordinator has not answered in time".into());
        if lost.is_some_and(|draw| draw.pick("commit", 2) == 0) {
            return Err(unknown());
        }
        self.producer.commit().await.map_err(ended)?;
        if lost.is_some() {
            return Err(unknown());
        }
        let changelog = Topic::Changelog(self.spec.name);
        let ends = commit.tasks.iter().map(|task| {
            let last = appended.get(&(changelog, task.partition)).copied();
            (task.partition, last.unwrap_or_default().next())
        });
        Ok(ends.collect())
    }

    /// The records of each partition: what was sent, and what the changelogs are told.
    fn records(&self, commit: &Commit) -> BTreeMap<Place, Vec<Unsent>> {
        let mut records: BTreeMap<Place, Vec<Unsent>> = BTreeMap::new();
        let mut push = |place: Place, record| records.entry(place).or_default().push(record);
        for task in &commit.tasks {
            for send in &task.sends {
                let partitions = match send.destination {
                    Destination::Partition(partition) => vec![partition],
                    Destination::Every => self.home.settings.layout.all().collect(),
                };
                for partition in partitions {
                    let (key, value) = (send.key.clone(), Some(send.payload.clone()));
                    let record = Unsent { key, value, trace: send.headers.trace };
                    push((send.topic, partition), record);
                }
            }
            let changelog = Topic::Changelog(self.spec.name);
            for (key, value) in changelog::encode(task) {
                push((changelog, task.partition), Unsent { key, value, trace: None });
            }
        }
        records
    }

    fn apply(
        &self,
        commit: &Commit,
        ends: &BTreeMap<PartitionId, Offset>,
    ) -> Result<(), SessionError> {
        let batch = |task: &TaskCommit| StoreBatch {
            task: TaskId { service: self.spec.name, partition: task.partition },
            rows: Arc::clone(&task.rows),
            positions: task.positions.clone(),
            changelog: ends.get(&task.partition).copied().unwrap_or_default(),
            log: None,
            task_time: task.task_time,
        };
        let batches: Vec<_> = commit.tasks.iter().map(batch).collect();
        let applied = self.home.store.apply(&batches);
        applied.map_err(|error| SessionError::Fatal(error.to_string().into()))?;
        self.home.board.committed(self.owner, self.spec.name, &commit.tasks);
        Ok(())
    }
}

/// What an error before the transaction was to be committed means.
fn refused(error: TransactionError) -> Refused {
    match error {
        TransactionError::Abortable { why, rearranged: true } => Refused::Rearranged(why),
        TransactionError::Abortable { why, rearranged: false }
        | TransactionError::Retriable(why) => Refused::Rejected(why),
        TransactionError::Fatal(why) => Refused::Over(SessionError::Lost(why)),
    }
}

/// What an error of committing the transaction means.
fn ended(error: TransactionError) -> Refused {
    match error {
        TransactionError::Retriable(why) => Refused::Unknown(why),
        TransactionError::Abortable { why, .. } => Refused::Rejected(why),
        TransactionError::Fatal(why) => Refused::Over(SessionError::Lost(why)),
    }
}
