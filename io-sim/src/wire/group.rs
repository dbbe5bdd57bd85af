//! Consumer groups: the classic protocol with static members.

use bytes::Bytes;

use super::{
    ErrorCode, Generation, LeaderEpoch, Node, Offset, TopicPartition, transaction::CommittedOffset,
};

/// What a coordinator coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CoordinatorKind {
    /// Consumer groups, in `__consumer_offsets`.
    Group,
    /// Transactions, in `__transaction_state`.
    Transaction,
}

/// Asks who coordinates a group or transactional id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FindCoordinatorRequest {
    /// Which kind.
    pub kind: CoordinatorKind,
    /// The group id or transactional id.
    pub key: String,
}

/// The coordinator.
pub type FindCoordinatorReply = Result<Node, ErrorCode>;

/// Joins a group, or joins it again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JoinGroupRequest {
    /// The group.
    pub group_id: String,
    /// Empty at the first join.
    pub member_id: String,
    /// The static id (KIP-345), if the member has one.
    pub group_instance_id: Option<String>,
    /// The member is removed when it is silent for so long.
    pub session_timeout_ms: u64,
    /// How long a rebalance waits for it to join again.
    pub rebalance_timeout_ms: u64,
    /// `consumer` for consumers.
    pub protocol_type: String,
    /// The assignors that it knows, preferred first, each with its subscription.
    pub protocols: Vec<(String, Bytes)>,
}

/// The member's place in the new generation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JoinGroupReply {
    /// Whether it worked. With `MemberIdRequired` the member joins again with `member_id`.
    pub error: Option<ErrorCode>,
    /// The generation.
    pub generation: Generation,
    /// The assignor that was chosen.
    pub protocol: String,
    /// The member that assigns.
    pub leader: String,
    /// KIP-814: the leader is static and came back; it need not assign anew.
    pub skip_assignment: bool,
    /// Who the asker is.
    pub member_id: String,
    /// For the leader: all members; empty for the others.
    pub members: Vec<JoinedMember>,
}

/// A member, as the leader sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JoinedMember {
    /// The member.
    pub member_id: String,
    /// Its static id, if it has one.
    pub group_instance_id: Option<String>,
    /// Its subscription.
    pub metadata: Bytes,
}

/// Asks for the assignment; the leader brings it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SyncGroupRequest {
    /// The group.
    pub group_id: String,
    /// The generation that the member joined.
    pub generation: Generation,
    /// The member.
    pub member_id: String,
    /// Its static id, if it has one.
    pub group_instance_id: Option<String>,
    /// From the leader: who gets what. Empty from the others.
    pub assignments: Vec<(String, Bytes)>,
}

/// The member's assignment.
pub type SyncGroupReply = Result<Bytes, ErrorCode>;

/// Says that a member is alive.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HeartbeatRequest {
    /// The group.
    pub group_id: String,
    /// The generation that it knows.
    pub generation: Generation,
    /// The member.
    pub member_id: String,
    /// Its static id, if it has one.
    pub group_instance_id: Option<String>,
}

/// Whether all is well; `RebalanceInProgress` asks the member to join again.
pub type HeartbeatReply = Result<(), ErrorCode>;

/// A member leaves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeaveGroupRequest {
    /// The group.
    pub group_id: String,
    /// The members that leave: itself, or with a static id whom an administrator removes.
    pub members: Vec<LeavingMember>,
}

/// Who leaves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeavingMember {
    /// The member; empty when it is named by its static id alone.
    pub member_id: String,
    /// Its static id.
    pub group_instance_id: Option<String>,
}

/// What became of each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeaveGroupReply {
    /// An error of the whole request.
    pub error: Option<ErrorCode>,
    /// In the order of the request.
    pub members: Vec<(LeavingMember, Result<(), ErrorCode>)>,
}

/// What to commit for a partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffsetToCommit {
    /// The offset of the next record to read.
    pub offset: Offset,
    /// The leader epoch of the last record that was read, if known.
    pub leader_epoch: Option<LeaderEpoch>,
    /// Whatever the client wants to keep beside it.
    pub metadata: String,
}

/// Commits offsets outside of transactions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffsetCommitRequest {
    /// The group.
    pub group_id: String,
    /// -1 from a client that is not a member.
    pub generation: Generation,
    /// Empty from a client that is not a member.
    pub member_id: String,
    /// Its static id, if it has one.
    pub group_instance_id: Option<String>,
    /// What to commit.
    pub offsets: Vec<(TopicPartition, OffsetToCommit)>,
}

/// What became of each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffsetCommitReply {
    /// In the order of the request.
    pub partitions: Vec<(TopicPartition, Result<(), ErrorCode>)>,
}

/// Asks for committed offsets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffsetFetchRequest {
    /// The group.
    pub group_id: String,
    /// KIP-447: answer `UnstableOffsetCommit` while a transaction with offsets for the partition is
    /// open.
    pub require_stable: bool,
    /// Which; none for all that the group has.
    pub partitions: Option<Vec<TopicPartition>>,
}

/// The offsets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffsetFetchReply {
    /// An error of the whole request.
    pub error: Option<ErrorCode>,
    /// In the order of the request, or by partition; none within: nothing committed.
    pub partitions: Vec<(TopicPartition, Result<Option<CommittedOffset>, ErrorCode>)>,
}

/// Asks what a group looks like.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DescribeGroupRequest {
    /// The group.
    pub group_id: String,
}

/// A group, as an administrator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupDescription {
    /// `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Stable` or `Dead`.
    pub state: String,
    /// The generation.
    pub generation: Generation,
    /// The members.
    pub members: Vec<JoinedMember>,
}

/// The group.
pub type DescribeGroupReply = Result<GroupDescription, ErrorCode>;
