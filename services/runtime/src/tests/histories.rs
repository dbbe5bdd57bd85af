//! Property test: whatever happens, the end is that of a plain fold over the records.

use std::{collections::BTreeMap, pin::pin, time::Duration};

use futures_util::future::select;
use proptest::{collection::vec, prelude::*};
use tidelog_contract::{
    Backend,
    memory::{Fate, Memory},
};
use tidelog_core::{ServiceName, port::Client};

use super::support::{
    Counter, append, counted, counts, ignored, memory, raw, run, task, told, until_read, up_to,
};
use crate::Settings;

const PARTITIONS: u32 = 3;

/// Something that happens to a runner.
#[derive(Clone, Debug)]
enum Happening {
    /// Records come: for each the partition, and which of the databases, `None` for one that is
    /// ignored.
    Records(Vec<(u32, Option<u8>)>),
    /// A record comes that makes no message.
    BadRecord(u32),
    /// Time passes.
    Wait(u64),
    /// The next commit meets this fate.
    Fate(Fate),
    /// A task is asked for.
    Revoke(u32),
    /// A task goes to another owner.
    Lose(u32),
    /// All tasks go to other owners.
    Evict,
    /// Some reads of a task's tables fail.
    BreakReads(u32, u32),
    /// The runner is told to stop, and runs again.
    Stop,
    /// The runner dies, and runs again.
    Die,
}

fn happening() -> impl Strategy<Value = Happening> {
    let partition = || 0..PARTITIONS;
    let fate = prop_oneof![
        Just(Fate::Committed),
        Just(Fate::Rejected),
        Just(Fate::UnknownAndDone),
        Just(Fate::UnknownAndNot),
        Just(Fate::SessionLost),
    ];
    prop_oneof![
        6 => vec((partition(), prop::option::weighted(0.8, 0..3u8)), 1..20)
            .prop_map(Happening::Records),
        1 => partition().prop_map(Happening::BadRecord),
        4 => (0..15u64).prop_map(Happening::Wait),
        3 => fate.prop_map(Happening::Fate),
        1 => partition().prop_map(Happening::Revoke),
        1 => partition().prop_map(Happening::Lose),
        1 => Just(Happening::Evict),
        1 => (partition(), 1..4u32).prop_map(|(task, times)| Happening::BreakReads(task, times)),
        1 => Just(Happening::Stop),
        1 => Just(Happening::Die),
    ]
}

fn settings() -> impl Strategy<Value = (Settings, u64, usize)> {
    (1..20usize, 0..30u64, 0..6u64, 1..10usize).prop_map(
        |(batch_records_max, interval, commit_time, records_max)| {
            let settings = Settings {
                batch_records_max,
                commit_interval: Duration::from_millis(interval),
                positions_interval: Duration::from_millis(3 * interval),
                ..Settings::default()
            };
            (settings, commit_time, records_max)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, max_shrink_iters: 300, ..Default::default() })]

    #[test]
    fn any_history_ends_with_the_state_of_a_plain_fold(
        history in vec(happening(), 1..40),
        (settings, commit_time, records_max) in settings(),
    ) {
        let memory = memory(PARTITIONS);
        memory.set_commit_time(Duration::from_millis(commit_time));
        memory.set_records_max(records_max);
        for life in history.split_inclusive(|it| matches!(it, Happening::Stop | Happening::Die)) {
            live(&memory, &settings, life);
        }
        for partition in 0..PARTITIONS {
            memory.break_reads(task(partition), 0);
        }
        run(&memory, &settings, until_read(&memory));

        let expected = fold(&history);
        let end = counted(&memory);
        prop_assert_eq!(&end, &expected);
        let mut told = told(&memory);
        for ((partition, name), count) in expected {
            prop_assert_eq!(told.remove(&name), Some(up_to(count)), "{} of {}", name, partition);
        }
        prop_assert!(told.is_empty());
    }
}

/// What a sequential program without failures counts.
fn fold(history: &[Happening]) -> BTreeMap<(u32, String), u64> {
    let mut counts = BTreeMap::new();
    for happening in history {
        if let Happening::Records(records) = happening {
            for (partition, database) in records {
                if let Some(database) = database {
                    *counts.entry((*partition, name(*partition, *database))).or_default() += 1;
                }
            }
        }
    }
    counts
}

/// Each partition has databases of its own, so that what is told of one is in one order.
fn name(partition: u32, database: u8) -> String {
    format!("db-{partition}-{database}")
}

/// Runs until the end of one runner's life.
fn live(memory: &Memory, settings: &Settings, life: &[Happening]) {
    let script = async {
        for happening in life {
            act(memory, happening).await;
        }
    };
    let service = Counter::default();
    memory.block_on(async {
        if matches!(life.last(), Some(Happening::Stop)) {
            // An end before the script's is one that failures brought about.
            _ = crate::run(memory, &service, settings, script).await;
        } else {
            let never = std::future::pending();
            let runs = pin!(crate::run(memory, &service, settings, never));
            select(pin!(script), runs).await;
        }
    });
}

async fn act(memory: &Memory, happening: &Happening) {
    match happening {
        Happening::Records(records) => {
            let record = |(partition, database): &(u32, Option<u8>)| match database {
                Some(database) => counts(*partition, &name(*partition, *database)),
                None => ignored(*partition),
            };
            append(memory, records.iter().map(record)).await;
        }
        Happening::BadRecord(partition) => drop(append(memory, [raw(*partition, b"\0?")]).await),
        Happening::Wait(millis) => {
            memory.sleep_until(memory.time().plus(Duration::from_millis(*millis))).await;
        }
        Happening::Fate(fate) => memory.decide([*fate]),
        Happening::Revoke(partition) => memory.revoke(task(*partition)),
        Happening::Lose(partition) => memory.lose(task(*partition)),
        Happening::Evict => memory.evict(ServiceName::SchemaStorage).await,
        Happening::BreakReads(partition, times) => memory.break_reads(task(*partition), *times),
        Happening::Stop | Happening::Die => {}
    }
}
