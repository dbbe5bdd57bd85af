//! entity-storage against a sequential model of ten lines.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;
use tidelog_core::{
    Document, Message, ProblemKind, Revision,
    message::{Change, Condition, EntityPatch, Match, Outcome, PartAnswer, PartRequest},
    patch,
};

use crate::{
    entity_storage::EntityStorage,
    harness::{Harness, ask, at, json_patch, merge, operations, replace, when},
};

/// What an entity is: its revision, and its document while it exists.
type Model = BTreeMap<String, (u64, Option<Value>)>;

/// The outcome's word, revision, and document.
type Told = (String, Option<u64>, Option<Value>);

/// Does a request as one would on paper.
fn model(model: &mut Model, id: &str, request: &PartRequest) -> Told {
    let (revision, value) = model.get(id).cloned().unwrap_or((0, None));
    let exists_at = value.as_ref().map(|_| revision);
    let failed = |kind: ProblemKind| (kind.name().to_owned(), exists_at, None);
    if matches!(request.change, Change::Read | Change::Delete) && value.is_none() {
        return failed(ProblemKind::NotFound);
    }
    if !request.condition.holds(exists_at.map(Revision)) {
        return failed(ProblemKind::PreconditionFailed);
    }
    let start = || value.clone().unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    let after = match (&request.change, &value) {
        (Change::Read, Some(value)) => return ("read".into(), exists_at, Some(value.clone())),
        (Change::Read | Change::Delete, None) => unreachable!("told above"),
        (Change::Create(_), Some(_)) => return failed(ProblemKind::PreconditionFailed),
        (Change::Create(new) | Change::Replace(new), _) => Ok(Some(parsed(new))),
        (Change::Delete, Some(_)) => Ok(None),
        (Change::Patch(patch), _) => patch.apply(start()).map(Some),
        (Change::Merge(new), _) => patch::merge(start(), &parsed(new)).map(Some),
        (Change::Operations(operations), _) => operations.apply(start()).map(Some),
    };
    match after {
        Err(error) => failed(tidelog_core::Problem::from(error).kind),
        Ok(after) => {
            model.insert(id.to_owned(), (revision + 1, after.clone()));
            let word = match (&value, &after) {
                (None, Some(_)) => "created",
                (Some(_), Some(_)) => "updated",
                (_, None) => "deleted",
            };
            (word.into(), Some(revision + 1), after)
        }
    }
}

fn parsed(document: &Document) -> Value {
    serde_json::from_str(document.as_str()).expect("a document is JSON")
}

/// What an answer tells.
fn told(answer: &PartAnswer) -> Told {
    let word = match &answer.outcome {
        Outcome::Read(_) => "read",
        Outcome::Created(_) => "created",
        Outcome::Updated(_) => "updated",
        Outcome::Deleted(_) => "deleted",
        Outcome::Failed { problem, .. } => problem.kind.name(),
    };
    let revision = answer.outcome.revision().map(|revision| revision.0);
    (word.to_owned(), revision, answer.value.as_ref().map(parsed))
}

#[derive(Clone, Debug)]
enum Event {
    /// A new request.
    Ask {
        entity: u8,
        request: PartRequest,
    },
    /// The request so many before the last one comes again.
    Again {
        back: usize,
    },
    Commit,
    /// What was not committed is lost, and comes again.
    Crash,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn entities_are_what_the_model_says(
        events in proptest::collection::vec(event(), 1..80),
    ) {
        let mut harness = Harness::new(EntityStorage);
        let mut expected_rows = Model::new();
        let mut asked: Vec<(EntityPatch, Told)> = Vec::new();
        let mut uncommitted: Vec<(u64, EntityPatch, Vec<Message>)> = Vec::new();
        for (offset, event) in (1..).zip(events) {
            match event {
                Event::Ask { entity, request } => {
                    let id = format!("shop/orders/eu/{entity}");
                    let patch = ask(asked.len() as u64 + 1, &id, request.clone());
                    let expected = model(&mut expected_rows, &id, &request);
                    let sent = harness.record(at(offset), Message::EntityPatch(patch.clone()));
                    check_answer(&sent, &expected, false)?;
                    check_update(&sent, &expected, request.change.is_write())?;
                    asked.push((patch.clone(), expected));
                    uncommitted.push((offset, patch, sent));
                }
                Event::Again { back } if back < asked.len() => {
                    let (patch, first) = asked[asked.len() - 1 - back].clone();
                    if !patch.request.change.is_write() {
                        continue;
                    }
                    let rows = harness.rows();
                    let sent = harness.record(at(offset), Message::EntityPatch(patch.clone()));
                    prop_assert_eq!(sent.len(), 1);
                    check_answer(&sent, &first, true)?;
                    prop_assert_eq!(&harness.rows(), &rows);
                    uncommitted.push((offset, patch, sent));
                }
                Event::Again { .. } => {}
                Event::Commit => {
                    harness.commit();
                    uncommitted.clear();
                }
                Event::Crash => {
                    let rows = harness.rows();
                    harness.crash();
                    for (offset, patch, sent) in &uncommitted {
                        let message = Message::EntityPatch(patch.clone());
                        prop_assert_eq!(&harness.record(at(*offset), message), sent);
                    }
                    prop_assert_eq!(&harness.rows(), &rows);
                }
            }
        }
    }
}

fn check_answer(sent: &[Message], expected: &Told, is_again: bool) -> Result<(), TestCaseError> {
    let Some(Message::PartialResponse(response)) = sent.last() else {
        return Err(TestCaseError::fail("there is an answer"));
    };
    let (word, revision, value) = told(&response.answer);
    prop_assert_eq!((&word, revision), (&expected.0, expected.1));
    // An answer that comes again has the document only while that is at the same revision.
    if !(is_again && value.is_none()) {
        prop_assert_eq!(&value, &expected.2);
    }
    Ok(())
}

fn check_update(sent: &[Message], expected: &Told, is_write: bool) -> Result<(), TestCaseError> {
    let is_change = is_write && ["created", "updated", "deleted"].contains(&&*expected.0);
    prop_assert_eq!(sent.len(), 1 + usize::from(is_change));
    if let Message::EntityUpdate(update) = &sent[0] {
        prop_assert_eq!(Some(update.revision.0), expected.1);
        prop_assert_eq!(update.after.as_ref().map(parsed), expected.2.clone());
        prop_assert_eq!(update.before.is_some(), expected.0 != "created");
    }
    Ok(())
}

fn event() -> impl Strategy<Value = Event> {
    let ask = (0u8..3, change(), condition()).prop_map(|(entity, change, condition)| Event::Ask {
        entity,
        request: when(condition, change),
    });
    prop_oneof![
        6 => ask,
        2 => (0usize..12).prop_map(|back| Event::Again { back }),
        1 => Just(Event::Commit),
        1 => Just(Event::Crash),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        Just(Change::Read),
        Just(Change::Delete),
        (0..9).prop_map(|n| Change::Create(crate::harness::document(&format!("{{\"n\":{n}}}")))),
        prop_oneof![
            (0..9).prop_map(|n| replace(&format!("{{\"n\":{n},\"list\":[{n}]}}"))),
            Just(replace("7")),
            Just(replace("{\"n\":\"text\"}")),
        ],
        prop_oneof![
            (0..9).prop_map(|n| merge(&format!("{{\"n\":{n},\"list\":null}}"))),
            Just(merge("[1]")),
            Just(merge("{\"deep\":{\"er\":1}}")),
        ],
        prop_oneof![
            Just(json_patch(r#"[{"op":"add","path":"/list","value":[]}]"#)),
            (0..9).prop_map(|n| {
                json_patch(&format!(r#"[{{"op":"add","path":"/list/-","value":{n}}}]"#))
            }),
            (0..9).prop_map(|n| {
                json_patch(&format!(
                    r#"[{{"op":"remove","path":"/n"}},{{"op":"test","path":"/list/0","value":{n}}}]"#
                ))
            }),
        ],
        prop_oneof![
            (0..9).prop_map(|n| {
                operations(&format!(r#"[{{"op":"increment","path":"/n","by":{n}}}]"#))
            }),
            Just(operations(
                r#"[{"op":"add-unique","path":"/list","value":1},{"op":"increment","path":"/n","by":9223372036854775807}]"#
            )),
        ],
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    let matched = || {
        prop_oneof![
            3 => Just(None),
            1 => Just(Some(Match::Any)),
            1 => proptest::collection::vec((1u64..8).prop_map(Revision), 1..4)
                .prop_map(|revisions| Some(Match::Revisions(revisions))),
        ]
    };
    prop_oneof![
        2 => Just(Condition::default()),
        1 => (matched(), matched())
            .prop_map(|(matches, none_match)| Condition { matches, none_match }),
    ]
}
