//! change-stream says what changed in the way that connectors understand: JSON in Debezium's envelope.
//!
//! - Input: `entity-updates`. Output: `entity-changes`. No tables.
//! - One event for each update, in the partition of its entity and in the order of its updates. Both
//!   are in one commit with the position, so each update gives its event once.
//! - It runs where it is switched on. It begins with the first update that there is, so a stream that
//!   is switched on late holds everything that came before.
//! - After a crash a record is handled again: the same update gives the same bytes.

#[cfg(test)]
mod tests;

use std::fmt::Write;

use tidelog_core::{
    Effects, Input, Service, ServiceName, Source, Spec, State, Timestamp, Topic,
    message::{EntityUpdate, UpdateKind},
};

use crate::set_aside::set_aside_as_foreign;

/// The service change-stream.
#[derive(Clone, Copy, Debug)]
pub struct ChangeStream;

impl Service for ChangeStream {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn handle(&self, now: Timestamp, input: Input, _state: &mut State<'_>, effects: &mut Effects) {
        let Input::Record { source, message } = input else { return };
        let Some(update) = message.entity_update() else {
            return set_aside_as_foreign(SPEC.name, source, &message, effects);
        };
        let event = event(now, source, update);
        let (key, request) = (update.entity.as_str(), Some(&update.request));
        effects.send_json(Topic::EntityChanges, key, request, event);
    }
}

/// The event of an update. What it is made of besides documents, which are JSON, needs no escaping: ids
/// have no quotes, backslashes or control characters.
fn event(now: Timestamp, source: Source, update: &EntityUpdate) -> String {
    let EntityUpdate { entity, kind, revision, before, after, request, part, user, device, time } =
        update;
    let documents = [before, after].map(|document| document.as_ref().map_or("null", text));
    let [before, after] = documents;
    let op = match kind {
        UpdateKind::Created => "c",
        UpdateKind::Updated => "u",
        UpdateKind::Deleted => "d",
    };
    let (collection, zone) = (entity.collection(), entity.zone());
    let mut json = String::with_capacity(before.len() + after.len() + ENVELOPE_BYTES);
    let written = write!(
        json,
        r#"{{"before":{before},"after":{after},"source":{{"version":"{VERSION}","connector":"tidelog","name":"tidelog","ts_ms":{time},"snapshot":"false","db":"{}","collection":"{}","zone":"{}","entity":"{entity}","revision":{revision},"request":"{request}","part":"{part}","user":{},"device":{},"topic":"{}","partition":{},"offset":{}}},"op":"{op}","ts_ms":{now},"transaction":null}}"#,
        entity.database_str(),
        collection.name(),
        zone.name(),
        quoted(user.as_ref()),
        quoted(device.as_ref()),
        source.position.topic,
        source.position.partition,
        source.position.offset,
    );
    written.expect("a String takes all that is written to it");
    json
}

fn text(document: &tidelog_core::Document) -> &str {
    document.as_str()
}

fn quoted(id: Option<&impl std::fmt::Display>) -> String {
    id.map_or_else(|| "null".to_owned(), |id| format!("\"{id}\""))
}

/// Room for what stands around the documents.
const ENVELOPE_BYTES: usize = 512;

/// The version of the format of `source`, which Debezium's envelope has a place for.
const VERSION: u8 = 1;

const SPEC: Spec = Spec {
    name: ServiceName::ChangeStream,
    inputs: &[Topic::EntityUpdates],
    outputs: &[Topic::EntityChanges],
    tables: &[],
};
