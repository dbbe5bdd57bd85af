mod expiry;
mod order;

use insta::assert_snapshot;
use tidelog_core::{
    Message, PartitionId, Position, Problem, ProblemKind, RequestId, RequestName, Revision,
    Timestamp, Topic,
    message::{Outcome, Part, PartAnswer, PartialResponse, Remember, encode_row},
    state::TableKey,
    topic::Offset,
};

use super::{
    ResponseAccumulator,
    rows::{Aggregate, AggregateKey, Deadline, DeadlineKey, PartKey},
};
use crate::harness::{
    Step, at, batch, check_crashes, check_repeats, client, document, dump_line, record, script,
    timeout,
};

#[test]
fn a_request_is_answered_whole_once_all_parts_are() {
    assert_snapshot!(script(ResponseAccumulator, &whole()), @r#"
    1000: answer app:0:9:1000 part 1/1: shop/orders/eu/1 updated at r1 [1] (@3 at 1000)
    1001: answer app:0:1:1000 part 2/3: shop/orders/eu/2 updated at r2 [2], remember batch (@3
            at 1000)
    1002: answer app:0:2:1000 part 1/1: shop/orders/eu/1 updated at r1 [1], remember (@3 at
            1000)
      complete app:0:2:1000 at 1002: shop/orders/eu/1 updated at r1 [1]
    1003: answer app:0:1:1000 part 3/3: shop/orders/eu/3 updated at r3 [3], remember batch (@3
            at 1000)
    1004: answer app:0:1:1000 part 2/3: shop/orders/eu/2 deleted at r77, remember batch (@3 at
            1000)
    1005: answer app:0:1:1000 part 1/3: shop/orders/eu/1 updated at r1 [1], remember batch (@3
            at 1000)
      complete app:0:1:1000 at 1005: shop/orders/eu/1 updated at r1 [1]; shop/orders/eu/2
            updated at r2 [2]; shop/orders/eu/3 updated at r3 [3]
    1006: answer app:0:1:1000 part 2/3: shop/orders/eu/2 updated at r2 [2], remember batch (@3
            at 1000)
    1007: answer app:0:1:1000 part 3/3: shop/orders/eu/3 deleted at r77, remember batch (@3 at
            1000)
      complete app:0:1:1000 at 1007: shop/orders/eu/1 updated at r1 [1]; shop/orders/eu/2
            updated at r2 [2]; shop/orders/eu/3 updated at r3 [3]
    31999: timeout
    32000: timeout
    "#);
}

#[test]
fn a_request_that_is_not_whole_in_time_is_answered_as_it_is_and_later_whole() {
    assert_snapshot!(script(ResponseAccumulator, &incomplete()), @r#"
    1000: answer app:0:1:1000 part 1/3: shop/orders/eu/1 updated at r1 [1], remember batch (@3
            at 1000)
    5001: answer app:0:1:1000 part 3/3: shop/orders/eu/3 updated at r3 [3], remember batch (@3
            at 1000)
    30999: timeout
    31000: timeout
      complete app:0:1:1000 at 5001: shop/orders/eu/1 updated at r1 [1]; unknown;
            shop/orders/eu/3 updated at r3 [3]
    40000: answer app:0:1:1000 part 3/3: shop/orders/eu/3 updated at r3 [3], remember batch (@3
            at 1000)
    50000: answer app:0:1:1000 part 2/3: shop/orders/eu/2 failed, not-found: there is none,
            remember batch (@3 at 1000)
      complete app:0:1:1000 at 50000: shop/orders/eu/1 updated at r1 [1]; shop/orders/eu/2
            failed, not-found: there is none; shop/orders/eu/3 updated at r3 [3]
    86401000: timeout
    86500000: answer app:0:1:1000 part 3/3: shop/orders/eu/3 updated at r3 [3], remember batch
            (@3 at 1000)
    "#);
}

#[test]
fn what_cannot_be_a_part_is_set_aside() {
    let mut other_of = answer(1, 1, 3);
    other_of.part.of = 3;
    let steps = [
        record(1_000, Message::PartialResponse(answer(1, 1, 2))),
        record(1_001, Message::PartialResponse(other_of)),
        record(1_002, Message::PartialResponse(answer(2, 0, 2))),
        record(1_003, Message::PartialResponse(answer(3, 3, 2))),
        record(1_004, Message::PartialResponse(answer(4, 1, 1_001))),
        record(1_005, batch(5, Vec::new())),
    ];
    assert_snapshot!(script(ResponseAccumulator, &steps), @r#"
    1000: answer app:0:1:1000 part 1/2: shop/orders/eu/1 updated at r1 [1], remember batch (@3
            at 1000)
    1001: answer app:0:1:1000 part 1/3: shop/orders/eu/1 updated at r1 [1], remember batch (@3
            at 1000)
      dead letter of response-accumulator: the request has 2 parts, and this is part 1/3
            (partial-responses:0:1)
    1002: answer app:0:2:1000 part 0/2: shop/orders/eu/0 updated at r0 [0], remember batch (@3
            at 1000)
      dead letter of response-accumulator: there is no part 0/2 of at most 1000
            (partial-responses:0:2)
    1003: answer app:0:3:1000 part 3/2: shop/orders/eu/3 updated at r3 [3], remember batch (@3
            at 1000)
      dead letter of response-accumulator: there is no part 3/2 of at most 1000
            (partial-responses:0:3)
    1004: answer app:0:4:1000 part 1/1001: shop/orders/eu/1 updated at r1 [1], remember batch
            (@3 at 1000)
      dead letter of response-accumulator: there is no part 1/1001 of at most 1000
            (partial-responses:0:4)
    1005: batch app:0:5:1000 for shop of 0 parts
      dead letter of response-accumulator: response-accumulator does not read messages for
            entity-batches (entity-batches:0:5)
    "#);
}

#[test]
fn a_crash_after_any_step_is_harmless() {
    for steps in [whole(), incomplete()] {
        check_crashes(ResponseAccumulator, &steps);
    }
}

#[test]
fn a_record_handled_again_changes_nothing() {
    for steps in [whole(), incomplete()] {
        check_repeats(ResponseAccumulator, &steps, |_, again| assert!(again.len() <= 1));
    }
}

#[test]
fn rows_keep_their_bytes() {
    let name = RequestName { client: client("app", 2), number: 7 };
    let key = AggregateKey(RequestId { name, first_sent: at(1_000) });
    let bytes = "app\\x00\\x00\\x00\\x00\\x02\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x07\\x00\\x00\\x00\\x00\\x00\\x00\\x03\\xe8";
    assert_eq!(dump_line(&key.to_bytes()), bytes);
    assert_eq!(AggregateKey::from_bytes(&key.to_bytes()), Some(key.clone()));
    let part = PartKey { aggregate: key.clone(), number: 258 };
    assert_eq!(dump_line(&part.to_bytes()), format!("{bytes}\\x00\\x00\\x01\\x02"));
    assert_eq!(PartKey::from_bytes(&part.to_bytes()), Some(part));
    let deadline = DeadlineKey { at: at(1_000), aggregate: key };
    let time = "\\x00\\x00\\x00\\x00\\x00\\x00\\x03\\xe8";
    assert_eq!(dump_line(&deadline.to_bytes()), format!("{time}{bytes}"));
    assert_eq!(DeadlineKey::from_bytes(&deadline.to_bytes()), Some(deadline));
    let mut row =
        Aggregate { of: 3, received: 1, value_bytes: 400, started: at(1_000), is_batch: true };
    assert_eq!(dump_line(&encode_row(&row)), "\\x01\\x03\\x01\\x90\\x03\\xe8\\x07\\x01");
    row = Aggregate { of: 1, is_batch: false, ..row };
    assert_eq!(dump_line(&encode_row(&row)), "\\x01\\x01\\x01\\x90\\x03\\xe8\\x07\\x00");
    assert_eq!(dump_line(&encode_row(&Deadline::Answer)), "\\x01\\x00");
    assert_eq!(dump_line(&encode_row(&Deadline::Forget)), "\\x01\\x01");
    assert_eq!(dump_line(&encode_row(&Timestamp::from_millis(1_000))), "\\x01\\xe8\\x07");
    let row = answer(1, 1, 2).answer;
    assert_eq!(
        dump_line(&encode_row(&row)),
        "\\x01\\x10shop/orders/eu/1\\x02\\x01\\x01\\x03[1]\\x00"
    );
}

fn whole() -> Vec<Step> {
    let mut single = answer(9, 1, 1);
    single.remember = Remember::No;
    vec![
        record(1_000, Message::PartialResponse(single)),
        record(1_001, Message::PartialResponse(answer(1, 2, 3))),
        record(1_002, Message::PartialResponse(answer(2, 1, 1))),
        record(1_003, Message::PartialResponse(answer(1, 3, 3))),
        record(1_004, Message::PartialResponse(second_thoughts(answer(1, 2, 3)))),
        record(1_005, Message::PartialResponse(answer(1, 1, 3))),
        record(1_006, Message::PartialResponse(answer(1, 2, 3))),
        // The batch was sent again: the answer to its last part has the whole come again.
        record(1_007, Message::PartialResponse(second_thoughts(answer(1, 3, 3)))),
        timeout(31_999),
        timeout(32_000),
    ]
}

fn incomplete() -> Vec<Step> {
    vec![
        record(1_000, Message::PartialResponse(answer(1, 1, 3))),
        record(5_001, Message::PartialResponse(answer(1, 3, 3))),
        timeout(30_999),
        timeout(31_000),
        record(40_000, Message::PartialResponse(answer(1, 3, 3))),
        record(50_000, Message::PartialResponse(failed(answer(1, 2, 3)))),
        timeout(86_401_000),
        record(86_500_000, Message::PartialResponse(answer(1, 3, 3))),
    ]
}

/// The answer to a part of a batch, or, of one part, to a request that is to be remembered.
fn answer(number: u64, part: u32, of: u32) -> PartialResponse {
    let name = RequestName { client: client("app", 0), number };
    PartialResponse {
        request: RequestId { name, first_sent: at(1_000) },
        part: Part { number: part, of },
        answer: PartAnswer {
            target: format!("shop/orders/eu/{part}").into(),
            outcome: Outcome::Updated(Revision(u64::from(part))),
            value: Some(document(&format!("[{part}]"))),
            replayed: false,
        },
        position: Position {
            topic: Topic::EntityPatches,
            partition: PartitionId(0),
            offset: Offset(3),
        },
        time: at(1_000),
        remember: if of == 1 { Remember::Single } else { Remember::Batch },
    }
}

fn second_thoughts(mut response: PartialResponse) -> PartialResponse {
    response.answer.outcome = Outcome::Deleted(Revision(77));
    response.answer.value = None;
    response
}

fn failed(mut response: PartialResponse) -> PartialResponse {
    let problem = Problem::new(ProblemKind::NotFound, "there is none");
    response.answer.outcome = Outcome::failed(problem);
    response.answer.value = None;
    response
}
