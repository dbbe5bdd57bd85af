//! Messages in few words.

mod zones;

pub(crate) use zones::*;

use tidelog_core::{
    ClientId, Document, EntityId, Message, Problem, RequestName, Timestamp,
    message::{
        BatchPart, Change, Condition, EntityBatch, EntityPatch, Fingerprint, IdempotencyKey,
        Origin, Part, PartRequest, Remember, SchemaChange, SchemaPatch,
    },
    patch::{JsonPatch, Operations},
};

use super::Step;

/// A request of the client `app:0`, first sent at 1000, all before it being over.
pub(crate) fn origin(number: u64) -> Origin {
    Origin {
        name: RequestName { client: client("app", 0), number },
        first_incomplete: 1,
        first_sent: at(1_000),
        user: None,
        device: None,
    }
}

pub(crate) fn client(prefix: &str, incarnation: u32) -> ClientId {
    ClientId::new(prefix, incarnation).expect("a good prefix")
}

/// A request of one part for an entity, which wants the document.
pub(crate) fn ask(number: u64, entity: &str, request: impl Into<PartRequest>) -> EntityPatch {
    EntityPatch {
        origin: origin(number),
        part: Part::ONLY,
        key: None,
        entity: id(entity),
        request: request.into(),
        wants_value: true,
        remember: Remember::No,
    }
}

/// The same under a condition.
pub(crate) fn when(condition: Condition, change: Change) -> PartRequest {
    PartRequest { change, condition }
}

pub(crate) fn create(value: &str) -> Change {
    Change::Create(document(value))
}

pub(crate) fn replace(value: &str) -> Change {
    Change::Replace(document(value))
}

pub(crate) fn merge(value: &str) -> Change {
    Change::Merge(document(value))
}

pub(crate) fn json_patch(text: &str) -> Change {
    Change::Patch(JsonPatch::parse(text.as_bytes()).expect("a good patch"))
}

pub(crate) fn operations(text: &str) -> Change {
    Change::Operations(Operations::parse(text.as_bytes()).expect("good operations"))
}

pub(crate) fn document(text: &str) -> Document {
    Document::parse(text.as_bytes()).expect("a good document")
}

pub(crate) fn id(text: &str) -> EntityId {
    text.parse().expect("a good id")
}

pub(crate) fn key(key: &str, body: &str) -> IdempotencyKey {
    let fingerprint = Fingerprint::of(&[body.as_bytes()]);
    IdempotencyKey { scope: "PATCH shop/orders/eu/42".into(), key: key.into(), fingerprint }
}

pub(crate) fn batch(number: u64, parts: Vec<BatchPart>) -> EntityBatch {
    EntityBatch {
        origin: origin(number),
        database: "shop".parse().expect("a good id"),
        key: None,
        wants_values: true,
        parts,
    }
}

pub(crate) fn part(entity: &str, request: impl Into<PartRequest>) -> BatchPart {
    BatchPart { entity: entity.into(), request: Ok(request.into()) }
}

pub(crate) fn bad_part(entity: &str, problem: Problem) -> BatchPart {
    BatchPart { entity: entity.into(), request: Err(problem) }
}

pub(crate) fn schema(number: u64, database: &str, change: SchemaChange) -> SchemaPatch {
    let database = database.parse().expect("a good id");
    SchemaPatch { origin: origin(number), database, change }
}

pub(crate) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// Milliseconds of hours.
pub(crate) const fn hours(hours: u64) -> u64 {
    hours * 3_600_000
}

pub(crate) fn record(millis: u64, message: impl Into<Letter>) -> Step {
    Step::Record(at(millis), message.into().0)
}

pub(crate) fn timeout(millis: u64) -> Step {
    Step::Timeout(at(millis))
}

/// Any message, from what it holds.
pub(crate) struct Letter(pub(crate) Message);

impl From<EntityPatch> for Letter {
    fn from(patch: EntityPatch) -> Self {
        Self(Message::EntityPatch(patch))
    }
}

impl From<EntityBatch> for Letter {
    fn from(batch: EntityBatch) -> Self {
        Self(Message::EntityBatch(batch))
    }
}

impl From<SchemaPatch> for Letter {
    fn from(patch: SchemaPatch) -> Self {
        Self(Message::SchemaPatch(patch))
    }
}

impl From<Message> for Letter {
    fn from(message: Message) -> Self {
        Self(message)
    }
}
