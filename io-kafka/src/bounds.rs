//! Where partitions begin and end.

use std::time::Duration;

use rdkafka::{ClientContext, client::Client, error::KafkaResult};
use tidelog_core::{Offset, PartitionId};

use crate::record;

/// The first offset of a partition, and the one after the last.
///
/// librdkafka asks the leader that it has heard of, and where that is none any more it does not look for
/// another one: a client that reads nothing has no topics to be refreshed. So after a failure it is told to
/// look, and the next try finds the new leader.
pub(crate) fn bounds<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    partition: PartitionId,
    timeout: Duration,
) -> KafkaResult<(Offset, Offset)> {
    let number = record::number(partition);
    match client.fetch_watermarks(topic, number, timeout) {
        Ok((start, end)) => Ok((Offset(record::unsigned(start)), Offset(record::unsigned(end)))),
        Err(error) => {
            // Should it fail, too, the next failure leads here again.
            drop(client.fetch_metadata(Some(topic), timeout));
            Err(error)
        }
    }
}
