//! One session and its tasks: reading, handling, committing.

mod commits;
mod timeouts;

use std::{collections::BTreeMap, pin::Pin, vec};

use tidelog_core::{
    PartitionId, Probe, Service, Topic,
    port::{Event, Record, Session, SessionError, TaskId, Wait},
};
use tracing::{error, info, warn};

use super::{
    race,
    recovery::Recovery,
    task::{Halt, Task},
    totals::Totals,
};
use crate::{RunError, Settings, TaskState, Watch};

pub(super) struct Worker<'a, X: Session, S: Service + ?Sized> {
    session: X,
    service: &'a S,
    settings: &'a Settings,
    watch: &'a dyn Watch,
    tasks: BTreeMap<PartitionId, Task<X::Tables>>,
    recovery: Recovery,
    /// What the batch had no room for any more.
    unread: Option<Unread>,
    /// Whether a commit is under way.
    is_committing: bool,
    /// Whether there was nothing to read when it was last looked.
    is_idle: bool,
    has_committed: bool,
}

/// Records that have been read and not handled.
struct Unread {
    topic: Topic,
    partition: PartitionId,
    records: vec::IntoIter<Record>,
}

/// Why a worker ends before it is told to.
#[derive(Debug)]
pub(super) enum Interrupt {
    /// The session is over.
    Session(SessionError),
    /// The runner gives up.
    Failing(RunError),
}

impl From<SessionError> for Interrupt {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

impl<'a, X: Session, S: Service + ?Sized> Worker<'a, X, S> {
    pub(super) fn new(
        session: X,
        service: &'a S,
        settings: &'a Settings,
        watch: &'a dyn Watch,
    ) -> Self {
        Self {
            session,
            service,
            settings,
            watch,
            tasks: BTreeMap::new(),
            recovery: Recovery::default(),
            unread: None,
            is_committing: false,
            is_idle: false,
            has_committed: false,
        }
    }

    /// Whether any commit became real.
    pub(super) fn has_committed(&self) -> bool {
        self.has_committed
    }

    /// Works until it is told to stop; then commits what there is.
    pub(super) async fn work(
        &mut self,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), Interrupt> {
        loop {
            while let Some(partition) = self.recovery.due(self.session.now()) {
                // Restoring may take long, and what is done must not wait for it.
                self.flush().await?;
                let Some(outcome) = race(stop.as_mut(), self.restore(partition)).await else {
                    Probe::StoppedWhileRestoring.hit();
                    return self.leave().await;
                };
                outcome?;
            }
            self.read_on()?;
            if self.commit_if_due() {
                // What the batch had no room for begins the next one.
                self.read_on()?;
            }
            self.give_timeouts().await?;
            let wait = self.wait();
            let Some(event) = race(stop.as_mut(), self.session.next(wait)).await else {
                return self.leave().await;
            };
            self.take(event?).await?;
        }
    }

    async fn take(&mut self, event: Event) -> Result<(), Interrupt> {
        self.is_idle = matches!(event, Event::Idle);
        match event {
            Event::Idle => {}
            Event::Records(records) => {
                let task = self.tasks.get(&records.partition);
                let id = self.id(records.partition);
                assert!(task.is_some_and(|it| !it.is_stopped()), "{id} is read, and is not to be");
                assert!(self.unread.is_none(), "records came before others were handled");
                let (topic, partition) = (records.topic, records.partition);
                let records = records.records.into_iter();
                self.unread = Some(Unread { topic, partition, records });
                Probe::BatchPreparedWhileCommitting.hit_if(self.is_committing);
            }
            Event::Committed(outcome) => self.conclude(outcome)?,
            Event::Assigned(partition) => {
                let id = self.id(partition);
                assert!(!self.tasks.contains_key(&partition), "{id} was assigned twice");
                self.recovery.assigned(partition);
            }
            Event::Revoked(partition) => {
                self.set_aside(partition);
                self.tell_of_revocation(partition);
                if self.tasks.contains_key(&partition) {
                    self.flush().await?;
                }
                self.drop_task(partition, "it was given away");
                self.session.release(partition);
            }
            Event::Lost(partition) => {
                let task = self.tasks.get(&partition);
                let has_work = task.is_some_and(|it| it.is_in_flight() || it.totals().is_work());
                Probe::PartitionLost.hit();
                Probe::PartitionLostWithWork.hit_if(has_work);
                self.drop_task(partition, "it was lost to another owner");
            }
            Event::InputLost { partition, topic, position, start } => {
                Probe::InputLost.hit();
                let reason = format!(
                    "the records of {topic}/{partition} from {position} on were removed before they \
                     were read; the first one there is {start}: an operator must move the task on"
                );
                self.stop_task(partition, reason);
            }
        }
        Ok(())
    }

    /// Handles what was read, as far as the batch has room.
    fn read_on(&mut self) -> Result<(), Interrupt> {
        let Some(mut unread) = self.unread.take() else { return Ok(()) };
        let partition = unread.partition;
        let now = self.session.now();
        let others = self.tasks.iter().filter(|(of, _)| **of != partition);
        let others = others.map(|(_, task)| task.totals()).fold(Totals::default(), Totals::and);
        let Some(task) = self.tasks.get_mut(&partition) else { return Ok(()) };
        while !others.and(task.totals()).is_full(self.settings, now) {
            let Some(record) = unread.records.next() else { return Ok(()) };
            match task.handle(self.service, unread.topic, &record, now) {
                Ok(()) => {}
                Err(Halt::Newer(at, error)) => {
                    Probe::NewerRecordStoppedTask.hit();
                    let reason = format!("the record {at} cannot be read yet: {error}");
                    self.stop_task(partition, reason);
                    return Ok(());
                }
                Err(Halt::Fault(fault)) => return self.fail(partition, &fault.to_string()),
            }
        }
        Probe::BatchFull.hit();
        self.unread = Some(unread);
        Ok(())
    }

    /// How to wait for what comes next.
    fn wait(&self) -> Wait {
        let (now, totals) = (self.session.now(), self.totals());
        if self.is_committing {
            // The next batch is prepared in the meantime, as long as it has room.
            let full = self.unread.is_some() || totals.is_full(self.settings, now);
            return if full { Wait::Commit } else { Wait::Forever };
        }
        if totals.effects {
            return Wait::No;
        }
        let commit = totals.deadline(self.settings);
        let deadlines = [commit, self.next_timeout(now), self.recovery.next()];
        deadlines.into_iter().flatten().min().map_or(Wait::Forever, Wait::Until)
    }

    async fn restore(&mut self, partition: PartitionId) -> Result<(), Interrupt> {
        let id = self.id(partition);
        self.watch.task(id, TaskState::Restoring);
        let restored = self.session.restore(partition).await?;
        info!(task = %id, task_time = %restored.task_time, "restored");
        Probe::TaskRestoredAfterFailure.hit_if(self.recovery.has_failed(partition));
        self.recovery.restored(partition);
        self.tasks.insert(partition, Task::new(id, self.session.layout(), restored));
        self.watch.task(id, TaskState::Running);
        Ok(())
    }

    /// Commits what there is, and leaves.
    async fn leave(&mut self) -> Result<(), Interrupt> {
        info!("leaving");
        Probe::LeftWithWork.hit_if(self.totals().is_work());
        self.unread = None;
        match self.flush().await {
            Ok(()) => {}
            Err(Interrupt::Session(SessionError::Fatal(reason))) => {
                return Err(SessionError::Fatal(reason).into());
            }
            Err(interrupt) => warn!(?interrupt, "what is not committed is for others to do again"),
        }
        Ok(())
    }

    /// Stops a task with words. What it did before is still committed; others go on.
    fn stop_task(&mut self, partition: PartitionId, reason: String) {
        let id = self.id(partition);
        self.set_aside(partition);
        let Some(task) = self.tasks.get_mut(&partition) else { return };
        error!(task = %id, %reason, "the task has stopped");
        task.stop();
        self.session.park(partition);
        self.watch.task(id, TaskState::Stopped(reason.into()));
    }

    /// Drops a task that failed, with everything since its last commit, to restore it.
    fn fail(&mut self, partition: PartitionId, reason: &str) -> Result<(), Interrupt> {
        let task = self.id(partition);
        self.set_aside(partition);
        self.tasks.remove(&partition);
        self.session.park(partition);
        let times = self.recovery.failed(partition, self.session.now(), self.settings);
        Probe::TaskFailedAgain.hit_if(times > 1);
        self.watch.task(task, TaskState::Failed(reason.into()));
        if times >= self.settings.failures_max {
            let reason = reason.into();
            return Err(Interrupt::Failing(RunError::Failing { task, times, reason }));
        }
        warn!(%task, times, %reason, "the task failed: restoring it");
        Ok(())
    }

    /// Forgets a partition that is not ours any more.
    fn drop_task(&mut self, partition: PartitionId, why: &str) {
        let id = self.id(partition);
        info!(task = %id, "dropped, because {why}");
        self.set_aside(partition);
        self.recovery.gone(partition);
        self.tasks.remove(&partition);
        self.watch.task(id, TaskState::Gone);
    }

    /// Forgets records of a partition that have not been handled. Whoever reads it next gets them.
    fn set_aside(&mut self, partition: PartitionId) {
        let unread = self.unread.take_if(|unread| unread.partition == partition);
        Probe::UnreadSetAside.hit_if(unread.is_some());
    }

    fn tell_of_revocation(&self, partition: PartitionId) {
        let Some(task) = self.tasks.get(&partition) else {
            return Probe::PartitionRevokedUnrestored.hit();
        };
        let has_work = task.totals().is_work();
        Probe::PartitionRevokedWhileCommitting.hit_if(task.is_in_flight());
        Probe::PartitionRevokedWithWork.hit_if(has_work);
        Probe::PartitionRevokedIdle.hit_if(!has_work && !task.is_in_flight());
    }

    fn totals(&self) -> Totals {
        self.tasks.values().map(Task::totals).fold(Totals::default(), Totals::and)
    }

    fn id(&self, partition: PartitionId) -> TaskId {
        TaskId { service: self.service.spec().name, partition }
    }
}

impl<X: Session, S: Service + ?Sized> Drop for Worker<'_, X, S> {
    fn drop(&mut self) {
        let ours = self.tasks.keys().copied().chain(self.recovery.partitions());
        for partition in ours {
            self.watch.task(self.id(partition), TaskState::Gone);
        }
    }
}
