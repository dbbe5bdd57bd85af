//! Requests as a broker reads them.

use bytes::{Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        self as kafka, AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, DeleteRecordsRequest,
        EndTxnRequest, FetchRequest, GroupId, HeartbeatRequest, InitProducerIdRequest,
        JoinGroupRequest, LeaveGroupRequest, ListOffsetsRequest, OffsetCommitRequest,
        OffsetFetchRequest, ProduceRequest, SyncGroupRequest, TransactionalId,
        TxnOffsetCommitRequest,
        add_partitions_to_txn_request::AddPartitionsToTxnTopic,
        delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic},
        fetch_request::{FetchPartition, FetchTopic},
        join_group_request::JoinGroupRequestProtocol,
        leave_group_request::MemberIdentity,
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
        offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        offset_fetch_request::OffsetFetchRequestTopic,
        produce_request::{PartitionProduceData, TopicProduceData},
        sync_group_request::SyncGroupRequestAssignment,
        txn_offset_commit_request::{TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic},
    },
    protocol::StrBytes,
    records::{
        Compression, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE,
        Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
    },
};
use tidelog_io_sim::wire::{
    self, Isolation, NewBatch, OffsetSpec, OffsetToCommit, ProducerIdentity, Request, Sequence,
    TopicName, TopicPartition, TransactionResult,
};

use super::{Connection, IntoTopic};

/// The version of each request: one that both kinds of producers speak, or each its own.
pub(super) fn version(request: &Request) -> i16 {
    match request {
        Request::Produce(it) => {
            if it.adds_partitions {
                12
            } else {
                11
            }
        }
        Request::EndTxn(it) => {
            if it.bumps_epoch {
                5
            } else {
                4
            }
        }
        Request::TxnOffsetCommit(it) => {
            if it.adds_partitions {
                5
            } else {
                4
            }
        }
        Request::Fetch(_) => 12,
        Request::ListOffsets(_) => 7,
        Request::DeleteRecords(_) => 2,
        Request::InitProducerId(_) => 5,
        Request::AddPartitionsToTxn(_) => 3,
        Request::AddOffsetsToTxn(_) => 4,
        Request::JoinGroup(_) => 9,
        // From version 5 on it repeats what the group agreed upon.
        Request::SyncGroup(_) => 4,
        Request::Heartbeat(_) => 4,
        Request::LeaveGroup(_) => 5,
        Request::OffsetCommit(_) => 8,
        Request::OffsetFetch(_) => 7,
        other => unreachable!("no script asks {}", other.name()),
    }
}

pub(super) fn send(request: &Request, to: &mut Connection) {
    let version = version(request);
    match request {
        Request::Produce(it) => to.send(&produce(it), version),
        Request::Fetch(it) => to.send(&fetch(it), version),
        Request::ListOffsets(it) => to.send(&list_offsets(it), version),
        Request::DeleteRecords(it) => to.send(&delete_records(it), version),
        Request::InitProducerId(it) => to.send(&init(it), version),
        Request::AddPartitionsToTxn(it) => to.send(&add_partitions(it), version),
        Request::AddOffsetsToTxn(it) => to.send(
            &AddOffsetsToTxnRequest::default()
                .with_transactional_id(transactional(&it.transactional_id))
                .with_producer_id(id(it.producer))
                .with_producer_epoch(epoch(it.producer))
                .with_group_id(group(&it.group_id)),
            version,
        ),
        Request::TxnOffsetCommit(it) => to.send(&txn_offset_commit(it), version),
        Request::EndTxn(it) => to.send(
            &EndTxnRequest::default()
                .with_transactional_id(transactional(&it.transactional_id))
                .with_producer_id(id(it.producer))
                .with_producer_epoch(epoch(it.producer))
                .with_committed(it.result == TransactionResult::Commit),
            version,
        ),
        Request::JoinGroup(it) => to.send(&join(it), version),
        Request::SyncGroup(it) => to.send(&sync(it), version),
        Request::Heartbeat(it) => to.send(
            &HeartbeatRequest::default()
                .with_group_id(group(&it.group_id))
                .with_generation_id(it.generation.0)
                .with_member_id(text(&it.member_id))
                .with_group_instance_id(it.group_instance_id.as_deref().map(text)),
            version,
        ),
        Request::LeaveGroup(it) => to.send(&leave(it), version),
        Request::OffsetCommit(it) => to.send(&offset_commit(it), version),
        Request::OffsetFetch(it) => to.send(&offset_fetch(it), version),
        other => unreachable!("no script asks {}", other.name()),
    }
}

fn produce(it: &wire::ProduceRequest) -> ProduceRequest {
    let data = it.partitions.iter().map(|(at, batch)| {
        let data = PartitionProduceData::default()
            .with_index(number(at))
            .with_records(Some(batch_bytes(batch)));
        TopicProduceData::default().with_name(topic(&at.topic)).with_partition_data(vec![data])
    });
    ProduceRequest::default()
        .with_transactional_id(it.transactional_id.as_deref().map(transactional))
        .with_acks(-1)
        .with_timeout_ms(9_000)
        .with_topic_data(data.collect())
}

fn batch_bytes(batch: &NewBatch) -> Bytes {
    let stamp = batch.producer;
    let sequence = stamp.and_then(|it| it.sequence);
    let record = |(delta, record): (u32, &wire::Record)| Record {
        transactional: stamp.is_some_and(|it| it.transactional),
        control: false,
        delete_horizon: false,
        partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
        producer_id: stamp.map_or(NO_PRODUCER_ID, |it| it.id.0.cast_signed()),
        producer_epoch: stamp.map_or(NO_PRODUCER_EPOCH, |it| it.epoch.0.cast_signed()),
        timestamp_type: TimestampType::Creation,
        offset: i64::from(delta),
        // Its first one's counts, from which the others are to be as far as their offsets are.
        sequence: sequence.map_or(NO_SEQUENCE, |Sequence(it)| it).wrapping_add(delta.cast_signed()),
        timestamp: 1_700_000_000_000,
        key: record.key.clone(),
        value: record.value.clone(),
        headers: Default::default(),
    };
    let records: Vec<_> = (0..).zip(&batch.records).map(record).collect();
    let mut bytes = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    RecordBatchEncoder::encode(&mut bytes, &records, &options).expect("a batch");
    bytes.freeze()
}

fn fetch(it: &wire::FetchRequest) -> FetchRequest {
    let topics = it.partitions.iter().map(|it| {
        let partition = FetchPartition::default()
            .with_partition(number(&it.partition))
            .with_fetch_offset(it.offset.0.cast_signed())
            .with_partition_max_bytes(1 << 20);
        FetchTopic::default()
            .with_topic(topic(&it.partition.topic))
            .with_partitions(vec![partition])
    });
    FetchRequest::default()
        .with_max_wait_ms(0)
        .with_min_bytes(0)
        .with_isolation_level(isolation(it.isolation))
        .with_topics(topics.collect())
}

fn list_offsets(it: &wire::ListOffsetsRequest) -> ListOffsetsRequest {
    let topics = it.partitions.iter().map(|it| {
        let timestamp = match it.spec {
            OffsetSpec::Earliest => -2,
            OffsetSpec::Latest => -1,
            OffsetSpec::At(time) => time.0.cast_signed(),
        };
        let partition = ListOffsetsPartition::default()
            .with_partition_index(number(&it.partition))
            .with_timestamp(timestamp);
        ListOffsetsTopic::default()
            .with_name(topic(&it.partition.topic))
            .with_partitions(vec![partition])
    });
    ListOffsetsRequest::default()
        .with_replica_id(kafka::BrokerId(-1))
        .with_isolation_level(isolation(it.isolation))
        .with_topics(topics.collect())
}

fn delete_records(it: &wire::DeleteRecordsRequest) -> DeleteRecordsRequest {
    let topics = it.partitions.iter().map(|(at, offset)| {
        let partition = DeleteRecordsPartition::default()
            .with_partition_index(number(at))
            .with_offset(offset.map_or(-1, |offset| offset.0.cast_signed()));
        DeleteRecordsTopic::default().with_name(topic(&at.topic)).with_partitions(vec![partition])
    });
    DeleteRecordsRequest::default().with_timeout_ms(9_000).with_topics(topics.collect())
}

fn init(it: &wire::InitProducerIdRequest) -> InitProducerIdRequest {
    InitProducerIdRequest::default()
        .with_transactional_id(it.transactional_id.as_deref().map(transactional))
        .with_transaction_timeout_ms(i32::try_from(it.transaction_timeout_ms).expect("minutes"))
        .with_producer_id(kafka::ProducerId(it.current.map_or(-1, |it| it.id.0.cast_signed())))
        .with_producer_epoch(it.current.map_or(-1, epoch))
}

fn add_partitions(it: &wire::AddPartitionsToTxnRequest) -> AddPartitionsToTxnRequest {
    let topics = it.partitions.iter().map(|at| {
        AddPartitionsToTxnTopic::default()
            .with_name(topic(&at.topic))
            .with_partitions(vec![number(at)])
    });
    AddPartitionsToTxnRequest::default()
        .with_v3_and_below_transactional_id(transactional(&it.transactional_id))
        .with_v3_and_below_producer_id(id(it.producer))
        .with_v3_and_below_producer_epoch(epoch(it.producer))
        .with_v3_and_below_topics(topics.collect())
}

fn txn_offset_commit(it: &wire::TxnOffsetCommitRequest) -> TxnOffsetCommitRequest {
    let topics = it.offsets.iter().map(|(at, OffsetToCommit { offset, metadata, .. })| {
        let partition = TxnOffsetCommitRequestPartition::default()
            .with_partition_index(number(at))
            .with_committed_offset(offset.0.cast_signed())
            .with_committed_metadata(Some(text(metadata)));
        TxnOffsetCommitRequestTopic::default()
            .with_name(topic(&at.topic))
            .with_partitions(vec![partition])
    });
    TxnOffsetCommitRequest::default()
        .with_transactional_id(transactional(&it.transactional_id))
        .with_group_id(group(&it.group_id))
        .with_producer_id(id(it.producer))
        .with_producer_epoch(epoch(it.producer))
        .with_generation_id(it.generation.0)
        .with_member_id(text(&it.member_id))
        .with_group_instance_id(it.group_instance_id.as_deref().map(text))
        .with_topics(topics.collect())
}

fn join(it: &wire::JoinGroupRequest) -> JoinGroupRequest {
    let millis = |ms: u64| i32::try_from(ms).expect("minutes");
    let protocols = it.protocols.iter().map(|(name, metadata)| {
        JoinGroupRequestProtocol::default().with_name(text(name)).with_metadata(metadata.clone())
    });
    JoinGroupRequest::default()
        .with_group_id(group(&it.group_id))
        .with_session_timeout_ms(millis(it.session_timeout_ms))
        .with_rebalance_timeout_ms(millis(it.rebalance_timeout_ms))
        .with_member_id(text(&it.member_id))
        .with_group_instance_id(it.group_instance_id.as_deref().map(text))
        .with_protocol_type(text(&it.protocol_type))
        .with_protocols(protocols.collect())
}

fn sync(it: &wire::SyncGroupRequest) -> SyncGroupRequest {
    let assignments = it.assignments.iter().map(|(member, assignment)| {
        SyncGroupRequestAssignment::default()
            .with_member_id(text(member))
            .with_assignment(assignment.clone())
    });
    SyncGroupRequest::default()
        .with_group_id(group(&it.group_id))
        .with_generation_id(it.generation.0)
        .with_member_id(text(&it.member_id))
        .with_group_instance_id(it.group_instance_id.as_deref().map(text))
        .with_assignments(assignments.collect())
}

fn leave(it: &wire::LeaveGroupRequest) -> LeaveGroupRequest {
    let members = it.members.iter().map(|member| {
        MemberIdentity::default()
            .with_member_id(text(&member.member_id))
            .with_group_instance_id(member.group_instance_id.as_deref().map(text))
    });
    LeaveGroupRequest::default().with_group_id(group(&it.group_id)).with_members(members.collect())
}

fn offset_commit(it: &wire::OffsetCommitRequest) -> OffsetCommitRequest {
    let topics = it.offsets.iter().map(|(at, OffsetToCommit { offset, metadata, .. })| {
        let partition = OffsetCommitRequestPartition::default()
            .with_partition_index(number(at))
            .with_committed_offset(offset.0.cast_signed())
            .with_committed_metadata(Some(text(metadata)));
        OffsetCommitRequestTopic::default()
            .with_name(topic(&at.topic))
            .with_partitions(vec![partition])
    });
    OffsetCommitRequest::default()
        .with_group_id(group(&it.group_id))
        .with_generation_id_or_member_epoch(it.generation.0)
        .with_member_id(text(&it.member_id))
        .with_group_instance_id(it.group_instance_id.as_deref().map(text))
        .with_topics(topics.collect())
}

fn offset_fetch(it: &wire::OffsetFetchRequest) -> OffsetFetchRequest {
    let topics = it.partitions.iter().flatten().map(|at| {
        OffsetFetchRequestTopic::default()
            .with_name(topic(&at.topic))
            .with_partition_indexes(vec![number(at)])
    });
    OffsetFetchRequest::default()
        .with_group_id(group(&it.group_id))
        .with_require_stable(it.require_stable)
        .with_topics(Some(topics.collect()))
}

fn isolation(isolation: Isolation) -> i8 {
    match isolation {
        Isolation::ReadUncommitted => 0,
        Isolation::ReadCommitted => 1,
    }
}

fn number(at: &TopicPartition) -> i32 {
    at.partition.cast_signed()
}

fn topic(name: &TopicName) -> kafka::TopicName {
    name.as_str().to_owned().into_topic()
}

fn id(producer: ProducerIdentity) -> kafka::ProducerId {
    kafka::ProducerId(producer.id.0.cast_signed())
}

fn epoch(producer: ProducerIdentity) -> i16 {
    producer.epoch.0.cast_signed()
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn transactional(id: &str) -> TransactionalId {
    TransactionalId(text(id))
}

fn group(id: &str) -> GroupId {
    GroupId(text(id))
}
