//! The thread of a session: one consumer, one transactional producer, and the partitions that are
//! theirs.
//!
//! Every call of librdkafka that may block is made here, or by the [`Restorer`]. The thread sleeps until
//! there is a record, something about the group, or a command.

mod commit;
mod group;
mod producer;
mod reading;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::{Wake, Waker},
    thread::{self, JoinHandle, Thread},
    time::{Duration, Instant},
};

use futures_channel::{mpsc as told, oneshot};
use rdkafka::consumer::{Consumer, stream_consumer::MessageStream};
use tidelog_core::{
    PartitionId, Spec, Topic,
    port::{Commit, Restored, SessionError, Store, TaskId},
};
use tracing::{info, warn};

use self::{
    commit::Pending,
    group::{Group, GroupConsumer, GroupContext, Holding},
    producer::TransactionalProducer,
    reading::Reader,
};
use crate::{
    Leaving, Settings,
    error::session_error,
    leases::{Leased, SessionNumber},
    restorer::{Caught, Ends, Restorer},
    session::Told,
    topics,
    transport::{Ordinal, Shared},
};

/// How long the thread sleeps at most.
const NAP: Duration = Duration::from_millis(200);

/// Bytes of records that have been read and that the runner has not taken yet.
const UNTAKEN_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What a session wants of its thread.
pub(crate) enum Command<T> {
    Restore {
        partition: PartitionId,
        ticket: u64,
        reply: oneshot::Sender<Result<Restored<T>, SessionError>>,
    },
    /// The restorer has done what it was asked for.
    Restored {
        ticket: u64,
        outcome: Result<Caught<T>, SessionError>,
    },
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

    fn take(&self, bytes: usize) {
        self.untaken_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn is_exhausted(&self) -> bool {
        self.untaken_bytes.load(Ordering::Relaxed) >= UNTAKEN_BYTES_MAX
    }
}

/// A thread that has been started.
pub(crate) struct Started<T> {
    pub(crate) link: Link<T>,
    pub(crate) thread: JoinHandle<()>,
    pub(crate) told: told::UnboundedReceiver<Told>,
    pub(crate) credit: Arc<Credit>,
    /// Whether it has come so far that the group can give it partitions.
    pub(crate) joined: oneshot::Receiver<Result<(), SessionError>>,
}

/// Starts the thread of a session.
pub(crate) fn start<S: Store>(
    shared: Arc<Shared<S>>,
    spec: &'static Spec,
) -> Result<Started<S::Tables>, SessionError> {
    let (commands, received) = mpsc::channel();
    let (tell, told) = told::unbounded();
    let (joined, is_joined) = oneshot::channel();
    let credit = Arc::new(Credit::default());
    let own = Arc::clone(&credit);
    let to_self = commands.clone();
    let run = move || {
        let ordinal = Ordinal::take(&shared, spec.name);
        let name = shared.settings.member(spec.name, ordinal.number);
        let equipment = Equipment { shared, spec, name, tell, credit: own, to_self };
        equipment.run(&received, joined);
        drop(ordinal);
    };
    let thread = thread::Builder::new().name(format!("kafka-{}", spec.name)).spawn(run);
    let thread = thread.map_err(|error| SessionError::Lost(error.to_string().into()))?;
    let link = Link { commands, thread: thread.thread().clone() };
    Ok(Started { link, thread, told, credit, joined: is_joined })
}

/// What the thread is given.
struct Equipment<S: Store> {
    shared: Arc<Shared<S>>,
    spec: &'static Spec,
    name: String,
    tell: told::UnboundedSender<Told>,
    credit: Arc<Credit>,
    to_self: mpsc::Sender<Command<S::Tables>>,
}

impl<S: Store> Equipment<S> {
    fn run(
        self,
        commands: &mpsc::Receiver<Command<S::Tables>>,
        joined: oneshot::Sender<Result<(), SessionError>>,
    ) {
        let (tell_news, news) = mpsc::channel();
        let settings = &self.shared.settings;
        let context = GroupContext::new(settings, self.spec, tell_news);
        let config = settings.member_consumer(self.spec.name, &self.name);
        let consumer: GroupConsumer = match config.create_with_context(context) {
            Ok(consumer) => consumer,
            Err(error) => {
                return drop(joined.send(Err(session_error("a consumer", &error))));
            }
        };
        match self.join(&consumer, news) {
            Ok(mut member) => {
                if joined.send(Ok(())).is_ok() {
                    member.work(commands);
                }
                member.leave();
            }
            Err(error) => drop(joined.send(Err(error))),
        }
    }

    /// Ends what a predecessor has left open, and asks the group for partitions.
    fn join<'a>(
        &self,
        consumer: &'a GroupConsumer,
        news: mpsc::Receiver<group::News>,
    ) -> Result<Member<'a, S>, SessionError> {
        let settings = self.shared.settings.clone();
        check_topics(&settings, self.spec, consumer)?;
        let producer = TransactionalProducer::init(&settings, &self.name)?;
        let session = self.shared.session_number();
        let (to_self, this) = (self.to_self.clone(), thread::current());
        let restorer = Restorer::start(
            &settings,
            self.spec,
            Arc::clone(&self.shared.store),
            session,
            move |ticket, outcome| {
                // The thread may have ended in the meantime.
                drop(to_self.send(Command::Restored { ticket, outcome }));
                this.unpark();
            },
        )?;
        // The group shares out the partitions of one input; those of the others go with them.
        let first = settings.topic(self.spec.inputs[0]);
        consumer.subscribe(&[&first]).map_err(|error| session_error("subscribing", &error))?;
        let topics = self.spec.inputs.iter().map(|topic| (settings.topic(*topic), *topic));
        Ok(Member {
            topics: topics.collect(),
            group: Group::new(news),
            stream: consumer.stream(),
            waker: Waker::from(Arc::new(Unpark(thread::current()))),
            spec: self.spec,
            name: self.name.clone(),
            tell: self.tell.clone(),
            credit: Arc::clone(&self.credit),
            store: Arc::clone(&self.shared.store),
            readers: BTreeMap::new(),
            restoring: BTreeMap::new(),
            commit: None,
            deferred: VecDeque::new(),
            full_since: None,
            is_held_back: false,
            is_over: false,
            settings,
            session,
            consumer,
            producer,
            restorer,
        })
    }
}

/// A member of a group at work.
struct Member<'a, S: Store> {
    settings: Settings,
    spec: &'static Spec,
    /// The inputs by their names on the broker.
    topics: BTreeMap<String, Topic>,
    name: String,
    session: SessionNumber,
    consumer: &'a GroupConsumer,
    stream: MessageStream<'a, GroupContext>,
    waker: Waker,
    producer: TransactionalProducer,
    group: Group,
    restorer: Restorer,
    store: Arc<Leased<S>>,
    tell: told::UnboundedSender<Told>,
    credit: Arc<Credit>,
    /// The partitions that are read.
    readers: BTreeMap<PartitionId, Reader>,
    /// Who waits for partitions that are being restored, by ticket.
    restoring: BTreeMap<u64, Restoring<S::Tables>>,
    /// The commit under way.
    commit: Option<Pending>,
    /// Commands that wait for its end.
    deferred: VecDeque<Command<S::Tables>>,
    /// Since when the runner has not taken what was read.
    full_since: Option<Instant>,
    /// Whether the broker is not asked for records, because of that.
    is_held_back: bool,
    is_over: bool,
}

struct Restoring<T> {
    partition: PartitionId,
    reply: oneshot::Sender<Result<Restored<T>, SessionError>>,
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
                self.restoring.insert(ticket, Restoring { partition, reply });
                self.restorer.restore(partition, ticket);
            }
            Command::Restored { ticket, outcome } => {
                if let Some(restoring) = self.restoring.remove(&ticket) {
                    self.restored(ticket, restoring, outcome);
                }
            }
            Command::Ends { partition, reply } => self.restorer.ends(partition, reply),
            Command::Commit(commit) => self.begin_commit(commit),
            Command::Release(partition) => {
                self.stop_reading(partition);
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
        let outcome = outcome.and_then(|Caught { restored, starts }| {
            let positions = &restored.positions;
            let is_newest = !self.restoring.values().any(|later| later.partition == partition);
            if !reply.is_canceled() && is_newest && self.group.holds(partition) {
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
            Ok(restored)
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
                        self.tell(Told::Assigned(partition));
                    }
                }
                group::News::Revoked(partitions) => {
                    info!(service = %self.spec.name, ?partitions, "partitions are to be given away");
                    for partition in partitions {
                        self.group.set(partition, Holding::Revoked);
                        self.tell(Told::Revoked(partition));
                    }
                }
                group::News::Lost(partitions) => {
                    warn!(service = %self.spec.name, ?partitions, "partitions were lost");
                    for partition in partitions {
                        self.stop_reading(partition);
                        self.group.set(partition, Holding::Lost);
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

    /// Ends the session, as far as the runner is concerned.
    fn end(&mut self, error: SessionError) {
        if !self.is_over {
            self.is_over = true;
            self.tell(Told::Over(error));
        }
    }

    fn task(&self, partition: PartitionId) -> TaskId {
        TaskId { service: self.spec.name, partition }
    }

    /// Leaves the group, if that is wanted.
    fn leave(&mut self) {
        self.consumer.context().leave();
        if self.settings.leaving == Leaving::AtOnce {
            self.consumer.unsubscribe();
            self.group.release_all(self.consumer);
            self.wait_until_left();
        }
    }

    /// A member of a fixed name leaves by unsubscribing, and only if it is then left the time for it.
    fn wait_until_left(&mut self) {
        let deadline = Instant::now() + self.settings.request_timeout.min(LEFT_WITHIN);
        let group = self.settings.group(self.spec.name);
        while Instant::now() < deadline {
            self.serve();
            match self.consumer.fetch_group_list(Some(&group), LEFT_WITHIN) {
                Ok(groups) => {
                    let members = groups.groups().iter().flat_map(|group| group.members());
                    let prefix = format!("{}-", self.name);
                    if !members.map(|member| member.id()).any(|id| id.starts_with(&prefix)) {
                        return;
                    }
                }
                Err(error) => return warn!(%error, "it is not known whether the group was left"),
            }
            thread::sleep(Duration::from_millis(5));
        }
        warn!(member = self.name, "the group was not left in time: its session will time out");
    }
}

/// How long leaving the group may take.
const LEFT_WITHIN: Duration = Duration::from_secs(2);

/// Wakes the thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Makes sure that the service's topics are there, with the partitions that they are to have.
fn check_topics(
    settings: &Settings,
    spec: &'static Spec,
    consumer: &GroupConsumer,
) -> Result<(), SessionError> {
    let metadata = consumer.fetch_metadata(None, settings.request_timeout);
    let metadata = metadata.map_err(|error| session_error("the topics", &error))?;
    for topic in topics::of_service(spec) {
        let name = settings.topic(topic);
        let wanted = settings.layout.partitions() as usize;
        let found = metadata.topics().iter().find(|topic| topic.name() == name);
        let found = found.map_or(0, |topic| topic.partitions().len());
        if found == 0 {
            return Err(SessionError::Lost(format!("there is no topic {name}: create it").into()));
        }
        if found != wanted {
            let reason = format!(
                "{name} has {found} partition(s) instead of {wanted}: this can never be changed, so set \
                 the number of partitions to {found}, or use another prefix"
            );
            return Err(SessionError::Fatal(reason.into()));
        }
    }
    Ok(())
}
