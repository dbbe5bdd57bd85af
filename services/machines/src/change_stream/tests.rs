use tidelog_core::{
    DeviceId, Document, EntityId, Message, Revision, Topic, UserId,
    headers::JSON_TYPE,
    message::{EntityUpdate, Part, UpdateKind},
};

use super::ChangeStream;
use crate::harness::{Harness, at, document, origin, record};

fn update(kind: UpdateKind, before: Option<Document>, after: Option<Document>) -> EntityUpdate {
    EntityUpdate {
        entity: "shop/orders/eu/42".parse::<EntityId>().expect("a good id"),
        kind,
        revision: Revision(7),
        before,
        after,
        request: origin(3).name,
        part: Part { number: 1, of: 2 },
        user: None,
        device: None,
        time: at(900),
    }
}

/// The event of an update, as it goes into the log.
fn event(update: EntityUpdate) -> (String, String) {
    let step = record(1_000, Message::EntityUpdate(update));
    let (_, sends, _) = Harness::new(ChangeStream).handled(5, &step);
    let [send] = &sends[..] else { panic!("one event: {sends:?}") };
    assert_eq!(send.topic, Topic::EntityChanges);
    assert_eq!(send.topic.content_type(), JSON_TYPE);
    assert_eq!(send.headers.request, Some(origin(3).name));
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    (text(&send.key), text(&send.payload))
}

/// Connectors read these: never mend them, and give `source` a new version where it has to change.
#[test]
fn an_event_is_debeziums_envelope() {
    let update = update(
        UpdateKind::Updated,
        Some(document(r#"{"n":1}"#)),
        Some(document(r#"{"n":2,"s":"\"é\""}"#)),
    );
    let (key, event) = event(update);
    assert_eq!(key, "shop/orders/eu/42");
    let expected = concat!(
        r#"{"before":{"n":1},"after":{"n":2,"s":"\"é\""},"source":{"version":"1","#,
        r#""connector":"tidelog","name":"tidelog","ts_ms":900,"snapshot":"false","db":"shop","#,
        r#""collection":"orders","zone":"eu","entity":"shop/orders/eu/42","revision":7,"#,
        r#""request":"app:0:3","part":"1/2","user":null,"device":null,"#,
        r#""topic":"entity-updates","partition":0,"offset":5},"op":"u","ts_ms":1000,"#,
        r#""transaction":null}"#,
    );
    assert_eq!(event, expected);
}

#[test]
fn what_was_created_has_no_before_and_what_was_deleted_no_after() {
    let parsed = |update| -> serde_json::Value {
        serde_json::from_str(&event(update).1).expect("an event is JSON")
    };
    let created = parsed(update(UpdateKind::Created, None, Some(document("[1]"))));
    assert_eq!((&created["op"], &created["after"]), (&"c".into(), &serde_json::json!([1])));
    assert!(created["before"].is_null());
    let deleted = parsed(update(UpdateKind::Deleted, Some(document("{}")), None));
    assert_eq!((&deleted["op"], &deleted["before"]), (&"d".into(), &serde_json::json!({})));
    assert!(deleted["after"].is_null());
}

#[test]
fn who_changed_it_is_said() {
    let user = "ana".parse::<UserId>().ok();
    let device = "phone-1".parse::<DeviceId>().ok();
    let update = EntityUpdate { user, device, ..update(UpdateKind::Deleted, None, None) };
    let event: serde_json::Value = serde_json::from_str(&event(update).1).expect("JSON");
    assert_eq!(event["source"]["user"], "ana");
    assert_eq!(event["source"]["device"], "phone-1");
}

#[test]
fn an_update_handled_again_gives_the_same_bytes() {
    let update = update(UpdateKind::Created, None, Some(document("{}")));
    assert_eq!(event(update.clone()), event(update));
}
