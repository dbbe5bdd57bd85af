//! For what schemas are learned, and from which changes.

use serde::{Deserialize, Serialize};
use tidelog_core::{
    CollectionId, DatabaseId, EntityId, PartitionId, Probe, Revision, Source, State, TableId,
    message::{LearningScope, LearningSwitch},
    state::{Table, TableKey},
};

/// Whether schemas of a database's collections, or a collection's, are learned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Epoch {
    /// The epoch that holds.
    pub(super) number: Revision,
    /// Whether learning is on in it.
    pub(super) is_on: bool,
    /// Whether a collection's holds only until its database's learning is switched.
    pub(super) follows: bool,
    /// How far the walk over the documents has got.
    pub(super) walked: Walked,
}

/// How far a walk has got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Walked {
    /// It has passed this entity and those before it; none, if it has not begun.
    To(Option<EntityId>),
    /// It has passed all.
    All,
}

/// A walk that has not ended, by its database and its epoch: the walks of a database are made in the
/// order of their epochs, so that the end of one says that those before it are over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct WalkKey {
    pub(super) database: DatabaseId,
    pub(super) epoch: Revision,
}

impl TableKey for WalkKey {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.database.to_bytes();
        bytes.push(0);
        bytes.extend_from_slice(&self.epoch.0.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (head, epoch) = bytes.split_last_chunk()?;
        let database = DatabaseId::from_bytes(head.strip_suffix(&[0])?)?;
        Some(Self { database, epoch: Revision(u64::from_be_bytes(*epoch)) })
    }
}

/// A walk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Walk {
    /// Over what.
    pub(super) scope: LearningScope,
    /// The task's partition.
    pub(super) partition: PartitionId,
}

/// Begins an epoch, unless a later one has begun.
pub(super) fn switch(source: Source, switch: LearningSwitch, state: &mut State<'_>) {
    let LearningSwitch { scope, epoch, is_on, follows } = switch;
    let known = state.get(&EPOCHS, &scope);
    if known.as_ref().is_some_and(|known| known.number >= epoch) {
        return;
    }
    let database = scope.database();
    if let Some(known) = known {
        Probe::WalkOvertaken.hit_if(known.walked != Walked::All);
        state.remove(&WALKS, &WalkKey { database: database.clone(), epoch: known.number });
    }
    // The learner has to hear that a collection is as its database again, also where that is off.
    let is_walked = is_on || follows;
    let walked = if is_walked { Walked::To(None) } else { Walked::All };
    state.put(&EPOCHS, &scope, &Epoch { number: epoch, is_on, follows, walked });
    if is_walked {
        let walk = Walk { scope, partition: source.position.partition };
        state.put(&WALKS, &WalkKey { database, epoch }, &walk);
    }
}

/// The epoch that a change of an entity is learned under, if it is.
pub(super) fn epoch_of(state: &State<'_>, entity: &EntityId) -> Option<Revision> {
    let collection = entity.collection();
    if collection.is_system() {
        return None;
    }
    let epoch = of_collection(state, collection)
        .or_else(|| state.get(&EPOCHS, &LearningScope::Database(entity.database())))
        .filter(|epoch| epoch.is_on)?;
    let is_passed = match &epoch.walked {
        Walked::All => true,
        Walked::To(last) => last.as_ref().is_some_and(|last| entity <= last),
    };
    Probe::ChangedAheadOfWalk.hit_if(!is_passed);
    is_passed.then_some(epoch.number)
}

/// The epoch that a collection has by itself, and not with its database.
pub(super) fn of_collection(state: &State<'_>, collection: CollectionId) -> Option<Epoch> {
    let database = LearningScope::Database(collection.database());
    let own = state.get(&EPOCHS, &LearningScope::Collection(collection))?;
    let is_over =
        || state.get(&EPOCHS, &database).is_some_and(|database| database.number > own.number);
    (!own.follows || !is_over()).then_some(own)
}

pub(crate) const EPOCHS: Table<LearningScope, Epoch> = Table::new(TableId::LearningEpochs);
pub(crate) const WALKS: Table<WalkKey, Walk> = Table::new(TableId::Walks);
