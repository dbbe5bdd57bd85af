//! How a host drives a broker or the controller.

use std::sync::Arc;

use super::{BrokerId, CallId, Instant, Node, Offset, Reply, Request, Token, TopicPartition};

/// What happens to a broker or to the controller.
#[derive(Clone, Debug, Hash)]
pub enum Input {
    /// A request arrived. Its answer leaves, perhaps much later, as an [`Output::Reply`] with the
    /// same token; if the asker is gone by then, the host drops it.
    Request {
        /// From whom.
        from: Node,
        /// Whom the answer is owed to.
        token: Token,
        /// The request.
        request: Request,
    },
    /// The answer to an [`Output::Call`], or the news that none will come.
    Reply {
        /// The call.
        id: CallId,
        /// The answer.
        reply: Result<Reply, Unreachable>,
    },
    /// The time of an [`Output::WakeAt`] has come. Harmless at any other time.
    Tick,
    /// The disk or the cleaner does something of its own accord (brokers only).
    Maintain {
        /// Of which partition.
        partition: TopicPartition,
        /// What.
        work: Maintenance,
    },
}

/// No answer: the connection broke, or the other side was silent for too long. The request may have
/// been worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unreachable;

/// What happens in the background of a real broker at moments that nobody chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Maintenance {
    /// The page cache reaches the disk: what is in the log survives a power loss.
    Flush,
    /// The active segment is closed.
    Roll,
    /// The cleaner runs over closed segments, at most up to this offset.
    Compact {
        /// Clean nothing at or after this.
        up_to: Offset,
    },
    /// Old segments go.
    Retain,
}

/// What a broker or the controller wants of the world.
#[derive(Clone, Debug, Hash)]
pub enum Output {
    /// The answer to a request.
    Reply {
        /// Whom it is owed to.
        token: Token,
        /// The answer.
        reply: Reply,
    },
    /// A request of its own, to another node. Its end comes back as [`Input::Reply`], always.
    Call {
        /// To be handed back.
        id: CallId,
        /// To whom; never to itself.
        to: Node,
        /// The request.
        request: Request,
    },
    /// Send [`Input::Tick`] at this time; replaces the time given before. At most one per step; a
    /// step without one leaves the time as it was.
    WakeAt(Instant),
}

/// The settings of the cluster, the same for every node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClusterConfig {
    /// Who there is.
    pub brokers: Vec<BrokerId>,
    /// `broker.session.timeout.ms`: a silent broker is fenced after that.
    pub broker_session_timeout_ms: u64,
    /// `broker.heartbeat.interval.ms`.
    pub broker_heartbeat_interval_ms: u64,
    /// `replica.lag.time.max.ms`: a replica that has not caught up for so long leaves the in-sync
    /// set.
    pub replica_lag_time_max_ms: u64,
    /// `replica.fetch.wait.max.ms`.
    pub replica_fetch_wait_max_ms: u64,
    /// `replica.fetch.backoff.ms`: the pause after a fetch that failed.
    pub replica_fetch_backoff_ms: u64,
    /// `replica.high.watermark.checkpoint.interval.ms`.
    pub high_watermark_checkpoint_ms: u64,
    /// How long the controller holds a fetch of metadata that has nothing new.
    pub image_wait_max_ms: u64,
    /// `offsets.topic.num.partitions`.
    pub offsets_partitions: u32,
    /// `transaction.state.log.num.partitions`.
    pub transaction_partitions: u32,
    /// `offsets.topic.replication.factor` and `transaction.state.log.replication.factor`.
    pub internal_replication_factor: u32,
    /// `min.insync.replicas` of the internal topics.
    pub internal_min_insync_replicas: u32,
    /// `segment.bytes` of the internal topics.
    pub internal_segment_bytes: usize,
    /// `transaction.max.timeout.ms`.
    pub transaction_max_timeout_ms: u64,
    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`.
    pub transaction_abort_interval_ms: u64,
    /// `producer.id.expiration.ms`: a partition forgets a producer that has been silent for so
    /// long.
    pub producer_id_expiration_ms: u64,
    /// `transactional.id.expiration.ms`.
    pub transactional_id_expiration_ms: u64,
    /// `group.initial.rebalance.delay.ms`.
    pub group_initial_rebalance_delay_ms: u64,
    /// `group.min.session.timeout.ms`.
    pub group_min_session_timeout_ms: u64,
    /// `group.max.session.timeout.ms`.
    pub group_max_session_timeout_ms: u64,
    /// `group.max.size`.
    pub group_max_size: usize,
    /// `offsets.retention.minutes`, in milliseconds.
    pub offsets_retention_ms: u64,
    /// `log.cleaner.backoff.ms` and `log.retention.check.interval.ms`: how often a broker cleans of
    /// its own accord; none: only by [`Input::Maintain`].
    pub cleaner_interval_ms: Option<u64>,
}

impl Default for ClusterConfig {
    /// Three brokers; Kafka's defaults, shorter where a virtual minute would otherwise be spent
    /// waiting.
    fn default() -> Self {
        Self {
            brokers: vec![BrokerId(1), BrokerId(2), BrokerId(3)],
            broker_session_timeout_ms: 3_000,
            broker_heartbeat_interval_ms: 500,
            replica_lag_time_max_ms: 5_000,
            replica_fetch_wait_max_ms: 500,
            replica_fetch_backoff_ms: 200,
            high_watermark_checkpoint_ms: 5_000,
            image_wait_max_ms: 2_000,
            offsets_partitions: 4,
            transaction_partitions: 4,
            internal_replication_factor: 3,
            internal_min_insync_replicas: 2,
            internal_segment_bytes: 1 << 20,
            transaction_max_timeout_ms: 15 * 60 * 1000,
            transaction_abort_interval_ms: 1_000,
            producer_id_expiration_ms: 24 * 60 * 60 * 1000,
            transactional_id_expiration_ms: 7 * 24 * 60 * 60 * 1000,
            group_initial_rebalance_delay_ms: 100,
            group_min_session_timeout_ms: 1_000,
            group_max_session_timeout_ms: 30 * 60 * 1000,
            group_max_size: 1_000,
            offsets_retention_ms: 7 * 24 * 60 * 60 * 1000,
            cleaner_interval_ms: Some(5_000),
        }
    }
}

/// Settings, shared by whoever needs them.
pub type Config = Arc<ClusterConfig>;
