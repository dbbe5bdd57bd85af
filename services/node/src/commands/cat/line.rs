//! A record as a line of JSON.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use tidelog_core::{
    Message, Offset, PartitionId, ServiceName, TableId, Timestamp, Topic, TraceContext,
    headers::{CONTENT_TYPE, REQUEST_ID, TRACEPARENT},
    message::{DeadLetter, MarkedUpdate},
};
use tidelog_io_kafka::ChangelogEntry;

use crate::failure::Failure;
use crate::output;

/// A record to be printed.
pub(super) struct Line<'a> {
    pub(super) topic: Topic,
    pub(super) partition: PartitionId,
    pub(super) offset: Offset,
    pub(super) time: Timestamp,
    pub(super) key: &'a [u8],
    /// None for a tombstone.
    pub(super) payload: Option<&'a [u8]>,
    pub(super) headers: Headers,
}

/// Where the headers come from.
pub(super) enum Headers {
    /// The record has these.
    Told(Vec<(String, String)>),
    /// The embedded log keeps of the headers the trace alone; the others are what the topic and the
    /// payload say.
    Derived(Option<TraceContext>),
}

/// Prints a record.
pub(super) fn print(line: Line<'_>) -> Result<(), Failure> {
    output::json(&to_json(line))
}

fn to_json(line: Line<'_>) -> Value {
    let Line { topic, partition, offset, time, key, payload, headers } = line;
    let mut object = Map::new();
    object.insert("topic".into(), topic.name().into());
    object.insert("partition".into(), partition.0.into());
    object.insert("offset".into(), offset.0.into());
    object.insert("timestamp".into(), time.as_millis().into());
    let message = match topic {
        Topic::Changelog(_) | Topic::EntityChanges => None,
        _ => payload.map(|payload| Message::decode(topic, payload)),
    };
    let known = message.as_ref().and_then(|message| message.as_ref().ok());
    let headers = match headers {
        Headers::Told(headers) => headers,
        Headers::Derived(trace) => derived(topic, known, trace),
    };
    if let Topic::Changelog(service) = topic {
        put_changelog(&mut object, service, key, payload);
    } else {
        put_bytes(&mut object, "key", key);
    }
    let headers = headers.into_iter().map(|(name, value)| (name, Value::from(value)));
    object.insert("headers".into(), headers.collect::<Map<_, _>>().into());
    match (message, payload) {
        (Some(Ok(message)), _) => drop(object.insert("payload".into(), message_json(&message))),
        (Some(Err(error)), Some(payload)) => {
            object.insert("payload_base64".into(), STANDARD.encode(payload).into());
            object.insert("reason".into(), error.to_string().into());
        }
        (_, None) => drop(object.insert("payload".into(), Value::Null)),
        (None, Some(payload)) if topic == Topic::EntityChanges => put_json(&mut object, payload),
        (None, Some(_)) => {}
    }
    object.into()
}

/// The headers that the record would have on a broker.
fn derived(
    topic: Topic,
    message: Option<&Message>,
    trace: Option<TraceContext>,
) -> Vec<(String, String)> {
    let mut headers = vec![(CONTENT_TYPE.to_owned(), topic.content_type().to_owned())];
    let request = message.and_then(Message::request);
    headers.extend(request.map(|request| (REQUEST_ID.to_owned(), request.to_string())));
    headers.extend(trace.map(|trace| (TRACEPARENT.to_owned(), trace.to_string())));
    headers
}

/// What the message says.
fn message_json(message: &Message) -> Value {
    if let Message::DeadLetter(letter) = message {
        return dead_letter_json(letter);
    }
    if let Message::MarkedUpdate(marked) = message {
        // For readers it is a change like any other.
        return marked_json(marked);
    }
    match serde_json::to_value(message) {
        // The one member is called as the kind of the message, which the topic says already.
        Ok(Value::Object(kinds)) if kinds.len() == 1 => {
            kinds.into_iter().next().map_or(Value::Null, |(_, message)| message)
        }
        Ok(other) => other,
        Err(error) => json!({ "reason": format!("it cannot be printed: {error}") }),
    }
}

fn marked_json(marked: &MarkedUpdate) -> Value {
    let mut json = message_json(&Message::EntityUpdate(marked.update.clone()));
    if let Value::Object(members) = &mut json {
        members.insert("epoch".into(), marked.epoch.0.into());
    }
    json
}

/// What is said of a record that was set aside, and that record, as far as it can be read.
fn dead_letter_json(letter: &DeadLetter) -> Value {
    let DeadLetter { service, source, time, reason, key, payload, payload_bytes } = letter;
    let payload = match Message::decode(source.topic, payload) {
        Ok(message) => json!({ "payload": message_json(&message) }),
        Err(_) => json!({ "payload_base64": STANDARD.encode(payload) }),
    };
    json!({
        "service": service.name(), "source": source.to_string(), "time": time.as_millis(),
        "reason": reason, "payload_bytes": payload_bytes,
        "record": { "key": key, "content": payload },
    })
}

/// A payload that is JSON in itself.
fn put_json(object: &mut Map<String, Value>, payload: &[u8]) {
    match serde_json::from_slice::<Value>(payload) {
        Ok(value) => drop(object.insert("payload".into(), value)),
        Err(error) => {
            object.insert("payload_base64".into(), STANDARD.encode(payload).into());
            object.insert("reason".into(), format!("it is no JSON: {error}").into());
        }
    }
}

/// What a record of a changelog says.
fn put_changelog(
    object: &mut Map<String, Value>,
    service: ServiceName,
    key: &[u8],
    payload: Option<&[u8]>,
) {
    match tidelog_io_kafka::changelog_entry(key, payload) {
        Ok(ChangelogEntry::Progress(progress)) => {
            let position =
                |(topic, offset): &(Topic, Offset)| (topic.name().into(), offset.0.into());
            let positions: Map<_, _> = progress.positions.iter().map(position).collect();
            object.insert("key".into(), "positions".into());
            let progress =
                json!({ "positions": positions, "task_time": progress.task_time.as_millis() });
            object.insert("payload".into(), progress);
        }
        Ok(ChangelogEntry::Row { table, key, row }) => {
            object.insert("table".into(), format!("{table:?}").into());
            put_row(object, service, table, (&key, row.as_deref()));
        }
        Err(error) => {
            put_bytes(object, "key", key);
            let payload = payload.unwrap_or_default();
            object.insert("payload_base64".into(), STANDARD.encode(payload).into());
            object.insert("reason".into(), error.to_string().into());
        }
    }
}

/// Key and row of a table, as far as they can be read.
fn put_row(
    object: &mut Map<String, Value>,
    service: ServiceName,
    table: TableId,
    (key, row): (&[u8], Option<&[u8]>),
) {
    let serializer = serde_json::value::Serializer;
    match tidelog_machines::serialize_row(service, table, key, row, serializer) {
        Ok(mut both) => {
            object.insert("key".into(), both["key"].take());
            object.insert("payload".into(), both["row"].take());
        }
        Err(error) => {
            put_bytes(object, "key", key);
            if let Some(row) = row {
                object.insert("payload_base64".into(), STANDARD.encode(row).into());
            }
            object.insert("reason".into(), error.to_string().into());
        }
    }
}

/// Text as text, other bytes in base64 under a name that says so.
fn put_bytes(object: &mut Map<String, Value>, name: &str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(char::is_control) => {
            object.insert(name.to_owned(), text.into());
        }
        Ok(_) | Err(_) => {
            object.insert(format!("{name}_base64"), STANDARD.encode(bytes).into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line<'a>(topic: Topic, key: &'a [u8], payload: Option<&'a [u8]>) -> Line<'a> {
        let (partition, offset) = (PartitionId(1), Offset(2));
        let time = Timestamp::from_millis(3);
        Line { topic, partition, offset, time, key, payload, headers: Headers::Derived(None) }
    }

    #[test]
    fn what_cannot_be_read_is_printed_with_the_reason() {
        let json = to_json(line(Topic::EntityPatches, b"k\xff", Some(b"\x01\xff")));
        assert_eq!(json["key_base64"], "a/8=");
        assert_eq!(json["payload_base64"], "Af8=");
        assert!(json["reason"].as_str().is_some_and(|it| it.contains("make no message")), "{json}");
        assert_eq!(json["offset"], 2);
        let newer = to_json(line(Topic::EntityPatches, b"k", Some(b"\x63")));
        assert!(newer["reason"].as_str().is_some_and(|it| it.contains("newer")), "{newer}");
    }

    #[test]
    fn a_changelog_tells_tables_tombstones_and_positions() {
        let changelog = Topic::Changelog(tidelog_core::ServiceName::EntityStorage);
        let tombstone = to_json(line(changelog, b"\x00shop/orders/eu/1", None));
        assert_eq!(tombstone["table"], "Entities");
        assert_eq!(tombstone["key"], "shop/orders/eu/1");
        assert_eq!(tombstone["payload"], Value::Null);
        let bytes = [1, 2, 1, 172, 2, 5, 0, 128, 208, 223, 180, 171, 51];
        let positions = to_json(line(changelog, &[0xff], Some(&bytes)));
        assert_eq!(positions["payload"]["positions"]["entity-patches"], 300);
    }

    #[test]
    fn the_trace_is_among_the_headers_in_the_embedded_log_too() {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let headers = Headers::Derived(trace.parse().ok());
        let json = to_json(Line { headers, ..line(Topic::Owners, b"k", None) });
        assert_eq!(json["headers"][TRACEPARENT], trace);
    }
}
