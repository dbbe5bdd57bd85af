//! Records as librdkafka has them, and as the ports have them.

use crate::headers;
use bytes::Bytes;
use rdkafka::{Message, TopicPartitionList, message::BorrowedMessage};
use tidelog_core::{Offset, PartitionId, Timestamp, port::Record};

/// Bytes that a record costs beside its key and payload, for bounds on what is kept in memory.
const RECORD_OVERHEAD_BYTES: usize = 96;

/// Copies a record out of librdkafka's memory.
pub(crate) fn record(message: &BorrowedMessage<'_>) -> Record {
    Record {
        offset: offset(message),
        time: time(message),
        key: Bytes::copy_from_slice(message.key().unwrap_or_default()),
        payload: Bytes::copy_from_slice(message.payload().unwrap_or_default()),
        trace: headers::trace(message),
    }
}

/// Where a record is in its partition.
pub(crate) fn offset(message: &BorrowedMessage<'_>) -> Offset {
    Offset(unsigned(message.offset()))
}

/// The partition of a record.
pub(crate) fn partition(message: &BorrowedMessage<'_>) -> PartitionId {
    partition_id(message.partition())
}

/// What a record costs in memory.
pub(crate) fn bytes(record: &Record) -> usize {
    record.key.len() + record.payload.len() + RECORD_OVERHEAD_BYTES
}

/// A partition by its number.
pub(crate) fn partition_id(number: i32) -> PartitionId {
    PartitionId(u32::try_from(number).expect("a broker numbers partitions from zero"))
}

/// The number of a partition.
pub(crate) fn number(partition: PartitionId) -> i32 {
    partition.0.cast_signed()
}

/// An offset for librdkafka.
pub(crate) fn raw(offset: Offset) -> rdkafka::Offset {
    rdkafka::Offset::Offset(offset.0.cast_signed())
}

/// An offset of a log, which has none below zero.
pub(crate) fn unsigned(offset: i64) -> u64 {
    u64::try_from(offset).expect("a log's offsets begin at zero")
}

/// Partitions for librdkafka, each with the offset to be read next.
pub(crate) fn places<'a>(
    places: impl IntoIterator<Item = (&'a str, PartitionId, Offset)>,
) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (topic, partition, offset) in places {
        list.add_partition_offset(topic, number(partition), raw(offset))
            .expect("an offset that is a number");
    }
    list
}

fn time(message: &BorrowedMessage<'_>) -> Timestamp {
    let millis = message.timestamp().to_millis().and_then(|millis| u64::try_from(millis).ok());
    Timestamp::from_millis(millis.unwrap_or_default())
}
