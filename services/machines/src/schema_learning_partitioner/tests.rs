use insta::assert_snapshot;
use tidelog_core::{
    Message, Revision,
    message::{EntityUpdate, MarkedUpdate, Part, UpdateKind},
};

use super::SchemaLearningPartitioner;
use crate::harness::{
    Step, at, batch, check_crashes, check_repeats, document, id, origin, record, script,
};

#[test]
fn what_is_marked_is_sent_on_by_collection() {
    assert_snapshot!(script(SchemaLearningPartitioner, &steps()));
}

#[test]
fn a_crash_after_any_step_is_harmless() {
    check_crashes(SchemaLearningPartitioner, &steps());
}

#[test]
fn a_record_handled_again_is_sent_again_as_the_same_lesson() {
    check_repeats(SchemaLearningPartitioner, &steps(), |first, again| assert_eq!(first, again));
}

fn steps() -> Vec<Step> {
    let update = |before: Option<&str>, after: Option<&str>| EntityUpdate {
        entity: id("shop/orders/eu/42"),
        kind: UpdateKind::Updated,
        revision: Revision(2),
        before: before.map(document),
        after: after.map(document),
        request: origin(1).name,
        part: Part::ONLY,
        user: None,
        device: None,
        time: at(999),
    };
    let marked = |before, after| {
        let epoch = Revision(7);
        Message::MarkedUpdate(MarkedUpdate { update: update(before, after), epoch })
    };
    vec![
        record(1_000, Message::EntityUpdate(update(None, Some("1")))),
        record(1_001, marked(Some("1"), Some("2"))),
        record(1_002, marked(Some("2"), None)),
        record(1_003, batch(1, Vec::new())),
    ]
}
