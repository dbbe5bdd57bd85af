//! Answers as the model gives them.

use bytes::Bytes;
use kafka_protocol::{
    messages::{
        AddOffsetsToTxnResponse, AddPartitionsToTxnResponse, DeleteRecordsResponse, EndTxnResponse,
        FetchResponse, HeartbeatResponse, InitProducerIdResponse, JoinGroupResponse,
        LeaveGroupResponse, ListOffsetsResponse, OffsetCommitResponse, OffsetFetchResponse,
        ProduceResponse, SyncGroupResponse, TxnOffsetCommitResponse,
    },
    protocol::StrBytes,
    records::{Record, RecordBatchDecoder, RecordSet},
};
use tidelog_io_sim::wire::{
    self, AbortedTransaction, Appended, Batch, CommittedOffset, Fetched, Generation, LeaderEpoch,
    ListedOffset, Offset, Payload, ProducerEpoch, ProducerId, ProducerIdentity, ProducerStamp,
    Records, Reply, Request, Sequence, Timestamp, TopicPartition, TransactionResult,
};

use super::{
    codes::{check, error},
    decode,
    questions::version,
};

/// The answer to a request about one partition, if it is about any.
pub(super) fn reply(asked: &Request, bytes: Bytes) -> Reply {
    let version = version(asked);
    match asked {
        Request::Produce(it) => produce(&it.partitions[0].0, decode(bytes, version)),
        Request::Fetch(it) => fetch(&it.partitions[0].partition, decode(bytes, version)),
        Request::ListOffsets(it) => {
            list_offsets(&it.partitions[0].partition, decode(bytes, version))
        }
        Request::DeleteRecords(it) => {
            let answer: DeleteRecordsResponse = decode(bytes, version);
            let it0 = &answer.topics[0].partitions[0];
            let outcome = check(it0.error_code).map(|()| offset(it0.low_watermark));
            let partitions = vec![(it.partitions[0].0.clone(), outcome)];
            Reply::DeleteRecords(wire::DeleteRecordsReply { partitions })
        }
        Request::InitProducerId(_) => {
            let it: InitProducerIdResponse = decode(bytes, version);
            let identity = || identity(it.producer_id.0, it.producer_epoch);
            Reply::InitProducerId(check(it.error_code).map(|()| identity()))
        }
        Request::AddPartitionsToTxn(it) => {
            let answer: AddPartitionsToTxnResponse = decode(bytes, version);
            let result = &answer.results_by_topic_v3_and_below[0].results_by_partition[0];
            let outcome = check(result.partition_error_code);
            let partitions = vec![(it.partitions[0].clone(), outcome)];
            Reply::AddPartitionsToTxn(wire::AddPartitionsToTxnReply { partitions })
        }
        Request::AddOffsetsToTxn(_) => {
            let it: AddOffsetsToTxnResponse = decode(bytes, version);
            Reply::AddOffsetsToTxn(check(it.error_code))
        }
        Request::TxnOffsetCommit(it) => {
            let answer: TxnOffsetCommitResponse = decode(bytes, version);
            let outcome = check(answer.topics[0].partitions[0].error_code);
            let partitions = vec![(it.offsets[0].0.clone(), outcome)];
            Reply::TxnOffsetCommit(wire::TxnOffsetCommitReply { partitions })
        }
        Request::EndTxn(asked) => {
            let it: EndTxnResponse = decode(bytes, version);
            // Before it was raised with the end, the answer does not repeat it.
            let next = || match asked.bumps_epoch {
                true => identity(it.producer_id.0, it.producer_epoch),
                false => asked.producer,
            };
            Reply::EndTxn(check(it.error_code).map(|()| next()))
        }
        Request::JoinGroup(_) => join(decode(bytes, version)),
        Request::SyncGroup(_) => {
            let it: SyncGroupResponse = decode(bytes, version);
            Reply::SyncGroup(check(it.error_code).map(|()| it.assignment))
        }
        Request::Heartbeat(_) => {
            let it: HeartbeatResponse = decode(bytes, version);
            Reply::Heartbeat(check(it.error_code))
        }
        Request::LeaveGroup(_) => leave(decode(bytes, version)),
        Request::OffsetCommit(it) => {
            let answer: OffsetCommitResponse = decode(bytes, version);
            let outcome = check(answer.topics[0].partitions[0].error_code);
            let partitions = vec![(it.offsets[0].0.clone(), outcome)];
            Reply::OffsetCommit(wire::OffsetCommitReply { partitions })
        }
        Request::OffsetFetch(it) => offset_fetch(it, decode(bytes, version)),
        other => unreachable!("no script asks {}", other.name()),
    }
}

fn produce(at: &TopicPartition, answer: ProduceResponse) -> Reply {
    let it = &answer.responses[0].partition_responses[0];
    let appended = || Appended {
        base_offset: offset(it.base_offset),
        timestamp: None,
        log_start: offset(it.log_start_offset),
    };
    let result = check(it.error_code).map(|()| appended());
    let partition = at.clone();
    let reply = wire::ProducePartitionReply { partition, result, current_leader: None };
    Reply::Produce(wire::ProduceReply { partitions: vec![reply] })
}

fn fetch(at: &TopicPartition, answer: FetchResponse) -> Reply {
    let it = answer.responses.into_iter().flat_map(|it| it.partitions).next();
    let it = it.expect("an answer for the one partition");
    let result = check(it.error_code).map(|()| Fetched {
        high_watermark: offset(it.high_watermark),
        last_stable_offset: offset(it.last_stable_offset),
        log_start: offset(it.log_start_offset),
        diverging: None,
        aborted: it.aborted_transactions.unwrap_or_default().iter().map(aborted).collect(),
        batches: batches(it.records.unwrap_or_default()),
    });
    let partition = at.clone();
    let reply = wire::FetchPartitionReply { partition, result, current_leader: None };
    Reply::Fetch(wire::FetchReply { error: error(answer.error_code), partitions: vec![reply] })
}

fn aborted(
    it: &kafka_protocol::messages::fetch_response::AbortedTransaction,
) -> AbortedTransaction {
    let producer = ProducerId(it.producer_id.0.cast_unsigned());
    AbortedTransaction { first_offset: offset(it.first_offset), producer }
}

fn batches(mut bytes: Bytes) -> Vec<Batch> {
    let sets = RecordBatchDecoder::decode_all(&mut bytes).expect("batches that can be read");
    sets.into_iter().filter_map(batch).collect()
}

/// None of a batch without records.
fn batch(set: RecordSet) -> Option<Batch> {
    let (first, last) = (set.records.first()?, set.records.last()?);
    let producer = (first.producer_id >= 0).then(|| ProducerStamp {
        id: ProducerId(first.producer_id.cast_unsigned()),
        epoch: ProducerEpoch(first.producer_epoch.cast_unsigned()),
        sequence: (first.sequence >= 0).then_some(Sequence(first.sequence)),
        transactional: first.transactional,
    });
    Some(Batch {
        base_offset: offset(first.offset),
        last_offset: offset(last.offset),
        leader_epoch: LeaderEpoch(0),
        timestamp: Timestamp(0),
        producer,
        payload: if first.control { marker(first) } else { records(&set.records) },
    })
}

fn marker(record: &Record) -> Payload {
    let key = record.key.as_deref().expect("the key of a marker");
    let result = match key {
        [_, _, 0, 0] => TransactionResult::Abort,
        [_, _, 0, 1] => TransactionResult::Commit,
        other => panic!("a marker with the key {other:?}"),
    };
    Payload::Marker { result, coordinator_epoch: LeaderEpoch(0) }
}

fn records(records: &[Record]) -> Payload {
    let record = |it: &Record| wire::Record {
        offset_delta: 0,
        key: it.key.clone(),
        value: it.value.clone(),
        headers: Vec::new(),
    };
    Payload::Records(Records::new(records.iter().map(record).collect()))
}

fn list_offsets(at: &TopicPartition, answer: ListOffsetsResponse) -> Reply {
    let it = &answer.topics[0].partitions[0];
    let listed = || ListedOffset {
        offset: u64::try_from(it.offset).ok().map(Offset),
        timestamp: None,
        leader_epoch: LeaderEpoch(0),
    };
    let partitions = vec![(at.clone(), check(it.error_code).map(|()| listed()))];
    Reply::ListOffsets(wire::ListOffsetsReply { partitions })
}

fn join(it: JoinGroupResponse) -> Reply {
    let member = |it: kafka_protocol::messages::join_group_response::JoinGroupResponseMember| {
        wire::JoinedMember {
            member_id: text(it.member_id),
            group_instance_id: it.group_instance_id.map(text),
            metadata: it.metadata,
        }
    };
    Reply::JoinGroup(wire::JoinGroupReply {
        error: error(it.error_code),
        generation: Generation(it.generation_id),
        protocol: it.protocol_name.map(text).unwrap_or_default(),
        leader: text(it.leader),
        skip_assignment: it.skip_assignment,
        member_id: text(it.member_id),
        members: it.members.into_iter().map(member).collect(),
    })
}

fn leave(it: LeaveGroupResponse) -> Reply {
    let members = it.members.into_iter().map(|it| {
        let (member_id, group_instance_id) = (text(it.member_id), it.group_instance_id.map(text));
        let member = wire::LeavingMember { member_id, group_instance_id };
        (member, check(it.error_code))
    });
    let error = error(it.error_code);
    Reply::LeaveGroup(wire::LeaveGroupReply { error, members: members.collect() })
}

fn offset_fetch(asked: &wire::OffsetFetchRequest, it: OffsetFetchResponse) -> Reply {
    let answers = it.topics.into_iter().flat_map(|topic| topic.partitions).map(|it| {
        let committed = u64::try_from(it.committed_offset).ok().map(|offset| CommittedOffset {
            offset: Offset(offset),
            leader_epoch: None,
            metadata: it.metadata.map(text).unwrap_or_default(),
        });
        (it.partition_index.cast_unsigned(), check(it.error_code).map(|()| committed))
    });
    let topic = &asked.partitions.as_ref().expect("scripts name partitions")[0].topic;
    let mut partitions: Vec<_> =
        answers.map(|(number, answer)| (TopicPartition::new(topic, number), answer)).collect();
    partitions.sort_by_key(|(at, _)| at.partition);
    Reply::OffsetFetch(wire::OffsetFetchReply { error: error(it.error_code), partitions })
}

fn identity(id: i64, epoch: i16) -> ProducerIdentity {
    let (id, epoch) = (ProducerId(id.cast_unsigned()), ProducerEpoch(epoch.cast_unsigned()));
    ProducerIdentity { id, epoch }
}

fn offset(offset: i64) -> Offset {
    Offset(u64::try_from(offset).unwrap_or(u64::MAX))
}

fn text(text: StrBytes) -> String {
    text.as_str().to_owned()
}
