use insta::assert_snapshot;
use tidelog_core::{
    Message, PartitionId, Revision, TableId,
    message::{LearningScope, Lesson, LessonSource, WalkEnded},
    topic::Offset,
};

use super::super::{Pace, SchemaLearning};
use crate::harness::{
    Harness, Step, at, check_crashes, check_repeats, document, record, schema, script, timeout,
};

const LEARNER: SchemaLearning = SchemaLearning {
    pace: Pace {
        definition: std::time::Duration::from_secs(1),
        counts: std::time::Duration::from_secs(30),
    },
};

#[test]
fn what_was_learned_is_published_whole_and_not_too_often() {
    assert_snapshot!(script(LEARNER, &steps()));
}

#[test]
fn a_crash_after_any_step_is_harmless() {
    check_crashes(LEARNER, &steps());
}

#[test]
fn a_record_handled_again_changes_nothing() {
    let records: Vec<_> =
        steps().into_iter().filter(|step| matches!(step, Step::Record(..))).collect();
    check_repeats(LEARNER, &records, |_, _| {});
}

#[test]
fn it_wakes_for_what_is_due_and_for_nothing_else() {
    let mut harness = Harness::new(LEARNER);
    let mut wakes = Vec::new();
    for (offset, step) in (0..).zip(&steps()) {
        harness.step(offset, step);
        wakes.push(harness.wake().map_or("-".to_owned(), |wake| wake.at.to_string()));
    }
    assert_eq!(
        wakes.join(" "),
        "- - - - - 1000 - - 2005 2005 - 3010 32010 - - - - 0 - - - - 33011 - -"
    );
    assert_eq!(harness.count(TableId::LearnersDue), 0);
    assert_eq!(harness.count(TableId::Openings), 0);
}

fn steps() -> Vec<Step> {
    let lesson = |offset, epoch, before: Option<&str>, after: Option<&str>| {
        let source = LessonSource::Update { partition: PartitionId(1), offset: Offset(offset) };
        learn(source, epoch, before, after)
    };
    let walked = |number, after| {
        let source = LessonSource::Walk { partition: PartitionId(1), number };
        learn(source, 7, None, Some(after))
    };
    let (one, two) = (r#"{"a":1}"#, r#"{"a":2}"#);
    let mut steps = vec![
        // The walk and a change come in this order, or in another one.
        record(1_000, lesson(10, 7, Some(one), Some(two))),
        record(1_001, walked(1, one)),
    ];
    let collection = || LearningScope::Collection("shop/orders".parse().expect("a good id"));
    steps.extend(
        (0..4).map(|partition| {
            record(1_002 + u64::from(partition), ended(collection(), 7, partition))
        }),
    );
    steps.extend([
        timeout(1_005),
        // Known already, and of an epoch that is over.
        record(1_006, lesson(10, 7, None, Some("true"))),
        record(1_007, lesson(11, 7, Some(two), Some(r#"{"a":3}"#))),
        record(1_008, lesson(12, 6, None, Some("true"))),
        timeout(2_010),
        // Counts alone.
        record(2_011, lesson(13, 7, None, Some(two))),
        timeout(3_012),
        timeout(32_011),
    ]);
    // Learning begins anew for the whole database, whose collections have no switch of their own.
    let database = || LearningScope::Database("shop".parse().expect("a good id"));
    steps.extend((0..4).map(|partition| record(40_000, ended(database(), 8, partition))));
    steps.push(timeout(40_001));
    // And then for the one collection, of which no document is left.
    steps.extend(
        (0..4).map(|partition| {
            record(50_005 + u64::from(partition), ended(collection(), 9, partition))
        }),
    );
    steps.push(timeout(50_010));
    steps.push(record(50_011, schema(1, "shop", tidelog_core::message::SchemaChange::Read)));
    steps
}

fn learn(source: LessonSource, epoch: u64, before: Option<&str>, after: Option<&str>) -> Message {
    Message::Lesson(Lesson {
        collection: "shop/orders".parse().expect("a good id"),
        epoch: Revision(epoch),
        source,
        before: before.map(document),
        after: after.map(document),
        time: at(900),
    })
}

fn ended(scope: LearningScope, epoch: u64, partition: u32) -> Message {
    Message::WalkEnded(WalkEnded {
        follows: false,
        scope,
        epoch: Revision(epoch),
        partition: PartitionId(partition),
    })
}

/// What was wrong: what a node had looked at whose clock was an hour ahead was looked at by the next one an
/// hour later.
#[test]
fn a_clock_that_is_ahead_puts_nothing_off() {
    let mut harness = Harness::new(LEARNER);
    let steps = steps();
    let (open, rest) = steps.split_at(6);
    for (offset, step) in (0..).zip(open) {
        harness.step(offset, step);
    }
    harness.step(6, &timeout(3_600_000));
    harness.step(7, &rest[2]);
    let wake = harness.wake().expect("something was learned");
    assert!(wake.at <= at(1_005 + 32_000), "{}", wake.at);
}
