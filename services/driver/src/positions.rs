//! How far the log was at some answers.

use std::collections::BTreeMap;

use tidelog_core::{Offset, PartitionId, Position, Topic};

/// Positions in the log, at most one of each partition: a read that is at least as new as they are
/// sees all that they were told with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions(BTreeMap<(Topic, PartitionId), Offset>);

impl Positions {
    /// Takes one more. Of two in one partition the later one says all.
    pub fn add(&mut self, position: Position) {
        let Position { topic, partition, offset } = position;
        let latest = self.0.entry((topic, partition)).or_insert(offset);
        *latest = offset.max(*latest);
    }

    /// The one in a partition.
    #[must_use]
    pub fn of(&self, topic: Topic, partition: PartitionId) -> Option<Position> {
        let offset = *self.0.get(&(topic, partition))?;
        Some(Position { topic, partition, offset })
    }

    /// All of them, by topic and partition.
    pub fn iter(&self) -> impl Iterator<Item = Position> {
        self.0.iter().map(|((topic, partition), offset)| Position {
            topic: *topic,
            partition: *partition,
            offset: *offset,
        })
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Position> for Positions {
    fn from_iter<I: IntoIterator<Item = Position>>(positions: I) -> Self {
        let mut all = Self::default();
        positions.into_iter().for_each(|position| all.add(position));
        all
    }
}

impl From<Position> for Positions {
    fn from(position: Position) -> Self {
        [position].into_iter().collect()
    }
}

impl From<Option<Position>> for Positions {
    fn from(position: Option<Position>) -> Self {
        position.into_iter().collect()
    }
}
