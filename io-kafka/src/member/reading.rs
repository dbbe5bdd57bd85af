//! Reading the inputs of the partitions that have been restored.

use std::{
    pin::Pin,
    task::{Context, Poll},
    thread,
    time::{Duration, Instant},
};

use futures_util::Stream;
use rdkafka::{
    TopicPartitionList,
    consumer::Consumer,
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Message},
};
use tidelog_core::{
    Offset, PartitionId, Topic,
    port::{Records, SessionError, Store},
};
use tracing::{debug, error, warn};

use super::Member;
use crate::{
    bounds,
    error::{is_refusal, session_error},
    record,
    session::Told,
};

/// Records that one look gives.
const RECORDS_MAX: usize = 1_000;

/// Bytes of records that one look gives; one record may be larger.
const BYTES_MAX: usize = 1024 * 1024;

/// How long the runner may leave everything untaken before the broker is not asked for more, so that the
/// group can be answered.
const HOLD_BACK_AFTER: Duration = Duration::from_millis(500);

/// How long what keeps reading waiting is not told again.
const TOLD_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// A partition that is read.
pub(super) struct Reader {
    ticket: u64,
    /// For each input, the offset to be read next.
    positions: Vec<(Topic, Offset)>,
}

/// Records of one place that have been read and not told.
#[derive(Default)]
struct Batch {
    records: Option<(u64, Records)>,
    bytes: usize,
}

impl<S: Store> Member<'_, S> {
    /// Reads what there is, and serves the group. Says whether there was anything.
    pub(super) fn read(&mut self) -> bool {
        if self.credit.is_exhausted() && !self.hold_back() {
            return false;
        }
        self.go_on();
        let mut batch = Batch::default();
        let (mut records, mut bytes) = (0, 0);
        while records < RECORDS_MAX && bytes < BYTES_MAX {
            let waker = self.waker.clone();
            match Pin::new(&mut self.stream).poll_next(&mut Context::from_waker(&waker)) {
                Poll::Ready(Some(Ok(message))) => {
                    records += 1;
                    bytes += message.key_len() + message.payload_len();
                    self.took(&message, &mut batch);
                }
                Poll::Ready(Some(Err(error))) => {
                    self.tell_batch(&mut batch);
                    self.reading_failed(&error);
                }
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        self.tell_batch(&mut batch);
        records > 0
    }

    /// Serves the group and nothing else.
    pub(super) fn serve(&mut self) {
        let waker = self.waker.clone();
        let mut context = Context::from_waker(&waker);
        while Pin::new(&mut self.stream).poll_next(&mut context).is_ready() {}
    }

    /// Begins to read a partition that has been restored.
    pub(super) fn start_reading(
        &mut self,
        partition: PartitionId,
        ticket: u64,
        positions: &[(Topic, Offset)],
    ) -> Result<(), SessionError> {
        let reader = Reader { ticket, positions: positions.to_vec() };
        let list = self.list(partition, &reader);
        self.readers.insert(partition, reader);
        let failed = |error| session_error("reading a partition", &error);
        if !self.consumer.context().fetch(self.consumer, partition, &list).map_err(failed)? {
            self.seek(&list)?;
        }
        let can_go = !self.is_held_back;
        let set = if can_go { self.consumer.resume(&list) } else { self.consumer.pause(&list) };
        set.map_err(failed)
    }

    pub(super) fn stop_reading(&mut self, partition: PartitionId) {
        let Some(reader) = self.readers.remove(&partition) else { return };
        let list = self.list(partition, &reader);
        if let Err(error) = self.consumer.pause(&list) {
            debug!(task = %self.task(partition), %error, "it is still fetched, for nothing");
        }
    }

    /// Whether the group can be served although there is no room for records. There is none for long, so
    /// the broker is not to send any.
    fn hold_back(&mut self) -> bool {
        let since = *self.full_since.get_or_insert_with(Instant::now);
        if since.elapsed() < HOLD_BACK_AFTER {
            return false;
        }
        if !self.is_held_back {
            debug!(service = %self.spec.name, "the runner takes no records: none are fetched");
            self.is_held_back = true;
            let pause = self.all().is_empty() || self.consumer.pause(&self.all_list()).is_ok();
            return pause;
        }
        true
    }

    /// Goes on fetching records once there is room for them.
    fn go_on(&mut self) {
        if self.credit.is_exhausted() {
            return;
        }
        self.full_since = None;
        if std::mem::take(&mut self.is_held_back) {
            let list = self.all_list();
            let outcome = self.seek(&list).and_then(|()| {
                let resumed = self.consumer.resume(&list);
                resumed.map_err(|error| session_error("reading on", &error))
            });
            if let Err(error) = outcome {
                self.end(error);
            }
        }
    }

    fn took(&mut self, message: &BorrowedMessage<'_>, batch: &mut Batch) {
        let partition = record::partition(message);
        let Some(topic) = self.topics.get(message.topic()).copied() else { return };
        // What was fetched before a partition was parked, given away or turned back is not wanted.
        let Some(reader) = self.readers.get_mut(&partition) else { return };
        let position = reader.positions.iter_mut().find(|(of, _)| *of == topic);
        let Some((_, next)) = position else { return };
        let offset = record::offset(message);
        if offset < *next {
            error!(%topic, %partition, %offset, %next, "a record came again");
            return;
        }
        *next = offset.next();
        let ticket = reader.ticket;
        let record = record::record(message);
        let bytes = record::bytes(&record);
        match &mut batch.records {
            Some((_, records)) if records.topic == topic && records.partition == partition => {
                records.records.push(record);
            }
            _ => {
                self.tell_batch(batch);
                batch.records = Some((ticket, Records { topic, partition, records: vec![record] }));
            }
        }
        batch.bytes += bytes;
    }

    fn tell_batch(&self, batch: &mut Batch) {
        let Batch { records, bytes } = std::mem::take(batch);
        if let Some((ticket, records)) = records {
            self.credit.take(bytes);
            self.tell(Told::Records { ticket, records, bytes });
        }
    }

    fn reading_failed(&mut self, error: &KafkaError) {
        let code = error.rdkafka_error_code();
        if matches!(error, KafkaError::MessageConsumptionFatal(_)) {
            let reason = format!("the member {} is out of the group for good: {error}", self.name);
            self.end(SessionError::Lost(reason.into()));
        } else if code.is_some_and(is_refusal) {
            self.end(session_error("the broker refuses", error));
        } else if matches!(
            code,
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange)
        ) {
            if let Err(error) = self.find_lost_inputs() {
                self.end(error);
            }
        } else if code == Some(RDKafkaErrorCode::AllBrokersDown) {
            debug!(service = %self.spec.name, "no broker can be reached: reading waits");
        } else if self.troubled_at.is_none_or(|at| at.elapsed() >= TOLD_AGAIN_AFTER) {
            self.troubled_at = Some(Instant::now());
            warn!(service = %self.spec.name, %error, "reading waits, and goes on when it can");
        } else {
            // A broker that is away is told of by each of its connections, several times a second.
            debug!(service = %self.spec.name, %error, "reading waits, and goes on when it can");
        }
    }

    /// Stops the tasks whose inputs have been removed before they were read.
    fn find_lost_inputs(&mut self) -> Result<(), SessionError> {
        let mut lost = Vec::new();
        for (partition, reader) in &self.readers {
            for (topic, position) in &reader.positions {
                let name = self.settings.topic(*topic);
                let timeout = self.settings.request_timeout;
                let client = self.consumer.client();
                let marks = bounds::bounds(client, &name, *partition, timeout);
                let (start, _) = marks.map_err(|error| session_error(&name, &error))?;
                if *position < start {
                    lost.push((reader.ticket, *partition, *topic, *position, start));
                }
            }
        }
        if lost.is_empty() {
            let reason = "an input cannot be read where its task is: has its topic been made anew?";
            return Err(SessionError::Lost(reason.into()));
        }
        for (ticket, partition, topic, position, start) in lost {
            if self.readers.contains_key(&partition) {
                self.stop_reading(partition);
                self.tell(Told::InputLost { ticket, partition, topic, position, start });
            }
        }
        Ok(())
    }

    /// Has partitions fetched from other offsets. Those that are fetched since just now cannot do that yet.
    fn seek(&self, list: &TopicPartitionList) -> Result<(), SessionError> {
        if list.count() == 0 {
            return Ok(());
        }
        let deadline = Instant::now() + self.settings.request_timeout;
        loop {
            let outcome =
                self.consumer.seek_partitions(list.clone(), self.settings.request_timeout);
            let failure = match outcome {
                Ok(list) => list.elements().iter().find_map(|element| element.error().err()),
                Err(error) => Some(error),
            };
            match failure {
                None => return Ok(()),
                Some(error) if Instant::now() >= deadline => {
                    return Err(session_error("turning to a position", &error));
                }
                Some(_) => thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    fn list(&self, partition: PartitionId, reader: &Reader) -> TopicPartitionList {
        let names: Vec<_> = reader
            .positions
            .iter()
            .map(|(topic, offset)| (self.settings.topic(*topic), *offset))
            .collect();
        record::places(names.iter().map(|(name, offset)| (&name[..], partition, *offset)))
    }

    fn all_list(&self) -> TopicPartitionList {
        let places = self.all();
        record::places(places.iter().map(|(name, partition, next)| (&name[..], *partition, *next)))
    }

    fn all(&self) -> Vec<(String, PartitionId, Offset)> {
        let of = |(partition, reader): (&PartitionId, &Reader)| {
            let partition = *partition;
            let positions = reader.positions.clone().into_iter();
            let place = move |(topic, next)| (self.settings.topic(topic), partition, next);
            positions.map(place).collect::<Vec<_>>()
        };
        self.readers.iter().flat_map(of).collect()
    }
}
