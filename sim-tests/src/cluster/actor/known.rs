//! How far the log was at what a client was told, twice: as an app keeps it, with the driver's own
//! means, and as the oracles are to know it, whatever those do.

use std::collections::BTreeMap;

use tidelog_core::{PartitionId, Position, Topic};
use tidelog_driver::Positions;

use crate::history::Place;

/// What a client was told of the log.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    positions: Positions,
    told: BTreeMap<(Topic, PartitionId), u64>,
}

impl Known {
    /// Takes note of what an answer says.
    pub(super) fn learn(&mut self, position: Position) {
        let Position { topic, partition, offset } = position;
        self.positions.add(position);
        let told = self.told.entry((topic, partition)).or_default();
        *told = offset.0.max(*told);
    }

    /// What a query names.
    pub(super) fn positions(&self) -> Positions {
        self.positions.clone()
    }

    /// Where in `entity-patches` whoever answers must be.
    pub(super) fn places(&self) -> Vec<Place> {
        let patches = self.told.iter().filter(|((topic, _), _)| *topic == Topic::EntityPatches);
        let place = |((_, partition), offset): (&(_, PartitionId), &u64)| Place {
            partition: partition.0,
            offset: *offset,
        };
        patches.map(place).collect()
    }

    /// How far in a partition whoever answers must be.
    pub(super) fn of(&self, topic: Topic, partition: PartitionId) -> Option<Place> {
        let offset = *self.told.get(&(topic, partition))?;
        Some(Place { partition: partition.0, offset })
    }
}
