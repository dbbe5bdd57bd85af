//! Tables: their names, and how their keys become bytes.

use std::marker::PhantomData;

use crate::{
    id::{ClientId, CollectionId, DatabaseId, DeviceId, EntityId, PartitionId, UserDevice, ZoneId},
    message::LearningScope,
};

/// The tables of all services. A table belongs to one task of one service.
///
/// The codes are part of the stores' format: they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TableId {
    /// Entities, deleted ones with their revision.
    Entities = 0,
    /// How many entities each zone has.
    Zones = 1,
    /// What became of the parts of each client's requests.
    Completions = 2,
    /// How far each client is.
    Clients = 3,
    /// What became of requests under an idempotency key.
    IdempotencyKeys = 4,
    /// When clients and idempotency keys are to be forgotten.
    Expiries = 5,
    /// How far the forgetting has got.
    Sweep = 6,
    /// Databases.
    Databases = 7,
    /// Requests whose answers are being gathered, or remembered.
    Aggregates = 8,
    /// The answers to their parts.
    AggregateParts = 9,
    /// When aggregates are to be answered as they are, or forgotten.
    Deadlines = 10,
    /// What is stated and learned of each collection's documents.
    Definitions = 11,
    /// For what learning is on or off, as users switched it.
    LearningSwitches = 12,
    /// For what learning is on or off, and how far the walk over what was there has got.
    LearningEpochs = 13,
    /// Walks that have not ended.
    Walks = 14,
    /// How much was sent of walks.
    WalkLessons = 15,
    /// How far the learning of each collection is.
    Learners = 16,
    /// What was learned of each collection.
    Models = 17,
    /// Which tasks' walks have ended.
    WalkEnds = 18,
    /// How far each source of lessons was read.
    LessonSources = 19,
    /// When collections are to be looked at for something to publish.
    LearnersDue = 20,
    /// Databases whose collections are to be looked at, for their walks have ended.
    Openings = 21,
    /// How far the feed of each zone is.
    Feeds = 22,
    /// The changes of each zone.
    ZoneChanges = 23,
    /// Who wants to be told what.
    Subscriptions = 24,
    /// Subscriptions that have ended, until all changes that they are about have been told.
    EndedSubscriptions = 25,
    /// Zones with changes that have not been told to all devices.
    FanOuts = 26,
    /// How far each source of changes was read.
    ChangeSources = 27,
    /// How far each device is.
    Notified = 28,
    /// What each device has not read.
    Unread = 29,
    /// The last change of each zone that each device was told of.
    Told = 30,
    /// The devices of each user.
    Devices = 31,
    /// When devices are to be forgotten.
    Leases = 32,
    /// How far the keeper of the devices is.
    DeviceKeeper = 33,
    /// Which zones were forgotten.
    ForgottenZones = 34,
}

impl TableId {
    /// Every table.
    pub const ALL: [Self; 35] = [
        Self::Entities,
        Self::Zones,
        Self::Completions,
        Self::Clients,
        Self::IdempotencyKeys,
        Self::Expiries,
        Self::Sweep,
        Self::Databases,
        Self::Aggregates,
        Self::AggregateParts,
        Self::Deadlines,
        Self::Definitions,
        Self::LearningSwitches,
        Self::LearningEpochs,
        Self::Walks,
        Self::WalkLessons,
        Self::Learners,
        Self::Models,
        Self::WalkEnds,
        Self::LessonSources,
        Self::LearnersDue,
        Self::Openings,
        Self::Feeds,
        Self::ZoneChanges,
        Self::Subscriptions,
        Self::EndedSubscriptions,
        Self::FanOuts,
        Self::ChangeSources,
        Self::Notified,
        Self::Unread,
        Self::Told,
        Self::Devices,
        Self::Leases,
        Self::DeviceKeeper,
        Self::ForgottenZones,
    ];

    /// A number for the table that never changes, for keys of stores.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// A table with the types of its keys and values.
#[derive(Debug)]
pub struct Table<K, V> {
    id: TableId,
    types: PhantomData<fn(K) -> V>,
}

impl<K, V> Table<K, V> {
    /// The table `id`.
    #[must_use]
    pub const fn new(id: TableId) -> Self {
        Self { id, types: PhantomData }
    }

    /// Which table it is.
    #[must_use]
    pub fn id(&self) -> TableId {
        self.id
    }
}

/// A key of a table. The byte order is the table's order.
pub trait TableKey: Sized {
    /// The key's bytes.
    fn to_bytes(&self) -> Vec<u8>;

    /// The key of those bytes, if they are one's.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

macro_rules! text_key {
    ($($id:ty),*) => {$(
        impl TableKey for $id {
            fn to_bytes(&self) -> Vec<u8> {
                self.as_str().as_bytes().to_vec()
            }

            fn from_bytes(bytes: &[u8]) -> Option<Self> {
                std::str::from_utf8(bytes).ok()?.parse().ok()
            }
        }
    )*};
}

text_key!(DatabaseId, CollectionId, ZoneId, EntityId, DeviceId, UserDevice);

impl TableKey for PartitionId {
    fn to_bytes(&self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(u32::from_be_bytes(bytes.try_into().ok()?)))
    }
}

/// The prefix, a zero byte, and the incarnation: clients of one prefix stand together.
impl TableKey for ClientId {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.prefix().len() + 5);
        bytes.extend_from_slice(self.prefix().as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(&self.incarnation().to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (head, incarnation) = bytes.split_last_chunk()?;
        let prefix = std::str::from_utf8(head.strip_suffix(&[0])?).ok()?;
        Self::new(prefix, u32::from_be_bytes(*incarnation)).ok()
    }
}

/// The id's text: a collection's has two segments, a database's one.
impl TableKey for LearningScope {
    fn to_bytes(&self) -> Vec<u8> {
        self.as_str().as_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match CollectionId::from_bytes(bytes) {
            Some(collection) => Some(Self::Collection(collection)),
            None => DatabaseId::from_bytes(bytes).map(Self::Database),
        }
    }
}

/// The key of a table that has one row.
impl TableKey for () {
    fn to_bytes(&self) -> Vec<u8> {
        Vec::new()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.is_empty().then_some(())
    }
}
