//! What can be wrong with a request, by Kafka's names.

use std::fmt;

/// Kafka's error codes, as far as this subset of the protocol uses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorCode {
    /// The broker does not know what happened.
    UnknownServerError,
    /// The offset is before the log's start or after its end.
    OffsetOutOfRange,
    /// The topic or partition does not exist, as far as this broker knows.
    UnknownTopicOrPartition,
    /// There is no leader at the moment.
    LeaderNotAvailable,
    /// This broker does not lead the partition.
    NotLeaderOrFollower,
    /// The wait for the in-sync replicas took too long. The record may or may not be kept.
    RequestTimedOut,
    /// The coordinator has not read its partition yet.
    CoordinatorLoadInProgress,
    /// There is no coordinator at the moment.
    CoordinatorNotAvailable,
    /// This broker is not the coordinator of that group or transactional id.
    NotCoordinator,
    /// Fewer replicas are in sync than the topic asks for; nothing was appended.
    NotEnoughReplicas,
    /// Appended, but by now fewer replicas are in sync than the topic asks for.
    NotEnoughReplicasAfterAppend,
    /// The member's generation is not the group's.
    IllegalGeneration,
    /// The member's protocols have nothing in common with the group's.
    InconsistentGroupProtocol,
    /// An empty group id.
    InvalidGroupId,
    /// The group does not know that member.
    UnknownMemberId,
    /// The session timeout is outside what the broker allows.
    InvalidSessionTimeout,
    /// The group is being rebalanced: join again.
    RebalanceInProgress,
    /// The message is larger than the topic allows.
    MessageTooLarge,
    /// A topic of that name exists.
    TopicAlreadyExists,
    /// The number of partitions is not a possible one.
    InvalidPartitions,
    /// The replication factor is not a possible one.
    InvalidReplicationFactor,
    /// The request makes no sense.
    InvalidRequest,
    /// The configuration makes no sense.
    InvalidConfig,
    /// A sequence number that leaves a gap.
    OutOfOrderSequenceNumber,
    /// A sequence number older than the five batches that the broker remembers.
    DuplicateSequenceNumber,
    /// The producer's epoch is older than the newest that this partition has seen.
    InvalidProducerEpoch,
    /// The transaction is not in a state for that.
    InvalidTxnState,
    /// The producer id is not the one that belongs to the transactional id.
    InvalidProducerIdMapping,
    /// The transaction timeout is larger than the broker allows.
    InvalidTransactionTimeout,
    /// Another request for the same transaction is being worked on.
    ConcurrentTransactions,
    /// The coordinator that sent the marker has been replaced.
    TransactionCoordinatorFenced,
    /// The broker does not know that producer id.
    UnknownProducerId,
    /// The group is not empty.
    NonEmptyGroup,
    /// There is no such group.
    GroupIdNotFound,
    /// The request's leader epoch is older than the broker's.
    FencedLeaderEpoch,
    /// The request's leader epoch is newer than the broker's.
    UnknownLeaderEpoch,
    /// The request comes from an earlier incarnation of a broker.
    StaleBrokerEpoch,
    /// The log has no offset for that yet, the high watermark is still behind the leader's epoch.
    OffsetNotAvailable,
    /// The member must join again with the id that the reply gives it.
    MemberIdRequired,
    /// The group has as many members as it may have.
    GroupMaxSizeReached,
    /// Another member with the same instance id has taken over.
    FencedInstanceId,
    /// There are offsets of open transactions.
    UnstableOffsetCommit,
    /// A newer producer with the same transactional id has taken over.
    ProducerFenced,
    /// The transaction must be aborted, then the producer may go on.
    TransactionAbortable,
    /// The broker id is registered by an incarnation that is still alive.
    DuplicateBrokerRegistration,
    /// The broker is not registered.
    BrokerIdNotRegistered,
    /// The in-sync set was built on an older state of the partition.
    InvalidUpdateVersion,
    /// A replica of the new in-sync set may not be in it.
    IneligibleReplica,
    /// The leader is new and has not yet learnt of it all.
    NewLeaderElected,
    /// What was asked of the controller is not possible now.
    ElectionNotNeeded,
    /// The topic's policy forbids it.
    PolicyViolation,
    /// The log of the partition cannot be written or read.
    KafkaStorageError,
    /// A record without a key in a compacted topic.
    InvalidRecord,
    /// The fetch session is not where the follower thinks: begin a new one.
    InvalidFetchSessionEpoch,
}

impl ErrorCode {
    /// Whether Kafka marks it as retriable: the same request may succeed later, perhaps after fresh
    /// metadata.
    pub const fn is_retriable(self) -> bool {
        match self {
            Self::UnknownTopicOrPartition
            | Self::LeaderNotAvailable
            | Self::NotLeaderOrFollower
            | Self::RequestTimedOut
            | Self::CoordinatorLoadInProgress
            | Self::CoordinatorNotAvailable
            | Self::NotCoordinator
            | Self::NotEnoughReplicas
            | Self::NotEnoughReplicasAfterAppend
            | Self::ConcurrentTransactions
            | Self::FencedLeaderEpoch
            | Self::UnknownLeaderEpoch
            | Self::OffsetNotAvailable
            | Self::UnstableOffsetCommit
            | Self::InvalidFetchSessionEpoch
            | Self::KafkaStorageError => true,
            Self::UnknownServerError
            | Self::OffsetOutOfRange
            | Self::IllegalGeneration
            | Self::InconsistentGroupProtocol
            | Self::InvalidGroupId
            | Self::UnknownMemberId
            | Self::InvalidSessionTimeout
            | Self::RebalanceInProgress
            | Self::MessageTooLarge
            | Self::TopicAlreadyExists
            | Self::InvalidPartitions
            | Self::InvalidReplicationFactor
            | Self::InvalidRequest
            | Self::InvalidConfig
            | Self::OutOfOrderSequenceNumber
            | Self::DuplicateSequenceNumber
            | Self::InvalidProducerEpoch
            | Self::InvalidTxnState
            | Self::InvalidProducerIdMapping
            | Self::InvalidTransactionTimeout
            | Self::TransactionCoordinatorFenced
            | Self::UnknownProducerId
            | Self::NonEmptyGroup
            | Self::GroupIdNotFound
            | Self::StaleBrokerEpoch
            | Self::MemberIdRequired
            | Self::GroupMaxSizeReached
            | Self::FencedInstanceId
            | Self::ProducerFenced
            | Self::TransactionAbortable
            | Self::DuplicateBrokerRegistration
            | Self::BrokerIdNotRegistered
            | Self::InvalidUpdateVersion
            | Self::IneligibleReplica
            | Self::NewLeaderElected
            | Self::ElectionNotNeeded
            | Self::InvalidRecord
            | Self::PolicyViolation => false,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for ErrorCode {}
