//! Where partitions begin and end.

use std::{
    thread,
    time::{Duration, Instant},
};

use rdkafka::{ClientContext, client::Client, error::KafkaResult};
use tidelog_core::{Offset, PartitionId};

use crate::{error::is_refusal, record};

/// The first offset of a partition, and the one after the last.
///
/// librdkafka asks the leader that it has heard of, and where that is dead it neither looks for another one
/// nor gives up early: a client that reads nothing has no topics to be refreshed. So it is asked for a short
/// time, then told to look, and asked again.
pub(crate) fn bounds<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    partition: PartitionId,
    timeout: Duration,
) -> KafkaResult<(Offset, Offset)> {
    let deadline = Instant::now() + timeout;
    loop {
        let left = || deadline.saturating_duration_since(Instant::now()).min(PATIENCE);
        let error = match client.fetch_watermarks(topic, record::number(partition), left()) {
            Ok((start, end)) => {
                return Ok((Offset(record::unsigned(start)), Offset(record::unsigned(end))));
            }
            Err(error) => error,
        };
        if error.rdkafka_error_code().is_some_and(is_refusal) {
            return Err(error);
        }
        // Should it fail, too, the next failure leads here again.
        drop(client.fetch_metadata(Some(topic), PATIENCE));
        if Instant::now() >= deadline {
            return Err(error);
        }
        thread::sleep(RETRY_PAUSE);
    }
}

/// How long one broker is asked.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long it is waited before one is asked again.
const RETRY_PAUSE: Duration = Duration::from_millis(10);
