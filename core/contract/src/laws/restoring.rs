//! What a restored task has, and how its tables are read.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use bytes::Bytes;
use futures_util::poll;
use proptest::{collection::vec, option, prelude::*};
use tidelog_core::{
    Offset, Overlay, PartitionId, TableId, Tables, Timestamp,
    port::{Session, TaskCommit},
};

use super::histories::runner;
use crate::{
    Backend, Fresh,
    harness::{FOLLOWER, INPUTS, Member, SORTER, append, layout, number, record, rows, scan},
};

/// A scan: from where, to where, how many rows at most, and the keys that it finds.
type Scan<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>, usize, &'a [&'a [u8]]);

/// A task that has never committed has nothing, and reads its inputs from the start.
pub fn a_task_without_history_begins_at_the_start_with_nothing<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(2));
    backend.block_on(async {
        let to = |partition| record(INPUTS[0], PartitionId(partition), "k", "v");
        append(&backend.client(), vec![to(0), to(1)]).await;
        let mut member = Member::join_all(&backend.transport(), &SORTER).await;
        for task in member.tasks.values() {
            assert!(task.positions.values().all(|offset| *offset == Offset(0)));
            assert_eq!(task.task_time, Timestamp::ZERO);
            for table in SORTER.tables {
                assert_eq!(rows(&task.tables, *table), BTreeMap::new());
                assert_eq!(task.tables.get(*table, b"k"), Ok(None));
            }
        }
        member.read(2).await;
    });
}

/// The tables of a restored task show every later commit of it, once that is answered.
pub fn tables_show_every_commit_that_was_answered<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let only = PartitionId(0);
        let mut member = Member::join_all(&backend.transport(), &SORTER).await;
        for n in 0..20 {
            let mut written = Overlay::default();
            written.insert(TableId::Entities, b"last", Some(number(n)));
            written.insert(TableId::Entities, format!("{n:02}").as_bytes(), Some(number(n)));
            if n > 0 {
                written.insert(TableId::Entities, format!("{:02}", n - 1).as_bytes(), None);
            }
            let work = TaskCommit { rows: Arc::new(written), ..member.work(only) };
            member.committed(vec![work]).await;
            let tables = &member.tasks[&only].tables;
            assert_eq!(tables.get(TableId::Entities, b"last"), Ok(Some(number(n))));
            let here = format!("{n:02}").into();
            let expected = [(here, number(n)), ("last".into(), number(n))];
            assert_eq!(rows(tables, TableId::Entities), expected.into());
        }
    });
}

/// A scan gives what lies within its bounds, in the order of the keys' bytes, until its visitor says
/// break.
pub fn ranges_keep_their_bounds_and_stop_when_told<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        use Bound::{Excluded, Included, Unbounded};
        let only = PartitionId(0);
        let mut member = Member::join_all(&backend.transport(), &SORTER).await;
        let keys: [&[u8]; 6] = [b"", b"\0", b"a", b"a\0", b"b", b"\xff\xff"];
        let mut written = Overlay::default();
        for key in keys {
            written.insert(TableId::Entities, key, Some(Bytes::copy_from_slice(key)));
        }
        // Neighbours that no scan of the one table may reach.
        written.insert(TableId::Zones, b"a", Some(number(1)));
        written.insert(TableId::Zones, b"", Some(number(2)));
        let work = TaskCommit { rows: Arc::new(written), ..member.work(only) };
        member.committed(vec![work]).await;
        member.restore(only).await.expect("a restored partition");
        let tables = &member.tasks[&only].tables;
        let cases: [Scan<'_>; 11] = [
            (Unbounded, Unbounded, 99, &keys),
            (Unbounded, Unbounded, 2, &keys[..2]),
            (Unbounded, Excluded(b"a"), 99, &keys[..2]),
            (Unbounded, Included(b"a"), 99, &keys[..3]),
            (Included(b"a"), Unbounded, 99, &keys[2..]),
            (Excluded(b"a"), Unbounded, 99, &keys[3..]),
            (Included(b"a"), Excluded(b"b"), 99, &keys[2..4]),
            (Included(b"a"), Excluded(b"b"), 1, &keys[2..3]),
            (Included(b"aa"), Included(b"az"), 99, &[]),
            (Excluded(b"b"), Excluded(b"\xff\xff"), 99, &[]),
            (Included(b"\xff\xff\xff"), Unbounded, 99, &[]),
        ];
        for (from, to, limit, expected) in cases {
            let found = scan(tables, TableId::Entities, (from, to), limit);
            let found: Vec<_> = found.iter().map(|(key, value)| (&key[..], &value[..])).collect();
            let expected: Vec<_> = expected.iter().map(|key| (*key, *key)).collect();
            assert_eq!(found, expected, "from {from:?} to {to:?}, at most {limit}");
        }
    });
}

/// The same key in another table, of another task, of another service is another row.
pub fn tables_and_tasks_keep_to_themselves<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(2));
    backend.block_on(async {
        let transport = backend.transport();
        let mut sorter = Member::join_all(&transport, &SORTER).await;
        let mut follower = Member::join_all(&transport, &FOLLOWER).await;
        let write = |table, n| {
            let mut written = Overlay::default();
            written.insert(table, b"k", Some(number(n)));
            Arc::new(written)
        };
        let [zero, one] = [PartitionId(0), PartitionId(1)];
        let tasks = vec![
            TaskCommit { rows: write(TableId::Entities, 1), ..sorter.work(zero) },
            TaskCommit { rows: write(TableId::Zones, 2), ..sorter.work(one) },
        ];
        sorter.committed(tasks).await;
        let work = TaskCommit { rows: write(TableId::Entities, 3), ..follower.work(one) };
        follower.committed(vec![work]).await;
        drop((sorter, follower));
        let sorter = Member::join_all(&transport, &SORTER).await;
        let follower = Member::join_all(&transport, &FOLLOWER).await;
        let of = |tables: &dyn Tables, table| tables.get(table, b"k").expect("a readable table");
        let in_sorter = |task, table| of(&sorter.tasks[&task].tables, table);
        assert_eq!(in_sorter(zero, TableId::Entities), Some(number(1)));
        assert_eq!(in_sorter(zero, TableId::Zones), None);
        assert_eq!(in_sorter(one, TableId::Entities), None);
        assert_eq!(in_sorter(one, TableId::Zones), Some(number(2)));
        assert_eq!(of(&follower.tasks[&zero].tables, TableId::Entities), None);
        assert_eq!(of(&follower.tasks[&one].tables, TableId::Entities), Some(number(3)));
    });
}

/// A restore that was dropped midway leaves the partition as it was: it can be restored again.
pub fn a_restore_that_was_dropped_can_be_made_again<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let only = PartitionId(0);
        append(&backend.client(), vec![record(INPUTS[0], only, "k", "v")]).await;
        let mut member = Member::join_all(&backend.transport(), &SORTER).await;
        member.read(1).await;
        let tasks = member.work_off();
        member.committed(tasks).await;
        let _ = poll!(Box::pin(member.session.restore(only))).is_ready();
        member.restore(only).await.expect("a restored partition");
        let expected = [("k".into(), number(1))].into();
        assert_eq!(rows(&member.tasks[&only].tables, TableId::Entities), expected);
        append(&backend.client(), vec![record(INPUTS[1], only, "k", "v")]).await;
        member.read(1).await;
    });
}

/// Law 6: a restored task equals the fold of what was committed, for any commits.
pub fn restored_tables_equal_the_fold_of_the_commits<B: Backend>(fresh: Fresh<'_, B>) {
    let key = || vec(prop_oneof![Just(0u8), Just(1), Just(0x7f), Just(0xff)], 0..3);
    let table = prop_oneof![Just(TableId::Entities), Just(TableId::Zones)];
    let value = option::weighted(0.7, vec(any::<u8>(), 0..5));
    let write = (0..2u32, table, key(), value);
    let commits = vec(vec(write, 0..12), 1..6);
    let bounds = (key(), key());
    let outcome = runner::<B>().run(&(commits, bounds), |(commits, (from, to))| {
        let backend = fresh(layout(2));
        backend.block_on(async {
            let transport = backend.transport();
            let mut member = Member::join_all(&transport, &SORTER).await;
            let mut model: BTreeMap<(PartitionId, TableId), BTreeMap<Bytes, Bytes>> =
                BTreeMap::new();
            for (number, commit) in commits.iter().enumerate() {
                let mut written = [Overlay::default(), Overlay::default()];
                for (task, table, key, value) in commit {
                    let (key, value) = (Bytes::from(key.clone()), value.clone().map(Bytes::from));
                    written[*task as usize].insert(*table, &key, value.clone());
                    let rows = model.entry((PartitionId(*task), *table)).or_default();
                    match value {
                        Some(value) => drop(rows.insert(key, value)),
                        None => drop(rows.remove(&key)),
                    }
                }
                let tasks = written.into_iter().zip(0..).map(|(rows, task)| TaskCommit {
                    rows: Arc::new(rows),
                    ..member.work(PartitionId(task))
                });
                let tasks = tasks.collect();
                member.committed(tasks).await;
                if number % 2 == 1 {
                    drop(member);
                    member = Member::join_all(&transport, &SORTER).await;
                }
            }
            drop(member);
            let member = Member::join_all(&transport, &SORTER).await;
            for (task, table) in every_table() {
                let expected = model.remove(&(task, table)).unwrap_or_default();
                let tables = &member.tasks[&task].tables;
                assert_eq!(rows(tables, table), expected);
                for (key, value) in &expected {
                    assert_eq!(tables.get(table, key), Ok(Some(value.clone())));
                }
                let bounds = (Bound::Included(&from[..]), Bound::Excluded(&to[..]));
                let inside =
                    expected.into_iter().filter(|(key, _)| key[..] >= from[..] && key[..] < to[..]);
                if from <= to {
                    assert_eq!(scan(tables, table, bounds, usize::MAX), inside.collect::<Vec<_>>());
                }
            }
        });
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Each table of both tasks.
fn every_table() -> impl Iterator<Item = (PartitionId, TableId)> {
    let of = |task| SORTER.tables.iter().map(move |table| (PartitionId(task), *table));
    (0..2).flat_map(of)
}
