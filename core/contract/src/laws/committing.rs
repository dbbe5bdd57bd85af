//! Commits: atomic, in order, carried by positions.

use std::{sync::Arc, task::Poll};

use futures_util::poll;
use tidelog_core::{
    Destination, Offset, Overlay, PartitionId, TableId, Timestamp,
    limits::RECORD_BYTES_MAX,
    port::{Client, Commit, CommitOutcome, Session, TaskCommit, Wait},
};

use crate::{
    Backend, Fresh,
    harness::{
        FOLLOWER, INPUTS, Member, OUTPUTS, SORTER, Step, append, layout, number, payloads,
        read_from, record, rows, send, texts,
    },
};

/// Law 2: sends to several topics and partitions, rows and positions become real.
pub fn a_commit_makes_sends_rows_and_positions_real<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(3));
    backend.block_on(async {
        let (client, one) = (backend.client(), PartitionId(1));
        let appended = append(&client, vec![record(INPUTS[0], one, "k", "v")]).await[0];
        let transport = backend.transport();
        let mut member = Member::join_all(&transport, &SORTER).await;
        member.read(1).await;
        let mut written = Overlay::default();
        written.insert(TableId::Entities, b"a", Some(number(7)));
        let sends = vec![
            send(OUTPUTS[0], PartitionId(0), "a", "to the first"),
            send(OUTPUTS[0], PartitionId(2), "b", "to the last"),
            send(OUTPUTS[1], one, "c", "elsewhere"),
        ];
        let work = TaskCommit { rows: Arc::new(written), sends, ..member.work(one) };
        let time = work.task_time;
        member.committed(vec![work]).await;

        assert_eq!(payloads(&client, OUTPUTS[0], PartitionId(0), 1).await, ["to the first"]);
        assert_eq!(payloads(&client, OUTPUTS[0], PartitionId(2), 1).await, ["to the last"]);
        assert_eq!(payloads(&client, OUTPUTS[1], one, 1).await, ["elsewhere"]);
        drop(member);
        let member = Member::join_all(&transport, &SORTER).await;
        let task = &member.tasks[&one];
        assert_eq!(rows(&task.tables, TableId::Entities), [("a".into(), number(7))].into());
        assert_eq!(task.positions[&INPUTS[0]], appended.next());
        assert_eq!(task.positions[&INPUTS[1]], Offset(0));
        assert_eq!(task.task_time, time);
    });
}

/// What a commit sends to one partition stays in the order in which it was sent, task after task.
pub fn the_sends_of_a_commit_keep_their_order<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(2));
    backend.block_on(async {
        let mut member = Member::join_all(&backend.transport(), &SORTER).await;
        for round in 0..3 {
            let work = [0, 1].map(|task| {
                let text = |n| format!("{round} of {task}: {n}");
                let sends = (0..50).map(|n| send(OUTPUTS[0], PartitionId(0), "k", text(n)));
                TaskCommit { sends: sends.collect(), ..member.work(PartitionId(task)) }
            });
            member.committed(work.into()).await;
        }
        let found = payloads(&backend.client(), OUTPUTS[0], PartitionId(0), 300).await;
        let expected = (0..3)
            .flat_map(|round| (0..100).map(move |n| format!("{round} of {}: {}", n / 50, n % 50)));
        for (found, expected) in found.into_iter().zip(expected) {
            assert_eq!(found, expected);
        }
    });
}

/// Law 7: a send may name every partition.
pub fn a_send_to_every_partition_reaches_each_once<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(4));
    backend.block_on(async {
        let client = backend.client();
        let mut member = Member::join_all(&backend.transport(), &SORTER).await;
        let mut every = send(OUTPUTS[0], PartitionId(0), "k", "to all");
        every.destination = Destination::Every;
        let work = TaskCommit { sends: vec![every], ..member.work(PartitionId(2)) };
        member.committed(vec![work]).await;
        let marks = |it| send(OUTPUTS[0], PartitionId(it), "k", "mark");
        let sends = (0..4).map(marks).collect();
        let work = TaskCommit { sends, ..member.work(PartitionId(2)) };
        member.committed(vec![work]).await;
        for partition in client.layout().all() {
            assert_eq!(payloads(&client, OUTPUTS[0], partition, 2).await, ["to all", "mark"]);
        }
    });
}

/// One commit covers what many tasks did.
pub fn a_commit_covers_many_tasks<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(4));
    backend.block_on(async {
        let (client, transport) = (backend.client(), backend.transport());
        let to = |partition| record(INPUTS[0], PartitionId(partition), "k", "v");
        append(&client, (0..4).map(to).collect()).await;
        let mut member = Member::join_all(&transport, &SORTER).await;
        member.read(4).await;
        let tasks = member.work_off();
        assert_eq!(tasks.len(), 4);
        member.committed(tasks).await;
        drop(member);
        let member = Member::join_all(&transport, &SORTER).await;
        for (partition, task) in &member.tasks {
            assert!(task.positions[&INPUTS[0]] > Offset(0), "the position of {partition}");
            let expected = [("k".into(), number(1))].into();
            assert_eq!(rows(&task.tables, TableId::Entities), expected, "a row of {partition}");
            assert_eq!(payloads(&client, OUTPUTS[0], *partition, 1).await, ["v"]);
        }
    });
}

/// Positions are kept for themselves, too: a task that ignores what it reads gets on.
pub fn positions_are_kept_without_rows_and_sends<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let (client, transport, only) = (backend.client(), backend.transport(), PartitionId(0));
        append(&client, (0..10).map(|n| record(INPUTS[n % 2], only, "k", "v")).collect()).await;
        let mut member = Member::join_all(&transport, &SORTER).await;
        member.read(10).await;
        let work = member.work(only);
        let positions = work.positions.clone();
        member.committed(vec![work]).await;
        drop(member);
        let mut member = Member::join_all(&transport, &SORTER).await;
        let restored = &member.tasks[&only].positions;
        assert_eq!(*restored, positions.into_iter().collect());
        append(&client, vec![record(INPUTS[0], only, "k", "the next")]).await;
        member.read(1).await;
        assert_eq!(texts(member.tasks[&only].seen.iter().map(|(_, it)| it)), ["the next"]);
    });
}

/// Task time is a part of what is committed, whatever the records say.
pub fn task_time_is_kept<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(2));
    backend.block_on(async {
        let transport = backend.transport();
        let mut member = Member::join_all(&transport, &SORTER).await;
        let time = Timestamp::from_millis(1_234_567);
        let work = TaskCommit { task_time: time, ..member.work(PartitionId(0)) };
        member.committed(vec![work]).await;
        member.restore(PartitionId(0)).await.expect("a restored partition");
        assert_eq!(member.tasks[&PartitionId(0)].task_time, time);
        drop(member);
        let member = Member::join_all(&transport, &SORTER).await;
        assert_eq!(member.tasks[&PartitionId(0)].task_time, time);
        assert_eq!(member.tasks[&PartitionId(1)].task_time, Timestamp::ZERO);
    });
}

/// A member that dies while its commit is under way leaves all of it or nothing.
pub fn a_commit_that_was_begun_and_left_is_whole_or_nothing<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(2));
    backend.block_on(async {
        let (client, transport) = (backend.client(), backend.transport());
        let to = |partition| record(INPUTS[0], PartitionId(partition), "k", "v");
        append(&client, vec![to(0), to(1), to(0), to(1)]).await;
        let mut member = Member::join_all(&transport, &SORTER).await;
        member.read(4).await;
        let tasks = member.work_off();
        member.session.begin_commit(Commit { tasks });
        drop(member);
        let mut member = Member::join_all(&transport, &SORTER).await;
        let moved = |member: &Member<_>, it| {
            let task: &crate::harness::Task<_> = &member.tasks[&PartitionId(it)];
            let rows = rows(&task.tables, TableId::Entities);
            let moved = task.positions[&INPUTS[0]] > Offset(0);
            let expected = if moved { vec![("k".into(), number(2))] } else { Vec::new() };
            assert_eq!(rows.into_iter().collect::<Vec<_>>(), expected, "rows as the positions");
            moved
        };
        assert_eq!(moved(&member, 0), moved(&member, 1), "one task without the other");
        member.catch_up().await;
        let tasks = member.work_off();
        if !tasks.is_empty() {
            member.committed(tasks).await;
        }
        // Were it torn, there would be too many now.
        let marks = |it| send(OUTPUTS[0], PartitionId(it), "k", "mark");
        let work = TaskCommit { sends: vec![marks(0), marks(1)], ..member.work(PartitionId(0)) };
        member.committed(vec![work]).await;
        for partition in client.layout().all() {
            assert_eq!(payloads(&client, OUTPUTS[0], partition, 3).await, ["v", "v", "mark"]);
        }
    });
}

/// While a commit is under way a member may read on; then the outcome comes, and the next commit can
/// follow. A dropped wait for it changes nothing.
pub fn the_next_commit_can_be_prepared_while_one_is_under_way<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let (client, only) = (backend.client(), PartitionId(0));
        let mut member = Member::join_all(&backend.transport(), &SORTER).await;
        let mut done = 0;
        append(&client, vec![record(INPUTS[0], only, "k", "0")]).await;
        member.read(1).await;
        let mut tasks = member.work_off();
        for round in 1..=20 {
            append(&client, vec![record(INPUTS[0], only, "k", format!("{round}"))]).await;
            member.session.begin_commit(Commit { tasks });
            let (mut read, mut outcome) = (false, false);
            let deadline = member.deadline();
            if let Poll::Ready(step) = poll!(Box::pin(member.step(Wait::Commit))) {
                assert_eq!(step, Ok(Step::Outcome(CommitOutcome::Committed)));
                outcome = true;
            }
            while !(read && outcome) {
                match member.step(Wait::Until(deadline)).await.expect("a session") {
                    Step::Read(_) => read = true,
                    Step::Outcome(CommitOutcome::Committed) if !outcome => outcome = true,
                    other => panic!("reading while committing gave {other:?}"),
                }
            }
            done += 1;
            tasks = member.work_off();
        }
        member.committed(tasks).await;
        assert_eq!(payloads(&client, OUTPUTS[0], only, done + 1).await.len(), done + 1);
        let counted = rows(&member.tasks[&only].tables, TableId::Entities);
        assert_eq!(counted, [("k".into(), number(done as u64 + 1))].into());
    });
}

/// What one service commits, the service behind it reads, in order.
pub fn the_next_service_reads_what_was_committed<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(2));
    backend.block_on(async {
        let mut sorter = Member::join_all(&backend.transport(), &SORTER).await;
        let mut follower = Member::join_all(&backend.transport(), &FOLLOWER).await;
        let mut expected = Vec::new();
        for round in 0..10 {
            let sends = (0..2).map(|it| send(OUTPUTS[0], PartitionId(it), "k", format!("{round}")));
            let work = TaskCommit { sends: sends.collect(), ..sorter.work(PartitionId(0)) };
            sorter.committed(vec![work]).await;
            expected.push(format!("{round}"));
            follower.read(2 * expected.len()).await;
            for task in follower.tasks.values() {
                assert_eq!(texts(task.seen.iter().map(|(_, record)| record)), expected);
            }
        }
    });
}

/// Any record up to the limit can be appended, read, sent and stored.
pub fn the_largest_record_fits<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let (client, only) = (backend.client(), PartitionId(0));
        let bytes: Vec<u8> = (0..RECORD_BYTES_MAX).map(|n| (n % 251) as u8).collect();
        append(&client, vec![record(INPUTS[0], only, "k", &bytes)]).await;
        let mut member = Member::join_all(&backend.transport(), &SORTER).await;
        member.read(1).await;
        assert!(member.tasks[&only].seen[0].1.payload == bytes, "read differently");
        let mut written = Overlay::default();
        let half = bytes[..RECORD_BYTES_MAX / 2].to_vec();
        written.insert(TableId::Entities, b"k", Some(half.clone().into()));
        let sends = vec![send(OUTPUTS[0], only, "k", &bytes)];
        let work = TaskCommit { rows: Arc::new(written), sends, ..member.work(only) };
        member.committed(vec![work]).await;
        let found = read_from(&client, (OUTPUTS[0], only), Offset(0), 1).await;
        assert!(found[0].payload == bytes, "sent differently");
        let found = rows(&member.tasks[&only].tables, TableId::Entities);
        assert!(found == [("k".into(), half.into())].into(), "stored differently");
    });
}
