//! How the broker drives a coordinator of groups or of transactions.
//!
//! A coordinator is a machine of its own, one per partition of `__consumer_offsets` or
//! `__transaction_state` that this broker leads:
//!
//! 1. It is made by [`Coordinator`]'s implementors' `new(Seat)` when the broker becomes the
//!    partition's leader, anew for each leader epoch. It begins empty.
//! 2. The broker replays the partition, from the log's start to its end, as [`Event::Replay`], then
//!    says [`Event::Loaded`]. Until then the broker itself answers requests with
//!    `CoordinatorLoadInProgress`; where it does not lead the key's partition it answers
//!    `NotCoordinator`.
//! 3. Then come requests for keys of this partition, in any number at a time, each with a token
//!    that is answered once by [`Action::Reply`].
//! 4. What must outlive this broker is appended to the partition by [`Action::Append`]. The result
//!    is known at once, unless the append is part of a transaction that must be verified first:
//!    [`Event::Written`] comes before any other event. [`Event::Committed`] comes once the high
//!    watermark has passed it: every in-sync replica has it. A reply that depends on it leaves only
//!    then.
//! 5. When the leadership goes, [`Event::Resigned`] is the last event: the coordinator answers all
//!    tokens that it owes (`NotCoordinator`), then it is dropped. Replies to its calls that come
//!    later are thrown away.
//!
//! A coordinator has no clock, no randomness and no state elsewhere.

use std::fmt;

use crate::wire::{
    Batch, BrokerEpoch, BrokerId, ClusterConfig, ErrorCode, Image, Instant, LeaderEpoch, Node, Now,
    Offset, ProducerEpoch, ProducerId, ProducerIdentity, Records, Reply, Request, Token,
    TopicPartition, TransactionResult, Unreachable,
};

/// A coordinator of groups or of transactions.
pub trait Coordinator: fmt::Debug + Send {
    /// Takes an event.
    fn step(&mut self, context: &Context<'_>, event: Event) -> Vec<Action>;

    /// When it wants [`Event::Tick`]; asked after every step. A tick comes at that time or later,
    /// never without one.
    fn wake_at(&self) -> Option<Instant>;
}

/// Which partition a coordinator sits on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Seat {
    /// The partition of the internal topic.
    pub partition: TopicPartition,
    /// The epoch of its leader: the coordinator's epoch.
    pub leader_epoch: LeaderEpoch,
}

/// What a coordinator may look at.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Both clocks.
    pub now: Now,
    /// The broker that it runs on.
    pub broker: BrokerId,
    /// That broker's registration, for requests to the controller.
    pub broker_epoch: BrokerEpoch,
    /// The settings of the cluster.
    pub config: &'a ClusterConfig,
    /// The metadata as this broker knows it.
    pub image: &'a Image,
}

/// Names an append of a coordinator's; chosen by it, unique while it is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What happens to a coordinator.
#[derive(Clone, Debug)]
pub enum Event {
    /// The next batch of its partition, in the order of the offsets. Markers come as well: they end
    /// the transactions whose batches came before.
    Replay(Batch),
    /// That was the last one.
    Loaded,
    /// A request for a key of its partition.
    Request {
        /// From whom.
        from: Node,
        /// Whom the answer is owed to.
        token: Token,
        /// One of `InitProducerId` (with a transactional id), `AddPartitionsToTxn`,
        /// `AddOffsetsToTxn`, `EndTxn`; or `TxnOffsetCommit`, `JoinGroup`, `SyncGroup`,
        /// `Heartbeat`, `LeaveGroup`, `OffsetCommit`, `OffsetFetch`, `DescribeGroup`.
        request: Request,
    },
    /// An append is in the leader's log, or was refused and is nowhere.
    Written {
        /// Which.
        ticket: Ticket,
        /// The offset of its first record; or `NotEnoughReplicas`, or what is wrong with the
        /// transaction.
        result: Result<Offset, ErrorCode>,
    },
    /// An append that was written is on all in-sync replicas.
    Committed {
        /// Which.
        ticket: Ticket,
    },
    /// The end of a transaction is in this partition, on all in-sync replicas: what the producer
    /// wrote since its last marker counts now, or never did.
    Marker {
        /// Whose.
        producer: ProducerId,
        /// The marker's epoch.
        epoch: ProducerEpoch,
        /// Commit or abort.
        result: TransactionResult,
        /// Where it lies: what the producer wrote after it belongs to its next transaction.
        at: Offset,
    },
    /// The reply to an [`Action::Call`].
    Reply {
        /// Which.
        call: u64,
        /// The reply; none when there is no such node (no leader, say), it is silent, or the
        /// connection broke.
        reply: Result<Reply, Unreachable>,
    },
    /// The time that [`Coordinator::wake_at`] asked for has come.
    Tick,
    /// The broker does not lead the partition any more.
    Resigned,
}

/// What a coordinator wants.
#[derive(Clone, Debug)]
pub enum Action {
    /// Answers a request.
    Reply {
        /// Whom the answer is owed to.
        token: Token,
        /// The answer.
        reply: Reply,
    },
    /// Appends records to its partition, as one batch.
    Append {
        /// To be handed back.
        ticket: Ticket,
        /// The records, keyed for compaction.
        records: Records,
        /// For offsets that are part of a transaction: whose.
        transaction: Option<TransactionalAppend>,
    },
    /// Asks another node. A call to this very broker is answered as well.
    Call {
        /// To be handed back; chosen by the coordinator, unique while it is under way.
        call: u64,
        /// Whom.
        to: Target,
        /// What.
        request: Request,
    },
}

/// On whose behalf records are appended as part of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TransactionalAppend {
    /// The transactional id.
    pub transactional_id: String,
    /// The producer.
    pub producer: ProducerIdentity,
    /// KIP-890: add the partition to the transaction, rather than only verify that it is part of
    /// it.
    pub adds_partitions: bool,
}

/// Whom a coordinator asks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// Whoever leads that partition now, as far as this broker knows.
    LeaderOf(TopicPartition),
    /// The controller.
    Controller,
}
