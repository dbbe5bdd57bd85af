//! The side of the services: a member of a service's consumer group that keeps to the laws.

use std::{
    collections::BTreeSet,
    fmt,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use futures_util::{FutureExt, StreamExt};
use tidelog_core::{
    Layout, Offset, PartitionId, Spec, Timestamp, Topic,
    port::{Commit, CommitOutcome, Event, Restored, Session, SessionError, Store, TaskId, Wait},
};

use super::{
    Home, Ordinal,
    commit::{Committer, Committing},
    ends,
    inputs::{End, Inputs},
    restore,
    snapshots::Owner,
};
use crate::client::{Cluster, Fetcher, GroupEvent, Member, TransactionalProducer};

/// A member of a service's consumer group, with a consumer and a transactional producer of its own.
pub struct SimSession<S: Store> {
    home: Rc<Home<S>>,
    owner: Owner,
    spec: &'static Spec,
    group: String,
    cluster: Cluster,
    /// The member's: it knows whom the group is coordinated by.
    membership: Cluster,
    member: Member,
    fetcher: Fetcher,
    committer: Committer,
    inputs: Inputs,
    readings: u64,
    committing: Option<Committing>,
    /// The partitions that are ours, as far as the runner has been told.
    assigned: BTreeSet<PartitionId>,
    /// What was released while a commit was under way that covers it.
    releasing: Vec<PartitionId>,
    over: Option<SessionError>,
    /// Which member of its process it is. The last to go: the next one of that number is then no other.
    _ordinal: Ordinal,
}

impl<S: Store> SimSession<S> {
    /// Joins the group of a service.
    pub(super) fn join(home: Rc<Home<S>>, spec: &'static Spec, ordinal: Ordinal) -> Self {
        let cluster = home.connect(spec, "consumer");
        let group = home.names.group(spec.name);
        let name = format!("{}-{}-{}", group, home.name, ordinal.number());
        let instance = home.settings.static_members.then(|| name.clone());
        let membership = home.connect(spec, "member");
        let member = Member::join(membership.clone(), group.clone(), instance);
        let fetcher = Fetcher::start(cluster.clone());
        let producing = home.connect(spec, "producer");
        let producer = TransactionalProducer::new(producing.clone(), name.into());
        let owner = home.owner();
        let committer =
            Committer::start(producing, producer, member.view(), Rc::clone(&home), owner, spec);
        Self {
            home,
            owner,
            spec,
            group,
            cluster,
            membership,
            member,
            fetcher,
            committer,
            inputs: Inputs::default(),
            readings: 0,
            committing: None,
            assigned: BTreeSet::new(),
            releasing: Vec::new(),
            over: None,
            _ordinal: ordinal,
        }
    }

    fn poll_next(
        &mut self,
        wait: Wait,
        timer: &mut Pin<Box<impl Future<Output = ()>>>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Event, SessionError>> {
        assert!(wait != Wait::Commit || self.committing.is_some(), "no commit is under way");
        if let Some(committing) = &mut self.committing
            && let Poll::Ready(outcome) = committing.outcome.poll_unpin(context)
        {
            let outcome = outcome.unwrap_or_else(|_| Err(self.reason()));
            return Poll::Ready(self.conclude(outcome));
        }
        if wait == Wait::Commit {
            return Poll::Pending;
        }
        if let Some(over) = &self.over {
            return Poll::Ready(Err(over.clone()));
        }
        while let Poll::Ready(Some(event)) = self.member.events.poll_next_unpin(context) {
            if let Some(event) = self.learn(event) {
                return Poll::Ready(event);
            }
        }
        while let Poll::Ready(Some(fetched)) = self.fetcher.fetched.poll_next_unpin(context) {
            if let Err(error) = self.inputs.take(fetched) {
                self.over = Some(error.clone());
                return Poll::Ready(Err(error));
            }
        }
        if let Some(taken) = self.inputs.next() {
            self.fetcher.consumed(taken.place, taken.bytes);
            return Poll::Ready(Ok(taken.event));
        }
        match wait {
            Wait::No => Poll::Ready(Ok(Event::Idle)),
            Wait::Until(_) => timer.as_mut().poll(context).map(|()| Ok(Event::Idle)),
            Wait::Forever | Wait::Commit => Poll::Pending,
        }
    }

    /// What the group's news means to the runner.
    fn learn(&mut self, event: GroupEvent) -> Option<Result<Event, SessionError>> {
        match event {
            GroupEvent::Assigned(partition) => {
                self.assigned.insert(partition);
                self.home.board.restoring(self.owner, self.task(partition));
                Some(Ok(Event::Assigned(partition)))
            }
            GroupEvent::Revoked(partition) => Some(Ok(Event::Revoked(partition))),
            GroupEvent::Over(error) => {
                self.over = Some(error.clone());
                Some(Err(error))
            }
        }
    }

    fn conclude(
        &mut self,
        outcome: Result<CommitOutcome, SessionError>,
    ) -> Result<Event, SessionError> {
        self.committing = None;
        for partition in std::mem::take(&mut self.releasing) {
            self.member.release(partition);
        }
        match outcome {
            Ok(outcome) => Ok(Event::Committed(outcome)),
            Err(error) => {
                self.over = Some(error.clone());
                Err(error)
            }
        }
    }

    fn reason(&self) -> SessionError {
        let ended = || SessionError::Lost("its producer has ended".into());
        self.over.clone().unwrap_or_else(ended)
    }

    fn task(&self, partition: PartitionId) -> TaskId {
        TaskId { service: self.spec.name, partition }
    }

    fn stop_reading(&mut self, partition: PartitionId) {
        self.inputs.forget(partition);
        for topic in self.spec.inputs {
            self.fetcher.stop((*topic, partition));
        }
    }
}

impl<S: Store> Session for SimSession<S> {
    type Tables = S::Tables;

    fn layout(&self) -> Layout {
        self.home.settings.layout
    }

    fn now(&self) -> Timestamp {
        self.cluster.wall()
    }

    async fn next(&mut self, wait: Wait) -> Result<Event, SessionError> {
        let until = match wait {
            Wait::Until(until) => until,
            Wait::No | Wait::Forever | Wait::Commit => Timestamp::MAX,
        };
        let mut timer = Box::pin(self.home.clock.sleep_until_wall(until));
        poll_fn(|context| self.poll_next(wait, &mut timer, context)).await
    }

    async fn restore(
        &mut self,
        partition: PartitionId,
    ) -> Result<Restored<S::Tables>, SessionError> {
        assert!(self.assigned.contains(&partition), "{} was not assigned", self.task(partition));
        self.stop_reading(partition);
        self.home.board.restoring(self.owner, self.task(partition));
        if let Some(over) = &self.over {
            return Err(over.clone());
        }
        // What is not known of the last commit is known once its producer has begun anew.
        let limit = self.cluster.after(self.home.settings.patience);
        let settled = self.cluster.before(limit, self.committer.settled()).await;
        settled
            .unwrap_or_else(|| Err(SessionError::Lost("its producer cannot begin anew".into())))?;
        let (store, group) = (&*self.home.store, &self.group);
        let asked = restore::Asked { coordinator: &self.membership, cluster: &self.cluster };
        let restored = restore::restore(asked, store, group, self.spec, partition).await?;
        self.home.board.restored(self.owner, self.task(partition), &restored.positions);
        for (topic, from) in &restored.positions {
            let place = (*topic, partition);
            self.readings += 1;
            self.inputs.read(place, self.readings, *from);
            self.fetcher.read(place, self.readings, *from);
        }
        Ok(restored)
    }

    async fn ends(&mut self, partition: PartitionId) -> Result<Vec<(Topic, Offset)>, SessionError> {
        let mut found = Vec::with_capacity(self.spec.inputs.len());
        for topic in self.spec.inputs {
            let place = (*topic, partition);
            let stable = ends::stable(&self.cluster, place).await?;
            while let Some(Some(fetched)) = self.fetcher.fetched.next().now_or_never() {
                self.inputs.take(fetched)?;
            }
            let end = match self.inputs.end(*topic, partition, stable) {
                End::Known(end) => end,
                End::After(known) => ends::look(&self.cluster, place, known, stable).await?,
            };
            found.push((*topic, end));
        }
        Ok(found)
    }

    fn begin_commit(&mut self, commit: Commit) {
        assert!(self.committing.is_none(), "a commit is under way");
        for task in &commit.tasks {
            let id = self.task(task.partition);
            assert!(self.assigned.contains(&task.partition), "{id} commits, and was not assigned");
        }
        self.home.board.committing(self.owner, self.spec.name, &commit.tasks);
        self.committing = Some(self.committer.begin(commit));
    }

    fn release(&mut self, partition: PartitionId) {
        self.stop_reading(partition);
        if !self.assigned.remove(&partition) {
            return;
        }
        self.home.board.gone(self.owner, self.task(partition));
        match &self.committing {
            Some(committing) if committing.covers(partition) => self.releasing.push(partition),
            Some(_) | None => self.member.release(partition),
        }
    }

    fn park(&mut self, partition: PartitionId) {
        self.inputs.park(partition);
    }
}

impl<S: Store> Drop for SimSession<S> {
    fn drop(&mut self) {
        self.home.board.all_gone(self.owner);
    }
}

impl<S: Store> fmt::Debug for SimSession<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimSession({}, {:?})", self.spec.name, self.assigned)
    }
}
