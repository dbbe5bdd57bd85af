//! The loop: join, restore, next, handle, commit.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
};

use tidelog_core::{
    PartitionId, ReadFault, Service, Timestamp,
    port::{
        Commit, CommitOutcome, Event, Records, Session, SessionError, TaskId, Transport, Wait,
    },
};

use crate::{
    RunError, Settings,
    task::{Halt, Task},
};

/// Runs a service on the partitions that its group gives it, until `stop` is ready: what has been
/// done is then committed, and the group left.
///
/// # Errors
///
/// If the log cannot be used any more, or commits, restores or sessions fail again and again.
pub async fn run<T: Transport, S: Service + ?Sized>(
    transport: &T,
    service: &S,
    settings: &Settings,
    stop: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let mut stop = pin!(stop);
    let mut losses = 0;
    loop {
        let session = transport.join(service.spec()).await?;
        let mut worker = Worker::new(service, session, settings);
        match worker.work(stop.as_mut()).await {
            Err(RunError::Session(SessionError::Lost(reason))) => {
                losses = if worker.commits > 0 { 0 } else { losses + 1 };
                tracing::warn!(service = %service.spec().name, %reason, "joining again");
                if losses > settings.failures_max {
                    return Err(SessionError::Lost(reason).into());
                }
            }
            outcome => return outcome,
        }
    }
}

/// One worker: one session and the tasks of its partitions.
struct Worker<'a, S: ?Sized, N: Session> {
    service: &'a S,
    session: N,
    settings: &'a Settings,
    tasks: BTreeMap<PartitionId, Task<N::Tables>>,
    /// The partitions that the commit under way covers.
    in_flight: Option<Vec<PartitionId>>,
    /// Records handled since the last commit began.
    records: usize,
    /// When the oldest work that is not committed was done.
    since: Option<Timestamp>,
    /// Commits that went well.
    commits: u64,
    /// Commits that failed, one after another.
    failures: u32,
    /// Reads of tables that failed, one after another.
    faults: u32,
}

impl<'a, S: Service + ?Sized, N: Session> Worker<'a, S, N> {
    fn new(service: &'a S, session: N, settings: &'a Settings) -> Self {
        Self {
            service,
            session,
            settings,
            tasks: BTreeMap::new(),
            in_flight: None,
            records: 0,
            since: None,
            commits: 0,
            failures: 0,
            faults: 0,
        }
    }

    async fn work(&mut self, mut stop: Pin<&mut impl Future<Output = ()>>) -> Result<(), RunError> {
        loop {
            let wait = self.wait();
            let event = {
                let mut next = pin!(self.session.next(wait));
                poll_fn(|cx| {
                    if stop.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(None);
                    }
                    next.as_mut().poll(cx).map(Some)
                })
                .await
            };
            let Some(event) = event else { return self.commit_all().await };
            self.take(event?).await?;
            self.time_out().await?;
            if self.is_due() && self.in_flight.is_none() {
                self.begin_commit();
            }
        }
    }

    /// How long to wait for the next event.
    fn wait(&self) -> Wait {
        if self.in_flight.is_some() && self.is_full() {
            return Wait::Commit;
        }
        if self.tasks.values().any(Task::has_effects) {
            // What is left to read goes into this batch; if there is nothing, it is committed. With
            // a commit under way, its outcome is what is waited for.
            return if self.in_flight.is_some() { Wait::Forever } else { Wait::No };
        }
        let commit = self.since.map(|since| since.plus(self.settings.positions_interval));
        let wakes = self.tasks.values().filter(|task| task.due.is_none());
        let wake = wakes.filter_map(|task| task.wake).map(|wake| wake.at);
        wake.chain(commit).min().map_or(Wait::Forever, Wait::Until)
    }

    /// Whether the batch may grow no more.
    fn is_full(&self) -> bool {
        self.records >= self.settings.batch_records_max
            || self.tasks.values().map(Task::bytes).sum::<usize>() >= self.settings.batch_bytes_max
    }

    /// Whether the batch is to be committed although there may be more to read.
    fn is_due(&self) -> bool {
        let has_effects = self.tasks.values().any(Task::has_effects);
        let Settings { commit_interval, positions_interval, .. } = *self.settings;
        let interval = if has_effects { commit_interval } else { positions_interval };
        let is_old = |since: Timestamp| self.session.now() >= since.plus(interval);
        self.since.is_some_and(is_old) || self.is_full()
    }

    async fn take(&mut self, event: Event) -> Result<(), RunError> {
        match event {
            Event::Assigned(partition) => self.restore(partition).await?,
            Event::Revoked(partition) => {
                self.commit_all().await?;
                self.tasks.remove(&partition);
                self.session.release(partition);
            }
            Event::Lost(partition) => {
                tracing::warn!(task = %self.task(partition), "the partition has another owner");
                self.tasks.remove(&partition);
            }
            Event::Records(records) => self.records(&records).await?,
            Event::Committed(outcome) => self.finish_commit(outcome).await?,
            Event::Idle => {
                if self.in_flight.is_none() && self.tasks.values().any(Task::has_effects) {
                    self.begin_commit();
                }
            }
            Event::InputLost { partition, topic, position, start } => {
                let task = self.task(partition);
                tracing::error!(
                    %task, %topic, %position, %start,
                    "records were removed before the task had read them; it stops until an operator \
                     moves it on"
                );
                self.tasks.remove(&partition);
            }
        }
        Ok(())
    }

    async fn records(&mut self, records: &Records) -> Result<(), RunError> {
        // A partition that was dropped on the way may still have had records under way.
        let Some(task) = self.tasks.get_mut(&records.partition) else { return Ok(()) };
        self.since.get_or_insert_with(|| self.session.now());
        self.records += records.records.len();
        let handle = |record| task.record(self.service, records.topic, record);
        let outcome = records.records.iter().try_for_each(handle);
        let outcome = outcome.and_then(|()| task.ask_wake(self.service));
        self.outcome(records.partition, outcome).await
    }

    /// Tells the tasks whose deadlines have passed, once they have read what was there then.
    async fn time_out(&mut self) -> Result<(), RunError> {
        let now = self.session.now();
        let is_over = |task: &Task<N::Tables>| task.wake.is_some_and(|wake| wake.at <= now);
        let over: Vec<_> =
            self.tasks.iter().filter(|(_, task)| is_over(task)).map(|(id, _)| *id).collect();
        for partition in over {
            let task = self.tasks.get_mut(&partition).expect("it was there just now");
            if task.due.is_none() {
                task.due = Some(self.session.ends(partition).await?);
            }
            if !task.due.as_ref().is_some_and(|ends| task.has_reached(ends)) {
                continue;
            }
            if let Some(wake) = task.wake {
                tracing::trace!(partition = %partition, reason = wake.reason, "timeout");
            }
            self.since.get_or_insert(now);
            let outcome = task.timeout(self.service, now);
            let outcome = outcome.and_then(|()| task.ask_wake(self.service));
            self.outcome(partition, outcome).await?;
        }
        Ok(())
    }

    /// Goes on, or drops the task and restores it, or stops it.
    async fn outcome(
        &mut self,
        partition: PartitionId,
        outcome: Result<(), Halt>,
    ) -> Result<(), RunError> {
        match outcome {
            Ok(()) => Ok(()),
            Err(Halt::Newer(reason)) => {
                // What it did before that record is lost with it, and done again by a newer node.
                tracing::error!(task = %self.task(partition), %reason, "the task stops");
                self.settle().await?;
                self.tasks.remove(&partition);
                self.session.park(partition);
                Ok(())
            }
            Err(Halt::Fault(fault)) => self.fault(partition, fault).await,
        }
    }

    async fn fault(&mut self, partition: PartitionId, fault: ReadFault) -> Result<(), RunError> {
        self.faults += 1;
        let task = self.task(partition);
        tracing::error!(%task, %fault, "the task is dropped and restored");
        if self.faults > self.settings.failures_max {
            return Err(RunError::Tables { task, failures: self.faults, fault });
        }
        self.settle().await?;
        self.restore(partition).await
    }

    async fn restore(&mut self, partition: PartitionId) -> Result<(), RunError> {
        self.tasks.remove(&partition);
        let restored = self.session.restore(partition).await?;
        let mut task = Task::new(partition, restored, self.session.layout());
        let asked = task.ask_wake(self.service);
        self.tasks.insert(partition, task);
        match asked {
            Err(Halt::Fault(fault)) => Err(RunError::Tables {
                task: self.task(partition),
                failures: self.faults + 1,
                fault,
            }),
            Ok(()) | Err(Halt::Newer(_)) => Ok(()),
        }
    }

    /// Begins to commit what every task has done.
    fn begin_commit(&mut self) {
        let mut commits = Vec::new();
        for task in self.tasks.values_mut().filter(|task| task.has_work()) {
            commits.push(task.begin_commit());
        }
        self.records = 0;
        self.since = None;
        if commits.is_empty() {
            return;
        }
        self.in_flight = Some(commits.iter().map(|commit| commit.partition).collect());
        self.session.begin_commit(Commit { tasks: commits });
    }

    async fn finish_commit(&mut self, outcome: CommitOutcome) -> Result<(), RunError> {
        let covered = self.in_flight.take().expect("an outcome is of the commit under way");
        let reason = match outcome {
            CommitOutcome::Committed => {
                self.commits += 1;
                self.failures = 0;
                self.faults = 0;
                for partition in covered {
                    if let Some(task) = self.tasks.get_mut(&partition) {
                        task.committed();
                    }
                }
                return Ok(());
            }
            CommitOutcome::Rejected(reason) => reason,
            CommitOutcome::Unknown(reason) => reason,
        };
        self.failures += 1;
        tracing::warn!(service = %self.service.spec().name, %reason, "a commit failed");
        if self.failures > self.settings.failures_max {
            return Err(RunError::Commits { failures: self.failures, reason });
        }
        for partition in covered {
            if self.tasks.contains_key(&partition) {
                self.restore(partition).await?;
            }
        }
        Ok(())
    }

    /// Waits until no commit is under way.
    async fn settle(&mut self) -> Result<(), RunError> {
        while self.in_flight.is_some() {
            match self.session.next(Wait::Commit).await? {
                Event::Committed(outcome) => Box::pin(self.finish_commit(outcome)).await?,
                Event::Lost(partition) => {
                    self.tasks.remove(&partition);
                }
                event => unreachable!("a session that waits for a commit told {event:?}"),
            }
        }
        Ok(())
    }

    /// Commits what there is, and waits for it.
    async fn commit_all(&mut self) -> Result<(), RunError> {
        self.settle().await?;
        self.begin_commit();
        self.settle().await
    }

    fn task(&self, partition: PartitionId) -> TaskId {
        TaskId { service: self.service.spec().name, partition }
    }
}
