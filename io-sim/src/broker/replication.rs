//! What new metadata means for the replicas of this broker.

use std::{collections::btree_map::Entry, sync::Arc};

use super::{Broker, partition::Partition};
use crate::wire::{
    BrokerId, ErrorCode, Image, LeaderEpoch, PartitionState, TopicConfig, TopicPartition,
};

/// What a replica does, as far as others are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    epoch: LeaderEpoch,
    leads: bool,
    follows: Option<BrokerId>,
}

impl Broker {
    pub(super) fn apply_image(&mut self, image: Arc<Image>) {
        let before = std::mem::replace(&mut self.image, Arc::clone(&image));
        for (at, state) in image.partitions() {
            if !state.replicas.contains(&self.id) || before.partition(&at) == Some(state) {
                continue;
            }
            self.apply_state(&at, image.topics[&at.topic].config, state);
        }
        self.fetch_all();
    }

    /// Takes the controller's word for a partition.
    pub(super) fn apply_state(
        &mut self,
        at: &TopicPartition,
        config: TopicConfig,
        state: &PartitionState,
    ) {
        let partition = match self.partitions.entry(at.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(Partition::new(self.id, config)),
        };
        let before = Standing::of(partition);
        partition.apply(config, state, self.now.instant);
        let after = Standing::of(partition);
        self.changed.insert(at.clone());
        if before == after {
            return;
        }
        if before.leads {
            self.fail_owed(at);
            self.vacate(at);
        }
        self.follow(at, after.follows);
        if after.leads {
            self.seat(at, after.epoch);
        }
    }

    /// What there is to say of a partition that this broker has no replica of.
    pub(super) fn unknown(&self, at: &TopicPartition) -> ErrorCode {
        match self.image.partition(at) {
            Some(_) => ErrorCode::NotLeaderOrFollower,
            None => ErrorCode::UnknownTopicOrPartition,
        }
    }
}

impl Standing {
    fn of(partition: &Partition) -> Self {
        Self {
            epoch: partition.leader_epoch(),
            leads: partition.is_leader(),
            follows: partition.follows(),
        }
    }
}
