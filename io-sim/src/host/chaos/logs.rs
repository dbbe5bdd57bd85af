//! Partitions whose leaders move, and whose logs are rolled, compacted and trimmed.

use super::Chaos;
use crate::{
    choice::Entity,
    fault::{Draw, FaultKind},
    wire::{
        BrokerId, CONSUMER_OFFSETS, CleanupPolicy, ElectLeadersRequest, Image, Input, Maintenance,
        Node, Offset, PartitionState, TRANSACTION_STATE, TopicPartition,
    },
};

/// Makes a broker's work of what was drawn.
type Work = fn(Draw) -> Maintenance;

/// What each kind lets a broker do.
const KINDS: [(FaultKind, Work); 3] = [
    (FaultKind::SegmentRolled, |_| Maintenance::Roll),
    (FaultKind::CompactionNow, |draw| {
        let some = draw.between("offset", 0, 2_000);
        let up_to = if draw.pick("up-to", 2) == 0 { u64::MAX } else { some };
        Maintenance::Compact { up_to: Offset(up_to) }
    }),
    (FaultKind::RetentionNow, |_| Maintenance::Retain),
];

const MOVES: [FaultKind; 2] = [FaultKind::LeaderMoved, FaultKind::CoordinatorMoved];

impl Chaos {
    pub(super) fn strike_logs(&self) {
        let kinds = KINDS.iter().map(|(kind, _)| *kind).chain(MOVES);
        if !kinds.into_iter().any(|kind| self.sim().may(kind)) {
            return;
        }
        let Some(image) = self.image() else { return };
        for (partition, state) in image.partitions() {
            let Some(leader) = state.leader else { continue };
            let entity = self.sim().entity(&partition.to_string());
            self.strike_leader(&partition, state, leader, entity);
            let is_compacted = is_compacted(&image, &partition);
            for (kind, work) in KINDS {
                let may = |_| kind != FaultKind::CompactionNow || is_compacted;
                if let Some(draw) = self.sim().fault_if(kind, entity, may) {
                    self.maintain(&partition, leader, work(draw));
                }
            }
        }
    }

    fn strike_leader(
        &self,
        partition: &TopicPartition,
        state: &PartitionState,
        leader: BrokerId,
        entity: Entity,
    ) {
        let topic = partition.topic.as_str();
        let kind = if topic == CONSUMER_OFFSETS || topic == TRANSACTION_STATE {
            FaultKind::CoordinatorMoved
        } else {
            FaultKind::LeaderMoved
        };
        let others: Vec<_> = state.in_sync.iter().filter(|it| **it != leader).copied().collect();
        let may = |_| !others.is_empty();
        if let Some(draw) = self.sim().fault_if(kind, entity, may) {
            let picked = draw.pick("leader", others.len() as u64);
            let to = others[usize::try_from(picked).expect("one of few")];
            let partitions = vec![(partition.clone(), Some(to))];
            // Whether it works out is no concern of ours.
            drop(self.0.cluster.ask(Node::Controller, ElectLeadersRequest { partitions }));
        }
    }

    /// A cleaner runs on every replica for itself; the leader's is what readers see.
    fn maintain(&self, partition: &TopicPartition, leader: BrokerId, work: Maintenance) {
        if let Some(host) = self.0.cluster.brokers().get(&leader) {
            host.input(Input::Maintain { partition: partition.clone(), work });
        }
    }
}

/// Whether the cleaner may remove records that have newer ones of the same key.
fn is_compacted(image: &Image, partition: &TopicPartition) -> bool {
    let topic = image.topics.get(&partition.topic);
    topic.is_some_and(|topic| match topic.config.cleanup_policy {
        CleanupPolicy::Compact | CleanupPolicy::CompactAndDelete => true,
        CleanupPolicy::Delete => false,
    })
}
