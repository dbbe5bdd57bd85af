//! Error codes by their numbers.

use tidelog_io_sim::wire::ErrorCode;

/// Nothing, or what is wrong.
pub(super) fn check(code: i16) -> Result<(), ErrorCode> {
    error(code).map_or(Ok(()), Err)
}

pub(super) fn error(code: i16) -> Option<ErrorCode> {
    use ErrorCode::*;
    Some(match code {
        0 => return None,
        -1 => UnknownServerError,
        1 => OffsetOutOfRange,
        3 => UnknownTopicOrPartition,
        5 => LeaderNotAvailable,
        6 => NotLeaderOrFollower,
        7 => RequestTimedOut,
        10 => MessageTooLarge,
        14 => CoordinatorLoadInProgress,
        15 => CoordinatorNotAvailable,
        16 => NotCoordinator,
        19 => NotEnoughReplicas,
        20 => NotEnoughReplicasAfterAppend,
        22 => IllegalGeneration,
        23 => InconsistentGroupProtocol,
        24 => InvalidGroupId,
        25 => UnknownMemberId,
        26 => InvalidSessionTimeout,
        27 => RebalanceInProgress,
        42 => InvalidRequest,
        44 => PolicyViolation,
        45 => OutOfOrderSequenceNumber,
        46 => DuplicateSequenceNumber,
        47 => InvalidProducerEpoch,
        48 => InvalidTxnState,
        49 => InvalidProducerIdMapping,
        50 => InvalidTransactionTimeout,
        51 => ConcurrentTransactions,
        52 => TransactionCoordinatorFenced,
        56 => KafkaStorageError,
        59 => UnknownProducerId,
        68 => NonEmptyGroup,
        69 => GroupIdNotFound,
        74 => FencedLeaderEpoch,
        75 => UnknownLeaderEpoch,
        78 => OffsetNotAvailable,
        79 => MemberIdRequired,
        81 => GroupMaxSizeReached,
        82 => FencedInstanceId,
        87 => InvalidRecord,
        88 => UnstableOffsetCommit,
        90 => ProducerFenced,
        120 => TransactionAbortable,
        other => panic!("the model knows no error of number {other}"),
    })
}
