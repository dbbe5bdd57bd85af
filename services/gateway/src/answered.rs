//! How far the log was in what this gateway has answered.
//!
//! In one process every read sees every write that was answered before. In a cluster the owner of a
//! partition may have lost it without knowing; so a read is at or after what was answered here, and who
//! writes and reads through one gateway sees what they wrote.

use std::sync::atomic::{AtomicU64, Ordering};

use tidelog_core::{Layout, Offset, PartitionId, Position, Topic};
use tidelog_driver::{Answered, BatchAnswered, Positions};

/// The highest position that was answered, of each partition of the topics that reads are about.
#[derive(Debug)]
pub(crate) struct Highest {
    layout: Layout,
    entities: Box<[AtomicU64]>,
    databases: Box<[AtomicU64]>,
}

/// Which partitions a read is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum About<'a> {
    /// The partition of an entity.
    Entity(&'a str),
    /// All partitions of entities.
    Entities,
    /// The partition of a database.
    Database(&'a str),
    /// All partitions of databases.
    Databases,
}

/// An answer that tells positions.
pub(crate) trait Told {
    /// The positions that it tells.
    fn positions(&self) -> impl Iterator<Item = Position>;
}

impl Highest {
    pub(crate) fn new(layout: Layout) -> Self {
        let none = || layout.all().map(|_| AtomicU64::new(0)).collect();
        Self { layout, entities: none(), databases: none() }
    }

    /// Takes note of an answer.
    pub(crate) fn add(&self, answer: &impl Told) {
        for Position { topic, partition, offset } in answer.positions() {
            if let Some(next) = self.of(topic).and_then(|all| all.get(partition.0 as usize)) {
                next.fetch_max(offset.next().0, Ordering::Relaxed);
            }
        }
    }

    /// Adds what a read is to be at or after.
    pub(crate) fn extend(&self, positions: &mut Positions, about: About<'_>) {
        let mut add = |topic, partition: PartitionId| {
            let next = self.of(topic).and_then(|all| all.get(partition.0 as usize));
            let next = next.map_or(0, |next| next.load(Ordering::Relaxed));
            if let Some(offset) = next.checked_sub(1).map(Offset) {
                positions.add(Position { topic, partition, offset });
            }
        };
        match about {
            About::Entity(id) => add(Topic::EntityPatches, self.layout.partition(id)),
            About::Database(id) => add(Topic::SchemaPatches, self.layout.partition(id)),
            About::Entities => self.layout.all().for_each(|it| add(Topic::EntityPatches, it)),
            About::Databases => self.layout.all().for_each(|it| add(Topic::SchemaPatches, it)),
        }
    }

    /// Those of a topic: the offset to come next, or zero if nothing was answered.
    fn of(&self, topic: Topic) -> Option<&[AtomicU64]> {
        if topic == Topic::EntityPatches {
            Some(&self.entities)
        } else {
            (topic == Topic::SchemaPatches).then_some(&self.databases)
        }
    }
}

impl Told for Answered {
    fn positions(&self) -> impl Iterator<Item = Position> {
        std::iter::once(self.position)
    }
}

impl Told for BatchAnswered {
    fn positions(&self) -> impl Iterator<Item = Position> {
        self.positions.iter()
    }
}

impl Told for Position {
    fn positions(&self) -> impl Iterator<Item = Self> {
        std::iter::once(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_is_at_or_after_all_that_was_answered_about_it() {
        let layout = Layout::new(4).expect("four partitions");
        let highest = Highest::new(layout);
        let told = |about| {
            let mut positions = Positions::default();
            highest.extend(&mut positions, about);
            positions.iter().map(|position| position.to_string()).collect::<Vec<_>>()
        };
        assert!(told(About::Entities).is_empty());
        let partition = layout.partition("a/b/c/d");
        let at = |topic, partition, offset| Position { topic, partition, offset: Offset(offset) };
        for offset in [0, 7, 5] {
            highest.add(&at(Topic::EntityPatches, partition, offset));
        }
        highest.add(&at(Topic::SchemaPatches, PartitionId(1), 0));
        highest.add(&at(Topic::Owners, PartitionId(1), 3));
        let expected = vec![format!("entity-patches:{partition}:7")];
        assert_eq!(told(About::Entity("a/b/c/d")), expected);
        assert_eq!(told(About::Entities), expected);
        assert_eq!(told(About::Databases), ["schema-patches:1:0"]);
    }
}
