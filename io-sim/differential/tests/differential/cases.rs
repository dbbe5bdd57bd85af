//! Scripts on which the model once did not do what a real broker does.

use tidelog_differential::{Batch, Speech, Step, Step::*};
use tidelog_test_broker::shared;

use crate::compare;

fn agree(speech: Speech, script: &[Step]) {
    let Some(shared) = shared() else { return };
    compare(shared.addresses(), speech, script).unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn a_producer_that_was_fenced_by_itself_begins_again_by_saying_who_it_was() {
    agree(
        Speech::V2,
        &[
            Init { producer: 0, id: Some(0) },
            Produce { producer: 0, partition: 0, batch: Batch::Next, records: 1 },
            InitAgain { producer: 0 },
        ],
    );
}

#[test]
fn a_producer_that_was_replaced_is_told_in_the_word_that_there_always_was() {
    agree(
        Speech::V2,
        &[
            Init { producer: 0, id: Some(0) },
            Init { producer: 1, id: Some(0) },
            Produce { producer: 0, partition: 0, batch: Batch::Next, records: 1 },
        ],
    );
}

#[test]
fn a_new_producer_begins_with_number_zero_where_each_transaction_has_an_epoch() {
    let script = [
        Init { producer: 0, id: Some(0) },
        Add { producer: 0, partition: 0 },
        Produce { producer: 0, partition: 0, batch: Batch::Gap, records: 1 },
    ];
    agree(Speech::V2, &script);
    agree(Speech::V1, &script);
}

#[test]
fn a_coordinator_is_asked_before_it_is_looked_whether_a_batch_is_missing() {
    agree(
        Speech::V1,
        &[
            Init { producer: 1, id: Some(1) },
            Add { producer: 1, partition: 1 },
            Init { producer: 3, id: Some(1) },
            Produce { producer: 3, partition: 1, batch: Batch::Gap, records: 1 },
        ],
    );
}

#[test]
fn offsets_that_are_refused_have_begun_the_transaction_all_the_same() {
    agree(
        Speech::V2,
        &[
            Join { member: 1 },
            Init { producer: 0, id: Some(0) },
            Join { member: 0 },
            Send { producer: 0, member: Some(1), stale: true, partition: 0, offset: 0 },
            Init { producer: 0, id: Some(0) },
        ],
    );
}

#[test]
fn what_was_deleted_of_an_open_transaction_holds_nobody_back() {
    agree(
        Speech::V2,
        &[
            Init { producer: 1, id: Some(0) },
            Produce { producer: 1, partition: 0, batch: Batch::Next, records: 1 },
            Trim { partition: 0, to: None },
            Bounds { partition: 0, committed: true },
        ],
    );
}
