use std::{ops::Bound, ops::ControlFlow, sync::Arc, time::Duration};

use bytes::Bytes;
use proptest::prelude::*;
use tidelog_core::{
    Offset, Overlay, PartitionId, ServiceName, TableId, Tables, Timestamp, Topic,
    port::{LogId, Opened, Store, StoreBatch, TaskId},
};
use tidelog_io_local::FjallStore;

use super::*;
use crate::{
    fault::{Draw, FaultKind},
    plan::Plan,
    sim::{Options, Run, Sim},
};

const TASKS: u32 = 3;
const TABLES: [TableId; 2] = [TableId::Entities, TableId::Zones];

#[test]
fn a_new_store_has_nothing_and_says_so() {
    on_disk(|disk| {
        let store = SimStore::open(disk).expect("an empty disk");
        assert_eq!(store.found(), Found::Nothing);
        let opened = store.open(task(0)).expect("a store that works");
        assert_eq!((opened.changelog, opened.positions.len()), (None, 0));
        let again = SimStore::open(disk).expect("the same disk");
        assert_eq!(again.found(), Found::Whole);
    });
}

#[test]
fn a_store_that_could_not_be_written_is_not_written_again() {
    let failing = [FaultKind::DiskWriteFails, FaultKind::DiskSyncFails, FaultKind::DiskFull];
    for kind in failing {
        let options = Options { plan: Plan::of(&[kind], 0.2), ..Options::calm(4) };
        let run = Sim::run(options, |sim| async move {
            let disk = Disk::new(&sim, "node1/disk");
            let store = loop {
                // Starting may fail as well, and is tried again.
                if let Ok(store) = SimStore::open(&disk) {
                    break store;
                }
            };
            let work = |nth| store.apply(&[batch(0, nth, &[])]).and_then(|()| store.sync());
            let mut nth = 0;
            while work(nth).is_ok() {
                nth += 1;
            }
            let refused = store.apply(&[batch(0, nth, &[])]).expect_err("it is broken");
            assert!(refused.to_string().contains("open it again"), "{refused}");
            assert!(store.sync().is_err() && store.clear(task(0)).is_err());
        });
        assert_eq!(run.outcome, Ok(()), "{kind}");
    }
}

#[test]
fn a_disk_that_cannot_read_is_a_fault_of_the_read() {
    let options = Options { plan: Plan::of(&[FaultKind::DiskReadFails], 0.5), ..Options::calm(4) };
    let run = Sim::run(options, |sim| async move {
        let disk = Disk::new(&sim, "node1/disk");
        let store = loop {
            if let Ok(store) = SimStore::open(&disk) {
                break store;
            }
        };
        let opened = loop {
            if let Ok(opened) = store.open(task(0)) {
                break opened;
            }
        };
        let reads: Vec<_> = (0..20).map(|_| opened.tables.get(TableId::Entities, b"a")).collect();
        assert!(reads.iter().any(Result::is_ok) && reads.iter().any(Result::is_err));
    });
    assert_eq!(run.outcome, Ok(()));
}

#[test]
fn a_long_journal_becomes_a_snapshot_and_old_files_go() {
    on_disk(|disk| {
        let store = SimStore::open(disk).expect("an empty disk");
        let large = [(0, 1, Some(60_000))];
        (0..40).for_each(|nth| store.apply(&[batch(0, nth, &large)]).expect("a disk that works"));
        let files = disk.files();
        assert_eq!(files.len(), 2, "{files:?}");
        assert_eq!(&*files[1], SNAPSHOT);
        let before = contents(&store);
        assert_eq!(contents(&SimStore::open(disk).expect("the same disk")), before);
    });
}

#[test]
fn a_damaged_snapshot_is_no_state_and_what_is_written_then_is_kept() {
    on_disk(|disk| {
        let store = SimStore::open(disk).expect("an empty disk");
        store.apply(&[batch(0, 1, &[(0, 1, Some(3))])]).expect("a disk that works");
        disk.create(SNAPSHOT).and_then(|file| file.append(b"rubbish")).expect("a disk that works");
        let store = SimStore::open(disk).expect("the same disk");
        assert_eq!(store.found(), Found::Damaged);
        let opened = store.open(task(0)).expect("a store that works");
        assert_eq!(opened.changelog, None);
        store.apply(&[batch(1, 1, &[(0, 1, Some(3))])]).expect("a disk that works");
        let written = contents(&store);
        assert_eq!(contents(&SimStore::open(disk).expect("the same disk")), written);
    });
}

/// What a test does with a store.
#[derive(Clone, Debug)]
enum Step {
    Apply(Vec<(u32, Vec<Write>)>),
    Clear(u32),
    Sync,
    Reopen,
}

/// Table, key, and how long the value is.
type Write = (usize, u8, Option<usize>);

fn steps(value_bytes_max: usize) -> impl Strategy<Value = Vec<Step>> {
    let write = (0..TABLES.len(), 0u8..12, proptest::option::of(0..value_bytes_max));
    let batch = (0..TASKS, proptest::collection::vec(write, 0..6));
    let step = prop_oneof![
        6 => proptest::collection::vec(batch, 1..3).prop_map(Step::Apply),
        1 => (0..TASKS).prop_map(Step::Clear),
        1 => Just(Step::Sync),
        1 => Just(Step::Reopen),
    ];
    proptest::collection::vec(step, 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// The other store is the one that nodes use.
    #[test]
    fn it_holds_what_the_store_on_fjall_holds(steps in steps(40)) {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || FjallStore::open(folder.path(), 1 << 20).expect("a folder of our own");
        let mut theirs = Some(open());
        let mut expected = Vec::new();
        for (nth, step) in (0..).zip(&steps) {
            if matches!(step, Step::Reopen) {
                theirs = None;
            }
            let store = theirs.get_or_insert_with(open);
            perform(store, nth, step);
            expected.push(contents(store));
        }
        let run = on_disk_with(1, |disk| {
            let mut ours = SimStore::open(disk).expect("an empty disk");
            for ((nth, step), expected) in (0..).zip(&steps).zip(&expected) {
                if matches!(step, Step::Reopen) {
                    ours = SimStore::open(disk).expect("the same disk");
                }
                perform(&ours, nth, step);
                assert_eq!(&contents(&ours), expected, "after step {nth}");
            }
        });
        prop_assert_eq!(run.outcome, Ok(()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Values so long that snapshots are made.
    #[test]
    fn a_loss_of_power_leaves_a_prefix_with_everything_that_was_synced(
        steps in steps(60_000),
        value in proptest::option::of(1u32..),
        seed: u64,
    ) {
        let run = on_disk_with(seed, |disk| {
            let mut store = SimStore::open(disk).expect("an empty disk");
            let mut prefixes = vec![contents(&store)];
            let mut synced = 0;
            for (nth, step) in (0..).zip(&steps) {
                match step {
                    Step::Reopen => store = SimStore::open(disk).expect("the same disk"),
                    Step::Sync => {
                        perform(&store, nth, step);
                        synced = prefixes.len() - 1;
                    }
                    Step::Apply(_) | Step::Clear(_) => {
                        perform(&store, nth, step);
                        prefixes.push(contents(&store));
                    }
                }
            }
            match value.and_then(Draw::new) {
                Some(draw) => disk.lose_power(draw),
                None => disk.lose_unsynced(),
            }
            let store = SimStore::open(disk).expect("the same disk");
            let left = contents(&store);
            assert!(prefixes[synced..].contains(&left), "{:?} is no such prefix", store.found());
            // It goes on from there, and nothing of what was lost comes back.
            store.apply(&[batch(0, 1000, &[(0, 1, Some(3))])]).expect("a disk that works");
            let written = contents(&store);
            disk.lose_power(Draw::new(7).expect("not zero"));
            let last = contents(&SimStore::open(disk).expect("the same disk"));
            assert!(last == left || last == written);
        });
        prop_assert_eq!(run.outcome, Ok(()));
    }
}

fn perform(store: &impl Store, nth: u64, step: &Step) {
    match step {
        Step::Apply(batches) => {
            let batches: Vec<_> = (0..)
                .zip(batches)
                .map(|(within, (task, writes))| batch(*task, nth * 10 + within, writes))
                .collect();
            store.apply(&batches).expect("a disk that works");
        }
        Step::Clear(number) => store.clear(task(*number)).expect("a disk that works"),
        Step::Sync => store.sync().expect("a disk that works"),
        Step::Reopen => {}
    }
}

/// A batch like no other: its number is in every value.
fn batch(number: u32, nth: u64, writes: &[Write]) -> StoreBatch {
    let mut rows = Overlay::default();
    for (table, key, value) in writes {
        let value = value.map(|bytes| {
            let mut value = nth.to_be_bytes().to_vec();
            value.resize(8 + bytes, *key);
            Bytes::from(value)
        });
        rows.insert(TABLES[*table], &[*key], value);
    }
    StoreBatch {
        task: task(number),
        rows: Arc::new(rows),
        positions: vec![(Topic::EntityPatches, Offset(nth)), (Topic::Owners, Offset(2 * nth))],
        changelog: Offset(3 * nth),
        log: nth.is_multiple_of(2).then_some(LogId(u128::from(nth))),
        task_time: Timestamp::from_millis(nth),
    }
}

/// All that can be read of a store.
fn contents<S: Store>(store: &S) -> Vec<String> {
    let mut contents = Vec::new();
    for number in 0..TASKS {
        let opened = store.open(task(number)).expect("a store that works");
        let Opened { tables, positions, changelog, log, task_time, .. } = opened;
        contents.push(format!("{number}: {positions:?} {changelog:?} {log:?} {task_time}"));
        for table in TABLES {
            let mut keys = Vec::new();
            let all = (Bound::Unbounded, Bound::Unbounded);
            let mut visit = |key: &[u8], value: Bytes| {
                contents.push(format!("{table:?} {key:?} {:?} {}", value.get(..8), value.len()));
                keys.push((key.to_vec(), value));
                ControlFlow::Continue(())
            };
            tables.range(table, all.0, all.1, &mut visit).expect("a store that works");
            for (key, value) in keys {
                let read = tables.get(table, &key).expect("a store that works");
                assert_eq!(read, Some(value), "a range and a read of one key");
            }
            let within = (Bound::Excluded(&[2][..]), Bound::Included(&[5][..]));
            let mut visit = |key: &[u8], _| {
                contents.push(format!("{table:?} within {key:?}"));
                ControlFlow::Continue(())
            };
            tables.range(table, within.0, within.1, &mut visit).expect("a store that works");
        }
    }
    contents
}

fn task(number: u32) -> TaskId {
    TaskId { service: ServiceName::EntityStorage, partition: PartitionId(number) }
}

fn on_disk(test: impl FnOnce(&Disk) + Send) {
    assert_eq!(on_disk_with(1, test).outcome, Ok(()));
}

fn on_disk_with(seed: u64, test: impl FnOnce(&Disk) + Send) -> Run<()> {
    let options = Options { time_limit: Duration::from_secs(60), ..Options::calm(seed) };
    Sim::run(options, |sim| async move { test(&Disk::new(&sim, "node1/disk")) })
}
