//! Short ways to write logs by hand. All of it is of the entity `shop/orders/eu/1`, in partition 0.

use serde_json::Value;
use tidelog_core::{
    Document, EntityId, Message, Offset, PartitionId, Position, RequestId, RequestName, Revision,
    Timestamp, Topic,
    message::{
        Change, EntityBatch, EntityPatch, EntityUpdate, Origin, Outcome, Part, PartAnswer,
        PartialResponse, Remember, UpdateKind,
    },
    patch::JsonPatch,
    port::Record,
};

use super::LogView;

/// A log of these messages, each the next record of partition 0 of its topic.
pub(crate) fn log(messages: Vec<Message>) -> LogView {
    let mut log = LogView::default();
    for message in messages {
        let topic = message.topic();
        let offset = log.records(topic, PartitionId(0)).len() as u64;
        log.insert(topic, PartitionId(0), [record(offset, &message)]);
    }
    log
}

pub(crate) fn record(offset: u64, message: &Message) -> Record {
    Record {
        offset: Offset(offset),
        time: Timestamp::from_millis(1_000 + offset),
        key: message.key().to_owned().into(),
        payload: message.encode(),
        trace: None,
    }
}

pub(crate) fn request(number: u64) -> RequestId {
    let client = "app:0".parse().expect("a client");
    RequestId { name: RequestName { client, number }, first_sent: Timestamp::from_millis(1_000) }
}

pub(crate) fn patch(number: u64, change: Change) -> Message {
    let RequestId { name, first_sent } = request(number);
    let origin = Origin { name, first_incomplete: 1, first_sent, user: None, device: None };
    Message::EntityPatch(EntityPatch {
        origin,
        part: Part::ONLY,
        key: None,
        entity: entity(),
        request: change.into(),
        wants_value: true,
        remember: Remember::No,
    })
}

/// A batch with nothing in it, which is enough for whoever looks at the answers.
pub(crate) fn batch(number: u64) -> Message {
    let RequestId { name, first_sent } = request(number);
    let origin = Origin { name, first_incomplete: 1, first_sent, user: None, device: None };
    let database = "shop".parse().expect("a database");
    let parts = Vec::new();
    Message::EntityBatch(EntityBatch { origin, database, key: None, wants_values: false, parts })
}

pub(crate) fn create(number: u64) -> Message {
    patch(number, Change::Create(document(&serde_json::json!({"log": []}))))
}

pub(crate) fn append(number: u64, what: &str) -> Message {
    let operations = serde_json::json!([{"op": "add", "path": "/log/-", "value": what}]);
    let parsed = JsonPatch::parse(operations.to_string().as_bytes()).expect("a patch");
    patch(number, Change::Patch(parsed))
}

pub(crate) fn update(
    number: u64,
    revision: u64,
    before: Option<Value>,
    after: Option<Value>,
) -> Message {
    let kind = match (&before, &after) {
        (None, Some(_)) => UpdateKind::Created,
        (Some(_), Some(_)) => UpdateKind::Updated,
        (_, None) => UpdateKind::Deleted,
    };
    Message::EntityUpdate(EntityUpdate {
        entity: entity(),
        kind,
        revision: Revision(revision),
        before: before.as_ref().map(document),
        after: after.as_ref().map(document),
        request: request(number).name,
        part: Part::ONLY,
        user: None,
        device: None,
        time: Timestamp::from_millis(1_000),
    })
}

pub(crate) fn answer(number: u64, outcome: Outcome) -> Message {
    answer_to(number, Part::ONLY, outcome)
}

pub(crate) fn answer_to(number: u64, part: Part, outcome: Outcome) -> Message {
    let position =
        Position { topic: Topic::EntityPatches, partition: PartitionId(0), offset: Offset(0) };
    Message::PartialResponse(PartialResponse {
        request: request(number),
        part,
        answer: part_answer(outcome),
        position,
        time: Timestamp::from_millis(1_000),
        remember: Remember::No,
    })
}

pub(crate) fn part_answer(outcome: Outcome) -> PartAnswer {
    PartAnswer { target: entity().as_str().into(), outcome, value: None, replayed: false }
}

fn document(value: &Value) -> Document {
    Document::from_value(value).expect("a document")
}

fn entity() -> EntityId {
    "shop/orders/eu/1".parse().expect("an id")
}
