use insta::assert_snapshot;
use tidelog_core::{
    Revision, TableId,
    message::{Change, Condition, EntityPatch, Match, Part},
};

use crate::{
    entity_storage::EntityStorage,
    harness::{
        Harness, Step, ask, at, check_crashes, check_repeats, create, hours, json_patch, key, line,
        merge, operations, record, replace, script, when,
    },
};

const E: &str = "shop/orders/eu/42";

#[test]
fn each_kind_of_change_does_what_it_says() {
    assert_snapshot!(script(EntityStorage, &changes()), @r#"
    1000: patch app:0:1:1000 part 1/1: read shop/orders/eu/42 with value
      answer app:0:1:1000 part 1/1: shop/orders/eu/42 failed, not-found: there is no entity
            shop/orders/eu/42 (0 of entity-patches at 1000)
    1001: patch app:0:2:1000 part 1/1: delete shop/orders/eu/42 with value
      answer app:0:2:1000 part 1/1: shop/orders/eu/42 failed, not-found: there is no entity
            shop/orders/eu/42 (1 of entity-patches at 1001)
    1002: patch app:0:3:1000 part 1/1: create shop/orders/eu/42 with value
      update shop/orders/eu/42 Created at r1: nothing -> {"b":1,"a":[1]} by app:0:3 part 1/1 at
            1002
      answer app:0:3:1000 part 1/1: shop/orders/eu/42 created at r1 {"b":1,"a":[1]} (2 of
            entity-patches at 1002)
    1003: patch app:0:4:1000 part 1/1: create shop/orders/eu/42 with value
      answer app:0:4:1000 part 1/1: shop/orders/eu/42 failed at r1, precondition-failed:
            shop/orders/eu/42 cannot be created, for it exists, at revision 1; replace it, or
            take another id (3 of entity-patches at 1003)
    1004: patch app:0:5:1000 part 1/1: patch shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r2: {"b":1,"a":[1]} -> {"b":1,"a":[1,2]} by app:0:5
            part 1/1 at 1004
      answer app:0:5:1000 part 1/1: shop/orders/eu/42 updated at r2 {"b":1,"a":[1,2]} (4 of
            entity-patches at 1004)
    1005: patch app:0:6:1000 part 1/1: patch shop/orders/eu/42 with value
      answer app:0:6:1000 part 1/1: shop/orders/eu/42 failed at r2, test-failed: operation 1
            (test /a/0): the value there is not equal to the one given (5 of entity-patches at
            1005)
    1006: patch app:0:7:1000 part 1/1: merge shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r3: {"b":1,"a":[1,2]} -> {"b":1,"c":{"d":1}} by
            app:0:7 part 1/1 at 1006
      answer app:0:7:1000 part 1/1: shop/orders/eu/42 updated at r3 {"b":1,"c":{"d":1}} (6 of
            entity-patches at 1006)
    1007: patch app:0:8:1000 part 1/1: operations shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r4: {"b":1,"c":{"d":1}} -> {"b":42,"c":{"d":1}} by
            app:0:8 part 1/1 at 1007
      answer app:0:8:1000 part 1/1: shop/orders/eu/42 updated at r4 {"b":42,"c":{"d":1}} (7 of
            entity-patches at 1007)
    1008: patch app:0:9:1000 part 1/1: replace shop/orders/eu/42
      update shop/orders/eu/42 Updated at r5: {"b":42,"c":{"d":1}} -> [] by app:0:9 part 1/1 at
            1008
      answer app:0:9:1000 part 1/1: shop/orders/eu/42 updated at r5 (8 of entity-patches at
            1008)
    1009: patch app:0:10:1000 part 1/1: replace shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r6: [] -> [] by app:0:10 part 1/1 at 1009
      answer app:0:10:1000 part 1/1: shop/orders/eu/42 updated at r6 [] (9 of entity-patches at
            1009)
    1010: patch app:0:11:1000 part 1/1: read shop/orders/eu/42 with value
      answer app:0:11:1000 part 1/1: shop/orders/eu/42 read at r6 [] (10 of entity-patches at
            1010)
    1011: patch app:0:12:1000 part 1/1: delete shop/orders/eu/42 with value
      update shop/orders/eu/42 Deleted at r7: [] -> nothing by app:0:12 part 1/1 at 1011
      answer app:0:12:1000 part 1/1: shop/orders/eu/42 deleted at r7 (11 of entity-patches at
            1011)
    1012: patch app:0:13:1000 part 1/1: read shop/orders/eu/42 with value
      answer app:0:13:1000 part 1/1: shop/orders/eu/42 failed, not-found: there is no entity
            shop/orders/eu/42 (12 of entity-patches at 1012)
    1013: patch app:0:14:1000 part 1/1: delete shop/orders/eu/42 with value
      answer app:0:14:1000 part 1/1: shop/orders/eu/42 failed, not-found: there is no entity
            shop/orders/eu/42 (13 of entity-patches at 1013)
    1014: patch app:0:15:1000 part 1/1: merge shop/orders/eu/42 with value
      update shop/orders/eu/42 Created at r8: nothing -> {"n":1} by app:0:15 part 1/1 at 1014
      answer app:0:15:1000 part 1/1: shop/orders/eu/42 created at r8 {"n":1} (14 of
            entity-patches at 1014)
    1015: patch app:0:16:1000 part 1/1: patch shop/orders/eu/43 with value
      update shop/orders/eu/43 Created at r1: nothing -> {} by app:0:16 part 1/1 at 1015
      answer app:0:16:1000 part 1/1: shop/orders/eu/43 created at r1 {} (15 of entity-patches at
            1015)
    1016: patch app:0:17:1000 part 1/1: operations shop/orders/eu/44 with value
      update shop/orders/eu/44 Created at r1: nothing -> {"n":2} by app:0:17 part 1/1 at 1016
      answer app:0:17:1000 part 1/1: shop/orders/eu/44 created at r1 {"n":2} (16 of
            entity-patches at 1016)
    1017: patch app:0:18:1000 part 1/1: patch shop/orders/eu/45 with value
      answer app:0:18:1000 part 1/1: shop/orders/eu/45 failed, path-missing: operation 0 (remove
            /n): the document has no such place (17 of entity-patches at 1017)
    1018: patch app:0:19:1000 part 1/1: read shop/orders/eu/45 with value
      answer app:0:19:1000 part 1/1: shop/orders/eu/45 failed, not-found: there is no entity
            shop/orders/eu/45 (18 of entity-patches at 1018)
    "#);
}

#[test]
fn conditions_are_checked_before_anything_else() {
    assert_snapshot!(script(EntityStorage, &conditions()), @r#"
    1000: patch app:0:1:1000 part 1/1: delete shop/orders/eu/42 with value
      answer app:0:1:1000 part 1/1: shop/orders/eu/42 failed, precondition-failed: the
            precondition is on an entity that exists, and there is no shop/orders/eu/42 (0 of
            entity-patches at 1000)
    1001: patch app:0:2:1000 part 1/1: replace shop/orders/eu/42 with value
      answer app:0:2:1000 part 1/1: shop/orders/eu/42 failed, precondition-failed: the
            precondition is on an entity that exists, and there is no shop/orders/eu/42 (1 of
            entity-patches at 1001)
    1002: patch app:0:3:1000 part 1/1: replace shop/orders/eu/42 with value
      update shop/orders/eu/42 Created at r1: nothing -> 1 by app:0:3 part 1/1 at 1002
      answer app:0:3:1000 part 1/1: shop/orders/eu/42 created at r1 1 (2 of entity-patches at
            1002)
    1003: patch app:0:4:1000 part 1/1: replace shop/orders/eu/42 with value
      answer app:0:4:1000 part 1/1: shop/orders/eu/42 failed at r1, precondition-failed:
            shop/orders/eu/42 is at revision 1, which the precondition does not allow; read it
            and decide again (3 of entity-patches at 1003)
    1004: patch app:0:5:1000 part 1/1: replace shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r2: 1 -> 2 by app:0:5 part 1/1 at 1004
      answer app:0:5:1000 part 1/1: shop/orders/eu/42 updated at r2 2 (4 of entity-patches at
            1004)
    1005: patch app:0:6:1000 part 1/1: replace shop/orders/eu/42 with value
      answer app:0:6:1000 part 1/1: shop/orders/eu/42 failed at r2, precondition-failed:
            shop/orders/eu/42 is at revision 2, which the precondition does not allow; read it
            and decide again (5 of entity-patches at 1005)
    1006: patch app:0:7:1000 part 1/1: create shop/orders/eu/42 with value
      answer app:0:7:1000 part 1/1: shop/orders/eu/42 failed at r2, precondition-failed:
            shop/orders/eu/42 is at revision 2, which the precondition does not allow; read it
            and decide again (6 of entity-patches at 1006)
    1007: patch app:0:8:1000 part 1/1: read shop/orders/eu/42 with value
      answer app:0:8:1000 part 1/1: shop/orders/eu/42 failed at r2, precondition-failed:
            shop/orders/eu/42 is at revision 2, which the precondition does not allow; read it
            and decide again (7 of entity-patches at 1007)
    1008: patch app:0:9:1000 part 1/1: read shop/orders/eu/42 with value
      answer app:0:9:1000 part 1/1: shop/orders/eu/42 read at r2 2 (8 of entity-patches at 1008)
    1009: patch app:0:10:1000 part 1/1: delete shop/orders/eu/42 with value
      update shop/orders/eu/42 Deleted at r3: 2 -> nothing by app:0:10 part 1/1 at 1009
      answer app:0:10:1000 part 1/1: shop/orders/eu/42 deleted at r3 (9 of entity-patches at
            1009)
    1010: patch app:0:11:1000 part 1/1: merge shop/orders/eu/42 with value
      answer app:0:11:1000 part 1/1: shop/orders/eu/42 failed, precondition-failed: the
            precondition is on an entity that exists, and there is no shop/orders/eu/42 (10 of
            entity-patches at 1010)
    "#);
}

#[test]
fn duplicates_are_answered_again_and_change_nothing() {
    assert_snapshot!(script(EntityStorage, &duplicates()), @r#"
    1000: patch app:0:1:1000 part 1/1: operations shop/orders/eu/42 with value
      update shop/orders/eu/42 Created at r1: nothing -> {"n":1} by app:0:1 part 1/1 at 1000
      answer app:0:1:1000 part 1/1: shop/orders/eu/42 created at r1 {"n":1} (0 of entity-patches
            at 1000)
    1001: patch app:0:1:1000 part 1/1: operations shop/orders/eu/42 with value
      answer app:0:1:1000 part 1/1: shop/orders/eu/42 created at r1 {"n":1} (1 of entity-patches
            at 1001)
    1002: patch app:0:2:1000 part 1/1: create shop/orders/eu/42 with value
      answer app:0:2:1000 part 1/1: shop/orders/eu/42 failed at r1, precondition-failed:
            shop/orders/eu/42 cannot be created, for it exists, at revision 1; replace it, or
            take another id (2 of entity-patches at 1002)
    1003: patch app:0:3:1000 part 1/1: operations shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r2: {"n":1} -> {"n":2} by app:0:3 part 1/1 at 1003
      answer app:0:3:1000 part 1/1: shop/orders/eu/42 updated at r2 {"n":2} (3 of entity-patches
            at 1003)
    1004: patch app:0:1:1000 part 1/1: operations shop/orders/eu/42 with value
      answer app:0:1:1000 part 1/1: shop/orders/eu/42 created at r1 (4 of entity-patches at
            1004)
    1005: patch app:0:2:1000 part 1/1: create shop/orders/eu/42 with value
      answer app:0:2:1000 part 1/1: shop/orders/eu/42 failed at r1, precondition-failed:
            shop/orders/eu/42 cannot be created, for it exists, at revision 1; replace it, or
            take another id (5 of entity-patches at 1005)
    1006: patch app:0:4:1000 part 1/3: operations shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r3: {"n":2} -> {"n":3} by app:0:4 part 1/3 at 1006
      answer app:0:4:1000 part 1/3: shop/orders/eu/42 updated at r3 {"n":3} (6 of entity-patches
            at 1006)
    1007: patch app:0:4:1000 part 3/3: operations shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r4: {"n":3} -> {"n":4} by app:0:4 part 3/3 at 1007
      answer app:0:4:1000 part 3/3: shop/orders/eu/42 updated at r4 {"n":4} (7 of entity-patches
            at 1007)
    1008: patch app:0:4:1000 part 1/3: operations shop/orders/eu/42 with value
      answer app:0:4:1000 part 1/3: shop/orders/eu/42 updated at r3 (8 of entity-patches at
            1008)
    1009: patch app:0:6:1000 part 1/1: operations shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r5: {"n":4} -> {"n":5} by app:0:6 part 1/1 at 1009
      answer app:0:6:1000 part 1/1: shop/orders/eu/42 updated at r5 {"n":5} (9 of entity-patches
            at 1009)
    1010: patch app:0:5:1000 part 1/1: operations shop/orders/eu/42 with value
      answer app:0:5:1000 part 1/1: shop/orders/eu/42 failed, stale-request: the client said
            that its requests below number 6 are over, and this is number 5; nothing was changed
            (10 of entity-patches at 1010)
    1011: patch app:0:5:1000 part 1/1: operations shop/orders/eu/42 with value
      answer app:0:5:1000 part 1/1: shop/orders/eu/42 failed, stale-request: the client said
            that its requests below number 6 are over, and this is number 5; nothing was changed
            (11 of entity-patches at 1011)
    43201000: patch app:0:7:1000 part 1/1: operations shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r6: {"n":5} -> {"n":6} by app:0:7 part 1/1 at 43201000
      answer app:0:7:1000 part 1/1: shop/orders/eu/42 updated at r6 {"n":6} (12 of
            entity-patches at 43201000)
    43201001: patch app:0:8:1000 part 1/1: operations shop/orders/eu/42 with value
      answer app:0:8:1000 part 1/1: shop/orders/eu/42 failed, expired-request: the request was
            first sent at 1000, and now it is 43201001, over 12 hours later; this part was not
            done before and never will be; send it as a new request (13 of entity-patches at
            43201001)
    43201002: patch app:0:7:1000 part 1/1: operations shop/orders/eu/42 with value
      answer app:0:7:1000 part 1/1: shop/orders/eu/42 updated at r6 {"n":6} (14 of
            entity-patches at 43201002)
    1000: patch app:0:8:1000 part 1/1: operations shop/orders/eu/42 with value
      answer app:0:8:1000 part 1/1: shop/orders/eu/42 failed, expired-request: the request was
            first sent at 1000, and now it is 43201002, over 12 hours later; this part was not
            done before and never will be; send it as a new request (15 of entity-patches at
            43201002)
    43201003: patch app:0:16390:43200000 part 1/1: operations shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r7: {"n":6} -> {"n":7} by app:0:16390 part 1/1 at
            43201003
      answer app:0:16390:43200000 part 1/1: shop/orders/eu/42 updated at r7 {"n":7} (16 of
            entity-patches at 43201003)
    43201004: patch app:0:16391:43200000 part 1/1: operations shop/orders/eu/42 with value
      answer app:0:16391:43200000 part 1/1: shop/orders/eu/42 failed, too-far-ahead: the request
            has number 16391 while number 6 is incomplete, and at most 16384 may lie between;
            nothing was changed; go on under the client's next name (17 of entity-patches at
            43201004)
    43201005: patch app:0:16391:43200000 part 1/1: operations shop/orders/eu/42 with value
      answer app:0:16391:43200000 part 1/1: shop/orders/eu/42 failed, too-far-ahead: the request
            has number 16391 while number 16000 is incomplete, and at most 16384 may lie
            between; nothing was changed; go on under the client's next name (18 of
            entity-patches at 43201005)
    43201006: patch app:0:16390:43200000 part 1/1: operations shop/orders/eu/42 with value
      answer app:0:16390:43200000 part 1/1: shop/orders/eu/42 updated at r7 {"n":7} (19 of
            entity-patches at 43201006)
    43201007: patch app:0:16389:43200000 part 1/1: operations shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r8: {"n":7} -> {"n":8} by app:0:16389 part 1/1 at
            43201007
      answer app:0:16389:43200000 part 1/1: shop/orders/eu/42 updated at r8 {"n":8} (20 of
            entity-patches at 43201007)
    108000000: patch app:0:1:1000 part 1/1: read shop/orders/eu/42 with value
      answer app:0:1:1000 part 1/1: shop/orders/eu/42 read at r8 {"n":8} (21 of entity-patches
            at 108000000)
    "#);
}

#[test]
fn keys_remember_outcomes_for_requests_under_other_names() {
    assert_snapshot!(script(EntityStorage, &keys()), @r#"
    1000: patch app:0:1:1000 part 1/1: patch shop/orders/eu/42 under a with value
      update shop/orders/eu/42 Created at r1: nothing -> {"n":1} by app:0:1 part 1/1 at 1000
      answer app:0:1:1000 part 1/1: shop/orders/eu/42 created at r1 {"n":1} (0 of entity-patches
            at 1000)
    1001: patch app:0:2:1000 part 1/1: patch shop/orders/eu/42 under a with value
      answer app:0:2:1000 part 1/1: shop/orders/eu/42 created at r1 {"n":1}, replayed (1 of
            entity-patches at 1001)
    1002: patch app:0:2:1000 part 1/1: patch shop/orders/eu/42 under a with value
      answer app:0:2:1000 part 1/1: shop/orders/eu/42 created at r1 {"n":1}, replayed (2 of
            entity-patches at 1002)
    1003: patch app:0:3:1000 part 1/1: patch shop/orders/eu/42 under a with value
      answer app:0:3:1000 part 1/1: shop/orders/eu/42 failed, idempotency-key-reused: the
            idempotency key was used for another request on the same target in the last 24
            hours; take a new key for a new request (3 of entity-patches at 1003)
    1004: patch app:0:4:1000 part 1/1: patch shop/orders/eu/42 under b with value
      answer app:0:4:1000 part 1/1: shop/orders/eu/42 failed at r1, test-failed: operation 0
            (test /n): the value there is not equal to the one given (4 of entity-patches at
            1004)
    1005: patch app:0:5:1000 part 1/1: replace shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r2: {"n":1} -> {"n":2} by app:0:5 part 1/1 at 1005
      answer app:0:5:1000 part 1/1: shop/orders/eu/42 updated at r2 {"n":2} (5 of entity-patches
            at 1005)
    1006: patch app:0:6:1000 part 1/1: patch shop/orders/eu/42 under b with value
      answer app:0:6:1000 part 1/1: shop/orders/eu/42 failed at r1, test-failed: operation 0
            (test /n): the value there is not equal to the one given, replayed (6 of
            entity-patches at 1006)
    1007: patch app:0:7:1000 part 1/1: patch shop/orders/eu/42 under a with value
      answer app:0:7:1000 part 1/1: shop/orders/eu/42 created at r1, replayed (7 of
            entity-patches at 1007)
    1008: patch app:0:8:1000 part 2/2: patch shop/orders/eu/42 under a with value
      update shop/orders/eu/42 Updated at r3: {"n":2} -> {"n":1} by app:0:8 part 2/2 at 1008
      answer app:0:8:1000 part 2/2: shop/orders/eu/42 updated at r3 {"n":1} (8 of entity-patches
            at 1008)
    1009: patch app:0:9:1000 part 1/1: patch shop/orders/eu/42 under c with value
      answer app:0:9:1000 part 1/1: shop/orders/eu/42 failed, stale-request: the client said
            that its requests below number 10 are over, and this is number 9; nothing was
            changed (9 of entity-patches at 1009)
    1010: patch app:0:11:1000 part 1/1: patch shop/orders/eu/42 under c with value
      update shop/orders/eu/42 Updated at r4: {"n":1} -> {"n":1} by app:0:11 part 1/1 at 1010
      answer app:0:11:1000 part 1/1: shop/orders/eu/42 updated at r4 {"n":1} (10 of
            entity-patches at 1010)
    90000000: patch app:0:12:86400000 part 1/1: patch shop/orders/eu/42 under a with value
      answer app:0:12:86400000 part 1/1: shop/orders/eu/42 created at r1, replayed (11 of
            entity-patches at 90000000)
    90000000: patch app:0:13:90000000 part 1/1: patch shop/orders/eu/42 under a with value
      update shop/orders/eu/42 Updated at r5: {"n":1} -> {"n":1} by app:0:13 part 1/1 at
            90000000
      answer app:0:13:90000000 part 1/1: shop/orders/eu/42 updated at r5 {"n":1} (12 of
            entity-patches at 90000000)
    90000000: patch app:0:14:90000000 part 1/1: patch shop/orders/eu/42 under a with value
      answer app:0:14:90000000 part 1/1: shop/orders/eu/42 failed, idempotency-key-reused: the
            idempotency key was used for another request on the same target in the last 24
            hours; take a new key for a new request (13 of entity-patches at 90000000)
    "#);
}

#[test]
fn a_crash_after_any_step_is_harmless() {
    for steps in [changes(), conditions(), duplicates(), keys()] {
        check_crashes(EntityStorage, &steps);
    }
}

#[test]
fn a_record_handled_again_changes_nothing_and_is_answered_again() {
    for steps in [changes(), conditions(), duplicates(), keys()] {
        check_repeats(EntityStorage, &steps, |first, again| {
            let last = |sent: &[_]| sent.last().map(line);
            assert_eq!(last(again), last(first), "the answer comes again");
            assert_eq!(again.len(), 1, "and nothing else");
        });
    }
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

fn duplicates() -> Vec<Step> {
    let mut behind = ask(1, E, operations(r#"[{"op":"increment","path":"/n","by":1}]"#));
    behind.origin.first_incomplete = 1;
    let increment = |number, first_incomplete| {
        let mut ask = ask(number, E, operations(r#"[{"op":"increment","path":"/n","by":1}]"#));
        ask.origin.first_incomplete = first_incomplete;
        ask
    };
    let of_batch = |number, part, of| {
        let mut ask = increment(number, 1);
        ask.part = Part { number: part, of };
        ask
    };
    let late = |number, first_sent| {
        let mut ask = increment(number, 1);
        ask.origin.first_sent = at(first_sent);
        ask
    };
    vec![
        record(1_000, increment(1, 1)),
        record(1_001, increment(1, 1)),
        record(1_002, ask(2, E, create("{}"))),
        record(1_003, increment(3, 1)),
        // The first answer again, without the document: it is at another revision.
        record(1_004, increment(1, 1)),
        record(1_005, ask(2, E, create("{}"))),
        // Parts of a batch are told apart.
        record(1_006, of_batch(4, 1, 3)),
        record(1_007, of_batch(4, 3, 3)),
        record(1_008, of_batch(4, 1, 3)),
        // The client has got further; what was answered is answered, what was not is refused.
        record(1_009, increment(6, 6)),
        record(1_010, increment(5, 1)),
        record(1_011, increment(5, 5)),
        // Task time is 12 h past the first sending, and then over.
        record(hours(12) + 1_000, late(7, 1_000)),
        record(hours(12) + 1_001, late(8, 1_000)),
        record(hours(12) + 1_002, late(7, 1_000)),
        record(1_000, late(8, 1_000)),
        // Numbers too far ahead are refused for good.
        record(hours(12) + 1_003, late(16_390, hours(12))),
        record(hours(12) + 1_004, late(16_391, hours(12))),
        record(hours(12) + 1_005, {
            let mut ask = late(16_391, hours(12));
            ask.origin.first_incomplete = 16_000;
            ask
        }),
        record(hours(12) + 1_006, late(16_390, hours(12))),
        record(hours(12) + 1_007, late(16_389, hours(12))),
        // A read is read again, whatever became of its client.
        record(hours(30), ask(1, E, Change::Read)),
    ]
}

fn keys() -> Vec<Step> {
    let under = |number, text: &str, body: &str| {
        let mut ask = ask(number, E, json_patch(body));
        ask.key = Some(key(text, body));
        ask
    };
    const APPEND: &str = r#"[{"op":"add","path":"/n","value":1}]"#;
    const TEST: &str = r#"[{"op":"test","path":"/n","value":2}]"#;
    let later = |mut ask: EntityPatch, first_sent| {
        ask.origin.first_sent = at(first_sent);
        ask
    };
    vec![
        record(1_000, under(1, "a", APPEND)),
        record(1_001, under(2, "a", APPEND)),
        record(1_002, under(2, "a", APPEND)),
        record(1_003, under(3, "a", TEST)),
        // A failed test is remembered.
        record(1_004, under(4, "b", TEST)),
        record(1_005, ask(5, E, replace(r#"{"n":2}"#))),
        record(1_006, under(6, "b", TEST)),
        record(1_007, under(7, "a", APPEND)),
        // Parts are remembered one by one.
        record(1_008, EntityPatch { part: Part { number: 2, of: 2 }, ..under(8, "a", APPEND) }),
        // A refusal is not remembered for the key.
        record(1_009, {
            let mut ask = under(9, "c", APPEND);
            ask.origin.first_incomplete = 10;
            ask
        }),
        record(1_010, under(11, "c", APPEND)),
        // A repeat that was first sent in time finds it however late it comes; a later one does not.
        record(hours(25), later(under(12, "a", APPEND), hours(24))),
        record(hours(25), later(under(13, "a", APPEND), hours(25))),
        record(hours(25), later(under(14, "a", TEST), hours(25))),
    ]
}
