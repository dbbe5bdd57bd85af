//! What is read of the log, and what is asked about it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use tidelog_core::{Offset, Timestamp, TraceContext, headers::TRACEPARENT, port::Record};

use super::{Cluster, Failure, Leader, Place, millis};
use crate::{
    fault::FaultKind,
    wire::{
        self, BrokerId, CoordinatorKind, EpochQuestion, ErrorCode, FetchPartition, FetchRequest,
        Fetched, Isolation, LeaderEpoch, ListOffsetsPartition, ListOffsetsRequest, Node,
        OffsetFetchRequest, OffsetForLeaderEpochRequest, OffsetSpec, Payload, ProducerId, Reply,
        TransactionResult,
    },
};

/// What was read of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Committed records.
    pub(crate) records: Vec<LogRecord>,
    /// The offset to be read next.
    pub(crate) next: Offset,
    /// The leader epoch of the last batch, if there was one.
    pub(crate) epoch: Option<LeaderEpoch>,
    /// How much was read.
    pub(crate) bytes: usize,
}

/// A record as it lies in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogRecord {
    pub(crate) offset: Offset,
    pub(crate) time: Timestamp,
    pub(crate) key: Bytes,
    /// None is a tombstone.
    pub(crate) value: Option<Bytes>,
    pub(crate) trace: Option<TraceContext>,
}

impl From<LogRecord> for Record {
    fn from(record: LogRecord) -> Self {
        let LogRecord { offset, time, key, value, trace } = record;
        Self { offset, time, key, payload: value.unwrap_or_default(), trace }
    }
}

/// Which offset is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// Where the log starts.
    Earliest,
    /// The high watermark.
    Latest,
    /// The last stable offset.
    Stable,
    /// That of the first record of that time or later; where there is none, the high watermark.
    Since(Timestamp),
}

impl Cluster {
    /// Reads a partition from an offset on. Waits that long for something to come.
    pub(crate) async fn fetch(
        &self,
        place: Place,
        from: Offset,
        wait: Duration,
    ) -> Result<Chunk, Failure> {
        let leader = self.find_leader(place).await?;
        let mut answers = self.fetch_at(leader.broker, [(place, from)].into(), wait).await?;
        answers.remove(&place).unwrap_or(Err(Failure::NothingNew))
    }

    /// Reads partitions of one leader, each from an offset on.
    pub(crate) async fn fetch_at(
        &self,
        leader: BrokerId,
        from: BTreeMap<Place, Offset>,
        wait: Duration,
    ) -> Result<BTreeMap<Place, Result<Chunk, Failure>>, Failure> {
        let one_byte = self.fault(FaultKind::FetchOneByte).is_some();
        let max_bytes = |bytes| if one_byte { 1 } else { bytes };
        let ask = |(place, offset): (&Place, &Offset)| FetchPartition {
            partition: self.0.names.partition(*place),
            offset: wire::Offset(offset.0),
            current_leader_epoch: self.leader(*place).map(|leader| leader.epoch),
            last_fetched_epoch: None,
            log_start: wire::Offset::ZERO,
            max_bytes: max_bytes(self.settings().fetch_bytes_max),
        };
        let mut partitions: Vec<_> = from.iter().map(ask).collect();
        if let Some(draw) = self.fault(FaultKind::FetchPermuted) {
            let by = draw.pick("by", partitions.len() as u64);
            partitions.rotate_left(usize::try_from(by).expect("less than there are"));
        }
        let request = FetchRequest {
            replica: None,
            isolation: Isolation::ReadCommitted,
            max_wait_ms: millis(wait),
            min_bytes: 1,
            max_bytes: max_bytes(FETCH_BYTES_MAX),
            partitions,
        };
        let timeout = wait + self.settings().request_timeout;
        let reply = self.request_within(Node::Broker(leader), request, timeout).await;
        let reply = reply.inspect_err(|_| from.keys().for_each(|it| self.forget_leader(*it)))?;
        let Reply::Fetch(reply) = reply else { unreachable!("{reply:?}") };
        let mut answers = BTreeMap::new();
        for answer in reply.partitions {
            let Some(place) = self.0.names.place(&answer.partition) else { continue };
            let Some(from) = from.get(&place) else { continue };
            self.hint(place, answer.result.as_ref().err().copied(), answer.current_leader);
            let read = match answer.result {
                Ok(fetched) => Ok(committed(*from, &fetched)),
                Err(ErrorCode::OffsetOutOfRange) => Err(self.out_of_range(place).await),
                Err(code) => Err(code.into()),
            };
            answers.insert(place, read);
        }
        Ok(answers)
    }

    async fn out_of_range(&self, place: Place) -> Failure {
        let start = self.offset(place, Which::Earliest).await;
        let end = self.offset(place, Which::Latest).await;
        match (start, end) {
            (Ok(start), Ok(end)) => Failure::OutOfRange { start, end },
            (Err(failure), _) | (_, Err(failure)) => failure,
        }
    }

    /// Asks a partition's leader for an offset.
    pub(crate) async fn offset(&self, place: Place, which: Which) -> Result<Offset, Failure> {
        let leader = self.find_leader(place).await?;
        let (isolation, spec) = match which {
            Which::Earliest => (Isolation::ReadUncommitted, OffsetSpec::Earliest),
            Which::Latest => (Isolation::ReadUncommitted, OffsetSpec::Latest),
            Which::Stable => (Isolation::ReadCommitted, OffsetSpec::Latest),
            Which::Since(time) => {
                let time = wire::Timestamp(time.as_millis());
                (Isolation::ReadUncommitted, OffsetSpec::At(time))
            }
        };
        let partition = ListOffsetsPartition {
            partition: self.0.names.partition(place),
            current_leader_epoch: Some(leader.epoch),
            spec,
        };
        let request = ListOffsetsRequest { isolation, partitions: vec![partition] };
        let reply = self.ask_leader(place, leader, request).await?;
        let Reply::ListOffsets(reply) = reply else { unreachable!("{reply:?}") };
        let answer = reply.partitions.into_iter().next().map(|(_, answer)| answer);
        let listed = self.answer(place, answer)?;
        match listed.offset {
            Some(offset) => Ok(Offset(offset.0)),
            None if matches!(which, Which::Since(_)) => {
                Box::pin(self.offset(place, Which::Latest)).await
            }
            None => Err(Failure::NothingNew),
        }
    }

    /// Where an epoch ends in the log of a leader.
    pub(crate) async fn end_of_epoch(
        &self,
        leader: Leader,
        place: Place,
        epoch: LeaderEpoch,
    ) -> Result<Offset, Failure> {
        let question = EpochQuestion {
            partition: self.0.names.partition(place),
            current_leader_epoch: Some(leader.epoch),
            epoch,
        };
        let request = OffsetForLeaderEpochRequest { partitions: vec![question] };
        let reply = self.ask_leader(place, leader, request).await?;
        let Reply::OffsetForLeaderEpoch(reply) = reply else { unreachable!("{reply:?}") };
        let answer = reply.partitions.into_iter().next().map(|(_, answer)| answer);
        // A log that has nothing as old as that does not contradict; if the offset is not in it, reading
        // says so.
        Ok(self.answer(place, answer)?.map_or(Offset(u64::MAX), |end| Offset(end.end.0)))
    }

    /// The offsets that a group has committed, once no transaction is pending on them.
    pub(crate) async fn committed(
        &self,
        group: &str,
        places: &[Place],
    ) -> Result<BTreeMap<Place, Offset>, Failure> {
        let request = OffsetFetchRequest {
            group_id: group.into(),
            require_stable: true,
            partitions: Some(places.iter().map(|it| self.0.names.partition(*it)).collect()),
        };
        let kind = CoordinatorKind::Group;
        let reply = self.ask_coordinator(kind, group, request).await?;
        let Reply::OffsetFetch(reply) = reply else { unreachable!("{reply:?}") };
        if let Some(code) = reply.error {
            return Err(self.refused(kind, group, code));
        }
        let mut offsets = BTreeMap::new();
        for (partition, answer) in reply.partitions {
            let answer = answer.map_err(|code| self.refused(kind, group, code))?;
            if let (Some(place), Some(found)) = (self.0.names.place(&partition), answer) {
                offsets.insert(place, Offset(found.offset.0));
            }
        }
        Ok(offsets)
    }

    async fn ask_leader(
        &self,
        place: Place,
        leader: Leader,
        request: impl Into<wire::Request>,
    ) -> Result<Reply, Failure> {
        let reply = self.request(Node::Broker(leader.broker), request).await;
        reply.inspect_err(|_| self.forget_leader(place))
    }

    fn answer<T>(&self, place: Place, answer: Option<Result<T, ErrorCode>>) -> Result<T, Failure> {
        let answer = answer.ok_or(Failure::NothingNew)?;
        answer.map_err(|code| {
            self.hint(place, Some(code), None);
            code.into()
        })
    }
}

/// The committed records of what was fetched, from an offset on.
fn committed(from: Offset, fetched: &Fetched) -> Chunk {
    let mut chunk = Chunk { records: Vec::new(), next: from, epoch: None, bytes: 0 };
    let mut aborted = fetched.aborted.clone();
    aborted.sort();
    let mut aborted = aborted.into_iter().peekable();
    let mut aborting: BTreeSet<ProducerId> = BTreeSet::new();
    for batch in &fetched.batches {
        while let Some(begun) = aborted.next_if(|it| it.first_offset <= batch.last_offset) {
            aborting.insert(begun.producer);
        }
        chunk.bytes += batch.size();
        chunk.epoch = Some(batch.leader_epoch);
        chunk.next = chunk.next.max(Offset(batch.last_offset.0 + 1));
        let producer = batch.producer.map(|producer| producer.id);
        match &batch.payload {
            Payload::Marker { result: TransactionResult::Abort, .. } => {
                aborting.retain(|it| Some(*it) != producer);
            }
            Payload::Marker { result: TransactionResult::Commit, .. } => {}
            Payload::Records(_) => {
                let is_aborted = producer.is_some_and(|it| aborting.contains(&it));
                if batch.is_transactional_data() && is_aborted {
                    continue;
                }
                let time = Timestamp::from_millis(batch.timestamp.0);
                let records = batch.records().filter(|(offset, _)| offset.0 >= from.0);
                chunk.records.extend(records.map(|(offset, record)| LogRecord {
                    offset: Offset(offset.0),
                    time,
                    key: record.key.clone().unwrap_or_default(),
                    value: record.value.clone(),
                    trace: trace(record),
                }));
            }
        }
    }
    chunk
}

/// The trace that a record says it belongs to.
fn trace(record: &wire::Record) -> Option<TraceContext> {
    let mut headers = record.headers.iter();
    let (_, value) = headers.find(|(name, _)| name == TRACEPARENT)?;
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// `fetch.max.bytes`.
const FETCH_BYTES_MAX: usize = 16 << 20;

#[cfg(test)]
mod tests;
