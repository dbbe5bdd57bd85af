//! What outlives the process.

use proptest::prelude::*;
use tidelog_core::{
    Offset, PartitionId, TableId,
    port::{Client, Commit, Session},
};

use super::histories::{Happening, happening, history, live, runner};
use crate::{
    Durable, Fresh,
    harness::{
        INPUTS, Member, OUTPUTS, SORTER, append, count, layout, number, payloads, read_from,
        record, rows, texts,
    },
};

/// Closing and opening keeps records, rows, positions and task time.
pub fn a_restart_keeps_everything<B: Durable>(fresh: Fresh<'_, B>) {
    let mut backend = fresh(layout(2));
    let only = PartitionId(1);
    let (positions, time) = backend.block_on(async {
        let client = backend.client();
        append(&client, (0..5).map(|n| record(INPUTS[0], only, "k", format!("{n}"))).collect())
            .await;
        let mut member = Member::join_all(&backend.transport(), &SORTER).await;
        member.read(5).await;
        let tasks = member.work_off();
        member.committed(tasks).await;
        append(&client, vec![record(INPUTS[0], only, "k", "unread")]).await;
        let task = &member.tasks[&only];
        (task.positions.clone(), task.task_time)
    });
    for _ in 0..2 {
        backend.restart();
        backend.block_on(async {
            let client = backend.client();
            let mut member = Member::join_all(&backend.transport(), &SORTER).await;
            let task = &member.tasks[&only];
            assert_eq!(task.positions, positions);
            assert_eq!(task.task_time, time);
            assert_eq!(rows(&task.tables, TableId::Entities), [("k".into(), number(5))].into());
            let expected = ["0", "1", "2", "3", "4"];
            assert_eq!(payloads(&client, OUTPUTS[0], only, 5).await, expected);
            let found = payloads(&client, INPUTS[0], only, 6).await;
            assert_eq!(found, ["0", "1", "2", "3", "4", "unread"]);
            member.read(1).await;
            assert_eq!(texts(member.tasks[&only].seen.iter().map(|(_, it)| it)), ["unread"]);
        });
    }
}

/// A crash at any time keeps what was acknowledged or seen from outside, and of the rest a
/// beginning: rows, positions and sends of the same commits.
pub fn a_crash_keeps_what_was_acknowledged<B: Durable>(fresh: Fresh<'_, B>) {
    const RECORDS: usize = 40;
    let mut backend = fresh(layout(1));
    let only = PartitionId(0);
    let offsets = backend.block_on(async {
        let records = (0..RECORDS).map(|n| record(INPUTS[0], only, "k", format!("{n}")));
        append(&backend.client(), records.collect()).await
    });
    let (mut seen, mut lives) = (0, 0);
    while seen < RECORDS {
        lives += 1;
        seen = backend.block_on(async {
            let client = backend.client();
            let mut member = Member::join_all(&backend.transport(), &SORTER).await;
            // Rows, positions and sends tell of the same commits.
            let task = &member.tasks[&only];
            let done = count(rows(&task.tables, TableId::Entities).get(&b"k"[..])) as usize;
            assert!(done >= seen, "{seen} were seen, and {done} are left");
            let position = task.positions[&INPUTS[0]];
            let todo = offsets.iter().filter(|offset| **offset >= position).count();
            assert_eq!(todo, RECORDS - done, "{done} were counted, and it reads on at {position}");
            payloads(&client, OUTPUTS[0], only, done).await;
            member.read(todo).await;
            // Each life commits more: some of it is seen from outside, the last is under way.
            let mut seen = done;
            for n in 1..=lives.min(todo) {
                let tasks = member.work_off_some(1);
                member.committed(tasks).await;
                if n % 2 == 1 {
                    seen = done + n;
                    payloads(&client, OUTPUTS[0], only, seen).await;
                }
            }
            let tasks = member.work_off_some(1);
            if !tasks.is_empty() {
                member.session.begin_commit(Commit { tasks });
            }
            seen
        });
        backend.crash();
    }
    backend.block_on(async {
        let client = backend.client();
        let expected: Vec<_> = (0..RECORDS).map(|n| n.to_string()).collect();
        assert_eq!(payloads(&client, OUTPUTS[0], only, RECORDS).await, expected);
        let found = read_from(&client, (INPUTS[0], only), Offset(0), RECORDS).await;
        assert_eq!(found.iter().map(|it| it.offset).collect::<Vec<_>>(), offsets);
    });
}

/// Records that are appended after a restart or a crash stand behind those before, in offsets and in
/// time.
pub fn append_times_and_offsets_rise_across_a_restart<B: Durable>(fresh: Fresh<'_, B>) {
    let mut backend = fresh(layout(1));
    let only = PartitionId(0);
    let mut expected = Vec::new();
    for round in 0..4 {
        backend.block_on(async {
            let client = backend.client();
            for n in 0..3 {
                let text = format!("{round}/{n}");
                append(&client, vec![record(INPUTS[0], only, "k", &text)]).await;
                expected.push(text);
            }
            // Checks times and offsets, too.
            assert_eq!(payloads(&client, INPUTS[0], only, expected.len()).await, expected);
            let (_, end) = client.bounds(INPUTS[0], only).await.expect("bounds");
            let last = read_from(&client, (INPUTS[0], only), Offset(0), expected.len()).await;
            assert_eq!(last.last().map(|it| it.offset.next()), Some(end));
        });
        if round % 2 == 0 { backend.restart() } else { backend.crash() }
    }
}

/// Any history of members, restarts and crashes counts and copies every record once.
pub fn any_history_with_restarts_counts_every_record_once<B: Durable>(fresh: Fresh<'_, B>) {
    let happening = prop_oneof![
        6 => happening(),
        1 => Just(Happening::Restart),
        1 => Just(Happening::Crash),
    ];
    let outcome = runner::<B>().run(&history(happening), |history| {
        live::<B>(fresh, &history, &|backend, happening| match happening {
            Happening::Restart => backend.restart(),
            _ => backend.crash(),
        });
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
