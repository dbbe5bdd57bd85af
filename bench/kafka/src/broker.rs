//! The broker: where it is, its topics, and how clients are set up.

use std::time::Duration;

use clap::Args;
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication, TopicResult},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    error::RDKafkaErrorCode,
};

use crate::Result;

/// How long any call may take.
pub const CALL_MAX: Duration = Duration::from_secs(30);

/// The input.
pub const PATCHES: &str = "entity-patches";
/// What changed.
pub const UPDATES: &str = "entity-updates";
/// The answers.
pub const ANSWERS: &str = "partial-responses";
/// The bare loop's changelog, as Tidelog's. Kafka Streams makes one of its own.
pub const CHANGELOG: &str = "entity-storage-changelog";
/// What could not be read. Tidelog wants it to be there; nothing comes into it.
pub const DEAD_LETTERS: &str = "dead-letters";
/// What schemas are learned from. Likewise: learning is off.
pub const LESSONS: &str = "schema-learning";
/// The consumer group: that of every contestant.
pub const GROUP: &str = "entity-storage";

/// Where a run takes place.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// Host and port of the broker.
    #[arg(long)]
    pub brokers: String,
    /// What the names of topics, group and transactional id begin with.
    #[arg(long)]
    pub prefix: String,
    /// How many partitions each topic has.
    #[arg(long, default_value_t = 8)]
    pub partitions: i32,
}

impl Place {
    /// The name of a topic or group of this run.
    #[must_use]
    pub fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// What all clients have in common.
    #[must_use]
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("socket.nagle.disable", "true")
            .set("allow.auto.create.topics", "false");
        config
    }

    /// A consumer in the group of the contestants.
    #[must_use]
    pub fn consumer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("group.id", self.name(GROUP))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("isolation.level", "read_committed")
            .set("fetch.queue.backoff.ms", "5")
            .set("queued.max.messages.kbytes", "16384");
        config
    }

    /// A producer, each of whose records is there once and in order.
    #[must_use]
    pub fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("enable.idempotence", "true")
            .set("linger.ms", "1")
            // As Kafka's own producer, so that keys go where Tidelog looks for them.
            .set("partitioner", "murmur2_random")
            .set("queue.buffering.max.messages", "1000000")
            .set("queue.buffering.max.kbytes", "1048576");
        config
    }

    /// All partitions of a topic.
    #[must_use]
    pub fn partitions_of(&self, topic: &str) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&self.name(topic), 0, self.partitions - 1);
        list
    }

    /// All partitions of a topic, from their beginning.
    ///
    /// # Errors
    /// None that is known: offsets are set of partitions that are there.
    pub fn beginnings_of(&self, topic: &str) -> Result<TopicPartitionList> {
        let mut list = self.partitions_of(topic);
        list.set_all_offsets(Offset::Beginning)?;
        Ok(list)
    }

    /// Creates the topics that are not there yet, with the settings that Tidelog's table has.
    ///
    /// # Errors
    /// If the broker is away or refuses.
    pub fn create_topics(&self) -> Result<()> {
        let names = [PATCHES, UPDATES, ANSWERS, CHANGELOG, DEAD_LETTERS, LESSONS]
            .map(|topic| self.name(topic));
        let topics: Vec<_> = names
            .iter()
            .map(|name| {
                let topic = NewTopic::new(name, self.partitions, TopicReplication::Fixed(1));
                if name.ends_with(CHANGELOG) {
                    topic.set("cleanup.policy", "compact").set("min.cleanable.dirty.ratio", "0.2")
                } else {
                    topic.set("message.timestamp.type", "LogAppendTime").set("retention.ms", "-1")
                }
            })
            .collect();
        let made = pollster::block_on(self.admin()?.create_topics(&topics, &options()))?;
        succeed(made, RDKafkaErrorCode::TopicAlreadyExists)
    }

    /// Deletes all topics whose names begin with the prefix.
    ///
    /// # Errors
    /// If the broker is away or refuses.
    pub fn delete_topics(&self) -> Result<()> {
        let consumer: BaseConsumer = self.client().create()?;
        let found = consumer.fetch_metadata(None, CALL_MAX)?;
        let names = found.topics().iter().map(rdkafka::metadata::MetadataTopic::name);
        let names: Vec<_> = names.filter(|name| name.starts_with(&self.prefix)).collect();
        if names.is_empty() {
            return Ok(());
        }
        let gone = pollster::block_on(self.admin()?.delete_topics(&names, &options()))?;
        succeed(gone, RDKafkaErrorCode::UnknownTopicOrPartition)
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>> {
        Ok(self.client().create()?)
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(CALL_MAX)).operation_timeout(Some(CALL_MAX))
}

fn succeed(results: Vec<TopicResult>, fine: RDKafkaErrorCode) -> Result<()> {
    for result in results {
        match result {
            Err((topic, code)) if code != fine => return Err(format!("{topic}: {code}").into()),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}
