//! Producers and their transactions.

use super::{
    ErrorCode, Generation, Offset, ProducerEpoch, ProducerId, TopicPartition, group::OffsetToCommit,
};

/// A producer's id and epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerIdentity {
    /// The id.
    pub id: ProducerId,
    /// The epoch.
    pub epoch: ProducerEpoch,
}

/// Asks for a producer id; with a transactional id also fences earlier producers of that id and
/// ends their transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InitProducerIdRequest {
    /// None for an idempotent producer without transactions.
    pub transactional_id: Option<String>,
    /// After how long the coordinator aborts a transaction of this producer.
    pub transaction_timeout_ms: u64,
    /// KIP-360: who the producer was; a zombie is told `ProducerFenced`. None at the first call.
    pub current: Option<ProducerIdentity>,
}

/// Who the producer is now.
pub type InitProducerIdReply = Result<ProducerIdentity, ErrorCode>;

/// Adds partitions to the open transaction, or opens one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AddPartitionsToTxnRequest {
    /// The transactional id.
    pub transactional_id: String,
    /// The producer.
    pub producer: ProducerIdentity,
    /// From a partition's leader (KIP-890): only say whether the partitions are part of it.
    pub verify_only: bool,
    /// The partitions.
    pub partitions: Vec<TopicPartition>,
}

/// What became of each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AddPartitionsToTxnReply {
    /// In the order of the request.
    pub partitions: Vec<(TopicPartition, Result<(), ErrorCode>)>,
}

/// Adds the partition of a group's offsets to the open transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AddOffsetsToTxnRequest {
    /// The transactional id.
    pub transactional_id: String,
    /// The producer.
    pub producer: ProducerIdentity,
    /// The group.
    pub group_id: String,
}

/// What became of it.
pub type AddOffsetsToTxnReply = Result<(), ErrorCode>;

/// Commits offsets as part of a transaction: to the group's coordinator, after
/// [`AddOffsetsToTxnRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TxnOffsetCommitRequest {
    /// The transactional id.
    pub transactional_id: String,
    /// The producer.
    pub producer: ProducerIdentity,
    /// The group.
    pub group_id: String,
    /// KIP-447: the member on whose behalf; empty for a client without group metadata, which is not
    /// fenced.
    pub member_id: String,
    /// Its static id, if it has one.
    pub group_instance_id: Option<String>,
    /// The generation that it knows; -1 with an empty member id.
    pub generation: Generation,
    /// KIP-890's version of the request: the coordinator adds its partition to the transaction
    /// itself.
    pub adds_partitions: bool,
    /// What to commit.
    pub offsets: Vec<(TopicPartition, OffsetToCommit)>,
}

/// What became of each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TxnOffsetCommitReply {
    /// In the order of the request.
    pub partitions: Vec<(TopicPartition, Result<(), ErrorCode>)>,
}

/// Ends the open transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EndTxnRequest {
    /// The transactional id.
    pub transactional_id: String,
    /// The producer.
    pub producer: ProducerIdentity,
    /// Commit or abort.
    pub result: super::TransactionResult,
    /// From version 5 on (KIP-890) the end raises the producer's epoch, and the reply says to what.
    pub bumps_epoch: bool,
}

/// The producer's identity for the next transaction: as before, unless the request bumps the epoch.
pub type EndTxnReply = Result<ProducerIdentity, ErrorCode>;

/// Asks the controller for a range of producer ids that nobody else gets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AllocateProducerIdsRequest {
    /// The broker that asks.
    pub broker: super::BrokerId,
    /// Its registration.
    pub epoch: super::BrokerEpoch,
}

/// The range.
pub type AllocateProducerIdsReply = Result<ProducerIdRange, ErrorCode>;

/// Producer ids that belong to one broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProducerIdRange {
    /// The first.
    pub first: ProducerId,
    /// How many.
    pub count: u64,
}

/// The offset and what else was committed with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CommittedOffset {
    /// The offset of the next record to read.
    pub offset: Offset,
    /// The leader epoch of the last record that was read, if the client gave it.
    pub leader_epoch: Option<super::LeaderEpoch>,
    /// What the client wrote beside it.
    pub metadata: String,
}
