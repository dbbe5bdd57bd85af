//! The thread of a session: one consumer, one transactional producer, and the partitions that are
//! theirs.
//!
//! Every call of librdkafka that may block is made here, or by the [`Restorer`]. The thread sleeps until
//! there is a record, something about the group, or a command.

mod commit;
mod group;
mod joining;
mod leaving;
mod link;
mod producer;
mod reading;

pub(crate) use group::GroupConsumer;
pub(crate) use joining::start;
pub(crate) use link::{Command, Credit, Link};
pub(crate) use producer::end_transactions;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, mpsc},
    task::Waker,
    thread,
    time::{Duration, Instant},
};

use futures_channel::{mpsc as told, oneshot};
use rdkafka::consumer::stream_consumer::MessageStream;
use tidelog_core::{
    PartitionId, Spec, Topic,
    port::{LogId, Restored, SessionError, Store, StoreError, TaskId},
};
use tracing::{info, warn};

use self::{
    commit::Pending,
    group::{Group, GroupContext, Holding},
    producer::TransactionalProducer,
    reading::Reader,
};
use crate::{
    Settings,
    leases::SessionNumber,
    restorer::{Caught, Restorer, store_failed},
    session::Told,
    storer::Storer,
    tables::{KafkaTables, Unstored},
    transport::Shared,
};

/// How long the thread sleeps at most.
const NAP: Duration = Duration::from_millis(200);

/// A member of a group at work.
struct Member<'a, S: Store> {
    settings: Settings,
    spec: &'static Spec,
    /// The inputs by their names on the broker.
    topics: BTreeMap<String, Topic>,
    /// The names of all topics of the service.
    names: BTreeMap<Topic, String>,
    name: String,
    session: SessionNumber,
    consumer: &'a GroupConsumer,
    stream: MessageStream<'a, GroupContext>,
    waker: Waker,
    producer: TransactionalProducer,
    group: Group,
    restorer: Restorer,
    shared: Arc<Shared<S>>,
    storer: Storer,
    /// What shows the rows of restored tasks that are not in the store yet.
    unstored: BTreeMap<PartitionId, Arc<Unstored>>,
    /// What the changelogs of restored tasks are.
    logs: BTreeMap<PartitionId, LogId>,
    tell: told::UnboundedSender<Told>,
    credit: Arc<Credit>,
    /// The partitions that are read.
    readers: BTreeMap<PartitionId, Reader>,
    /// Who waits for partitions that are being restored, by ticket.
    restoring: BTreeMap<u64, Restoring<S::Tables>>,
    /// How many commits have begun.
    commits: u64,
    /// The commit under way.
    commit: Option<Pending>,
    /// Commands that wait for its end.
    deferred: VecDeque<Command<S::Tables>>,
    /// When it was last told what keeps reading waiting.
    troubled_at: Option<Instant>,
    /// Since when the runner has not taken what was read.
    full_since: Option<Instant>,
    /// Whether the broker is not asked for records, because of that.
    is_held_back: bool,
    is_over: bool,
}

struct Restoring<T> {
    partition: PartitionId,
    reply: oneshot::Sender<Result<Restored<KafkaTables<T>>, SessionError>>,
}

impl<S: Store> Member<'_, S> {
    /// Works until it is told to leave.
    fn work(&mut self, commands: &mpsc::Receiver<Command<S::Tables>>) {
        loop {
            if self.commit.is_none()
                && let Some(command) = self.deferred.pop_front()
            {
                self.take(command);
                continue;
            }
            match commands.try_recv() {
                Ok(Command::Leave) | Err(mpsc::TryRecvError::Disconnected) => return,
                Ok(command) => {
                    self.take(command);
                    continue;
                }
                Err(mpsc::TryRecvError::Empty) => {}
            }
            self.look_at_store();
            let commit_again = self.try_commit_again();
            let has_read = !self.is_over && self.read();
            self.take_news();
            if !has_read {
                thread::park_timeout(commit_again.unwrap_or(NAP).min(NAP));
            }
        }
    }

    fn take(&mut self, command: Command<S::Tables>) {
        match command {
            Command::Restore { .. } if self.commit.is_some() => self.deferred.push_back(command),
            Command::Restore { partition, ticket, reply } => {
                self.stop_reading(partition);
                self.shared.board.restoring(self.session, self.task(partition));
                // It is to find its last commit in the store.
                self.storer.wait();
                self.restoring.insert(ticket, Restoring { partition, reply });
                self.restorer.restore(partition, ticket);
            }
            Command::Restored { ticket, outcome } => {
                if let Some(restoring) = self.restoring.remove(&ticket) {
                    self.restored(ticket, restoring, outcome);
                }
            }
            Command::StoreFailed(error) => self.end(store_failed(&error)),
            Command::Ends { partition, reply } => self.restorer.ends(partition, reply),
            Command::Commit(commit) => self.begin_commit(commit),
            Command::Release(partition) => {
                self.stop_reading(partition);
                self.storer.wait();
                self.unstored.remove(&partition);
                self.logs.remove(&partition);
                self.shared.gave(self.session, self.task(partition));
                self.group.release(partition, self.consumer);
            }
            Command::Park(partition) => self.stop_reading(partition),
            Command::Leave => {}
        }
    }

    /// Goes on reading where a partition was restored to, unless it has gone in the meantime.
    fn restored(
        &mut self,
        ticket: u64,
        Restoring { partition, reply }: Restoring<S::Tables>,
        outcome: Result<Caught<S::Tables>, SessionError>,
    ) {
        let outcome = outcome.and_then(|Caught { restored, starts, log }| {
            let positions = &restored.positions;
            let is_newest = !self.restoring.values().any(|later| later.partition == partition);
            if !reply.is_canceled() && is_newest && self.group.keeps(partition) {
                self.shared.took(self.session, &self.name, self.task(partition), positions);
                let gone = positions.iter().zip(starts).find(|((_, next), start)| next < start);
                match gone {
                    None => self.start_reading(partition, ticket, positions)?,
                    Some(((topic, position), start)) => self.tell(Told::InputLost {
                        ticket,
                        partition,
                        topic: *topic,
                        position: *position,
                        start,
                    }),
                }
            }
            let Restored { tables, positions, task_time } = restored;
            let unstored = Arc::<Unstored>::default();
            self.unstored.insert(partition, Arc::clone(&unstored));
            self.logs.insert(partition, log);
            Ok(Restored { tables: KafkaTables::new(tables, unstored), positions, task_time })
        });
        // Nobody may wait any more.
        drop(reply.send(outcome));
    }

    /// Tells the runner what the group has given and taken.
    fn take_news(&mut self) {
        while let Some(news) = self.group.next_news() {
            match news {
                group::News::Assigned(partitions) => {
                    for partition in partitions {
                        self.group.set(partition, Holding::Held);
                        self.shared.board.restoring(self.session, self.task(partition));
                        self.tell(Told::Assigned(partition));
                    }
                    self.shared.roll.answer(self.session, self.spec.name);
                }
                group::News::Revoked(partitions) => {
                    info!(service = %self.spec.name, ?partitions, "partitions are to be given away");
                    for partition in partitions {
                        self.group.set(partition, Holding::Revoked);
                        self.tell(Told::Revoked(partition));
                    }
                }
                group::News::Lost(partitions) => {
                    self.shared.roll.over(self.session);
                    warn!(service = %self.spec.name, ?partitions, "partitions were lost");
                    for partition in partitions {
                        self.stop_reading(partition);
                        self.group.set(partition, Holding::Lost);
                        self.shared.gave(self.session, self.task(partition));
                        self.tell(Told::Lost(partition));
                    }
                }
                group::News::Failed(reason) => self.end(SessionError::Lost(reason)),
            }
        }
    }

    fn tell(&self, told: Told) {
        // Nobody may listen any more.
        drop(self.tell.unbounded_send(told));
    }

    /// Ends a session that has tables of a store that was found to be damaged, whoever found it. Another
    /// one begins the store anew, which nobody may read from then.
    fn look_at_store(&mut self) {
        if !self.is_over
            && !self.unstored.is_empty()
            && let Some(damage) = self.shared.store.damage()
        {
            self.end(store_failed(&StoreError::Damaged(damage)));
        }
    }

    /// Ends the session, as far as the runner is concerned.
    fn end(&mut self, error: SessionError) {
        if !self.is_over {
            self.is_over = true;
            self.shared.gave_all(self.session);
            self.tell(Told::Over(error));
        }
    }

    fn task(&self, partition: PartitionId) -> TaskId {
        TaskId { service: self.spec.name, partition }
    }
}
