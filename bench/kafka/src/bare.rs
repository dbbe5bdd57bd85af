//! The bare loop: exactly-once read-modify-write with librdkafka and fjall, and nothing else.
//!
//! One thread consumes patches, merges each into its entity's document, and sends the update, the
//! answer and the row for the changelog in a transaction that holds the positions too. When it has
//! been committed, the rows go into fjall in one batch. It has what the job needs and no more: no
//! repeated requests, no conditions, no restoring, no second try after an error.

mod store;

use std::{
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::BorrowedMessage,
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};
use serde_json::Value;

use self::store::Store;
use crate::{
    Result,
    broker::{ANSWERS, CALL_MAX, CHANGELOG, GROUP, PATCHES, Place, UPDATES},
    merge::merge,
    preload::send,
    wire::{self, Patch, Row, Update},
};

/// librdkafka's own waiting for deliveries, in `commit_transaction`, takes a tenth of a second
/// whenever there is anything on its way; so nothing is when it is called.
const DELIVERED_POLL: Duration = Duration::from_micros(200);

/// How the bare loop runs.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Where.
    #[command(flatten)]
    pub place: Place,
    /// The folder of the store, which must be new.
    #[arg(long)]
    pub state: PathBuf,
    /// How long a transaction takes records before it is committed, in milliseconds.
    #[arg(long, default_value_t = 100)]
    pub commit_ms: u64,
}

/// Runs until the process is ended.
///
/// # Errors
/// With anything that does not go as it should.
pub fn run(options: &Options) -> Result<()> {
    let mut bare = Loop::new(options)?;
    loop {
        bare.transact()?;
    }
}

struct Loop {
    consumer: BaseConsumer,
    producer: ThreadedProducer<DefaultProducerContext>,
    store: Store,
    topics: Topics,
    partitions: usize,
    interval: Duration,
}

/// Names, made once.
struct Topics {
    patches: String,
    updates: String,
    answers: String,
    changelog: String,
}

impl Loop {
    fn new(options: &Options) -> Result<Self> {
        let place = &options.place;
        let topics = Topics {
            patches: place.name(PATCHES),
            updates: place.name(UPDATES),
            answers: place.name(ANSWERS),
            changelog: place.name(CHANGELOG),
        };
        let consumer: BaseConsumer = place
            .consumer()
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", "6000")
            .set("heartbeat.interval.ms", "500")
            .create()?;
        let producer: ThreadedProducer<_> = place
            .producer()
            .set("transactional.id", place.name(GROUP))
            .set("transaction.timeout.ms", "5000")
            .create()?;
        producer.init_transactions(CALL_MAX)?;
        consumer.subscribe(&[&topics.patches])?;
        let store = Store::open(&options.state)?;
        let partitions = usize::try_from(place.partitions)?;
        let interval = Duration::from_millis(options.commit_ms);
        Ok(Self { consumer, producer, store, topics, partitions, interval })
    }

    /// Reads, handles and commits what there is within a commit interval.
    fn transact(&mut self) -> Result<()> {
        let mut positions = vec![None; self.partitions];
        let mut commit_at: Option<Instant> = None;
        loop {
            let left = commit_at.map_or(self.interval, |at| at.duration_since(Instant::now()));
            if left.is_zero() {
                break;
            }
            // The consumer is borrowed by what it gives, and the store is changed.
            let Self { consumer, producer, store, topics, .. } = self;
            let Some(record) = consumer.poll(left) else { continue };
            let record = record?;
            if commit_at.is_none() {
                producer.begin_transaction()?;
                commit_at = Some(Instant::now() + self.interval);
            }
            handle(&record, producer, store, topics)?;
            positions[usize::try_from(record.partition())?] = Some(record.offset() + 1);
        }
        self.commit(&positions)
    }

    fn commit(&mut self, positions: &[Option<i64>]) -> Result<()> {
        let mut list = TopicPartitionList::new();
        for (partition, next) in (0..).zip(positions) {
            if let Some(next) = next {
                list.add_partition_offset(&self.topics.patches, partition, Offset::Offset(*next))?;
            }
        }
        let member = self.consumer.group_metadata().ok_or("this is a member of no group")?;
        while self.producer.in_flight_count() > 0 {
            thread::sleep(DELIVERED_POLL);
        }
        self.producer.send_offsets_to_transaction(&list, &member, CALL_MAX)?;
        self.producer.commit_transaction(CALL_MAX)?;
        self.store.write(positions)
    }
}

fn handle(
    record: &BorrowedMessage<'_>,
    producer: &ThreadedProducer<DefaultProducerContext>,
    store: &mut Store,
    topics: &Topics,
) -> Result<()> {
    let patch = Patch::read(record.payload().ok_or("a patch without a payload")?)?;
    let time = record.timestamp().to_millis().unwrap_or_default().unsigned_abs();
    let place = (u64::from(record.partition().unsigned_abs()), record.offset().unsigned_abs());

    let before = store.get(patch.entity)?;
    let before = before.as_deref().map(Row::read).transpose()?;
    let mut document = match before {
        Some(row) => serde_json::from_slice(row.document)?,
        None => Value::Object(serde_json::Map::new()),
    };
    merge(&mut document, serde_json::from_slice(patch.document)?);
    let after = serde_json::to_vec(&document)?;
    let revision = before.map_or(0, |row| row.revision) + 1;

    let entity = patch.entity;
    let update = Update { entity, revision, before: before.map(|row| row.document), after: &after };
    let row = Row { revision, document: &after }.write();
    let updated = update.write(&patch, time);
    let answer = wire::answer(&patch, &update, place, time);
    // Updates and rows are partitioned as patches are, answers by their client.
    let to = |topic| BaseRecord::to(topic).partition(record.partition()).key(entity);
    send(producer, to(&topics.updates).payload(&updated))?;
    send(producer, BaseRecord::to(&topics.answers).key(patch.client).payload(&answer))?;
    send(producer, to(&topics.changelog).payload(&row))?;
    store.put(entity, row);
    Ok(())
}
