//! Who owns a partition, and what becomes of it when that changes.

use std::{cell::Cell, collections::BTreeSet, time::Duration};

use futures_util::future::join;
use tidelog_core::{
    Offset, PartitionId, TableId,
    port::{Client, Commit, CommitOutcome, Session, SessionError, TaskCommit, Transport, Wait},
};

use crate::{
    Backend, Fresh,
    harness::{
        FOLLOWER, GLANCE, INPUTS, Member, OUTPUTS, SORTER, Step, append, layout, number, payloads,
        record, rows, send,
    },
};

/// A member that is alone gets every partition, once.
pub fn one_member_gets_every_partition<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(5));
    backend.block_on(async {
        let member = Member::join_all(&backend.transport(), &SORTER).await;
        let all: Vec<_> = backend.client().layout().all().collect();
        assert_eq!(member.partitions(), all);
        assert_eq!(member.session.layout(), layout(5));
    });
}

/// Instances of a service take distinct partitions, and share them out.
pub fn two_members_take_distinct_partitions<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(4));
    backend.block_on(async {
        let (first, second) = two_members(&backend.transport()).await;
        let (first, second) = (first.partitions(), second.partitions());
        let all: BTreeSet<_> = first.iter().chain(&second).collect();
        assert_eq!(all.len(), 4, "{first:?} and {second:?}");
        assert_eq!(first.len() + second.len(), 4, "{first:?} and {second:?}");
        assert!(!first.is_empty() && !second.is_empty(), "{first:?} and {second:?}");
    });
}

/// A partition that goes from one member to another by being revoked and released loses no record
/// and doubles none.
pub fn a_hand_over_loses_and_doubles_nothing<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(4));
    backend.block_on(async {
        let (client, transport) = (backend.client(), backend.transport());
        let wave = |wave| {
            (0..96u32).map(move |n| {
                record(INPUTS[0], PartitionId(n % 4), format!("k{}", n % 8), format!("{wave}/{n}"))
            })
        };
        let mut first = Member::join_all(&transport, &SORTER).await;
        append(&client, wave(0).collect()).await;
        let done = Cell::new(false);
        let others = async {
            let mut second = Member::join(&transport, &SORTER).await;
            append(&client, wave(1).collect()).await;
            let enough = Cell::new(false);
            let wait = async {
                for partition in client.layout().all() {
                    payloads(&client, OUTPUTS[0], partition, 48).await;
                }
                enough.set(true);
            };
            join(second.serve(&enough), wait).await;
            done.set(true);
            second
        };
        let ((), second) = join(first.serve(&done), others).await;
        drop((first, second));
        let last = Member::join_all(&transport, &SORTER).await;
        for (partition, task) in &last.tasks {
            let expected =
                [partition.0, partition.0 + 4].map(|it| (format!("k{it}").into(), number(24)));
            assert_eq!(rows(&task.tables, TableId::Entities), expected.into());
            let copied = payloads(&client, OUTPUTS[0], *partition, 48).await;
            let waves = [wave(0), wave(1)].into_iter().flatten();
            let appended: Vec<_> = waves
                .filter(|record| record.partition == *partition)
                .map(|record| String::from_utf8_lossy(&record.payload).into_owned())
                .collect();
            assert_eq!(copied, appended);
        }
    });
}

/// When a member goes, its partitions go to those that stay.
pub fn what_a_member_leaves_goes_to_another<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(4));
    backend.block_on(async {
        let (first, mut second) = two_members(&backend.transport()).await;
        drop(first);
        second.own(4).await;
    });
}

/// What a member read and did not commit before it released, the next owner reads again.
pub fn what_was_not_committed_is_for_the_next_owner_to_do<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(2));
    backend.block_on(async {
        let (client, transport) = (backend.client(), backend.transport());
        let to = |partition| record(INPUTS[0], PartitionId(partition), "k", "v");
        append(&client, vec![to(0), to(1)]).await;
        let mut first = Member::join_all(&transport, &SORTER).await;
        first.read(2).await;
        let done = Cell::new(false);
        let releases = async {
            let mut revoked = None;
            while !done.get() {
                let wait = Wait::Until(first.session.now().plus(crate::harness::GLANCE));
                if let Step::Revoked(it) = first.step(wait).await.expect("a session that goes on") {
                    first.tasks.remove(&it);
                    first.session.release(it);
                    revoked = Some(it);
                }
            }
            revoked
        };
        let takes = async {
            let mut second = Member::join(&transport, &SORTER).await;
            second.own(1).await;
            second.read(1).await;
            done.set(true);
            second
        };
        let (revoked, second) = join(releases, takes).await;
        assert_eq!(Some(second.partitions()), revoked.map(|it| vec![it]));
    });
}

/// Law 4: an owner that has lost its partitions can commit nothing, whatever it still believes, and
/// nobody sees what it tried.
pub fn an_evicted_owner_can_commit_nothing<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(2));
    backend.block_on(async {
        let (client, transport) = (backend.client(), backend.transport());
        let to = |partition| record(INPUTS[0], PartitionId(partition), "k", "v");
        append(&client, vec![to(0), to(1)]).await;
        let mut zombie = Member::join_all(&transport, &SORTER).await;
        zombie.read(2).await;
        let tasks = zombie.work_off();
        backend.evict(SORTER.name).await;
        let mut owner = Member::join_all(&transport, &SORTER).await;
        owner.read(2).await;
        assert_not_committed(zombie.commit(tasks).await);
        // Not even positions alone, which would let it skip what the owner has to do.
        let unmoved =
            owner.tasks.values().all(|task| rows(&task.tables, TableId::Entities).is_empty());
        assert!(unmoved, "rows of an evicted owner");
        let tasks = owner.work_off();
        owner.committed(tasks).await;
        drop(zombie);
        let marks = |it| send(OUTPUTS[0], PartitionId(it), "k", "mark");
        let work = TaskCommit { sends: vec![marks(0), marks(1)], ..owner.work(PartitionId(0)) };
        owner.committed(vec![work]).await;
        for partition in client.layout().all() {
            assert_eq!(payloads(&client, OUTPUTS[0], partition, 2).await, ["v", "mark"]);
            owner.restore(partition).await.expect("a restored partition");
            let counted = rows(&owner.tasks[&partition].tables, TableId::Entities);
            assert_eq!(counted, [("k".into(), number(1))].into());
        }
    });
}

/// A member that has been evicted learns of it when it asks for something.
pub fn an_evicted_owner_is_told<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(2));
    backend.block_on(async {
        let mut member = Member::join_all(&backend.transport(), &SORTER).await;
        backend.evict(SORTER.name).await;
        let deadline = member.deadline();
        while !member.tasks.is_empty() {
            match member.step(Wait::Until(deadline)).await {
                Ok(Step::Lost(_)) => {}
                Err(SessionError::Lost(_)) => return,
                other => panic!("an evicted member was told {other:?}"),
            }
        }
    });
}

/// An eviction while a commit is under way leaves all of it, or nothing.
pub fn an_eviction_during_a_commit_leaves_all_of_it_or_nothing<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(2));
    backend.block_on(async {
        let (client, transport) = (backend.client(), backend.transport());
        let to = |partition| record(INPUTS[0], PartitionId(partition), "k", "v");
        append(&client, vec![to(0), to(1)]).await;
        let mut zombie = Member::join_all(&transport, &SORTER).await;
        zombie.read(2).await;
        let tasks = zombie.work_off();
        zombie.session.begin_commit(Commit { tasks });
        backend.evict(SORTER.name).await;
        let outcome = zombie.step(Wait::Commit).await;
        let mut owner = Member::join_all(&transport, &SORTER).await;
        let done = [0, 1].map(|it| owner.tasks[&PartitionId(it)].positions[&INPUTS[0]] > Offset(0));
        assert_eq!(done[0], done[1], "one task was committed without the other");
        match &outcome {
            Ok(Step::Outcome(CommitOutcome::Committed)) => assert!(done[0], "{outcome:?}"),
            Ok(Step::Outcome(CommitOutcome::Rejected(_))) => assert!(!done[0], "{outcome:?}"),
            Ok(Step::Outcome(CommitOutcome::Unknown(_))) | Err(SessionError::Lost(_)) => {}
            other => panic!("a commit ended with {other:?}"),
        }
        if !done[0] {
            owner.read(2).await;
            let tasks = owner.work_off();
            owner.committed(tasks).await;
        }
        let marks = |it| send(OUTPUTS[0], PartitionId(it), "k", "mark");
        let work = TaskCommit { sends: vec![marks(0), marks(1)], ..owner.work(PartitionId(0)) };
        owner.committed(vec![work]).await;
        for partition in client.layout().all() {
            assert_eq!(payloads(&client, OUTPUTS[0], partition, 2).await, ["v", "mark"]);
        }
    });
}

/// Each service has a group of its own: all of them get every partition and every record.
pub fn services_do_not_take_from_each_other<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(2));
    backend.block_on(async {
        let (client, transport) = (backend.client(), backend.transport());
        let mut sorter = Member::join_all(&transport, &SORTER).await;
        let mut follower = Member::join_all(&transport, &FOLLOWER).await;
        append(&client, vec![record(INPUTS[0], PartitionId(0), "k", "v")]).await;
        append(&client, vec![record(OUTPUTS[0], PartitionId(0), "k", "v")]).await;
        sorter.read(1).await;
        follower.read(1).await;
        backend.evict(SORTER.name).await;
        let work = follower.work(PartitionId(0));
        follower.committed(vec![work]).await;
    });
}

/// A first member, and a second that has got a share of its partitions.
async fn two_members<T: Transport>(transport: &T) -> (Member<T::Session>, Member<T::Session>) {
    let mut first = Member::join_all(transport, &SORTER).await;
    let done = Cell::new(false);
    let joins = async {
        let mut second = Member::join(transport, &SORTER).await;
        second.own(2).await;
        done.set(true);
        second
    };
    let ((), second) = join(first.serve(&done), joins).await;
    (first, second)
}

fn assert_not_committed(outcome: Result<CommitOutcome, SessionError>) {
    match outcome {
        Ok(CommitOutcome::Rejected(_) | CommitOutcome::Unknown(_)) | Err(SessionError::Lost(_)) => {
        }
        other => panic!("an evicted owner's commit ended with {other:?}"),
    }
}

/// A pause between two sessions takes as long as it says.
pub fn a_pause_takes_as_long_as_it_says<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let (transport, client) = (backend.transport(), backend.client());
        for length in [GLANCE, Duration::ZERO] {
            let until = client.now().plus(length);
            transport.pause(length).await;
            assert!(client.now() >= until, "the pause ended before its time");
        }
    });
}
