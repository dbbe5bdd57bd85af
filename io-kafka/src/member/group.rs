//! What the group gives and takes.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::{Pending, pending},
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext, StreamConsumer},
    error::{KafkaError, KafkaResult},
    types::RDKafkaRespErr,
    util::AsyncRuntime,
};
use tidelog_core::{PartitionId, Spec};

use crate::{Settings, context, record};

/// How long a consumer that is being dropped takes at most, if nobody has to be answered.
const CLOSES_WITHIN: Duration = Duration::from_secs(1);

/// How long it is waited before it is looked again whether it is over.
const CLOSED_POLL: Duration = Duration::from_millis(1);

/// A consumer that wakes the thread when it has something.
pub(crate) type GroupConsumer = StreamConsumer<GroupContext, NoTasks>;

/// News of the group.
#[derive(Debug)]
pub(super) enum News {
    Assigned(Vec<PartitionId>),
    /// To be given away as soon as they have been released.
    Revoked(Vec<PartitionId>),
    /// Gone already.
    Lost(Vec<PartitionId>),
    /// The group cannot be a member of any more.
    Failed(Box<str>),
}

/// How a partition is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holding {
    Held,
    /// It is to go, and waits to be released.
    Revoked,
    /// It has gone, which the runner has not taken note of.
    Lost,
}

/// The partitions of a member.
pub(super) struct Group {
    news: mpsc::Receiver<News>,
    holdings: BTreeMap<PartitionId, Holding>,
    /// Those that are to go, until all of them have been released.
    leaving: Vec<PartitionId>,
}

impl Group {
    pub(super) fn new(news: mpsc::Receiver<News>) -> Self {
        Self { news, holdings: BTreeMap::new(), leaving: Vec::new() }
    }

    pub(super) fn next_news(&self) -> Option<News> {
        self.news.try_recv().ok()
    }

    pub(super) fn set(&mut self, partition: PartitionId, holding: Holding) {
        self.holdings.insert(partition, holding);
        match holding {
            Holding::Held => {}
            Holding::Revoked | Holding::Lost => self.leaving.push(partition),
        }
    }

    /// Whether the partition is ours, and is to stay so, as far as we know.
    pub(super) fn keeps(&self, partition: PartitionId) -> bool {
        self.holdings.get(&partition) == Some(&Holding::Held)
    }

    /// Whether the partition is ours, as far as we know.
    pub(super) fn holds(&self, partition: PartitionId) -> bool {
        matches!(self.holdings.get(&partition), Some(Holding::Held | Holding::Revoked))
    }

    /// Takes note that nobody uses a partition any more that is to go. The group is answered once that
    /// holds for all that it took at once; only then does it go on, and give us others.
    pub(super) fn release(&mut self, partition: PartitionId, consumer: &GroupConsumer) {
        if !self.leaving.contains(&partition) {
            return;
        }
        self.holdings.remove(&partition);
        if self.leaving.iter().all(|it| !self.holdings.contains_key(it)) {
            self.answer(consumer);
        }
    }

    /// Takes note that nobody uses any partition any more, whatever the group has said of them by now.
    pub(super) fn release_all(&mut self, consumer: &GroupConsumer) {
        while let Some(news) = self.next_news() {
            match news {
                News::Revoked(partitions) | News::Lost(partitions) => {
                    self.leaving.extend(partitions);
                }
                News::Assigned(_) | News::Failed(_) => {}
            }
        }
        self.holdings.clear();
        if !self.leaving.is_empty() {
            self.answer(consumer);
        }
    }

    fn answer(&mut self, consumer: &GroupConsumer) {
        let gone = std::mem::take(&mut self.leaving);
        consumer.context().unassign(consumer, &gone);
    }
}

/// Answers the group, or has the member do it later.
pub(crate) struct GroupContext {
    /// The inputs of the service. The group knows of the first alone.
    inputs: Vec<String>,
    news: mpsc::Sender<News>,
    is_leaving: AtomicBool,
    is_closing: AtomicBool,
    /// The partitions that are fetched. Only the thread of the session asks for them.
    fetched: Mutex<BTreeSet<PartitionId>>,
}

impl GroupContext {
    pub(super) fn new(settings: &Settings, spec: &Spec, news: mpsc::Sender<News>) -> Self {
        let inputs = spec.inputs.iter().map(|topic| settings.topic(*topic)).collect();
        let (is_leaving, is_closing) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { inputs, news, is_leaving, is_closing, fetched: Mutex::default() }
    }

    /// From now on what is to go goes at once.
    pub(super) fn leave(&self) {
        self.is_leaving.store(true, Ordering::Relaxed);
    }

    /// From now on the consumer is dropped, which is left already or not at all.
    pub(super) fn close(&self) {
        self.leave();
        self.is_closing.store(true, Ordering::Relaxed);
    }

    /// Takes note of partitions. They are fetched from when they have been restored.
    fn assign(&self, consumer: &BaseConsumer<Self>) {
        let none = TopicPartitionList::new();
        self.report(consumer.incremental_assign(&none));
    }

    /// Begins to fetch a partition of all inputs, each from a place of its own. Says whether it is new.
    ///
    /// A place is never told as the start or the end: if anything else about the partition is changed
    /// before such a one has been looked up, librdkafka looks it up again half a second later, and turns
    /// to it whatever has been read by then.
    pub(super) fn fetch(
        &self,
        consumer: &GroupConsumer,
        partition: PartitionId,
        list: &TopicPartitionList,
    ) -> KafkaResult<bool> {
        if !self.fetched().insert(partition) {
            return Ok(false);
        }
        consumer.incremental_assign(list)?;
        Ok(true)
    }

    fn unassign<C: Consumer<Self>>(&self, consumer: &C, partitions: &[PartitionId]) {
        let mut list = TopicPartitionList::new();
        let mut fetched = self.fetched();
        for partition in partitions.iter().filter(|partition| fetched.remove(partition)) {
            for topic in &self.inputs {
                list.add_partition(topic, record::number(*partition));
            }
        }
        self.report(consumer.incremental_unassign(&list));
    }

    fn fetched(&self) -> MutexGuard<'_, BTreeSet<PartitionId>> {
        self.fetched.lock().expect("nothing that can panic is done under this lock")
    }

    fn report(&self, outcome: KafkaResult<()>) {
        if let Err(error) = outcome
            && !self.is_leaving.load(Ordering::Relaxed)
        {
            self.tell(News::Failed(format!("the group cannot be answered: {error}").into()));
        }
    }

    fn tell(&self, news: News) {
        // Nobody may listen any more.
        drop(self.news.send(news));
    }
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        context::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        context::global_error(&error, reason);
    }
}

impl ConsumerContext for GroupContext {
    /// Called by the thread that polls.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        code: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        if self.is_closing.load(Ordering::Relaxed) && closes_by_itself(consumer) {
            return;
        }
        let elements = list.elements();
        let partitions = elements.iter().map(|element| record::partition_id(element.partition()));
        let partitions: Vec<_> = partitions.collect();
        if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.assign(consumer);
            self.tell(News::Assigned(partitions));
        } else if self.is_leaving.load(Ordering::Relaxed) || partitions.is_empty() {
            self.unassign(consumer, &partitions);
        } else if consumer.assignment_lost() {
            self.tell(News::Lost(partitions));
        } else {
            self.tell(News::Revoked(partitions));
        }
    }
}

/// Whether a consumer that is being dropped is over without an answer.
///
/// It gives out all that the group had to say before. What is waited for by the group keeps the consumer
/// from being over; all else may come when it is just about to be, and one that is over answers nobody:
/// whoever asks it waits for ever.
fn closes_by_itself<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> bool {
    let deadline = Instant::now() + CLOSES_WITHIN;
    while !consumer.closed() {
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(CLOSED_POLL);
    }
    true
}

/// The thread looks after itself often enough, so nothing needs to be spawned that would wake it.
pub(crate) struct NoTasks;

impl AsyncRuntime for NoTasks {
    type Delay = Pending<()>;

    fn spawn<T: Future<Output = ()> + Send + 'static>(task: T) {
        drop(task);
    }

    fn delay_for(_duration: Duration) -> Self::Delay {
        pending()
    }
}
