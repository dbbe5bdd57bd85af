use insta::assert_snapshot;
use tidelog_core::message::{Change, EntityPatch, Part};

use crate::{
    entity_storage::EntityStorage,
    harness::{
        Step, ask, at, check_crashes, check_repeats, create, hours, json_patch, key, line,
        operations, record, replace, script,
    },
};

const E: &str = "shop/orders/eu/42";
const APPEND: &str = r#"[{"op":"add","path":"/n","value":1}]"#;
const TEST: &str = r#"[{"op":"test","path":"/n","value":2}]"#;

#[test]
fn duplicates_are_answered_again_and_change_nothing() {
    assert_snapshot!(script(EntityStorage, &duplicates()), @r#"
    1000: patch app:0:1:1000 part 1/1: operations shop/orders/eu/42 with value
      update shop/orders/eu/42 Created at r1: nothing -> {"n":1} by app:0:1 part 1/1 at 1000
      answer app:0:1:1000 part 1/1: shop/orders/eu/42 created at r1 {"n":1} (@0 at 1000)
    1001: patch app:0:1:1000 part 1/1: operations shop/orders/eu/42 with value
      answer app:0:1:1000 part 1/1: shop/orders/eu/42 created at r1 {"n":1} (@1 at 1001)
    1002: patch app:0:2:1000 part 1/1: create shop/orders/eu/42 with value
      answer app:0:2:1000 part 1/1: shop/orders/eu/42 failed at r1, precondition-failed:
            shop/orders/eu/42 cannot be created, for it exists, at revision 1; replace it, or
            take another id (@2 at 1002)
    1003: patch app:0:3:1000 part 1/1: operations shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r2: {"n":1} -> {"n":2} by app:0:3 part 1/1 at 1003
      answer app:0:3:1000 part 1/1: shop/orders/eu/42 updated at r2 {"n":2} (@3 at 1003)
    1004: patch app:0:1:1000 part 1/1: operations shop/orders/eu/42 with value
      answer app:0:1:1000 part 1/1: shop/orders/eu/42 created at r1 (@4 at 1004)
    1005: patch app:0:2:1000 part 1/1: create shop/orders/eu/42 with value
      answer app:0:2:1000 part 1/1: shop/orders/eu/42 failed at r1, precondition-failed:
            shop/orders/eu/42 cannot be created, for it exists, at revision 1; replace it, or
            take another id (@5 at 1005)
    1006: patch app:0:4:1000 part 1/3: operations shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r3: {"n":2} -> {"n":3} by app:0:4 part 1/3 at 1006
      answer app:0:4:1000 part 1/3: shop/orders/eu/42 updated at r3 {"n":3} (@6 at 1006)
    1007: patch app:0:4:1000 part 3/3: operations shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r4: {"n":3} -> {"n":4} by app:0:4 part 3/3 at 1007
      answer app:0:4:1000 part 3/3: shop/orders/eu/42 updated at r4 {"n":4} (@7 at 1007)
    1008: patch app:0:4:1000 part 1/3: operations shop/orders/eu/42 with value
      answer app:0:4:1000 part 1/3: shop/orders/eu/42 updated at r3 (@8 at 1008)
    1009: patch app:0:6:1000 part 1/1: operations shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r5: {"n":4} -> {"n":5} by app:0:6 part 1/1 at 1009
      answer app:0:6:1000 part 1/1: shop/orders/eu/42 updated at r5 {"n":5} (@9 at 1009)
    1010: patch app:0:5:1000 part 1/1: operations shop/orders/eu/42 with value
      answer app:0:5:1000 part 1/1: shop/orders/eu/42 failed, stale-request: the client said
            that its requests below number 6 are over, and this is number 5; nothing was changed
            (@10 at 1010)
    1011: patch app:0:5:1000 part 1/1: operations shop/orders/eu/42 with value
      answer app:0:5:1000 part 1/1: shop/orders/eu/42 failed, stale-request: the client said
            that its requests below number 6 are over, and this is number 5; nothing was changed
            (@11 at 1011)
    43201000: patch app:0:7:1000 part 1/1: operations shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r6: {"n":5} -> {"n":6} by app:0:7 part 1/1 at 43201000
      answer app:0:7:1000 part 1/1: shop/orders/eu/42 updated at r6 {"n":6} (@12 at 43201000)
    43201001: patch app:0:8:1000 part 1/1: operations shop/orders/eu/42 with value
      answer app:0:8:1000 part 1/1: shop/orders/eu/42 failed, expired-request: the request was
            first sent at 1000, and now it is 43201001, over 12 hours later; this part was not
            done before and never will be; send it as a new request (@13 at 43201001)
    43201002: patch app:0:7:1000 part 1/1: operations shop/orders/eu/42 with value
      answer app:0:7:1000 part 1/1: shop/orders/eu/42 updated at r6 {"n":6} (@14 at 43201002)
    1000: patch app:0:8:1000 part 1/1: operations shop/orders/eu/42 with value
      answer app:0:8:1000 part 1/1: shop/orders/eu/42 failed, expired-request: the request was
            first sent at 1000, and now it is 43201002, over 12 hours later; this part was not
            done before and never will be; send it as a new request (@15 at 43201002)
    43201003: patch app:0:16390:43200000 part 1/1: operations shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r7: {"n":6} -> {"n":7} by app:0:16390 part 1/1 at
            43201003
      answer app:0:16390:43200000 part 1/1: shop/orders/eu/42 updated at r7 {"n":7} (@16 at
            43201003)
    43201004: patch app:0:16391:43200000 part 1/1: operations shop/orders/eu/42 with value
      answer app:0:16391:43200000 part 1/1: shop/orders/eu/42 failed, too-far-ahead: the request
            has number 16391 while number 6 is incomplete, and at most 16384 may lie between;
            nothing was changed; go on under the client's next name (@17 at 43201004)
    43201005: patch app:0:16391:43200000 part 1/1: operations shop/orders/eu/42 with value
      answer app:0:16391:43200000 part 1/1: shop/orders/eu/42 failed, too-far-ahead: the request
            has number 16391 while number 16000 is incomplete, and at most 16384 may lie
            between; nothing was changed; go on under the client's next name (@18 at 43201005)
    43201006: patch app:0:16390:43200000 part 1/1: operations shop/orders/eu/42 with value
      answer app:0:16390:43200000 part 1/1: shop/orders/eu/42 updated at r7 {"n":7} (@19 at
            43201006)
    43201007: patch app:0:16389:43200000 part 1/1: operations shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r8: {"n":7} -> {"n":8} by app:0:16389 part 1/1 at
            43201007
      answer app:0:16389:43200000 part 1/1: shop/orders/eu/42 updated at r8 {"n":8} (@20 at
            43201007)
    108000000: patch app:0:1:1000 part 1/1: read shop/orders/eu/42 with value
      answer app:0:1:1000 part 1/1: shop/orders/eu/42 read at r8 {"n":8} (@21 at 108000000)
    "#);
}

#[test]
fn keys_remember_outcomes_for_requests_under_other_names() {
    assert_snapshot!(script(EntityStorage, &keys()), @r#"
    1000: patch app:0:1:1000 part 1/1: patch shop/orders/eu/42 under a with value
      update shop/orders/eu/42 Created at r1: nothing -> {"n":1} by app:0:1 part 1/1 at 1000
      answer app:0:1:1000 part 1/1: shop/orders/eu/42 created at r1 {"n":1} (@0 at 1000)
    1001: patch app:0:2:1000 part 1/1: patch shop/orders/eu/42 under a with value
      answer app:0:2:1000 part 1/1: shop/orders/eu/42 created at r1 {"n":1}, replayed (@1 at
            1001)
    1002: patch app:0:2:1000 part 1/1: patch shop/orders/eu/42 under a with value
      answer app:0:2:1000 part 1/1: shop/orders/eu/42 created at r1 {"n":1}, replayed (@2 at
            1002)
    1003: patch app:0:3:1000 part 1/1: patch shop/orders/eu/42 under a with value
      answer app:0:3:1000 part 1/1: shop/orders/eu/42 failed, idempotency-key-reused: the
            idempotency key was used for another request on the same target in the last 24
            hours; take a new key for a new request (@3 at 1003)
    1004: patch app:0:4:1000 part 1/1: patch shop/orders/eu/42 under b with value
      answer app:0:4:1000 part 1/1: shop/orders/eu/42 failed at r1, test-failed: operation 0
            (test /n): the value there is not equal to the one given; it is 1 (@4 at 1004)
    1005: patch app:0:5:1000 part 1/1: replace shop/orders/eu/42 with value
      update shop/orders/eu/42 Updated at r2: {"n":1} -> {"n":2} by app:0:5 part 1/1 at 1005
      answer app:0:5:1000 part 1/1: shop/orders/eu/42 updated at r2 {"n":2} (@5 at 1005)
    1006: patch app:0:6:1000 part 1/1: patch shop/orders/eu/42 under b with value
      answer app:0:6:1000 part 1/1: shop/orders/eu/42 failed at r1, test-failed: operation 0
            (test /n): the value there is not equal to the one given; it is 1, replayed (@6 at
            1006)
    1007: patch app:0:7:1000 part 1/1: patch shop/orders/eu/42 under a with value
      answer app:0:7:1000 part 1/1: shop/orders/eu/42 created at r1, replayed (@7 at 1007)
    1008: patch app:0:8:1000 part 2/2: patch shop/orders/eu/42 under a with value
      update shop/orders/eu/42 Updated at r3: {"n":2} -> {"n":1} by app:0:8 part 2/2 at 1008
      answer app:0:8:1000 part 2/2: shop/orders/eu/42 updated at r3 {"n":1} (@8 at 1008)
    1009: patch app:0:9:1000 part 1/1: patch shop/orders/eu/42 under c with value
      answer app:0:9:1000 part 1/1: shop/orders/eu/42 failed, stale-request: the client said
            that its requests below number 10 are over, and this is number 9; nothing was
            changed (@9 at 1009)
    1010: patch app:0:11:1000 part 1/1: patch shop/orders/eu/42 under c with value
      update shop/orders/eu/42 Updated at r4: {"n":1} -> {"n":1} by app:0:11 part 1/1 at 1010
      answer app:0:11:1000 part 1/1: shop/orders/eu/42 updated at r4 {"n":1} (@10 at 1010)
    90000000: patch app:0:12:86400000 part 1/1: patch shop/orders/eu/42 under a with value
      answer app:0:12:86400000 part 1/1: shop/orders/eu/42 created at r1, replayed (@11 at
            90000000)
    90000000: patch app:0:13:90000000 part 1/1: patch shop/orders/eu/42 under a with value
      update shop/orders/eu/42 Updated at r5: {"n":1} -> {"n":1} by app:0:13 part 1/1 at
            90000000
      answer app:0:13:90000000 part 1/1: shop/orders/eu/42 updated at r5 {"n":1} (@12 at
            90000000)
    90000000: patch app:0:14:90000000 part 1/1: patch shop/orders/eu/42 under a with value
      answer app:0:14:90000000 part 1/1: shop/orders/eu/42 failed, idempotency-key-reused: the
            idempotency key was used for another request on the same target in the last 24
            hours; take a new key for a new request (@13 at 90000000)
    "#);
}

#[test]
fn a_crash_after_any_step_is_harmless() {
    for steps in [duplicates(), keys()] {
        check_crashes(EntityStorage, &steps);
    }
}

#[test]
fn a_record_handled_again_changes_nothing_and_is_answered_again() {
    for steps in [duplicates(), keys()] {
        check_repeats(EntityStorage, &steps, |first, again| {
            let last = |sent: &[_]| sent.last().map(line);
            assert_eq!(last(again), last(first), "the answer comes again");
            assert_eq!(again.len(), 1, "and nothing else");
        });
    }
}

fn duplicates() -> Vec<Step> {
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
        // A repeat that was first sent in time finds it however late it comes; a later one does
        // not.
        record(hours(25), later(under(12, "a", APPEND), hours(24))),
        record(hours(25), later(under(13, "a", APPEND), hours(25))),
        record(hours(25), later(under(14, "a", TEST), hours(25))),
    ]
}
