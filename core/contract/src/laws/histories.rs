//! Property tests: whatever happens to the members of a service that counts and copies its records,
//! in the end every record was counted and copied once.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRng, TestRunner},
};
use tidelog_core::{
    PartitionId, TableId,
    port::{Commit, CommitOutcome, Session, Transport},
};

use crate::{
    Backend, Fresh,
    harness::{INPUTS, Member, OUTPUTS, SORTER, append, layout, number, payloads, record, rows},
};

const PARTITIONS: u32 = 2;

/// Something that happens to the members, or to the log.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    /// Records are appended: input, partition, and key of each.
    Append(Vec<(usize, u32, u8)>),
    /// The member reads to the end, and commits.
    Work,
    /// The member reads, and dies before it commits.
    DieBefore,
    /// The member reads, begins to commit, and dies.
    DieWhile,
    /// The member leaves.
    Leave,
    /// The member reads, is evicted, and commits for all that.
    Evict,
    /// The member drops its tasks and restores them.
    Restore,
    /// The log is closed in good order and opened again.
    Restart,
    /// The process stops without any order, and the log is opened again.
    Crash,
}

/// Any history of joining, reading, committing, dying and being evicted counts and copies every
/// record once.
pub fn any_history_of_members_counts_every_record_once<B: Backend>(fresh: Fresh<'_, B>) {
    let outcome = runner::<B>().run(&history(happening()), |history| {
        live::<B>(fresh, &history, &|_, _| unreachable!("this history has no restarts"));
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

/// A runner of property tests whose cases are the same in every run.
pub(super) fn runner<B: Backend>() -> TestRunner {
    let config = Config {
        cases: B::CASES,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    TestRunner::new_with_rng(config, rng)
}

pub(super) fn happening() -> BoxedStrategy<Happening> {
    let key = (0..INPUTS.len(), 0..PARTITIONS, 0..4u8);
    prop_oneof![
        4 => vec(key, 1..12).prop_map(Happening::Append),
        3 => Just(Happening::Work),
        1 => Just(Happening::DieBefore),
        1 => Just(Happening::DieWhile),
        1 => Just(Happening::Leave),
        1 => Just(Happening::Evict),
        1 => Just(Happening::Restore),
    ]
    .boxed()
}

pub(super) fn history(
    happening: impl Strategy<Value = Happening>,
) -> impl Strategy<Value = Vec<Happening>> {
    vec(happening, 1..16)
}

type Living<B> = Member<<<B as Backend>::Transport as Transport>::Session>;

/// Lives a history, and looks whether every record was counted and copied once in the end.
pub(super) fn live<B: Backend>(
    fresh: Fresh<'_, B>,
    history: &[Happening],
    reopen: &dyn Fn(&mut B, &Happening),
) {
    let mut backend = fresh(layout(PARTITIONS));
    let mut appended: BTreeMap<PartitionId, Vec<(usize, u8)>> = BTreeMap::new();
    let mut member: Option<Living<B>> = None;
    for happening in history {
        match happening {
            Happening::Append(records) => {
                let records = records.iter().map(|(input, partition, key)| {
                    let before = appended.entry(PartitionId(*partition)).or_default();
                    before.push((*input, *key));
                    let text = text(*input, before.len() - 1);
                    record(INPUTS[*input], PartitionId(*partition), [*key], text)
                });
                let records = records.collect();
                backend.block_on(async { append(&backend.client(), records).await });
            }
            Happening::Leave => drop(member.take()),
            Happening::Restart | Happening::Crash => {
                drop(member.take());
                reopen(&mut backend, happening);
            }
            Happening::Work
            | Happening::DieBefore
            | Happening::DieWhile
            | Happening::Evict
            | Happening::Restore => {
                let living = member.take();
                member = backend.block_on(act(&backend, living, happening));
            }
        }
    }
    backend.block_on(async {
        let living = act(&backend, member.take(), &Happening::Work).await;
        check(&backend, &living.expect("a member that worked lives"), &appended).await;
    });
}

async fn act<B: Backend>(
    backend: &B,
    living: Option<Living<B>>,
    happening: &Happening,
) -> Option<Living<B>> {
    let mut member = match living {
        Some(living) => living,
        None => Member::join_all(&backend.transport(), &SORTER).await,
    };
    member.catch_up().await;
    let partitions = member.partitions();
    match happening {
        Happening::Restore => {
            for partition in partitions {
                member.restore(partition).await.expect("a restored partition");
            }
            return Some(member);
        }
        Happening::DieBefore => return None,
        _ => {}
    }
    let tasks = member.work_off();
    if tasks.is_empty() {
        return Some(member);
    }
    match happening {
        Happening::DieWhile => {
            member.session.begin_commit(Commit { tasks });
            None
        }
        Happening::Evict => {
            backend.evict(SORTER.name).await;
            let outcome = member.commit(tasks).await;
            assert_ne!(outcome, Ok(CommitOutcome::Committed), "an evicted owner");
            None
        }
        _ => {
            member.committed(tasks).await;
            Some(member)
        }
    }
}

async fn check<B: Backend>(
    backend: &B,
    member: &Living<B>,
    appended: &BTreeMap<PartitionId, Vec<(usize, u8)>>,
) {
    for (partition, task) in &member.tasks {
        let appended = appended.get(partition).map(Vec::as_slice).unwrap_or_default();
        let mut counts: BTreeMap<Bytes, u64> = BTreeMap::new();
        for (_, key) in appended {
            *counts.entry(Bytes::copy_from_slice(&[*key])).or_default() += 1;
        }
        let counts = counts.into_iter().map(|(key, count)| (key, number(count))).collect();
        assert_eq!(rows(&task.tables, TableId::Entities), counts, "what {partition} counted");
        let copies = payloads(&backend.client(), OUTPUTS[0], *partition, appended.len()).await;
        for (input, topic) in INPUTS.iter().enumerate() {
            let of = |(n, (of, _)): (usize, &(usize, u8))| (*of == input).then(|| text(input, n));
            let expected: Vec<_> = appended.iter().enumerate().filter_map(of).collect();
            let mut copies = copies.clone();
            copies.retain(|copy| copy.starts_with(topic.name()));
            assert_eq!(copies, expected, "what {partition} copied of {topic}");
        }
    }
}

fn text(input: usize, n: usize) -> String {
    format!("{}/{n}", INPUTS[input])
}
