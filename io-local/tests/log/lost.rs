//! Input that is gone before it was read, and moving on.

use std::path::Path;

use tidelog_core::{
    Message, Offset, PartitionId, Topic,
    message::DeadLetter,
    port::{Client, Event, Session, Transport, Wait},
};
use tidelog_io_local::{InputProgress, LocalLog, LostRange, SkipError};

use crate::{
    clock::FakeClock,
    retention::{PARTITION, READER, append, open},
};

const INPUT: Topic = Topic::PartialResponses;

fn lose(folder: &Path, clock: &FakeClock) -> LocalLog {
    let log = open(folder, clock);
    pollster::block_on(append(&log.client(), INPUT, 10));
    log.trim(INPUT, PARTITION, Offset(4)).expect("the disk can be written");
    log
}

fn skip(log: &LocalLog, partition: PartitionId) -> Result<Vec<LostRange>, SkipError> {
    pollster::block_on(log.skip_lost(&READER, partition, "an operator"))
}

fn letters(log: &LocalLog) -> Vec<DeadLetter> {
    let client = log.client();
    let read = client.read(Topic::DeadLetters, PARTITION, Offset(0), client.now());
    let records = pollster::block_on(read).expect("readable");
    let letter = |payload: &[u8]| match Message::decode(Topic::DeadLetters, payload) {
        Ok(Message::DeadLetter(letter)) => letter,
        other => panic!("{other:?}"),
    };
    records.iter().map(|record| letter(&record.payload)).collect()
}

/// The first thing that a runner would be told of the partition after it has restored it.
fn first_event(log: &LocalLog) -> Event {
    pollster::block_on(async {
        let mut session = log.transport().join(&READER).await.expect("a session");
        for _ in 0..2 {
            match session.next(Wait::Forever).await.expect("an event") {
                Event::Assigned(partition) if partition == PARTITION => {
                    session.restore(partition).await.expect("tables");
                }
                Event::Assigned(_) => {}
                other => return other,
            }
        }
        session.next(Wait::No).await.expect("an event")
    })
}

#[test]
fn a_task_is_moved_over_what_is_lost_and_over_nothing_else() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), FakeClock::default());
    let log = lose(folder.path(), &clock);
    assert!(matches!(first_event(&log), Event::InputLost { .. }));
    let (from, to) = (Offset(0), Offset(4));
    assert_eq!(skip(&log, PARTITION), Ok(vec![LostRange { topic: INPUT, from, to }]));
    let letters_before = letters(&log);
    let [letter] = &letters_before[..] else { panic!("{letters_before:?}") };
    assert_eq!((letter.service, letter.source.to_string()), (READER.name, format!("{INPUT}:0:0")));
    for words in ["partial-responses/0 from 0 on", "goes on at 4", "an operator asked"] {
        assert!(letter.reason.contains(words), "{}", letter.reason);
    }
    // It is durable, and what is there is read.
    log.crash();
    let log = open(folder.path(), &clock);
    assert_eq!(letters(&log), letters_before);
    let Event::Records(records) = first_event(&log) else { panic!("there are records") };
    assert_eq!(records.records.first().map(|record| record.offset), Some(Offset(4)));
    let inputs = log.inputs(&READER, PARTITION);
    let [InputProgress { position, start, end, .. }] = inputs[..] else { panic!("{inputs:?}") };
    assert_eq!((position, start, end), (Offset(4), Offset(4), Offset(10)));
    assert_eq!(inputs[0].unread(), 6);
}

#[test]
fn what_is_there_is_never_skipped() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), FakeClock::default());
    let log = lose(folder.path(), &clock);
    let other = PartitionId(1);
    assert!(
        matches!(skip(&log, other), Err(SkipError::NothingLost(task)) if task.partition == other)
    );
    skip(&log, PARTITION).expect("something is lost");
    assert!(matches!(skip(&log, PARTITION), Err(SkipError::NothingLost(_))));
    assert_eq!(letters(&log).len(), 1);
}

#[test]
fn a_task_that_runs_is_not_moved() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), FakeClock::default());
    let log = lose(folder.path(), &clock);
    let session = pollster::block_on(log.transport().join(&READER)).expect("a session");
    assert!(matches!(skip(&log, PARTITION), Err(SkipError::Running(_))));
    drop(session);
    assert!(skip(&log, PARTITION).is_ok());
}

#[test]
fn the_layout_of_a_folder_is_told_and_nothing_is_made() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), FakeClock::default());
    let nothing = folder.path().join("nothing");
    assert!(matches!(LocalLog::layout_of(&nothing), Ok(None)));
    assert!(matches!(LocalLog::layout_of(folder.path()), Ok(None)));
    assert!(!nothing.exists());
    let log = open(folder.path(), &clock);
    assert!(
        LocalLog::layout_of(folder.path()).is_err_and(|error| error.to_string().contains("in use"))
    );
    log.close();
    let layout = LocalLog::layout_of(folder.path()).expect("it opens").expect("there is a log");
    assert_eq!(layout.partitions(), 2);
}
