//! What a client is told of the cluster.

use crate::wire::{
    BrokerId, ErrorCode, Image, PartitionMetadata, PartitionState, TopicMetadata, TopicName,
    TopicState,
};

/// The brokers that are alive.
pub(super) fn alive(image: &Image) -> Vec<BrokerId> {
    image.brokers.iter().filter(|(_, state)| !state.fenced).map(|(broker, _)| *broker).collect()
}

/// The topics that are asked for, or all.
pub(super) fn topics(image: &Image, asked: Option<Vec<TopicName>>) -> Vec<TopicMetadata> {
    let Some(asked) = asked else {
        return image.topics.iter().map(|(name, state)| topic(name.clone(), Some(state))).collect();
    };
    let look_up = |name: TopicName| {
        let state = image.topics.get(&name);
        topic(name, state)
    };
    asked.into_iter().map(look_up).collect()
}

fn topic(topic: TopicName, state: Option<&TopicState>) -> TopicMetadata {
    let partitions = state.ok_or(ErrorCode::UnknownTopicOrPartition);
    let partitions = partitions.map(|state| (0..).zip(&state.partitions).map(partition).collect());
    TopicMetadata { topic, partitions }
}

fn partition((partition, state): (u32, &PartitionState)) -> PartitionMetadata {
    PartitionMetadata {
        partition,
        leader: state.leader,
        leader_epoch: state.leader_epoch,
        replicas: state.replicas.clone(),
        in_sync: state.in_sync.clone(),
    }
}
