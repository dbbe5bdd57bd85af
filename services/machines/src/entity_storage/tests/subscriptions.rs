use tidelog_core::{
    Answer, Message, PartitionId, Query, Revision, TableId,
    message::{ForgetZone, Outcome, UpdateKind},
    query::Scope,
};

use crate::{
    entity_storage::EntityStorage,
    harness::{
        Harness, Step, ask, at, check_crashes, check_repeats, create, merge, parsed, record,
    },
};

const ZONE: &str = "shop/$zoneSubscription/phone";
const GOOD: &str = r#"{"zone":"shop/orders/eu"}"#;

#[test]
fn a_subscription_that_is_none_is_refused_and_changes_nothing() {
    let mut harness = Harness::new(EntityStorage);
    let id = format!("{ZONE}/1");
    let mut outcome = |number, change| {
        let sent = harness.record(at(number), Message::EntityPatch(ask(number, &id, change)));
        match sent.last() {
            Some(Message::PartialResponse(response)) => response.answer.outcome.clone(),
            other => panic!("{other:?}"),
        }
    };
    let refused = outcome(1, create("{}"));
    let Outcome::Failed { problem, revision: None } = refused else { panic!("{refused:?}") };
    assert!(problem.detail.contains("a subscription has either a zone"), "{problem}");
    assert_eq!(outcome(2, create(GOOD)), Outcome::Created(Revision(1)));
    let refused = outcome(3, merge(r#"{"changes":["read"]}"#));
    assert!(matches!(refused, Outcome::Failed { revision: Some(Revision(1)), .. }), "{refused:?}");
    assert_eq!(outcome(4, merge(r#"{"changes":["deleted"]}"#)), Outcome::Updated(Revision(2)));
}

#[test]
fn a_zone_is_emptied_in_one_step_and_others_stay() {
    let mut harness = Harness::new(EntityStorage);
    for step in steps() {
        harness.step(offset_of(&step), &step);
    }
    let scope = Scope::Zone(parsed(ZONE));
    let Answer::Entities(page) = harness.query(&Query::Entities { scope, after: None, limit: 10 })
    else {
        panic!("another answer");
    };
    assert!(page.items.is_empty());
    assert_eq!(harness.count(TableId::Zones), 1, "that of the other device");
}

#[test]
fn each_subscription_of_a_forgotten_zone_is_published_as_deleted() {
    let mut harness = Harness::new(EntityStorage);
    let steps = steps();
    let mut sent = Vec::new();
    for step in &steps {
        sent = harness.step(offset_of(step), step);
    }
    let deleted: Vec<_> = sent
        .iter()
        .map(|message| match message {
            Message::EntityUpdate(update) => {
                assert_eq!((update.kind, update.revision), (UpdateKind::Deleted, Revision(2)));
                assert_eq!(update.request.to_string(), "device:3:7");
                update.entity.to_string()
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(deleted, [1, 2, 3].map(|n| format!("{ZONE}/{n}")));
}

#[test]
fn forgetting_is_harmless_after_a_crash_and_done_once() {
    check_crashes(EntityStorage, &steps());
    check_repeats(EntityStorage, &steps(), |first, again| {
        let is_update = |message: &Message| message.entity_update().is_some();
        assert!(!again.iter().any(is_update), "{first:?} then {again:?}");
    });
}

#[test]
fn the_number_of_subscriptions_has_a_bound() {
    let mut harness = Harness::new(EntityStorage);
    for n in 1..=1_000 {
        let patch = ask(n, &format!("{ZONE}/{n}"), create(GOOD));
        harness.quick_step(n, &Step::Record(at(n), Message::EntityPatch(patch)));
    }
    let patch = ask(1_001, &format!("{ZONE}/one-more"), create(GOOD));
    let sent = harness.record(at(1_001), Message::EntityPatch(patch));
    let [Message::PartialResponse(response)] = &sent[..] else { panic!("{sent:?}") };
    let Outcome::Failed { problem, .. } = &response.answer.outcome else { panic!("{response:?}") };
    assert!(problem.detail.contains("as many as can be"), "{problem}");
}

fn offset_of(step: &Step) -> u64 {
    match step {
        Step::Record(time, _) | Step::Timeout(time) => time.as_millis(),
    }
}

fn steps() -> Vec<Step> {
    let put = |n: u64, id: &str| record(1_000 + n, ask(n, id, create(GOOD)));
    let zone = parsed(ZONE);
    let (partition, number, time) = (PartitionId(3), 7, at(999));
    vec![
        put(1, &format!("{ZONE}/1")),
        put(2, &format!("{ZONE}/2")),
        put(3, &format!("{ZONE}/3")),
        put(4, "shop/$zoneSubscription/phone-2/1"),
        record(2_000, Message::ForgetZone(ForgetZone { zone, partition, number, time })),
    ]
}
