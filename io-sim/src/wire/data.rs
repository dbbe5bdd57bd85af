//! Reading and writing partitions.

use super::{
    Batch, BrokerEpoch, BrokerId, ErrorCode, LeaderEpoch, NewBatch, Offset, ProducerEpoch,
    ProducerId, Timestamp, TopicPartition,
};

/// How many replicas must have a record before its producer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Acks {
    /// `acks=1`: the leader's log is enough.
    Leader,
    /// `acks=all`: every replica of the in-sync set.
    All,
}

/// Appends a batch per partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProduceRequest {
    /// The producer's transactional id, if it has one.
    pub transactional_id: Option<String>,
    /// From version 12 on (KIP-890) the leader itself adds the partition to the transaction;
    /// before, the producer must have done so by `AddPartitionsToTxn`, and the leader only verifies
    /// it.
    pub adds_partitions: bool,
    /// When to answer.
    pub acks: Acks,
    /// How long to wait for the in-sync replicas.
    pub timeout_ms: u64,
    /// What to append. A partition comes at most once.
    pub partitions: Vec<(TopicPartition, NewBatch)>,
}

/// What became of a produced batch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProduceReply {
    /// In the order of the request.
    pub partitions: Vec<ProducePartitionReply>,
}

/// What became of the batch for one partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProducePartitionReply {
    /// The partition.
    pub partition: TopicPartition,
    /// Where the batch lies, or why it does not.
    pub result: Result<Appended, ErrorCode>,
    /// The leader, when this broker is not it and knows better (KIP-951).
    pub current_leader: Option<LeaderHint>,
}

/// Where an appended batch lies. A repeated batch gets the first answer again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Appended {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// When the leader appended it. None for a repeated batch whose time the leader no longer
    /// remembers.
    pub timestamp: Option<Timestamp>,
    /// Where the partition's log starts.
    pub log_start: Offset,
}

/// Who leads a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaderHint {
    /// The leader.
    pub leader: Option<BrokerId>,
    /// Since this epoch.
    pub epoch: LeaderEpoch,
}

/// How far a reader may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// Up to the high watermark.
    ReadUncommitted,
    /// Up to the last stable offset, with a list of aborted transactions to leave out.
    ReadCommitted,
}

/// Reads partitions; waits if there is nothing yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FetchRequest {
    /// A replica that follows; none for a client. A replica reads up to the log's end and thereby
    /// tells how far it is.
    pub replica: Option<FetchReplica>,
    /// How far to read.
    pub isolation: Isolation,
    /// How long to wait for `min_bytes`.
    pub max_wait_ms: u64,
    /// Answer once so many bytes are there.
    pub min_bytes: usize,
    /// Stop at so many bytes; the first batch of the first partition that has one comes in any
    /// case.
    pub max_bytes: usize,
    /// What to read. A partition comes at most once.
    pub partitions: Vec<FetchPartition>,
}

/// A replica that fetches. It and the leader keep a session (KIP-227): a request names only the
/// partitions whose offsets have changed, a reply only those with news.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FetchReplica {
    /// The broker.
    pub id: BrokerId,
    /// Its registration.
    pub epoch: BrokerEpoch,
    /// Which request of the session this is: 0 begins a new one.
    pub session_epoch: u32,
    /// Partitions that it no longer wants.
    pub forgotten: Vec<TopicPartition>,
}

/// What to read of one partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FetchPartition {
    /// The partition.
    pub partition: TopicPartition,
    /// From which offset on. The first batch of the reply may begin before it.
    pub offset: Offset,
    /// The leader epoch that the reader knows (KIP-320); none: do not check.
    pub current_leader_epoch: Option<LeaderEpoch>,
    /// The epoch of the last record that the reader has (KIP-595): the leader answers with the
    /// point of divergence if its log says otherwise.
    pub last_fetched_epoch: Option<LeaderEpoch>,
    /// Where a replica's log starts; clients leave it at 0.
    pub log_start: Offset,
    /// Stop at so many bytes of this partition.
    pub max_bytes: usize,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FetchReply {
    /// An error of the whole request: only `InvalidFetchSessionEpoch` and `StaleBrokerEpoch`, to a
    /// replica.
    pub error: Option<ErrorCode>,
    /// For a client: each of the request once, in its order. For a replica: those with news.
    pub partitions: Vec<FetchPartitionReply>,
}

/// What was read of one partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FetchPartitionReply {
    /// The partition.
    pub partition: TopicPartition,
    /// What was read, or why not.
    pub result: Result<Fetched, ErrorCode>,
    /// The leader, when this broker is not it and knows better (KIP-951).
    pub current_leader: Option<LeaderHint>,
}

/// A piece of a log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fetched {
    /// What all in-sync replicas have, as far as the leader knows.
    pub high_watermark: Offset,
    /// Where the earliest open transaction begins, at most the high watermark.
    pub last_stable_offset: Offset,
    /// Where the log starts.
    pub log_start: Offset,
    /// Where the reader's log and the leader's part; then there are no batches.
    pub diverging: Option<EpochEnd>,
    /// With [`Isolation::ReadCommitted`]: aborted transactions that overlap the batches, by their
    /// first offset. The reader leaves out the producer's transactional records from that offset to
    /// the producer's next abort marker.
    pub aborted: Vec<AbortedTransaction>,
    /// Whole batches.
    pub batches: Vec<Batch>,
}

/// A transaction that was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AbortedTransaction {
    /// Its first offset in this partition.
    pub first_offset: Offset,
    /// Whose it was.
    pub producer: ProducerId,
}

/// Where the records of an epoch end in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EpochEnd {
    /// The largest epoch of the log that is not newer than the one asked for.
    pub epoch: LeaderEpoch,
    /// The offset after its last record.
    pub end: Offset,
}

/// Asks for an offset by what it means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListOffsetsRequest {
    /// For [`OffsetSpec::Latest`]: the last stable offset or the high watermark.
    pub isolation: Isolation,
    /// What to look up.
    pub partitions: Vec<ListOffsetsPartition>,
}

/// One partition's question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListOffsetsPartition {
    /// The partition.
    pub partition: TopicPartition,
    /// The leader epoch that the asker knows; none: do not check.
    pub current_leader_epoch: Option<LeaderEpoch>,
    /// Which offset.
    pub spec: OffsetSpec,
}

/// Which offset is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OffsetSpec {
    /// Where the log starts.
    Earliest,
    /// Where it ends for a reader of that isolation.
    Latest,
    /// The first record of that time or later.
    At(Timestamp),
}

/// The offsets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListOffsetsReply {
    /// In the order of the request.
    pub partitions: Vec<(TopicPartition, Result<ListedOffset, ErrorCode>)>,
}

/// An offset that was looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListedOffset {
    /// The offset; none when no record is as young as asked.
    pub offset: Option<Offset>,
    /// The record's time, for a look-up by time.
    pub timestamp: Option<Timestamp>,
    /// The leader's epoch.
    pub leader_epoch: LeaderEpoch,
}

/// Asks where epochs end (KIP-101): how a reader learns that a log was truncated.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffsetForLeaderEpochRequest {
    /// What to look up.
    pub partitions: Vec<EpochQuestion>,
}

/// One partition's question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EpochQuestion {
    /// The partition.
    pub partition: TopicPartition,
    /// The leader epoch that the asker knows; none: do not check.
    pub current_leader_epoch: Option<LeaderEpoch>,
    /// Whose end is asked.
    pub epoch: LeaderEpoch,
}

/// Where the epochs end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffsetForLeaderEpochReply {
    /// In the order of the request; none within: the log has nothing as old as that.
    pub partitions: Vec<(TopicPartition, Result<Option<EpochEnd>, ErrorCode>)>,
}

/// Moves the start of logs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeleteRecordsRequest {
    /// The new start of each; none: the high watermark.
    pub partitions: Vec<(TopicPartition, Option<Offset>)>,
    /// How long to wait for the replicas.
    pub timeout_ms: u64,
}

/// Where the logs start now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeleteRecordsReply {
    /// In the order of the request.
    pub partitions: Vec<(TopicPartition, Result<Offset, ErrorCode>)>,
}

/// Ends transactions in partitions: from a transaction coordinator to the partition's leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WriteTxnMarkersRequest {
    /// The markers.
    pub markers: Vec<TxnMarker>,
}

/// The end of one transaction in some partitions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TxnMarker {
    /// Whose transaction.
    pub producer: ProducerId,
    /// The epoch to write: with KIP-890 the one after that of the records.
    pub epoch: ProducerEpoch,
    /// How it ended.
    pub result: super::TransactionResult,
    /// The leader epoch of the coordinator's own partition.
    pub coordinator_epoch: LeaderEpoch,
    /// KIP-890's version of transactions: the epoch must be larger than that of the records.
    pub bumps_epoch: bool,
    /// Where to write it.
    pub partitions: Vec<TopicPartition>,
}

/// What became of the markers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WriteTxnMarkersReply {
    /// In the order of the request. A marker counts as written once all in-sync replicas have it.
    pub markers: Vec<TxnMarkerResults>,
}

/// Whose marker it was, and what became of it in each partition.
pub type TxnMarkerResults = (ProducerId, Vec<(TopicPartition, Result<(), ErrorCode>)>);
