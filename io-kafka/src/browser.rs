//! Looking at the records of a topic as the broker has them, for people and tools.

use std::time::Duration;

use bytes::Bytes;
use rdkafka::{
    Message,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::{BorrowedMessage, Headers as _},
};
use tidelog_core::{Offset, PartitionId, Timestamp, Topic, port::ClientError};

use crate::{Settings, bounds, context::Logging, error::is_refusal, record};

/// Reads some partitions of a topic, committed records only. Its calls block.
pub struct Browser {
    settings: Settings,
    topic: Topic,
    consumer: BaseConsumer<Logging>,
}

/// A record as the broker has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Browsed {
    /// The partition.
    pub partition: PartitionId,
    /// Its place in it.
    pub offset: Offset,
    /// When it was appended, or in changelogs when it was sent.
    pub time: Timestamp,
    /// Its key.
    pub key: Bytes,
    /// Its payload; none for a tombstone.
    pub payload: Option<Bytes>,
    /// Its headers, in their order.
    pub headers: Vec<(String, Bytes)>,
}

/// What comes next of the partitions that are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Browsing {
    /// A record.
    Record(Browsed),
    /// The partition has no more at this time.
    End(PartitionId),
    /// Nothing has come in time.
    Nothing,
}

impl Browser {
    /// Opens a topic.
    ///
    /// # Errors
    ///
    /// If the settings make no client.
    pub fn open(settings: &Settings, topic: Topic) -> Result<Self, ClientError> {
        let mut config = settings.reading_consumer();
        config.set("enable.partition.eof", "true");
        let consumer = config.create_with_context(Logging).map_err(unavailable)?;
        Ok(Self { settings: settings.clone(), topic, consumer })
    }

    /// The partitions that the topic has.
    ///
    /// # Errors
    ///
    /// If the broker does not say, or does not have the topic.
    pub fn partitions(&self) -> Result<Vec<PartitionId>, ClientError> {
        let name = self.settings.topic(self.topic);
        let timeout = self.settings.request_timeout;
        let metadata = self.consumer.fetch_metadata(Some(&name), timeout).map_err(unavailable)?;
        let found = metadata.topics().iter().find(|found| found.name() == name);
        let mut partitions: Vec<_> = found
            .into_iter()
            .flat_map(|found| found.partitions())
            .map(|partition| record::partition_id(partition.id()))
            .collect();
        if partitions.is_empty() {
            return Err(ClientError::Unavailable(format!("there is no topic {name}").into()));
        }
        partitions.sort_unstable();
        Ok(partitions)
    }

    /// The first offset of a partition, and the one after the last.
    ///
    /// # Errors
    ///
    /// If the broker does not say.
    pub fn bounds(&self, partition: PartitionId) -> Result<(Offset, Offset), ClientError> {
        let name = self.settings.topic(self.topic);
        let timeout = self.settings.request_timeout;
        bounds::bounds(self.consumer.client(), &name, partition, timeout).map_err(unavailable)
    }

    /// Reads from these places on.
    ///
    /// # Errors
    ///
    /// If librdkafka will not.
    pub fn begin(&self, places: &[(PartitionId, Offset)]) -> Result<(), ClientError> {
        let name = self.settings.topic(self.topic);
        let list = record::places(places.iter().map(|(it, offset)| (&name[..], *it, *offset)));
        self.consumer.assign(&list).map_err(unavailable)
    }

    /// Waits so long for what comes next.
    ///
    /// # Errors
    ///
    /// If the topic cannot be read, or not from the place that was named.
    pub fn next(&self, wait: Duration) -> Result<Browsing, ClientError> {
        match self.consumer.poll(wait) {
            None => Ok(Browsing::Nothing),
            Some(Ok(message)) => Ok(Browsing::Record(browsed(&message))),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                Ok(Browsing::End(record::partition_id(partition)))
            }
            Some(Err(error)) if is_final(&error) => Err(unavailable(error)),
            // librdkafka goes on by itself.
            Some(Err(_)) => Ok(Browsing::Nothing),
        }
    }
}

impl std::fmt::Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Browser({})", self.settings.topic(self.topic))
    }
}

fn browsed(message: &BorrowedMessage<'_>) -> Browsed {
    let record = record::record(message);
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let header = |header: rdkafka::message::Header<'_, &[u8]>| {
        (header.key.to_owned(), Bytes::copy_from_slice(header.value.unwrap_or_default()))
    };
    Browsed {
        partition: record::partition(message),
        offset: record.offset,
        time: record.time,
        key: record.key,
        payload: message.payload().map(|_| record.payload),
        headers: headers.map(header).collect(),
    }
}

fn is_final(error: &KafkaError) -> bool {
    use rdkafka::error::RDKafkaErrorCode::{
        AutoOffsetReset, OffsetOutOfRange, UnknownPartition, UnknownTopic, UnknownTopicOrPartition,
    };
    error.rdkafka_error_code().is_some_and(|code| {
        is_refusal(code)
            || matches!(
                code,
                AutoOffsetReset
                    | OffsetOutOfRange
                    | UnknownPartition
                    | UnknownTopic
                    | UnknownTopicOrPartition
            )
    })
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` gives")]
fn unavailable(error: KafkaError) -> ClientError {
    ClientError::Unavailable(error.to_string().into())
}
