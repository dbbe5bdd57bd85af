//! How a request to a coordinator is refused.

use crate::wire::{
    AddPartitionsToTxnReply, CoordinatorKind, ErrorCode, Generation, JoinGroupReply,
    LeaveGroupReply, OffsetCommitReply, OffsetFetchReply, Reply, Request, TopicPartition,
    TxnOffsetCommitReply,
};

/// The coordinator that a request is for: its kind, and the group or transactional id.
pub(super) fn addressee(request: &Request) -> Option<(CoordinatorKind, &str)> {
    let (kind, key) = match request {
        Request::InitProducerId(request) => {
            (CoordinatorKind::Transaction, request.transactional_id.as_ref()?)
        }
        Request::AddPartitionsToTxn(it) => (CoordinatorKind::Transaction, &it.transactional_id),
        Request::AddOffsetsToTxn(it) => (CoordinatorKind::Transaction, &it.transactional_id),
        Request::EndTxn(it) => (CoordinatorKind::Transaction, &it.transactional_id),
        Request::TxnOffsetCommit(it) => (CoordinatorKind::Group, &it.group_id),
        Request::JoinGroup(it) => (CoordinatorKind::Group, &it.group_id),
        Request::SyncGroup(it) => (CoordinatorKind::Group, &it.group_id),
        Request::Heartbeat(it) => (CoordinatorKind::Group, &it.group_id),
        Request::LeaveGroup(it) => (CoordinatorKind::Group, &it.group_id),
        Request::OffsetCommit(it) => (CoordinatorKind::Group, &it.group_id),
        Request::OffsetFetch(it) => (CoordinatorKind::Group, &it.group_id),
        Request::DescribeGroup(it) => (CoordinatorKind::Group, &it.group_id),
        Request::Metadata(_)
        | Request::Produce(_)
        | Request::Fetch(_)
        | Request::ListOffsets(_)
        | Request::OffsetForLeaderEpoch(_)
        | Request::DeleteRecords(_)
        | Request::WriteTxnMarkers(_)
        | Request::FindCoordinator(_)
        | Request::CreateTopics(_)
        | Request::BrokerRegistration(_)
        | Request::BrokerHeartbeat(_)
        | Request::FetchImage(_)
        | Request::AlterPartition(_)
        | Request::ElectLeaders(_)
        | Request::AllocateProducerIds(_) => return None,
    };
    Some((kind, key))
}

/// The answer that refuses a request to a coordinator.
pub(super) fn refusal(request: &Request, error: ErrorCode) -> Reply {
    match request {
        Request::InitProducerId(_) => Reply::InitProducerId(Err(error)),
        Request::AddPartitionsToTxn(it) => {
            let partitions = refused(it.partitions.iter(), error);
            Reply::AddPartitionsToTxn(AddPartitionsToTxnReply { partitions })
        }
        Request::AddOffsetsToTxn(_) => Reply::AddOffsetsToTxn(Err(error)),
        Request::EndTxn(_) => Reply::EndTxn(Err(error)),
        Request::TxnOffsetCommit(it) => {
            let partitions = refused(it.offsets.iter().map(|(at, _)| at), error);
            Reply::TxnOffsetCommit(TxnOffsetCommitReply { partitions })
        }
        Request::JoinGroup(it) => Reply::JoinGroup(JoinGroupReply {
            error: Some(error),
            generation: Generation(-1),
            protocol: String::new(),
            leader: String::new(),
            skip_assignment: false,
            member_id: it.member_id.clone(),
            members: Vec::new(),
        }),
        Request::SyncGroup(_) => Reply::SyncGroup(Err(error)),
        Request::Heartbeat(_) => Reply::Heartbeat(Err(error)),
        Request::LeaveGroup(_) => {
            Reply::LeaveGroup(LeaveGroupReply { error: Some(error), members: Vec::new() })
        }
        Request::OffsetCommit(it) => {
            let partitions = refused(it.offsets.iter().map(|(at, _)| at), error);
            Reply::OffsetCommit(OffsetCommitReply { partitions })
        }
        Request::OffsetFetch(_) => {
            Reply::OffsetFetch(OffsetFetchReply { error: Some(error), partitions: Vec::new() })
        }
        Request::DescribeGroup(_) => Reply::DescribeGroup(Err(error)),
        Request::Metadata(_)
        | Request::Produce(_)
        | Request::Fetch(_)
        | Request::ListOffsets(_)
        | Request::OffsetForLeaderEpoch(_)
        | Request::DeleteRecords(_)
        | Request::WriteTxnMarkers(_)
        | Request::FindCoordinator(_)
        | Request::CreateTopics(_)
        | Request::BrokerRegistration(_)
        | Request::BrokerHeartbeat(_)
        | Request::FetchImage(_)
        | Request::AlterPartition(_)
        | Request::ElectLeaders(_)
        | Request::AllocateProducerIds(_) => {
            unreachable!("{} is not for a coordinator", request.name())
        }
    }
}

fn refused<'a>(
    partitions: impl Iterator<Item = &'a TopicPartition>,
    error: ErrorCode,
) -> Vec<(TopicPartition, Result<(), ErrorCode>)> {
    partitions.map(|at| (at.clone(), Err(error))).collect()
}
