//! The protocol: a small typed subset of Kafka's.
//!
//! Messages travel as values; there are no bytes to parse. What Kafka says by a version number of a
//! request is said by a field. Every message is hashable for the trace ([`Request::digest`],
//! [`Reply::digest`]); the records in it are hashed once, when they are made.

mod control;
mod data;
mod error;
mod group;
mod id;
mod record;
mod step;
mod transaction;

use std::hash::{Hash, Hasher};

pub use self::{
    control::*, data::*, error::*, group::*, id::*, record::*, step::*, transaction::*,
};

/// The topic of groups and their offsets.
pub const CONSUMER_OFFSETS: &str = "__consumer_offsets";
/// The topic of transactions.
pub const TRANSACTION_STATE: &str = "__transaction_state";

macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident($request:ty) -> $reply:ty;)*) => {
        /// A request.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum Request {
            $($(#[$doc])* $name($request),)*
        }

        /// The answer to the request of the same name.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum Reply {
            $($(#[$doc])* $name($reply),)*
        }

        impl Request {
            /// What kind of request it is.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($name),)*
                }
            }
        }

        impl Reply {
            /// To what kind of request it is the answer.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($name),)*
                }
            }
        }

        $(
            impl From<$request> for Request {
                fn from(request: $request) -> Self {
                    Self::$name(request)
                }
            }
        )*
    };
}

messages! {
    /// What the cluster looks like.
    Metadata(MetadataRequest) -> MetadataReply;
    /// Append.
    Produce(ProduceRequest) -> ProduceReply;
    /// Read.
    Fetch(FetchRequest) -> FetchReply;
    /// Offsets by what they mean.
    ListOffsets(ListOffsetsRequest) -> ListOffsetsReply;
    /// Ends of epochs.
    OffsetForLeaderEpoch(OffsetForLeaderEpochRequest) -> OffsetForLeaderEpochReply;
    /// Move the start of logs.
    DeleteRecords(DeleteRecordsRequest) -> DeleteRecordsReply;
    /// End transactions in partitions.
    WriteTxnMarkers(WriteTxnMarkersRequest) -> WriteTxnMarkersReply;
    /// Who coordinates.
    FindCoordinator(FindCoordinatorRequest) -> FindCoordinatorReply;
    /// Who am I, as a producer.
    InitProducerId(InitProducerIdRequest) -> InitProducerIdReply;
    /// Partitions into a transaction.
    AddPartitionsToTxn(AddPartitionsToTxnRequest) -> AddPartitionsToTxnReply;
    /// A group's offsets into a transaction.
    AddOffsetsToTxn(AddOffsetsToTxnRequest) -> AddOffsetsToTxnReply;
    /// Offsets as part of a transaction.
    TxnOffsetCommit(TxnOffsetCommitRequest) -> TxnOffsetCommitReply;
    /// Commit or abort.
    EndTxn(EndTxnRequest) -> EndTxnReply;
    /// Join a group.
    JoinGroup(JoinGroupRequest) -> JoinGroupReply;
    /// Hand out or get assignments.
    SyncGroup(SyncGroupRequest) -> SyncGroupReply;
    /// A member is alive.
    Heartbeat(HeartbeatRequest) -> HeartbeatReply;
    /// Members leave or are removed.
    LeaveGroup(LeaveGroupRequest) -> LeaveGroupReply;
    /// Commit offsets.
    OffsetCommit(OffsetCommitRequest) -> OffsetCommitReply;
    /// Committed offsets.
    OffsetFetch(OffsetFetchRequest) -> OffsetFetchReply;
    /// What a group looks like.
    DescribeGroup(DescribeGroupRequest) -> DescribeGroupReply;
    /// New topics.
    CreateTopics(CreateTopicsRequest) -> CreateTopicsReply;
    /// A broker process introduces itself.
    BrokerRegistration(BrokerRegistrationRequest) -> BrokerRegistrationReply;
    /// A broker is alive.
    BrokerHeartbeat(BrokerHeartbeatRequest) -> BrokerHeartbeatReply;
    /// The newest metadata.
    FetchImage(FetchImageRequest) -> FetchImageReply;
    /// Changes of in-sync sets.
    AlterPartition(AlterPartitionRequest) -> AlterPartitionReply;
    /// Changes of leaders.
    ElectLeaders(ElectLeadersRequest) -> ElectLeadersReply;
    /// Producer ids for a broker to hand out.
    AllocateProducerIds(AllocateProducerIdsRequest) -> AllocateProducerIdsReply;
}

impl Request {
    /// Puts the request into a hash, cheaply and in the same way in every process.
    pub fn digest(&self, hasher: &mut impl Hasher) {
        self.hash(hasher);
    }
}

impl Reply {
    /// Puts the reply into a hash, cheaply and in the same way in every process.
    pub fn digest(&self, hasher: &mut impl Hasher) {
        self.hash(hasher);
    }
}

/// Which partition of an internal topic a group or transactional id belongs to.
pub fn partition_for(key: &str, partitions: u32) -> u32 {
    let hash = key
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash % partitions
}
