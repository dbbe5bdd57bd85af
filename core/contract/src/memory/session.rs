//! The side of the services.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    future::poll_fn,
    task::{Context, Poll},
};

use tidelog_core::{
    Layout, Offset, PartitionId, Spec, Timestamp, Topic,
    port::{Commit, Event, Records, Restored, Session, SessionError, TaskId, Wait},
};

use super::{
    Memory, commit::Committing, control::Fate, flaw::Flaw, group::News, tables::MemoryTables,
    world::World,
};

/// A member of a service's group.
pub struct MemorySession {
    memory: Memory,
    spec: &'static Spec,
    member: u64,
    epochs: BTreeMap<PartitionId, u64>,
    reading: BTreeMap<PartitionId, Reading>,
    /// Whose turn it is to be read, so that no input starves.
    turns: VecDeque<(PartitionId, Topic)>,
    committing: Option<Committing>,
    over: bool,
}

#[derive(Debug, Default)]
struct Reading {
    positions: BTreeMap<Topic, Offset>,
    parked: bool,
}

impl MemorySession {
    pub(super) fn join(memory: Memory, spec: &'static Spec) -> Self {
        let mut world = memory.world();
        world.controls.joins += 1;
        let two_owners = world.has(Flaw::HasTwoOwners);
        let member = world.group(spec.name).join(two_owners);
        world.wake();
        drop(world);
        Self {
            memory,
            spec,
            member,
            epochs: BTreeMap::new(),
            reading: BTreeMap::new(),
            turns: VecDeque::new(),
            committing: None,
            over: false,
        }
    }

    fn poll_next(
        &mut self,
        wait: Wait,
        context: &Context<'_>,
    ) -> Poll<Result<Event, SessionError>> {
        let memory = self.memory.clone();
        let mut world = memory.world();
        if let Some(committing) = self.committing.take_if(|it| it.due <= world.now) {
            let outcome = committing.conclude(&mut world, self.spec.name, self.member);
            self.over |= outcome.is_err();
            return Poll::Ready(outcome.map(Event::Committed));
        }
        let for_commit = wait == Wait::Commit;
        assert!(!for_commit || self.committing.is_some(), "there is no commit to wait for");
        if (!for_commit || world.has(Flaw::GivesRecordsWhileCommitting))
            && let Some(event) = self.happened(&mut world)
        {
            return Poll::Ready(event);
        }
        let due = self.committing.as_ref().map(|committing| committing.due);
        let until = match wait {
            Wait::No => return Poll::Ready(Ok(Event::Idle)),
            Wait::Until(_) if world.has(Flaw::DoesNotWait) => return Poll::Ready(Ok(Event::Idle)),
            Wait::Until(until) if until <= world.now => return Poll::Ready(Ok(Event::Idle)),
            Wait::Until(until) => Some(due.map_or(until, |due| due.min(until))),
            Wait::Forever | Wait::Commit => due,
        };
        world.wait(context.waker(), until);
        Poll::Pending
    }

    /// What there is to tell, apart from the outcome of a commit.
    fn happened(&mut self, world: &mut World) -> Option<Result<Event, SessionError>> {
        if self.over || !world.group(self.spec.name).is_member(self.member) {
            self.over = true;
            return Some(Err(SessionError::Lost("the group goes on without this member".into())));
        }
        if let Some(news) = world.group(self.spec.name).news(self.member) {
            return Some(Ok(self.learn(world, news)));
        }
        self.read(world).map(Ok)
    }

    fn learn(&mut self, world: &World, news: News) -> Event {
        match news {
            News::Assigned(partition, epoch) => {
                self.epochs.insert(partition, epoch);
                if world.has(Flaw::ReadsBeforeRestoring) {
                    self.read_on(world, partition);
                }
                Event::Assigned(partition)
            }
            News::Revoked(partition) => Event::Revoked(partition),
            News::Lost(partition) => {
                self.forget(partition);
                Event::Lost(partition)
            }
        }
    }

    /// The records whose turn it is.
    fn read(&mut self, world: &mut World) -> Option<Event> {
        let (limit, backwards) = (world.controls.records_max, world.has(Flaw::ReadsBackwards));
        for _ in 0..self.turns.len() {
            self.turns.rotate_left(1);
            let (partition, topic) = *self.turns.back()?;
            let Some(reading) = self.reading.get_mut(&partition).filter(|it| !it.parked) else {
                continue;
            };
            let position = reading.positions.entry(topic).or_default();
            let log = world.log(topic, partition);
            let start = log.start;
            let mut records = log.read(*position, limit);
            if *position < start && !world.has(Flaw::SkipsWhatIsGone) {
                reading.parked = true;
                return Some(Event::InputLost { partition, topic, position: *position, start });
            }
            let Some(last) = records.last() else { continue };
            *position = last.offset.next();
            if backwards {
                records.reverse();
            }
            world.now = world.now.plus(world.controls.tick);
            return Some(Event::Records(Records { topic, partition, records }));
        }
        None
    }

    fn read_on(&mut self, world: &World, partition: PartitionId) {
        let id = TaskId { service: self.spec.name, partition };
        let stored = world.stored.get(&id).cloned().unwrap_or_default();
        let position = |topic| stored.positions.get(topic).copied().unwrap_or_default();
        let positions = self.spec.inputs.iter().map(|topic| (*topic, position(topic))).collect();
        self.reading.insert(partition, Reading { positions, parked: false });
        self.turns.retain(|(turn, _)| *turn != partition);
        self.turns.extend(self.spec.inputs.iter().map(|topic| (partition, *topic)));
    }

    fn forget(&mut self, partition: PartitionId) {
        self.epochs.remove(&partition);
        self.reading.remove(&partition);
        self.turns.retain(|(turn, _)| *turn != partition);
    }
}

impl Session for MemorySession {
    type Tables = MemoryTables;

    fn layout(&self) -> Layout {
        self.memory.world().layout
    }

    fn now(&self) -> Timestamp {
        self.memory.time()
    }

    async fn next(&mut self, wait: Wait) -> Result<Event, SessionError> {
        let event = poll_fn(|context| self.poll_next(wait, context)).await;
        if self.memory.world().has(Flaw::LosesWhatADroppedNextTook) {
            let mut yielded = false;
            poll_fn(|context| {
                context.waker().wake_by_ref();
                if std::mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
        event
    }

    async fn restore(
        &mut self,
        partition: PartitionId,
    ) -> Result<Restored<MemoryTables>, SessionError> {
        let world = self.memory.clone();
        let world = world.world();
        let id = TaskId { service: self.spec.name, partition };
        let stored = world.stored.get(&id).cloned().unwrap_or_default();
        assert!(self.epochs.contains_key(&partition), "{id} was not assigned");
        if !(world.has(Flaw::DoesNotTurnBack) && self.reading.contains_key(&partition)) {
            self.read_on(&world, partition);
        }
        drop(world);
        let position = |topic| stored.positions.get(topic).copied().unwrap_or_default();
        Ok(Restored {
            tables: MemoryTables::new(self.memory.clone(), id),
            positions: self.spec.inputs.iter().map(|topic| (*topic, position(topic))).collect(),
            task_time: stored.task_time,
        })
    }

    async fn ends(&mut self, partition: PartitionId) -> Result<Vec<(Topic, Offset)>, SessionError> {
        let mut world = self.memory.world();
        let inputs = self.spec.inputs.iter();
        Ok(inputs.map(|topic| (*topic, world.log(*topic, partition).end)).collect())
    }

    fn begin_commit(&mut self, commit: Commit) {
        assert!(self.committing.is_none(), "a commit is under way");
        let mut world = self.memory.world();
        let fate = world.controls.fates.pop_front().unwrap_or(Fate::Committed);
        let sends = commit.tasks.iter().flat_map(|task| &task.sends);
        if world.has(Flaw::ShowsCommitsUnderWay)
            || (world.has(Flaw::AppendsWhatWasRejected)
                && !world.group(self.spec.name).is_member(self.member))
        {
            world.send(sends);
        }
        let partitions = commit.tasks.iter().map(|task| task.partition);
        let epochs = partitions.map(|it| (it, self.epochs.get(&it).copied().unwrap_or(0)));
        let due = world.now.plus(world.controls.commit_time);
        self.committing = Some(Committing { epochs: epochs.collect(), commit, fate, due });
    }

    fn release(&mut self, partition: PartitionId) {
        let Some(epoch) = self.epochs.get(&partition).copied() else { return };
        self.forget(partition);
        let mut world = self.memory.world();
        world.group(self.spec.name).release(self.member, partition, epoch);
        world.wake();
    }

    fn park(&mut self, partition: PartitionId) {
        let reads_on = self.memory.world().has(Flaw::ReadsParked);
        if let Some(reading) = self.reading.get_mut(&partition).filter(|_| !reads_on) {
            reading.parked = true;
        }
    }
}

impl Drop for MemorySession {
    fn drop(&mut self) {
        let mut world = self.memory.world();
        let keeps = world.has(Flaw::KeepsPartitionsOfTheGone);
        world.group(self.spec.name).leave(self.member, keeps);
        world.wake();
    }
}

impl fmt::Debug for MemorySession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemorySession({}, member {})", self.spec.name, self.member)
    }
}
