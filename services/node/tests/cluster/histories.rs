//! What became of entities, by their updates.

use std::collections::BTreeMap;

use serde_json::Value;
use tidelog_core::{Document, Message, Topic};

use crate::{
    log::Log,
    writers::{Acknowledged, Change},
};

/// A change of an entity.
#[derive(Clone, Debug)]
struct Update {
    revision: u64,
    before: Option<Value>,
    after: Option<Value>,
}

/// Every revision follows upon the one before, every acknowledged change is there, at the revision that
/// was told, and none is there twice.
pub(crate) fn check_histories(log: &Log, acknowledged: &[Acknowledged]) {
    let histories = histories(log);
    for (entity, history) in &histories {
        check_history(entity, history);
    }
    for acknowledged in acknowledged {
        let history = histories.get(&acknowledged.entity).map_or(&[][..], Vec::as_slice);
        check_acknowledged(history, acknowledged);
    }
}

fn histories(log: &Log) -> BTreeMap<String, Vec<Update>> {
    let mut histories: BTreeMap<String, Vec<Update>> = BTreeMap::new();
    for payload in log.payloads(Topic::EntityUpdates) {
        let message = Message::decode(Topic::EntityUpdates, &payload).expect("an update");
        let update = message.entity_update().unwrap_or_else(|| panic!("no update: {message:?}"));
        let entity = update.entity.to_string();
        let (_, name) = entity.rsplit_once('/').expect("an id");
        let (before, after) = (update.before.as_ref(), update.after.as_ref());
        histories.entry(name.into()).or_default().push(Update {
            revision: update.revision.0,
            before: before.map(document),
            after: after.map(document),
        });
    }
    histories
}

fn document(document: &Document) -> Value {
    serde_json::from_str(document.as_str()).expect("a document is JSON")
}

/// Revisions without gaps, each from what the one before left; nothing done twice.
fn check_history(entity: &str, history: &[Update]) {
    let mut before = &None;
    for (update, revision) in history.iter().zip(1..) {
        assert_eq!(update.revision, revision, "the revisions of {entity}: {update:?}");
        assert_eq!(update.before, *before, "{entity} goes on from something else at {revision}");
        before = &update.after;
    }
    let last = before.as_ref().expect("a history has an update, and none that deletes");
    let list = last["log"].as_array().expect("a list");
    let expected: Vec<_> = (0..list.len()).map(Value::from).collect();
    assert_eq!(*list, expected, "each was appended once, in order, to {entity}");
    let counted = last["n"].as_u64().expect("a count") as usize;
    // Each was counted after it was appended.
    let is_counted = counted == list.len() || counted + 1 == list.len();
    assert!(is_counted, "{entity} counts {counted}: {last}");
    assert_eq!(history.len(), 1 + list.len() + counted, "every revision of {entity} is a change");
}

fn check_acknowledged(history: &[Update], acknowledged: &Acknowledged) {
    let update = history.get(acknowledged.revision as usize - 1);
    let update = update.unwrap_or_else(|| panic!("lost: {acknowledged:?}"));
    let after = update.after.as_ref().expect("nobody deletes");
    let is_it = match (acknowledged.change, update.before.as_ref()) {
        (Change::Created, before) => before.is_none(),
        (Change::Appended(n), Some(before)) => {
            after["log"][n as usize] == n && before["log"].get(n as usize).is_none()
        }
        (Change::Counted, Some(before)) => {
            after["n"].as_u64() == before["n"].as_u64().map(|n| n + 1)
        }
        (Change::Appended(_) | Change::Counted, None) => false,
    };
    assert!(is_it, "{acknowledged:?} is not {update:?}");
}

/// A history without a flaw: created, appended, counted.
fn flawless() -> Vec<Update> {
    use serde_json::json;
    let documents = [json!({"log":[],"n":0}), json!({"log":[0],"n":0}), json!({"log":[0],"n":1})];
    let before = [None].into_iter().chain(documents.iter().cloned().map(Some));
    let pairs = (1..).zip(before.zip(documents.iter().cloned().map(Some)));
    pairs.map(|(revision, (before, after))| Update { revision, before, after }).collect()
}

#[test]
fn a_history_without_a_flaw_passes() {
    check_history("x", &flawless());
}

#[test]
#[should_panic(expected = "the revisions of x")]
fn a_revision_that_is_missing_is_found() {
    let mut history = flawless();
    history.remove(1);
    check_history("x", &history);
}

#[test]
#[should_panic(expected = "goes on from something else")]
fn a_change_by_somebody_who_has_not_seen_the_one_before_is_found() {
    let mut history = flawless();
    history[2].before = history[1].before.clone();
    check_history("x", &history);
}

#[test]
#[should_panic(expected = "each was appended once")]
fn a_change_that_was_made_twice_is_found() {
    let mut history = flawless();
    history[2].after = Some(serde_json::json!({"log":[0,0],"n":0}));
    check_history("x", &history);
}

#[test]
#[should_panic(expected = "lost")]
fn an_acknowledged_change_that_is_not_there_is_found() {
    let acknowledged =
        Acknowledged { entity: "x".into(), revision: 4, change: Change::Appended(1) };
    check_acknowledged(&flawless(), &acknowledged);
}
