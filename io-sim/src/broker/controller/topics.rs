//! New topics.

use super::Controller;
use crate::wire::{
    BrokerId, CONSUMER_OFFSETS, CleanupPolicy, CreateTopicsReply, CreateTopicsRequest, ErrorCode,
    LeaderEpoch, NewTopic, PartitionEpoch, PartitionState, TRANSACTION_STATE, TopicConfig,
    TopicState,
};

impl Controller {
    /// Creates topics; each of them or not, as Kafka does.
    pub(super) fn create_topics(&mut self, request: CreateTopicsRequest) -> CreateTopicsReply {
        let create = |topic: NewTopic| {
            let result = self.create_topic(&topic);
            (topic.topic, result)
        };
        CreateTopicsReply { topics: request.topics.into_iter().map(create).collect() }
    }

    fn create_topic(&mut self, topic: &NewTopic) -> Result<(), ErrorCode> {
        if self.image.topics.contains_key(&topic.topic) {
            return Err(ErrorCode::TopicAlreadyExists);
        }
        if topic.partitions == 0 {
            return Err(ErrorCode::InvalidPartitions);
        }
        let brokers: Vec<_> = self.image.brokers.keys().copied().collect();
        let copies = topic.replication_factor as usize;
        let alive = brokers.iter().filter(|broker| self.is_alive(**broker)).count();
        if copies == 0 || copies > brokers.len() || alive == 0 {
            return Err(ErrorCode::InvalidReplicationFactor);
        }
        // Topics begin at different brokers, so that no broker leads the first partition of all.
        let shift = self.image.topics.len();
        let place = |partition: u32| {
            let first = partition as usize + shift;
            let replicas = (0..copies).map(|copy| brokers[(first + copy) % brokers.len()]);
            self.new_partition(replicas.collect())
        };
        let partitions = (0..topic.partitions).map(place).collect();
        let state = TopicState { config: topic.config, partitions };
        self.change().topics.insert(topic.topic.clone(), state);
        Ok(())
    }

    fn new_partition(&self, replicas: Vec<BrokerId>) -> PartitionState {
        let alive = replicas.iter().copied().filter(|replica| self.is_alive(*replica));
        let mut in_sync: Vec<_> = alive.collect();
        let leader = in_sync.first().copied();
        if in_sync.is_empty() {
            in_sync.push(replicas[0]);
        }
        PartitionState {
            replicas,
            in_sync,
            leader,
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
        }
    }

    /// Creates the topics of groups and of transactions, once there are brokers enough for them.
    pub(super) fn create_internal_topics(&mut self) {
        let copies = self.config.internal_replication_factor as usize;
        let copies = copies.min(self.config.brokers.len());
        let alive = self.image.brokers.values().filter(|state| !state.fenced).count();
        if alive < copies {
            return;
        }
        let config = TopicConfig {
            cleanup_policy: CleanupPolicy::Compact,
            min_insync_replicas: self.config.internal_min_insync_replicas,
            retention_ms: None,
            segment_bytes: self.config.internal_segment_bytes,
            ..TopicConfig::default()
        };
        let replication_factor = u32::try_from(copies).expect("few brokers");
        let wanted = [
            (CONSUMER_OFFSETS, self.config.offsets_partitions),
            (TRANSACTION_STATE, self.config.transaction_partitions),
        ];
        for (topic, partitions) in wanted {
            let topic = NewTopic { topic: topic.into(), partitions, replication_factor, config };
            match self.create_topic(&topic) {
                Ok(()) | Err(ErrorCode::TopicAlreadyExists) => {}
                Err(error) => unreachable!("the internal topic {}: {error}", topic.topic),
            }
        }
    }
}
