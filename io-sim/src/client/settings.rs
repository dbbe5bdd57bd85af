//! How clients are set, by librdkafka's names.

use std::time::Duration;

use tidelog_core::Layout;

use crate::wire::BrokerId;

/// The settings of the clients of one process.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// `bootstrap.servers`.
    pub brokers: Vec<BrokerId>,
    /// How many partitions each topic has.
    pub layout: Layout,
    /// What the names of topics, groups and transactional ids begin with.
    pub prefix: Box<str>,
    /// `session.timeout.ms`.
    pub session_timeout: Duration,
    /// `heartbeat.interval.ms`.
    pub heartbeat_interval: Duration,
    /// `max.poll.interval.ms`: how long a rebalance waits for a member to join again.
    pub rebalance_timeout: Duration,
    /// Whether members have `group.instance.id`s.
    pub static_members: bool,
    /// `transaction.timeout.ms`.
    pub transaction_timeout: Duration,
    /// Which version of transactions the brokers and the client have agreed on.
    pub transactions: TransactionVersion,
    /// How long one step of a transaction is tried.
    pub transaction_limit: Duration,
    /// `delivery.timeout.ms`.
    pub delivery_limit: Duration,
    /// `socket.timeout.ms`: how long an answer is waited for, beside what the request itself waits.
    pub request_timeout: Duration,
    /// `fetch.wait.max.ms`.
    pub fetch_wait: Duration,
    /// `fetch.message.max.bytes`: of one partition in one answer.
    pub fetch_bytes_max: usize,
    /// `queued.max.messages.kbytes`: what is read ahead of one partition.
    pub ahead_bytes_max: usize,
    /// `retry.backoff.ms`.
    pub back_off: Duration,
    /// How long something is tried for which nothing else sets a limit.
    pub patience: Duration,
    /// `delete.retention.ms` of the changelogs: a store that is older is rebuilt.
    pub tombstones_kept: Duration,
}

/// Which version of transactions is spoken (`transaction.version`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionVersion {
    /// The producer adds partitions to its transaction, and keeps its epoch.
    V1,
    /// KIP-890: partitions are added by what is sent to them, and every transaction has an epoch of its
    /// own.
    V2,
}

impl ClientSettings {
    /// The settings of tidelog's nodes.
    #[must_use]
    pub fn new(brokers: Vec<BrokerId>, layout: Layout) -> Self {
        Self {
            brokers,
            layout,
            prefix: "".into(),
            session_timeout: Duration::from_secs(6),
            heartbeat_interval: Duration::from_millis(1_000),
            rebalance_timeout: Duration::from_secs(30),
            static_members: true,
            transaction_timeout: Duration::from_secs(5),
            transactions: TransactionVersion::V2,
            transaction_limit: Duration::from_secs(8),
            delivery_limit: Duration::from_secs(20),
            request_timeout: Duration::from_secs(4),
            fetch_wait: Duration::from_millis(500),
            fetch_bytes_max: 1 << 20,
            ahead_bytes_max: 2 << 20,
            back_off: Duration::from_millis(100),
            patience: Duration::from_secs(30),
            tombstones_kept: Duration::from_secs(24 * 60 * 60),
        }
    }
}
