//! Snapshots for queries.

use std::sync::Arc;

use futures_util::future::join;
use tidelog_core::{
    Offset, Overlay, PartitionId, Position, TableId, Tables,
    port::{AskError, Client, Snapshots, TaskCommit, TaskId},
};

use crate::{
    Answering, Fresh,
    harness::{
        GLANCE, INPUTS, Member, OUTPUTS, PATIENCE, SORTER, append, layout, number, payloads,
        record, rows, send,
    },
};

const TASK: TaskId = TaskId { service: SORTER.name, partition: PartitionId(0) };

/// A snapshot holds every commit of which something could be seen from outside when it was asked
/// for.
pub fn a_snapshot_holds_every_commit_that_could_be_seen<B: Answering>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let (client, snapshots) = (backend.client(), backend.snapshots());
        let mut member = Member::join_all(&backend.transport(), &SORTER).await;
        for n in 0..20 {
            let mut written = Overlay::default();
            written.insert(TableId::Entities, b"k", Some(number(n)));
            let sends = vec![send(OUTPUTS[0], TASK.partition, "k", "seen")];
            let rows = Arc::new(written);
            let work = TaskCommit { rows, sends, ..member.work(TASK.partition) };
            let looks = async {
                payloads(&client, OUTPUTS[0], TASK.partition, n as usize + 1).await;
                let tables = snapshots.snapshot(TASK, None).await.expect("a snapshot");
                assert_eq!(tables.get(TableId::Entities, b"k"), Ok(Some(number(n))));
            };
            join(member.committed(vec![work]), looks).await;
        }
    });
}

/// A snapshot is of one moment: what is committed later does not show in it.
pub fn a_snapshot_stays_as_it_was<B: Answering>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let snapshots = backend.snapshots();
        let mut member = Member::join_all(&backend.transport(), &SORTER).await;
        let mut taken = Vec::new();
        for n in 0..5 {
            let mut written = Overlay::default();
            written.insert(TableId::Entities, b"changes", Some(number(n)));
            written.insert(TableId::Entities, format!("new {n}").as_bytes(), Some(number(n)));
            let sends = vec![send(OUTPUTS[0], TASK.partition, "k", "seen")];
            let work = TaskCommit { rows: Arc::new(written), sends, ..member.work(TASK.partition) };
            member.committed(vec![work]).await;
            payloads(&backend.client(), OUTPUTS[0], TASK.partition, n as usize + 1).await;
            taken.push(snapshots.snapshot(TASK, None).await.expect("a snapshot"));
        }
        for (n, tables) in (0..).zip(taken) {
            assert_eq!(tables.get(TableId::Entities, b"changes"), Ok(Some(number(n))));
            assert_eq!(rows(&tables, TableId::Entities).len() as u64, n + 2);
        }
    });
}

/// A snapshot that must be at least as new as a record waits until its task has committed it.
pub fn a_snapshot_waits_until_its_task_has_read_a_record<B: Answering>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let (client, snapshots) = (backend.client(), backend.snapshots());
        let mut member = Member::join_all(&backend.transport(), &SORTER).await;
        for n in 1..=10 {
            let offset =
                append(&client, vec![record(INPUTS[0], TASK.partition, "k", "v")]).await[0];
            let position = Position { topic: INPUTS[0], partition: TASK.partition, offset };
            let works = async {
                member.read(1).await;
                let tasks = member.work_off();
                member.committed(tasks).await;
            };
            let (tables, ()) = join(snapshots.snapshot(TASK, Some(position)), works).await;
            let tables = tables.expect("a snapshot");
            assert_eq!(tables.get(TableId::Entities, b"k"), Ok(Some(number(n))));
        }
    });
}

/// A snapshot says so when its task does not get as far as it is to be.
pub fn a_snapshot_says_when_its_task_does_not_get_that_far<B: Answering>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let (client, snapshots) = (backend.client(), backend.snapshots());
        let _member = Member::join_all(&backend.transport(), &SORTER).await;
        let offset = append(&client, vec![record(INPUTS[0], TASK.partition, "k", "v")]).await[0];
        let position = Position { topic: INPUTS[0], partition: TASK.partition, offset };
        let until = client.now().plus(PATIENCE);
        let outcome = snapshots.snapshot(TASK, Some(position)).await.map(drop);
        assert_eq!(outcome, Err(AskError::NotReached { task: TASK, position }));
        assert!(client.now().plus(GLANCE) < until, "it was told too late to be of use");
    });
}

/// A record that the log does not have is not waited for where that is known. Where it is not, the
/// task does not get that far.
pub fn a_snapshot_does_not_come_from_a_record_that_there_is_not<B: Answering>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let (client, snapshots) = (backend.client(), backend.snapshots());
        let _member = Member::join_all(&backend.transport(), &SORTER).await;
        append(&client, vec![record(INPUTS[0], TASK.partition, "k", "v")]).await;
        let (_, end) = client.bounds(INPUTS[0], TASK.partition).await.expect("bounds");
        let position =
            Position { topic: INPUTS[0], partition: TASK.partition, offset: Offset(end.0 + 1_000) };
        match snapshots.snapshot(TASK, Some(position)).await.map(drop) {
            Err(AskError::Beyond { position: of, end: ends }) => {
                assert_eq!((of, ends), (position, end));
            }
            Err(AskError::NotReached { position: of, .. }) => assert_eq!(of, position),
            other => panic!("{other:?}"),
        }
    });
}
