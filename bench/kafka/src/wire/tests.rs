use tidelog_core::{
    Message, Topic,
    message::{Change, EntityUpdate, Outcome, PartialResponse, UpdateKind},
};

use super::*;

fn patch() -> Patch<'static> {
    Patch {
        client: "app-07",
        number: 4_711,
        first_incomplete: 4_700,
        sent: 1_764_000_000_000,
        entity: "bench/docs/default/00012345",
        document: br#"{"n":1}"#,
        wants_value: true,
    }
}

#[test]
fn a_patch_is_one_of_tidelog_and_reads_back() {
    let payload = patch().write();
    assert_eq!(Patch::read(&payload).expect("a patch"), patch());
    let Ok(Message::EntityPatch(found)) = Message::decode(Topic::EntityPatches, &payload) else {
        panic!("Tidelog reads no patch in {payload:?}");
    };
    assert_eq!(found.entity.as_str(), patch().entity);
    assert_eq!(found.origin.name.number, 4_711);
    assert_eq!(found.origin.first_incomplete, 4_700);
    let Change::Merge(document) = &found.request.change else { panic!("no merge: {found:?}") };
    assert_eq!(document.as_str().as_bytes(), patch().document);
    assert_eq!(Message::EntityPatch(found).encode(), payload);
}

#[test]
fn an_update_is_one_of_tidelog_and_reads_back() {
    for before in [None, Some(&b"{}"[..])] {
        let entity = patch().entity;
        let update = Update { entity, revision: 300, before, after: br#"{"n":1}"# };
        let payload = update.write(&patch(), 1_764_000_000_001);
        assert_eq!(Update::read(&payload).expect("an update"), update);
        let Ok(Message::EntityUpdate(found)) = Message::decode(Topic::EntityUpdates, &payload)
        else {
            panic!("Tidelog reads no update in {payload:?}");
        };
        let EntityUpdate { kind, revision, after, .. } = &found;
        assert_eq!(*kind, if before.is_some() { UpdateKind::Updated } else { UpdateKind::Created });
        assert_eq!(revision.0, 300);
        assert_eq!(after.as_ref().map(|it| it.as_str().as_bytes()), Some(update.after));
        assert_eq!(Message::EntityUpdate(found).encode(), payload);
    }
}

#[test]
fn an_answer_is_one_of_tidelog() {
    let update = Update { entity: patch().entity, revision: 2, before: None, after: br#"{"n":1}"# };
    let payload = answer(&patch(), &update, (7, 70_000), 1_764_000_000_001);
    let Ok(Message::PartialResponse(found)) = Message::decode(Topic::PartialResponses, &payload)
    else {
        panic!("Tidelog reads no answer in {payload:?}");
    };
    let PartialResponse { answer, position, .. } = &found;
    assert!(matches!(answer.outcome, Outcome::Updated(revision) if revision.0 == 2));
    assert_eq!(position.to_string(), "entity-patches:7:70000");
    assert_eq!(Message::PartialResponse(found).encode(), payload);
}

#[test]
fn a_row_reads_back() {
    let row = Row { revision: 1_000, document: br#"{"n":1}"# };
    assert_eq!(Row::read(&row.write()).expect("a row"), row);
}
