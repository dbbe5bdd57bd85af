//! Reading as a member: order, waiting, parking, restoring.

use std::task::Poll;

use futures_util::{future::join, poll};
use tidelog_core::{
    PartitionId,
    port::{Commit, CommitOutcome, Event, Session, TaskCommit, Wait},
};

use crate::{
    Backend, Fresh,
    harness::{
        GLANCE, INPUTS, Member, OUTPUTS, PATIENCE, SORTER, Step, append, layout, record, send,
        texts,
    },
};

/// Law 1: records of a partition arrive in offset order, with offsets, keys and payloads as appended.
pub fn records_arrive_in_offset_order_with_what_was_appended<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(3));
    backend.block_on(async {
        let client = backend.client();
        let mut appended = Vec::new();
        for round in 0..5 {
            let records = (0..60).map(|n| {
                let (topic, partition) = (INPUTS[n % 2], PartitionId(n as u32 % 3));
                record(topic, partition, format!("key-{n}"), format!("{round}/{n}"))
            });
            let records: Vec<_> = records.collect();
            let offsets = append(&client, records.clone()).await;
            appended.extend(records.into_iter().zip(offsets));
        }
        let mut member = Member::join_all(&backend.transport(), &SORTER).await;
        member.read(appended.len()).await;
        for partition in member.partitions() {
            for topic in INPUTS {
                let expected = appended
                    .iter()
                    .filter(|(record, _)| record.topic == topic && record.partition == partition);
                let expected = expected.map(|(it, at)| (*at, it.key.clone(), it.payload.clone()));
                let seen = member.tasks[&partition].seen.iter();
                let seen = seen.filter(|(of, _)| *of == topic);
                let seen = seen.map(|(_, it)| (it.offset, it.key.clone(), it.payload.clone()));
                assert_eq!(seen.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
            }
        }
    });
}

/// A member gets records only of partitions that it has restored since they were assigned.
pub fn nothing_is_read_before_its_partition_is_restored<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(2));
    backend.block_on(async {
        let client = backend.client();
        let to = |partition| record(INPUTS[0], PartitionId(partition), "k", "v");
        append(&client, vec![to(0), to(1)]).await;
        let mut member = Member::join(&backend.transport(), &SORTER).await;
        let mut assigned = Vec::new();
        let deadline = member.deadline();
        while assigned.len() < 2 {
            match member.session.next(Wait::Until(deadline)).await.expect("a session") {
                Event::Assigned(partition) => assigned.push(partition),
                other => panic!("with nothing restored came {other:?}"),
            }
        }
        member.restore(assigned[1]).await.expect("a restored partition");
        member.read(1).await;
        assert_eq!(member.tasks.keys().copied().collect::<Vec<_>>(), [assigned[1]]);
        member.restore(assigned[0]).await.expect("a restored partition");
        member.read(2).await;
    });
}

/// A parked partition is not read, others are; restoring it goes on where it was committed.
pub fn a_parked_partition_is_not_read_until_it_is_restored<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(2));
    backend.block_on(async {
        let client = backend.client();
        let (parked, other) = (PartitionId(0), PartitionId(1));
        let to = |partition| record(INPUTS[0], partition, "k", "v");
        let mut member = Member::join_all(&backend.transport(), &SORTER).await;
        append(&client, vec![to(parked), to(other)]).await;
        member.read(2).await;
        member.session.park(parked);
        append(&client, vec![to(parked), to(other), to(parked), to(other)]).await;
        member.read(4).await;
        assert_eq!(member.tasks[&parked].seen.len(), 1, "the parked partition was read");
        member.restore(parked).await.expect("a restored partition");
        member.read(6).await;
        assert_eq!(member.tasks[&parked].seen.len(), 3);
    });
}

/// What was read and not committed is read again after restoring.
pub fn restoring_turns_reading_back_to_the_committed_positions<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let (client, only) = (backend.client(), PartitionId(0));
        let numbered = |n: usize| record(INPUTS[n % 2], only, "k", format!("{n}"));
        append(&client, (0..4).map(numbered).collect()).await;
        let mut member = Member::join_all(&backend.transport(), &SORTER).await;
        member.read(4).await;
        let tasks = member.work_off();
        member.committed(tasks).await;
        append(&client, (4..10).map(numbered).collect()).await;
        member.read(6).await;
        for _ in 0..2 {
            member.restore(only).await.expect("a restored partition");
            member.read(6).await;
            let mut seen = texts(member.tasks[&only].seen.iter().map(|(_, record)| record));
            seen.sort();
            assert_eq!(seen, ["4", "5", "6", "7", "8", "9"]);
        }
    });
}

/// Without waiting, a member with nothing to read is idle, and one with something gets it in time.
pub fn not_waiting_says_idle<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let mut member = Member::join_all(&backend.transport(), &SORTER).await;
        assert_eq!(member.step(Wait::No).await, Ok(Step::Idle));
        append(&backend.client(), vec![record(INPUTS[0], PartitionId(0), "k", "v")]).await;
        member.read(1).await;
        assert_eq!(member.step(Wait::No).await, Ok(Step::Idle));
    });
}

/// A wait until a point in time ends then, and not before, if nothing comes.
pub fn waiting_until_a_point_in_time_ends_then<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let mut member = Member::join_all(&backend.transport(), &SORTER).await;
        for _ in 0..3 {
            let until = member.session.now().plus(GLANCE);
            assert_eq!(member.step(Wait::Until(until)).await, Ok(Step::Idle));
            assert!(member.session.now() >= until, "the wait ended before its time");
        }
        let past = member.session.now();
        assert_eq!(member.step(Wait::Until(past)).await, Ok(Step::Idle));
    });
}

/// A record that comes ends a wait long before its time, and one without end.
pub fn a_record_ends_any_wait<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let client = backend.client();
        let mut member = Member::join_all(&backend.transport(), &SORTER).await;
        let deadline = member.deadline();
        for wait in [Wait::Until(deadline), Wait::Forever] {
            let records = vec![record(INPUTS[0], PartitionId(0), "k", "v")];
            let waiting = member.step(wait);
            let (step, _) = join(waiting, append(&client, records)).await;
            assert_eq!(step, Ok(Step::Read(PartitionId(0))), "waiting {wait:?}");
        }
        assert!(member.session.now() < deadline, "the wait ended at its deadline");
    });
}

/// Waiting for the commit gives neither records nor anything else before the outcome; any other wait
/// gives the outcome in time.
pub fn waiting_for_a_commit_gives_its_outcome_and_nothing_else<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(2));
    backend.block_on(async {
        let client = backend.client();
        let to = |partition| record(INPUTS[0], PartitionId(partition), "k", "v");
        let mut member = Member::join_all(&backend.transport(), &SORTER).await;
        for round in 0..5 {
            append(&client, vec![to(0), to(1)]).await;
            let work = |member: &Member<_>| TaskCommit {
                sends: vec![send(OUTPUTS[0], PartitionId(0), "k", "v")],
                ..member.work(PartitionId(round % 2))
            };
            let work = work(&member);
            member.committed(vec![work]).await;
        }
        member.read(10).await;
        for wait in [Wait::Forever, Wait::Until(member.deadline())] {
            let tasks = vec![member.work(PartitionId(0))];
            member.session.begin_commit(Commit { tasks });
            let outcome = Step::Outcome(CommitOutcome::Committed);
            assert_eq!(member.step(wait).await, Ok(outcome), "waiting {wait:?}");
        }
    });
}

/// `next` can be dropped at any time: no record is lost, none comes twice.
pub fn a_dropped_next_loses_nothing<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(2));
    backend.block_on(async {
        let client = backend.client();
        let mut member = Member::join_all(&backend.transport(), &SORTER).await;
        for n in 0..200u32 {
            if n % 4 == 0 {
                let records =
                    (n..n + 4).map(|n| record(INPUTS[0], PartitionId(n % 2), "k", format!("{n}")));
                append(&client, records.collect()).await;
            }
            // Polls once and drops; every tenth time waits for what is there.
            let wait = if n % 2 == 0 { Wait::Forever } else { Wait::No };
            let mut step = Box::pin(member.step(wait));
            if let Poll::Ready(step) = poll!(&mut step) {
                step.expect("a session that goes on");
            }
        }
        let deadline = member.session.now().plus(PATIENCE);
        while member.tasks.values().map(|task| task.seen.len()).sum::<usize>() < 200 {
            let step = member.step(Wait::Until(deadline)).await;
            assert_ne!(step, Ok(Step::Idle), "records were lost");
        }
        for (partition, task) in &member.tasks {
            let expected: Vec<_> =
                (0..200).filter(|n| n % 2 == partition.0).map(|n| n.to_string()).collect();
            assert_eq!(texts(task.seen.iter().map(|(_, record)| record)), expected);
        }
    });
}

/// The ends of the inputs are one after the last record, whatever else the log puts behind it, so
/// reading gets there.
pub fn the_ends_of_the_inputs_are_reached_by_reading<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let (client, only) = (backend.client(), PartitionId(0));
        let mut member = Member::join_all(&backend.transport(), &SORTER).await;
        member.catch_up().await;
        // A commit into one of the own inputs may leave a gap behind it.
        let sends = vec![send(INPUTS[1], only, "k", "committed")];
        let work = TaskCommit { sends, ..member.work(only) };
        member.committed(vec![work]).await;
        member.read(1).await;
        let ends = member.session.ends(only).await.expect("the ends of the inputs");
        let positions = &member.tasks[&only].positions;
        assert_eq!(ends.into_iter().collect::<std::collections::BTreeMap<_, _>>(), *positions);
        let offset = append(&client, vec![record(INPUTS[0], only, "k", "appended")]).await[0];
        let ends = member.session.ends(only).await.expect("the ends of the inputs");
        assert!(ends.contains(&(INPUTS[0], offset.next())));
        member.catch_up().await;
    });
}
