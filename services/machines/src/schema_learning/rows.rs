//! What the learner knows.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tidelog_core::{
    CollectionId, DatabaseId, PartitionId, Revision, TableId, Timestamp,
    message::{Fingerprint, LearningScope, LessonSource},
    state::{Table, TableKey},
};
use tidelog_schema::Model;

/// How far the learning of a collection is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Learner {
    /// The epoch of its model.
    pub(super) epoch: Revision,
    /// How much was published under the epoch.
    pub(super) number: u64,
    /// What was published last.
    pub(super) published: Option<Published>,
    /// When it was last looked at for something to publish.
    pub(super) looked_at: Timestamp,
    /// When it is to be looked at next, if something has changed since.
    pub(super) due: Option<Timestamp>,
}

/// A definition that was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Published {
    /// Of the definition without its notes.
    pub(super) definition: Fingerprint,
    /// Of the whole.
    pub(super) whole: Fingerprint,
    /// When.
    pub(super) at: Timestamp,
}

/// Which tasks' walks of an epoch have ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ends {
    pub(super) epoch: Revision,
    /// Whether a collection's holds only until its database's learning is switched.
    pub(super) follows: bool,
    pub(super) of: Ended,
}

/// Tasks whose walks have ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ended {
    /// Those of these partitions.
    Some(BTreeSet<PartitionId>),
    /// Those of all partitions.
    All,
}

/// Collections of a database that are to be looked at, for all walks have ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Opening {
    pub(super) epoch: Revision,
    /// The collection up to which that was done.
    pub(super) after: Option<CollectionId>,
}

/// A collection by the time at which it is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Due {
    pub(super) at: Timestamp,
    pub(super) collection: CollectionId,
}

impl TableKey for Due {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.at.as_millis().to_be_bytes().to_vec();
        bytes.extend_from_slice(self.collection.as_str().as_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (at, collection) = bytes.split_first_chunk()?;
        let at = Timestamp::from_millis(u64::from_be_bytes(*at));
        Some(Self { at, collection: CollectionId::from_bytes(collection)? })
    }
}

/// A source of lessons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum SourceKey {
    /// A partition of `entity-updates`.
    Updates(PartitionId),
    /// The walks of a task of entity-storage.
    Walks(PartitionId),
}

impl SourceKey {
    /// The source of a lesson, and the lesson's number there.
    pub(super) fn of(source: LessonSource) -> (Self, u64) {
        match source {
            LessonSource::Update { partition, offset } => (Self::Updates(partition), offset.0),
            LessonSource::Walk { partition, number } => (Self::Walks(partition), number),
        }
    }
}

impl TableKey for SourceKey {
    fn to_bytes(&self) -> Vec<u8> {
        let (kind, partition) = match self {
            Self::Updates(partition) => (0, partition),
            Self::Walks(partition) => (1, partition),
        };
        let mut bytes = vec![kind];
        bytes.extend_from_slice(&partition.0.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, partition) = bytes.split_first()?;
        let partition = PartitionId(u32::from_be_bytes(partition.try_into().ok()?));
        match kind {
            0 => Some(Self::Updates(partition)),
            1 => Some(Self::Walks(partition)),
            _ => None,
        }
    }
}

pub(crate) const LEARNERS: Table<CollectionId, Learner> = Table::new(TableId::Learners);
pub(crate) const MODELS: Table<CollectionId, Model> = Table::new(TableId::Models);
pub(crate) const ENDS: Table<LearningScope, Ends> = Table::new(TableId::WalkEnds);
/// The number of the last lesson of each source.
pub(crate) const SOURCES: Table<SourceKey, u64> = Table::new(TableId::LessonSources);
pub(crate) const DUE: Table<Due, ()> = Table::new(TableId::LearnersDue);
pub(crate) const OPENINGS: Table<DatabaseId, Opening> = Table::new(TableId::Openings);
