use insta::assert_snapshot;
use tidelog_core::{
    Document, Message, Revision, TableId,
    message::{Change, Condition, EntityPatch, Match, Outcome, Part},
};

use crate::{
    entity_storage::EntityStorage,
    harness::{
        Harness, Step, ask, at, check_crashes, check_repeats, create, json_patch, line, merge,
        operations, record, replace, script, when,
    },
};

const E: &str = "shop/orders/eu/42";

#[test]
fn each_kind_of_change_does_what_it_says() {
    assert_snapshot!(script(EntityStorage, &changes()), @r#"
    1000: patch app:0:1:1000 part 1/1: read shop/orders/eu/42 with value
      answer app:0:1:1000 part 1/1: shop/orders/eu/42 failed, not-found: there is no entity
            shop/orders/eu/42 (@0 at 1000)
    1001: patch app:0:2:1000 part 1/1: delete shop/orders/eu/42 with value
      answer app:0:2:1000 part 1/1: shop/orders/eu/42 failed, not-found: there is no entity
            shop/orders/eu/42 (@1 at 1001)
    1002: patch app:0:3:1000 part 1/1: create shop/orders/eu/42 with value
      update shop/orders/eu/42 Created at r1: nothing -> {"b":1,"a":[1]} by app:0:3 part 1/1 at
            1002
      answer app:0:3:1000 part 1/1: shop/orders/eu/42 created at r1 {"b":1,"a":[1]} (@2 at 1002)
    1003: patch app:0:4:1000 part 1/1: create shop/orders/eu/42 with value
      answer app:0:4:1000 part 1/1: shop/orders/eu/42 failed at r1, precondition-failed:
            shop/orders/eu/42 cannot be created, for it exists, at revision 1; replace it, or
            take another id (@3 at 1003)
    1004: patch app:0:5:1000 part 1/1: patch shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r2: {"b":1,"a":[1]} -> {"b":1,"a":[1,2]} by app:0:5
            part 1/1 at 1004
      answer app:0:5:1000 part 1/1: shop/orders/eu/42 updated at r2 {"b":1,"a":[1,2]} (@4 at
            1004)
    1005: patch app:0:6:1000 part 1/1: patch shop/orders/eu/42 with value
      answer app:0:6:1000 part 1/1: shop/orders/eu/42 failed at r2, test-failed: operation 1
            (test /a/0): the value there is not equal to the one given; it is 1 (@5 at 1005)
    1006: patch app:0:7:1000 part 1/1: merge shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r3: {"b":1,"a":[1,2]} -> {"b":1,"c":{"d":1}} by
            app:0:7 part 1/1 at 1006
      answer app:0:7:1000 part 1/1: shop/orders/eu/42 updated at r3 {"b":1,"c":{"d":1}} (@6 at
            1006)
    1007: patch app:0:8:1000 part 1/1: operations shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r4: {"b":1,"c":{"d":1}} -> {"b":42,"c":{"d":1}} by
            app:0:8 part 1/1 at 1007
      answer app:0:8:1000 part 1/1: shop/orders/eu/42 updated at r4 {"b":42,"c":{"d":1}} (@7 at
            1007)
    1008: patch app:0:9:1000 part 1/1: replace shop/orders/eu/42
      update shop/orders/eu/42 Updated at r5: {"b":42,"c":{"d":1}} -> [] by app:0:9 part 1/1 at
            1008
      answer app:0:9:1000 part 1/1: shop/orders/eu/42 updated at r5 (@8 at 1008)
    1009: patch app:0:10:1000 part 1/1: replace shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r6: [] -> [] by app:0:10 part 1/1 at 1009
      answer app:0:10:1000 part 1/1: shop/orders/eu/42 updated at r6 [] (@9 at 1009)
    1010: patch app:0:11:1000 part 1/1: read shop/orders/eu/42 with value
      answer app:0:11:1000 part 1/1: shop/orders/eu/42 read at r6 [] (@10 at 1010)
    1011: patch app:0:12:1000 part 1/1: delete shop/orders/eu/42 with value
      update shop/orders/eu/42 Deleted at r7: [] -> nothing by app:0:12 part 1/1 at 1011
      answer app:0:12:1000 part 1/1: shop/orders/eu/42 deleted at r7 (@11 at 1011)
    1012: patch app:0:13:1000 part 1/1: read shop/orders/eu/42 with value
      answer app:0:13:1000 part 1/1: shop/orders/eu/42 failed, not-found: there is no entity
            shop/orders/eu/42 (@12 at 1012)
    1013: patch app:0:14:1000 part 1/1: delete shop/orders/eu/42 with value
      answer app:0:14:1000 part 1/1: shop/orders/eu/42 failed, not-found: there is no entity
            shop/orders/eu/42 (@13 at 1013)
    1014: patch app:0:15:1000 part 1/1: merge shop/orders/eu/42 with value
      update shop/orders/eu/42 Created at r8: nothing -> {"n":1} by app:0:15 part 1/1 at 1014
      answer app:0:15:1000 part 1/1: shop/orders/eu/42 created at r8 {"n":1} (@14 at 1014)
    1015: patch app:0:16:1000 part 1/1: patch shop/orders/eu/43 with value
      update shop/orders/eu/43 Created at r1: nothing -> {} by app:0:16 part 1/1 at 1015
      answer app:0:16:1000 part 1/1: shop/orders/eu/43 created at r1 {} (@15 at 1015)
    1016: patch app:0:17:1000 part 1/1: operations shop/orders/eu/44 with value
      update shop/orders/eu/44 Created at r1: nothing -> {"n":2} by app:0:17 part 1/1 at 1016
      answer app:0:17:1000 part 1/1: shop/orders/eu/44 created at r1 {"n":2} (@16 at 1016)
    1017: patch app:0:18:1000 part 1/1: patch shop/orders/eu/45 with value
      answer app:0:18:1000 part 1/1: shop/orders/eu/45 failed, path-missing: operation 0 (remove
            /n): the document has no such place (@17 at 1017)
    1018: patch app:0:19:1000 part 1/1: read shop/orders/eu/45 with value
      answer app:0:19:1000 part 1/1: shop/orders/eu/45 failed, not-found: there is no entity
            shop/orders/eu/45 (@18 at 1018)
    "#);
}

#[test]
fn conditions_are_checked_before_what_they_guard() {
    assert_snapshot!(script(EntityStorage, &conditions()), @r#"
    1000: patch app:0:1:1000 part 1/1: delete shop/orders/eu/42 with value
      answer app:0:1:1000 part 1/1: shop/orders/eu/42 failed, not-found: there is no entity
            shop/orders/eu/42 (@0 at 1000)
    1001: patch app:0:2:1000 part 1/1: replace shop/orders/eu/42 with value
      answer app:0:2:1000 part 1/1: shop/orders/eu/42 failed, precondition-failed: the
            precondition is on an entity that exists, and there is no shop/orders/eu/42 (@1 at
            1001)
    1002: patch app:0:3:1000 part 1/1: replace shop/orders/eu/42 with value
      update shop/orders/eu/42 Created at r1: nothing -> 1 by app:0:3 part 1/1 at 1002
      answer app:0:3:1000 part 1/1: shop/orders/eu/42 created at r1 1 (@2 at 1002)
    1003: patch app:0:4:1000 part 1/1: replace shop/orders/eu/42 with value
      answer app:0:4:1000 part 1/1: shop/orders/eu/42 failed at r1, precondition-failed:
            shop/orders/eu/42 is at revision 1, which the precondition does not allow; read it
            and decide again (@3 at 1003)
    1004: patch app:0:5:1000 part 1/1: replace shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r2: 1 -> 2 by app:0:5 part 1/1 at 1004
      answer app:0:5:1000 part 1/1: shop/orders/eu/42 updated at r2 2 (@4 at 1004)
    1005: patch app:0:6:1000 part 1/1: replace shop/orders/eu/42 with value
      answer app:0:6:1000 part 1/1: shop/orders/eu/42 failed at r2, precondition-failed:
            shop/orders/eu/42 is at revision 2, which the precondition does not allow; read it
            and decide again (@5 at 1005)
    1006: patch app:0:7:1000 part 1/1: create shop/orders/eu/42 with value
      answer app:0:7:1000 part 1/1: shop/orders/eu/42 failed at r2, precondition-failed:
            shop/orders/eu/42 is at revision 2, which the precondition does not allow; read it
            and decide again (@6 at 1006)
    1007: patch app:0:8:1000 part 1/1: read shop/orders/eu/42 with value
      answer app:0:8:1000 part 1/1: shop/orders/eu/42 failed at r2, precondition-failed:
            shop/orders/eu/42 is at revision 2, which the precondition does not allow; read it
            and decide again (@7 at 1007)
    1008: patch app:0:9:1000 part 1/1: read shop/orders/eu/42 with value
      answer app:0:9:1000 part 1/1: shop/orders/eu/42 read at r2 2 (@8 at 1008)
    1009: patch app:0:10:1000 part 1/1: delete shop/orders/eu/42 with value
      update shop/orders/eu/42 Deleted at r3: 2 -> nothing by app:0:10 part 1/1 at 1009
      answer app:0:10:1000 part 1/1: shop/orders/eu/42 deleted at r3 (@9 at 1009)
    1010: patch app:0:11:1000 part 1/1: merge shop/orders/eu/42 with value
      answer app:0:11:1000 part 1/1: shop/orders/eu/42 failed, precondition-failed: the
            precondition is on an entity that exists, and there is no shop/orders/eu/42 (@10 at
            1010)
    "#);
}

#[test]
fn a_crash_after_any_step_is_harmless() {
    for steps in [changes(), conditions()] {
        check_crashes(EntityStorage, &steps);
    }
}

#[test]
fn a_record_handled_again_changes_nothing_and_is_answered_again() {
    for steps in [changes(), conditions()] {
        check_repeats(EntityStorage, &steps, |first, again| {
            let last = |sent: &[_]| sent.last().map(line);
            assert_eq!(last(again), last(first), "the answer comes again");
            assert_eq!(again.len(), 1, "and nothing else");
        });
    }
}

#[test]
fn a_document_larger_than_the_share_of_its_part_is_left_out_of_the_answer() {
    let text = format!("\"{}\"", "x".repeat(100 * 1024));
    let read = |number, of| {
        let mut patch = ask(number, E, Change::Read);
        patch.part = Part { number: 1, of };
        record(1_000 + number, patch)
    };
    let mut task = Harness::new(EntityStorage);
    task.step(0, &record(1_000, ask(1, E, create(&text))));
    let mut answer = |offset, step: &Step| {
        let sent = task.step(offset, step);
        let Some(Message::PartialResponse(response)) = sent.last() else { panic!("an answer") };
        (response.answer.outcome.clone(), response.answer.value.as_ref().map(Document::len))
    };
    let read_at = Outcome::Read(Revision(1));
    assert_eq!(answer(1, &read(2, 40)), (read_at.clone(), Some(text.len())));
    assert_eq!(answer(2, &read(3, 41)), (read_at, None));
}

#[test]
fn a_zone_is_counted_while_it_has_entities() {
    let mut harness = Harness::new(EntityStorage);
    let zones = |harness: &Harness<_>| harness.count(TableId::Zones);
    harness.record(at(1_000), ask_message(1, "shop/orders/eu/1", create("1")));
    harness.record(at(1_000), ask_message(2, "shop/orders/eu/2", create("1")));
    assert_eq!(zones(&harness), 1);
    harness.record(at(1_000), ask_message(3, "shop/orders/us/1", create("1")));
    assert_eq!(zones(&harness), 2);
    harness.record(at(1_000), ask_message(4, "shop/orders/eu/1", Change::Delete));
    assert_eq!(zones(&harness), 2);
    harness.record(at(1_000), ask_message(5, "shop/orders/eu/2", Change::Delete));
    assert_eq!(zones(&harness), 1);
    harness.record(at(1_000), ask_message(6, "shop/orders/eu/2", merge("{}")));
    assert_eq!(zones(&harness), 2);
    assert_eq!(harness.count(TableId::Entities), 3);
}

#[test]
fn a_message_of_another_service_is_set_aside() {
    let foreign = crate::harness::batch(1, Vec::new());
    assert_snapshot!(script(EntityStorage, &[record(1_000, foreign)]), @r#"
    1000: batch app:0:1:1000 for shop of 0 parts
      dead letter of entity-storage: entity-storage does not read messages for entity-batches
            (entity-batches:0:0)
    "#);
}

fn ask_message(number: u64, entity: &str, change: Change) -> tidelog_core::Message {
    tidelog_core::Message::EntityPatch(ask(number, entity, change))
}

fn changes() -> Vec<Step> {
    vec![
        record(1_000, ask(1, E, Change::Read)),
        record(1_001, ask(2, E, Change::Delete)),
        record(1_002, ask(3, E, create(r#"{"b":1,"a":[1]}"#))),
        record(1_003, ask(4, E, create("{}"))),
        record(1_004, ask(5, E, json_patch(r#"[{"op":"add","path":"/a/-","value":2}]"#))),
        record(
            1_005,
            ask(
                6,
                E,
                json_patch(
                    r#"[{"op":"remove","path":"/b"},{"op":"test","path":"/a/0","value":9}]"#,
                ),
            ),
        ),
        record(1_006, ask(7, E, merge(r#"{"a":null,"c":{"d":1}}"#))),
        record(1_007, ask(8, E, operations(r#"[{"op":"increment","path":"/b","by":41}]"#))),
        record(1_008, EntityPatch { wants_value: false, ..ask(9, E, replace("[]")) }),
        record(1_009, ask(10, E, replace("[]"))),
        record(1_010, ask(11, E, Change::Read)),
        record(1_011, ask(12, E, Change::Delete)),
        record(1_012, ask(13, E, Change::Read)),
        record(1_013, ask(14, E, Change::Delete)),
        record(1_014, ask(15, E, merge(r#"{"n":1,"m":null}"#))),
        record(1_015, ask(16, "shop/orders/eu/43", json_patch("[]"))),
        record(
            1_016,
            ask(17, "shop/orders/eu/44", operations(r#"[{"op":"increment","path":"/n","by":2}]"#)),
        ),
        record(1_017, ask(18, "shop/orders/eu/45", json_patch(r#"[{"op":"remove","path":"/n"}]"#))),
        record(1_018, ask(19, "shop/orders/eu/45", Change::Read)),
    ]
}

fn conditions() -> Vec<Step> {
    let not_at = |revision| Condition {
        matches: None,
        none_match: Some(Match::Revisions(vec![Revision(revision)])),
    };
    vec![
        record(1_000, ask(1, E, when(Condition::exists(), Change::Delete))),
        record(1_001, ask(2, E, when(Condition::revision(Revision(1)), replace("1")))),
        record(1_002, ask(3, E, when(Condition::missing(), replace("1")))),
        record(1_003, ask(4, E, when(Condition::missing(), replace("2")))),
        record(1_004, ask(5, E, when(Condition::revision(Revision(1)), replace("2")))),
        record(1_005, ask(6, E, when(Condition::revision(Revision(1)), replace("3")))),
        record(1_006, ask(7, E, when(Condition::revision(Revision(1)), create("3")))),
        record(1_007, ask(8, E, when(not_at(2), Change::Read))),
        record(1_008, ask(9, E, when(not_at(1), Change::Read))),
        record(1_009, ask(10, E, when(Condition::exists(), Change::Delete))),
        record(1_010, ask(11, E, when(Condition::revision(Revision(3)), merge("{}")))),
    ]
}
