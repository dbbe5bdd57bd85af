//! Reading a partition from an offset to its end.

use std::time::{Duration, Instant};

use rdkafka::{
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::BorrowedMessage,
};
use tidelog_core::{
    Offset, PartitionId,
    port::{SessionError, Store},
};

use super::{Ends, Work};
use crate::{context::Logging, error::session_error, record};

/// Offsets at the end of a partition that are looked at first for a record.
const TAIL: u64 = 8;

/// How much further it is looked back each time that there is none.
const TAIL_GROWTH: u64 = 16;

/// How long a read waits before it is looked whether it is still wanted.
const GLANCE: Duration = Duration::from_millis(100);

impl<S: Store> Work<S> {
    /// For each input, the offset after its last record. What ends a transaction lies behind that, and
    /// no reader gets there by reading.
    pub(super) fn ends(&self, partition: PartitionId) -> Ends {
        let end = |topic: &tidelog_core::Topic| {
            Ok((*topic, self.end(&self.settings.topic(*topic), partition)?))
        };
        self.spec.inputs.iter().map(end).collect()
    }

    fn end(&self, topic: &str, partition: PartitionId) -> Result<Offset, SessionError> {
        let (start, stable) = self.bounds(&self.committed, topic, partition)?;
        let last = self.last(topic, partition, (start, stable), |it| Some(record::offset(it)))?;
        Ok(last.map_or(start, Offset::next))
    }

    /// What is said of the last record of a partition of which anything is said.
    pub(super) fn last<T>(
        &self,
        topic: &str,
        partition: PartitionId,
        (start, end): (Offset, Offset),
        say: impl Fn(&BorrowedMessage<'_>) -> Option<T>,
    ) -> Result<Option<T>, SessionError> {
        let mut back = TAIL;
        loop {
            let from = Offset(end.0.saturating_sub(back)).max(start);
            let mut last = None;
            self.read(topic, partition, (from, end), |message| {
                last = say(message).or(last.take());
                Ok(())
            })?;
            if last.is_some() || from == start {
                return Ok(last);
            }
            back = back.saturating_mul(TAIL_GROWTH);
        }
    }

    /// Visits the committed records of a partition from an offset on, up to an end before which
    /// everything is stable.
    pub(super) fn read(
        &self,
        topic: &str,
        partition: PartitionId,
        (from, end): (Offset, Offset),
        visit: impl FnMut(&BorrowedMessage<'_>) -> Result<(), SessionError>,
    ) -> Result<(), SessionError> {
        if from >= end {
            return Ok(());
        }
        let list = record::places([(topic, partition, from)]);
        self.committed.assign(&list).map_err(|error| session_error(topic, &error))?;
        let outcome = self.visit(topic, end, visit);
        let unassigned = self.committed.unassign().map_err(|error| session_error(topic, &error));
        outcome.and(unassigned)
    }

    fn visit(
        &self,
        topic: &str,
        end: Offset,
        mut visit: impl FnMut(&BorrowedMessage<'_>) -> Result<(), SessionError>,
    ) -> Result<(), SessionError> {
        let consumer: &BaseConsumer<Logging> = &self.committed;
        let mut heard = Instant::now();
        loop {
            if self.is_stopped() {
                return Err(SessionError::Lost("the session was dropped".into()));
            }
            match consumer.poll(GLANCE) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    let offset = record::offset(&message);
                    if offset < end {
                        visit(&message)?;
                    }
                    if offset.next() >= end {
                        return Ok(());
                    }
                }
                // It is told once all before it has been read, and that is at the end or behind it.
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
                Some(Err(error)) if heard.elapsed() >= self.settings.request_timeout => {
                    return Err(session_error(topic, &error));
                }
                Some(Err(error)) => tracing::debug!(%error, "reading {topic} goes on"),
                None if heard.elapsed() >= self.settings.request_timeout => {
                    let reason = format!("{topic} could not be read up to {end} in time");
                    return Err(SessionError::Lost(reason.into()));
                }
                None => {}
            }
        }
    }
}
