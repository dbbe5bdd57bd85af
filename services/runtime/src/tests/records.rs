//! Records that cannot be handled.

use bytes::Bytes;
use tidelog_contract::{Trimming, memory::Memory};
use tidelog_core::{
    Message, Offset, PartitionId, ServiceName, Topic,
    limits::RECORD_BYTES_MAX,
    message::{DeadLetter, FORMAT_VERSION},
};

use super::support::{
    Counter, Diary, append, counted, counts, memory, raw, run, task, told, until, until_read, up_to,
};
use crate::{Settings, TaskState, run_watched};

fn letters(memory: &Memory, partition: u32) -> Vec<DeadLetter> {
    let records = memory.records(Topic::DeadLetters, PartitionId(partition));
    let letter = |payload: &Bytes| match Message::decode(Topic::DeadLetters, payload) {
        Ok(Message::DeadLetter(letter)) => letter,
        other => panic!("no dead letter: {other:?}"),
    };
    records.iter().map(|record| letter(&record.payload)).collect()
}

#[test]
fn a_record_that_makes_no_message_is_set_aside_and_the_task_goes_on() {
    let memory = memory(2);
    let update = memory_update();
    let bad: [&[u8]; 5] = [b"", b"\0", b"\x01\xff\xff", b"\x01not at all", &update];
    let mut offsets = Vec::new();
    run(&memory, &Settings::default(), async {
        for payload in bad {
            let records = [counts(1, "shop"), raw(1, payload), counts(1, "shop")];
            offsets.push(append(&memory, records).await[1]);
        }
        until_read(&memory).await;
    });
    assert_eq!(told(&memory)["shop"], up_to(10));
    let letters = letters(&memory, 1);
    assert_eq!(letters.len(), bad.len());
    for ((letter, payload), offset) in letters.iter().zip(bad).zip(offsets) {
        assert_eq!(letter.service, ServiceName::SchemaStorage);
        assert_eq!(letter.source.offset, offset);
        assert_eq!(letter.source.partition, PartitionId(1));
        assert_eq!(letter.payload, payload);
        assert_eq!(&*letter.key, "raw");
        assert!(!letter.reason.is_empty());
    }
}

/// A message that is good, and in the wrong place.
fn memory_update() -> Vec<u8> {
    let memory = memory(1);
    run(&memory, &Settings::default(), async {
        append(&memory, [counts(0, "shop")]).await;
        until_read(&memory).await;
    });
    memory.records(Topic::SchemaUpdates, PartitionId(0))[0].payload.to_vec()
}

#[test]
fn a_record_that_breaks_a_limit_is_set_aside() {
    let memory = memory(1);
    run(&memory, &Settings::default(), async {
        let huge = vec![FORMAT_VERSION; RECORD_BYTES_MAX + 1];
        append(&memory, [raw(0, &huge), counts(0, "shop")]).await;
        until_read(&memory).await;
    });
    let letters = letters(&memory, 0);
    assert_eq!(letters[0].payload_bytes, RECORD_BYTES_MAX as u64 + 1);
    assert!(letters[0].reason.contains("limit"), "{}", letters[0].reason);
    assert_eq!(told(&memory)["shop"], [1]);
}

#[test]
fn a_record_of_a_newer_release_stops_its_task_alone_and_is_never_skipped() {
    let memory = memory(2);
    let (diary, service) = (Diary::default(), Counter::default());
    let newer = [FORMAT_VERSION + 1, 7, 7];
    for run in 1..=2u64 {
        let script = async {
            if run == 1 {
                let records = [counts(0, "a"), raw(0, &newer), counts(0, "a")];
                append(&memory, records).await;
            }
            for n in 1..=3 {
                // What comes behind it is not read either.
                append(&memory, [counts(0, "a"), counts(1, "b")]).await;
                let n = (run - 1) * 3 + n;
                let done = |memory: &Memory| counted(memory).get(&(1, "b".into())) == Some(&n);
                until(&memory, "the other task goes on", done).await;
            }
        };
        let settings = Settings::default();
        let outcome = memory.block_on(run_watched(&memory, &service, &settings, &diary, script));
        assert_eq!(outcome, Ok(()));
        // What stands before it is committed; the next run stands before it, too.
        assert_eq!(counted(&memory)[&(0, "a".into())], 1);
        assert_eq!(memory.positions(task(0))[&Topic::SchemaPatches], Offset(1));
    }
    assert!(letters(&memory, 0).is_empty());
    let reason = "the record schema-patches:0:1 cannot be read yet: it has format version 2, and this \
                  release reads up to 1: replace this node by a newer one";
    let life = [
        TaskState::Restoring,
        TaskState::Running,
        TaskState::Stopped(reason.into()),
        TaskState::Gone,
    ];
    assert_eq!(diary.of(0), [life.clone(), life].concat());
    let life = [TaskState::Restoring, TaskState::Running, TaskState::Gone];
    assert_eq!(diary.of(1), [life.clone(), life].concat());
}

#[test]
fn a_task_whose_input_is_gone_stops_with_words_and_others_go_on() {
    let memory = memory(2);
    let (diary, service, settings) = (Diary::default(), Counter::default(), Settings::default());
    let outcome = memory.block_on(async {
        append(&memory, (0..5).map(|_| counts(0, "a"))).await;
        memory.trim(Topic::SchemaPatches, PartitionId(0), Offset(3)).await;
        let script = async {
            append(&memory, [counts(1, "b")]).await;
            let done = |memory: &Memory| counted(memory).contains_key(&(1, "b".into()));
            until(&memory, "the other task goes on", done).await;
        };
        run_watched(&memory, &service, &settings, &diary, script).await
    });
    assert_eq!(outcome, Ok(()));
    assert_eq!(told(&memory), [("b".into(), vec![1])].into());
    assert_eq!(memory.positions(task(0)), [].into(), "nothing begins again by itself");
    let reason = "the records of schema-patches/0 from 0 on were removed before they were read; the \
                  first one there is 3: an operator must move the task on";
    assert!(diary.of(0).contains(&TaskState::Stopped(reason.into())), "{:?}", diary.of(0));
}
