//! The cluster: who is in it, which topics there are, who leads what.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    BrokerEpoch, BrokerId, ErrorCode, ImageVersion, Incarnation, LeaderEpoch, PartitionEpoch,
    TopicName, TopicPartition,
};

/// Asks a broker what the cluster looks like.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MetadataRequest {
    /// Which topics; none for all.
    pub topics: Option<Vec<TopicName>>,
}

/// What the broker knows. It can be stale.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MetadataReply {
    /// The brokers that are alive.
    pub brokers: Vec<BrokerId>,
    /// The topics, in the order of the request or by name.
    pub topics: Vec<TopicMetadata>,
}

/// A topic, as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TopicMetadata {
    /// Its name.
    pub topic: TopicName,
    /// `UnknownTopicOrPartition`, or its partitions by number.
    pub partitions: Result<Vec<PartitionMetadata>, ErrorCode>,
}

/// A partition, as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PartitionMetadata {
    /// Its number.
    pub partition: u32,
    /// The leader, if there is one.
    pub leader: Option<BrokerId>,
    /// Since this epoch.
    pub leader_epoch: LeaderEpoch,
    /// All replicas, preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// The in-sync replicas.
    pub in_sync: Vec<BrokerId>,
}

/// Creates topics: to any broker, which passes it on, or to the controller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CreateTopicsRequest {
    /// The topics.
    pub topics: Vec<NewTopic>,
}

/// A topic to create.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NewTopic {
    /// Its name.
    pub topic: TopicName,
    /// How many partitions.
    pub partitions: u32,
    /// How many replicas of each.
    pub replication_factor: u32,
    /// Its settings.
    pub config: TopicConfig,
}

/// What became of each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CreateTopicsReply {
    /// In the order of the request.
    pub topics: Vec<(TopicName, Result<(), ErrorCode>)>,
}

/// What a topic's log is cleaned by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CleanupPolicy {
    /// Whole segments go when they are too old.
    Delete,
    /// The newest record of each key stays.
    Compact,
    /// Both.
    CompactAndDelete,
}

/// A topic's settings, by Kafka's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TopicConfig {
    /// `cleanup.policy`.
    pub cleanup_policy: CleanupPolicy,
    /// `min.insync.replicas`.
    pub min_insync_replicas: u32,
    /// `retention.ms`; none: for ever.
    pub retention_ms: Option<u64>,
    /// `segment.ms`: a segment older than that is closed.
    pub segment_ms: u64,
    /// `segment.bytes`: a segment larger than that is closed.
    pub segment_bytes: usize,
    /// `delete.retention.ms`: for so long a cleaned log keeps tombstones and markers.
    pub delete_retention_ms: u64,
    /// `min.compaction.lag.ms`: records younger than that stay.
    pub min_compaction_lag_ms: u64,
    /// `max.message.bytes`: the largest batch.
    pub max_message_bytes: usize,
    /// `unclean.leader.election.enable`: only for plans in which loss is allowed.
    pub unclean_leader_election: bool,
}

impl Default for TopicConfig {
    /// Kafka's defaults, with `min.insync.replicas=2`.
    fn default() -> Self {
        Self {
            cleanup_policy: CleanupPolicy::Delete,
            min_insync_replicas: 2,
            retention_ms: Some(7 * 24 * 60 * 60 * 1000),
            segment_ms: 7 * 24 * 60 * 60 * 1000,
            segment_bytes: 1 << 30,
            delete_retention_ms: 24 * 60 * 60 * 1000,
            min_compaction_lag_ms: 0,
            max_message_bytes: 1 << 20,
            unclean_leader_election: false,
        }
    }
}

/// A partition, as the controller has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PartitionState {
    /// All replicas, preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// The in-sync replicas.
    pub in_sync: Vec<BrokerId>,
    /// The leader, if one is alive and may lead.
    pub leader: Option<BrokerId>,
    /// Since this epoch.
    pub leader_epoch: LeaderEpoch,
    /// Raised at every change.
    pub partition_epoch: PartitionEpoch,
}

/// A topic, as the controller has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TopicState {
    /// Its settings.
    pub config: TopicConfig,
    /// Its partitions by number.
    pub partitions: Vec<PartitionState>,
}

/// A broker, as the controller has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BrokerState {
    /// Its registration.
    pub epoch: BrokerEpoch,
    /// The process that registered.
    pub incarnation: Incarnation,
    /// Not alive, or not yet caught up with the metadata: leads nothing, is in no in-sync set.
    pub fenced: bool,
}

/// The cluster's metadata at one version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Which version.
    pub version: ImageVersion,
    /// The registered brokers.
    pub brokers: BTreeMap<BrokerId, BrokerState>,
    /// The topics.
    pub topics: BTreeMap<TopicName, TopicState>,
}

impl Image {
    /// A partition's state.
    pub fn partition(&self, at: &TopicPartition) -> Option<&PartitionState> {
        self.topics.get(&at.topic)?.partitions.get(at.partition as usize)
    }

    /// Every partition with its state.
    pub fn partitions(&self) -> impl Iterator<Item = (TopicPartition, &PartitionState)> {
        self.topics.iter().flat_map(|(topic, state)| {
            let states = (0..).zip(&state.partitions);
            states.map(|(number, state)| (TopicPartition::new(topic, number), state))
        })
    }
}

impl std::hash::Hash for Image {
    /// The version says it all: the controller never has two images of one version.
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.version.hash(state);
    }
}

/// A broker process introduces itself to the controller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BrokerRegistrationRequest {
    /// The broker.
    pub broker: BrokerId,
    /// The process.
    pub incarnation: Incarnation,
}

/// The registration's epoch.
pub type BrokerRegistrationReply = Result<BrokerEpoch, ErrorCode>;

/// Keeps a broker's session alive.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BrokerHeartbeatRequest {
    /// The broker.
    pub broker: BrokerId,
    /// Its registration.
    pub epoch: BrokerEpoch,
    /// How much metadata it has seen: only a broker that has caught up is unfenced.
    pub seen: ImageVersion,
    /// It wants to stop: the controller moves its leaderships away first.
    pub wants_shut_down: bool,
}

/// The controller's view of the broker.
pub type BrokerHeartbeatReply = Result<BrokerStanding, ErrorCode>;

/// How a broker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BrokerStanding {
    /// It leads nothing and is in no in-sync set.
    pub fenced: bool,
    /// It leads nothing any more and may stop.
    pub may_shut_down: bool,
}

/// Fetches the newest metadata; waits while there is nothing newer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FetchImageRequest {
    /// The broker.
    pub broker: BrokerId,
    /// What it has.
    pub seen: ImageVersion,
    /// How long to wait.
    pub max_wait_ms: u64,
}

/// The newest metadata; the same as before when the wait is over.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FetchImageReply {
    /// The metadata.
    pub image: Arc<Image>,
}

/// A leader asks for a change of in-sync sets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AlterPartitionRequest {
    /// The leader.
    pub broker: BrokerId,
    /// Its registration.
    pub epoch: BrokerEpoch,
    /// The changes.
    pub partitions: Vec<AlterPartition>,
}

/// A change of an in-sync set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AlterPartition {
    /// The partition.
    pub partition: TopicPartition,
    /// The leader's epoch.
    pub leader_epoch: LeaderEpoch,
    /// The state that the change is built on.
    pub partition_epoch: PartitionEpoch,
    /// The new set, each with the registration that the leader saw it fetch with (KIP-903).
    pub in_sync: Vec<(BrokerId, BrokerEpoch)>,
}

/// What became of each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AlterPartitionReply {
    /// An error of the whole request.
    pub error: Option<ErrorCode>,
    /// In the order of the request: the new state.
    pub partitions: Vec<(TopicPartition, Result<PartitionState, ErrorCode>)>,
}

/// Moves leaderships: to the controller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ElectLeadersRequest {
    /// For each partition: who shall lead; none for the preferred replica. Only an in-sync replica
    /// that is alive can.
    pub partitions: Vec<(TopicPartition, Option<BrokerId>)>,
}

/// What became of each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ElectLeadersReply {
    /// In the order of the request.
    pub partitions: Vec<(TopicPartition, Result<(), ErrorCode>)>,
}
