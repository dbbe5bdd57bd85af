use insta::assert_snapshot;
use tidelog_core::{
    Message, Problem, ProblemKind, TableId,
    message::{Change, Condition, EntityBatch as Batch, IdempotencyKey, Origin},
};

use super::EntityBatch;
use crate::harness::{
    Harness, Step, at, bad_part, batch, check_crashes, check_repeats, create, hours, key, merge,
    part, record, script, when,
};

#[test]
fn a_batch_is_split_in_order_and_what_is_wrong_fails_alone() {
    assert_snapshot!(script(EntityBatch, &mixed()), @r#"
    1000: batch app:0:7:1000 for shop of 6 parts
      patch app:0:7:1000 part 1/6: create shop/orders/eu/1 with value, remember batch
      patch app:0:7:1000 part 2/6: merge shop/orders/eu/2 with value, remember batch
      answer app:0:7:1000 part 3/6: shop/orders/eu failed, bad-request: an entity has 4 segments
            separated by '/', as in shop/orders/eu/42; this has 3, remember batch (@0 at 1000)
      answer app:0:7:1000 part 4/6: shop/orders/eu/3 failed, bad-request: unknown op "upsert",
            remember batch (@0 at 1000)
      answer app:0:7:1000 part 5/6: bank/orders/eu/4 failed, another-database: bank/orders/eu/4
            is in another database than the batch, which is for shop, remember batch (@0 at
            1000)
      patch app:0:7:1000 part 6/6: read shop/orders/eu/1 with value, remember batch
    "#);
}

#[test]
fn a_batch_without_parts_gets_one_answer() {
    assert_snapshot!(script(EntityBatch, &[record(1_000, batch(1, Vec::new()))]), @r#"
    1000: batch app:0:1:1000 for shop of 0 parts
      answer app:0:1:1000 part 1/1: shop failed, bad-request: a batch has at least one part,
            remember batch (@0 at 1000)
    "#);
}

#[test]
fn another_batch_under_a_key_is_refused_whole() {
    assert_snapshot!(script(EntityBatch, &keyed()), @r#"
    1000: batch app:0:1:1000 for shop of 2 parts under a
      patch app:0:1:1000 part 1/2: create shop/orders/eu/1 under a with value, remember batch
      patch app:0:1:1000 part 2/2: create shop/orders/eu/1 under a with value, remember batch
    1001: batch app:0:2:1000 for shop of 2 parts under a
      answer app:0:2:1000 part 1/2: shop/orders/eu/1 failed, idempotency-key-reused: the
            idempotency key was used for another batch on the same database in the last 24
            hours; take a new key for a new request, remember batch (@1 at 1001)
      answer app:0:2:1000 part 2/2: shop/orders/eu/1 failed, idempotency-key-reused: the
            idempotency key was used for another batch on the same database in the last 24
            hours; take a new key for a new request, remember batch (@1 at 1001)
    1002: batch app:0:3:1000 for shop of 2 parts under a
      patch app:0:3:1000 part 1/2: create shop/orders/eu/1 under a with value, remember batch
      patch app:0:3:1000 part 2/2: create shop/orders/eu/1 under a with value, remember batch
    1003: batch app:0:4:1000 for shop of 2 parts under b
      patch app:0:4:1000 part 1/2: create shop/orders/eu/1 under b with value, remember batch
      patch app:0:4:1000 part 2/2: create shop/orders/eu/1 under b with value, remember batch
    90000000: batch app:0:5:86400000 for shop of 2 parts under a
      answer app:0:5:86400000 part 1/2: shop/orders/eu/1 failed, idempotency-key-reused: the
            idempotency key was used for another batch on the same database in the last 24
            hours; take a new key for a new request, remember batch (@4 at 90000000)
      answer app:0:5:86400000 part 2/2: shop/orders/eu/1 failed, idempotency-key-reused: the
            idempotency key was used for another batch on the same database in the last 24
            hours; take a new key for a new request, remember batch (@4 at 90000000)
    90000000: batch app:0:6:90000000 for shop of 2 parts under a
      patch app:0:6:90000000 part 1/2: create shop/orders/eu/1 under a with value, remember
            batch
      patch app:0:6:90000000 part 2/2: create shop/orders/eu/1 under a with value, remember
            batch
    "#);
}

#[test]
fn a_batch_that_is_malformed_whole_leaves_its_key_for_a_corrected_one() {
    let mut harness = Harness::new(EntityBatch);
    let wrong = vec![bad_part("shop/orders/eu/3", bad_request()); 2];
    harness.record(at(1_000), Message::EntityBatch(under("k", "wrong", 1, wrong)));
    assert_eq!(harness.count(TableId::IdempotencyKeys), 0);
    let right = || vec![part("shop/orders/eu/3", create("1"))];
    for number in [2, 3] {
        let batch = under("k", "right", number, right());
        let sent = harness.record(at(1_001), Message::EntityBatch(batch));
        assert!(matches!(sent[..], [Message::EntityPatch(_)]), "{sent:?}");
    }
    assert_eq!(harness.count(TableId::IdempotencyKeys), 1);
    let other = under("k", "other", 4, right());
    let sent = harness.record(at(1_002), Message::EntityBatch(other));
    assert!(matches!(sent[..], [Message::PartialResponse(_)]), "{sent:?}");
}

#[test]
fn a_crash_after_any_step_is_harmless() {
    for steps in [mixed(), keyed()] {
        check_crashes(EntityBatch, &steps);
    }
}

#[test]
fn a_record_handled_again_is_split_again_and_changes_nothing() {
    for steps in [mixed(), keyed()] {
        check_repeats(EntityBatch, &steps, |first, again| assert_eq!(first, again));
    }
}

#[test]
fn only_parts_that_write_carry_the_key() {
    let mut harness = Harness::new(EntityBatch);
    let parts = vec![part("shop/o/eu/1", Change::Read), part("shop/o/eu/2", create("1"))];
    let sent = harness.record(at(1_000), Message::EntityBatch(under("k", "body", 1, parts)));
    let keys: Vec<_> = sent
        .iter()
        .map(|message| match message {
            Message::EntityPatch(patch) => patch.key.is_some(),
            other => panic!("a patch, not {other:?}"),
        })
        .collect();
    assert_eq!(keys, [false, true]);
    assert_eq!(harness.count(TableId::IdempotencyKeys), 1);
}

#[test]
fn the_largest_target_is_cut_and_the_largest_batch_is_split() {
    let mut harness = Harness::new(EntityBatch);
    let parts = vec![bad_part(&"ä".repeat(3_000), bad_request()); 1_000];
    let mut message = batch(1, parts);
    message.key = Some(IdempotencyKey { scope: "x".repeat(500).into(), ..key("k", "b") });
    let sent = harness.record(at(1_000), Message::EntityBatch(message));
    assert_eq!(sent.len(), 1_000);
    let Message::PartialResponse(response) = &sent[999] else { panic!("an answer") };
    assert!(response.answer.target.len() <= 516);
    assert_eq!((response.part.number, response.part.of), (1_000, 1_000));
}

fn mixed() -> Vec<Step> {
    vec![record(
        1_000,
        batch(
            7,
            vec![
                part("shop/orders/eu/1", create("{}")),
                part("shop/orders/eu/2", when(Condition::exists(), merge("{\"a\":1}"))),
                part("shop/orders/eu", Change::Read),
                bad_part("shop/orders/eu/3", bad_request()),
                part("bank/orders/eu/4", Change::Delete),
                part("shop/orders/eu/1", Change::Read),
            ],
        ),
    )]
}

fn keyed() -> Vec<Step> {
    let parts = |n: u32| vec![part("shop/orders/eu/1", create(&n.to_string())); 2];
    let later = |batch: Batch, first_sent| Batch {
        origin: Origin { first_sent: at(first_sent), ..batch.origin },
        ..batch
    };
    vec![
        record(1_000, under("a", "1", 1, parts(1))),
        record(1_001, under("a", "2", 2, parts(2))),
        record(1_002, under("a", "1", 3, parts(1))),
        record(1_003, under("b", "2", 4, parts(2))),
        record(hours(25), later(under("a", "2", 5, parts(2)), hours(24))),
        record(hours(25), later(under("a", "2", 6, parts(2)), hours(25))),
    ]
}

fn under(
    text: &str,
    body: &str,
    number: u64,
    parts: Vec<tidelog_core::message::BatchPart>,
) -> Batch {
    Batch { key: Some(key(text, body)), ..batch(number, parts) }
}

fn bad_request() -> Problem {
    Problem::new(ProblemKind::BadRequest, "unknown op \"upsert\"")
}
