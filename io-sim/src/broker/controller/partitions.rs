//! Who leads, who is in sync.

use super::Controller;
use crate::wire::{
    AlterPartition, AlterPartitionReply, AlterPartitionRequest, BrokerId, ElectLeadersReply,
    ElectLeadersRequest, ErrorCode, Image, PartitionState, TopicPartition,
};

impl Controller {
    /// Changes in-sync sets as their leaders ask.
    pub(super) fn alter_partitions(
        &mut self,
        request: &AlterPartitionRequest,
    ) -> AlterPartitionReply {
        if let Err(error) = self.check_broker(request.broker, request.epoch) {
            return AlterPartitionReply { error: Some(error), partitions: Vec::new() };
        }
        let alter = |change: &AlterPartition| {
            (change.partition.clone(), self.alter_partition(request.broker, change))
        };
        let partitions = request.partitions.iter().map(alter).collect();
        AlterPartitionReply { error: None, partitions }
    }

    fn alter_partition(
        &mut self,
        leader: BrokerId,
        change: &AlterPartition,
    ) -> Result<PartitionState, ErrorCode> {
        let at = &change.partition;
        let state = self.image.partition(at).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        if state.leader != Some(leader) {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        if change.leader_epoch < state.leader_epoch {
            return Err(ErrorCode::FencedLeaderEpoch);
        }
        if change.leader_epoch > state.leader_epoch {
            return Err(ErrorCode::UnknownLeaderEpoch);
        }
        if change.partition_epoch != state.partition_epoch {
            return Err(ErrorCode::InvalidUpdateVersion);
        }
        let is_eligible = |(broker, epoch): &(BrokerId, _)| {
            let known = self.image.brokers.get(broker);
            state.replicas.contains(broker)
                && known.is_some_and(|known| !known.fenced && known.epoch == *epoch)
        };
        if !change.in_sync.iter().all(is_eligible) {
            return Err(ErrorCode::IneligibleReplica);
        }
        let holds_leader = change.in_sync.iter().any(|(broker, _)| *broker == leader);
        if !holds_leader {
            return Err(ErrorCode::InvalidRequest);
        }
        let state = partition_mut(self.change(), at);
        state.in_sync = change.in_sync.iter().map(|(broker, _)| *broker).collect();
        state.partition_epoch = state.partition_epoch.next();
        Ok(state.clone())
    }

    /// Moves leaderships as whoever administers the cluster asks.
    pub(super) fn elect_leaders(&mut self, request: ElectLeadersRequest) -> ElectLeadersReply {
        let elect = |(at, whom)| {
            let result = self.elect_leader(&at, whom);
            (at, result)
        };
        ElectLeadersReply { partitions: request.partitions.into_iter().map(elect).collect() }
    }

    fn elect_leader(
        &mut self,
        at: &TopicPartition,
        whom: Option<BrokerId>,
    ) -> Result<(), ErrorCode> {
        let state = self.image.partition(at).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let whom = whom.unwrap_or(state.replicas[0]);
        if state.leader == Some(whom) {
            return Err(ErrorCode::ElectionNotNeeded);
        }
        if !state.in_sync.contains(&whom) || !self.is_alive(whom) {
            return Err(ErrorCode::IneligibleReplica);
        }
        lead(partition_mut(self.change(), at), Some(whom));
        Ok(())
    }

    /// A broker is gone: it leaves every in-sync set but those that it is the last of, and what it led
    /// is led by another in-sync replica.
    pub(super) fn leave_all(&mut self, broker: BrokerId) {
        for at in self.partitions_of(broker) {
            let state = self.image.partition(&at).expect("it was listed");
            let is_last = state.in_sync == [broker];
            let was_leader = state.leader == Some(broker);
            if !was_leader && (is_last || !state.in_sync.contains(&broker)) {
                continue;
            }
            if !is_last {
                let state = partition_mut(self.change(), &at);
                state.in_sync.retain(|other| *other != broker);
                state.partition_epoch = state.partition_epoch.next();
            }
            if was_leader {
                self.elect(&at);
            }
        }
    }

    /// A broker has come: whatever has no leader may have one now.
    pub(super) fn lead_the_leaderless(&mut self) {
        let all = self.image.partitions();
        let leaderless = all.filter(|(_, state)| state.leader.is_none()).map(|(at, _)| at);
        for at in leaderless.collect::<Vec<_>>() {
            self.elect(&at);
        }
    }

    /// Gives a partition the first in-sync replica that is alive as its leader; where none is and the
    /// topic allows it, the first replica that is alive, whatever it has lost.
    fn elect(&mut self, at: &TopicPartition) {
        let state = self.image.partition(at).expect("the caller knows the partition");
        let alive = |broker: &&BrokerId| self.is_alive(**broker);
        let is_in_sync = |broker: &&BrokerId| state.in_sync.contains(broker);
        let clean = state.replicas.iter().filter(is_in_sync).find(alive).copied();
        let may_be_unclean = self.image.topics[&at.topic].config.unclean_leader_election;
        let unclean = || state.replicas.iter().find(alive).copied().filter(|_| may_be_unclean);
        let (leader, is_clean) = match clean {
            Some(leader) => (Some(leader), true),
            None => (unclean(), false),
        };
        if leader == state.leader {
            return;
        }
        let state = partition_mut(self.change(), at);
        if let (Some(leader), false) = (leader, is_clean) {
            state.in_sync = vec![leader];
        }
        lead(state, leader);
    }

    fn partitions_of(&self, broker: BrokerId) -> Vec<TopicPartition> {
        let all = self.image.partitions();
        all.filter(|(_, state)| state.replicas.contains(&broker)).map(|(at, _)| at).collect()
    }
}

fn lead(state: &mut PartitionState, leader: Option<BrokerId>) {
    state.leader = leader;
    state.leader_epoch = state.leader_epoch.next();
    state.partition_epoch = state.partition_epoch.next();
}

fn partition_mut<'a>(image: &'a mut Image, at: &TopicPartition) -> &'a mut PartitionState {
    let topic = image.topics.get_mut(&at.topic).expect("the caller knows the topic");
    &mut topic.partitions[at.partition as usize]
}
