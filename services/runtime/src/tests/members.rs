//! Partitions that come and go.

use std::{cell::Cell, time::Duration};

use futures_util::future::{join, select};
use tidelog_contract::Backend;
use tidelog_core::{ServiceName, port::Client};

use super::support::{
    Counter, Diary, append, counted, counts, ignored, memory, run, task, told, until_read, up_to,
};
use crate::{Settings, TaskState, run_watched};

#[test]
fn what_a_revoked_task_did_is_committed_before_it_is_released() {
    let memory = memory(2);
    memory.set_commit_time(Duration::from_millis(10));
    let settings = Settings { positions_interval: Duration::from_secs(60), ..Settings::default() };
    let (diary, service) = (Diary::default(), Counter::default());
    let outcome = memory.block_on(run_watched(&memory, &service, &settings, &diary, async {
        append(&memory, [counts(0, "a"), ignored(1)]).await;
        memory.sleep_until(memory.time().plus(Duration::from_millis(5))).await;
        // The commit of these is under way, and those are on top of it.
        append(&memory, [counts(0, "a"), ignored(1)]).await;
        memory.sleep_until(memory.time().plus(Duration::from_millis(1))).await;
        memory.revoke(task(0));
        memory.sleep_until(memory.time().plus(Duration::from_millis(100))).await;
        assert_eq!(counted(&memory), [((0, "a".into()), 2)].into());
        append(&memory, [counts(0, "a")]).await;
        until_read(&memory).await;
    }));
    assert_eq!(outcome, Ok(()));
    assert_eq!(told(&memory)["a"], [1, 2, 3]);
    let life = [TaskState::Restoring, TaskState::Running, TaskState::Gone];
    assert_eq!(diary.of(0), [life.clone(), life.clone()].concat());
    assert_eq!(diary.of(1), life);
}

#[test]
fn a_revoked_task_that_did_nothing_is_released_without_a_commit() {
    let memory = memory(1);
    run(&memory, &Settings::default(), async {
        memory.sleep_until(memory.time().plus(Duration::from_millis(1))).await;
        memory.revoke(task(0));
        memory.sleep_until(memory.time().plus(Duration::from_millis(1))).await;
        assert_eq!(memory.commits().len(), 0);
        append(&memory, [counts(0, "a")]).await;
        until_read(&memory).await;
    });
    assert_eq!(told(&memory)["a"], [1]);
}

#[test]
fn a_task_that_waits_to_be_restored_is_given_away_at_once() {
    let memory = memory(1);
    memory.break_reads(task(0), 2);
    let settings = Settings { retry_delay: Duration::from_secs(10), ..Settings::default() };
    run(&memory, &settings, async {
        append(&memory, [counts(0, "a")]).await;
        memory.sleep_until(memory.time().plus(Duration::from_millis(100))).await;
        let begun = memory.time();
        assert_eq!(counted(&memory), [].into(), "it has failed twice, and waits");
        memory.revoke(task(0));
        until_read(&memory).await;
        assert!(memory.time().since(begun) < Duration::from_secs(1), "whoever gets it does not");
    });
    assert_eq!(told(&memory)["a"], [1]);
}

#[test]
fn a_lost_task_is_dropped_with_what_it_did() {
    let memory = memory(2);
    memory.set_commit_time(Duration::from_millis(10));
    run(&memory, &Settings::default(), async {
        for _ in 0..10 {
            append(&memory, [counts(0, "a"), counts(1, "b")]).await;
            memory.sleep_until(memory.time().plus(Duration::from_millis(5))).await;
            memory.lose(task(0));
        }
        until_read(&memory).await;
    });
    assert_eq!(told(&memory), [("a".into(), up_to(10)), ("b".into(), up_to(10))].into());
}

#[test]
fn an_evicted_runner_joins_again_and_doubles_nothing() {
    let memory = memory(2);
    run(&memory, &Settings::default(), async {
        for _ in 0..5 {
            append(&memory, [counts(0, "a"), counts(1, "b")]).await;
            memory.sleep_until(memory.time().plus(Duration::from_millis(1))).await;
            memory.evict(ServiceName::SchemaStorage).await;
            until_read(&memory).await;
        }
    });
    assert_eq!(told(&memory), [("a".into(), up_to(5)), ("b".into(), up_to(5))].into());
    assert_eq!(memory.joins(), 6);
}

#[test]
fn two_runners_share_the_work() {
    let memory = memory(4);
    let (service, settings) = (Counter::default(), Settings::default());
    let done = Cell::new(false);
    let finished = || async {
        while !done.get() {
            memory.sleep_until(memory.time().plus(Duration::from_millis(1))).await;
        }
    };
    let wave = || (0..400).map(|n| counts(n % 4, ["a", "b", "c", "d"][n as usize % 4]));
    let second = async {
        append(&memory, wave()).await;
        memory.sleep_until(memory.time().plus(Duration::from_millis(3))).await;
        let script = async {
            for _ in 0..5 {
                append(&memory, wave()).await;
                memory.sleep_until(memory.time().plus(Duration::from_millis(3))).await;
            }
        };
        let outcome = crate::run(&memory, &service, &settings, script).await;
        // The first one takes over what the second has left.
        until_read(&memory).await;
        done.set(true);
        outcome
    };
    let first = crate::run(&memory, &service, &settings, finished());
    let outcomes = memory.block_on(join(first, second));
    assert_eq!(outcomes, (Ok(()), Ok(())));
    let expected = ["a", "b", "c", "d"].map(|name| (name.into(), up_to(600)));
    assert_eq!(told(&memory), expected.into());
    let alone = memory.commits().iter().filter(|commit| commit.tasks.len() <= 2).count();
    assert!(alone > 4, "the second had no share");
}

#[test]
fn a_runner_that_is_dropped_in_the_middle_leaves_its_work_to_the_next() {
    let memory = memory(1);
    memory.set_commit_time(Duration::from_millis(10));
    let (service, settings) = (Counter::default(), Settings::default());
    for n in 0..10 {
        memory.block_on(async {
            append(&memory, [counts(0, "a")]).await;
            let dies = memory.sleep_until(memory.time().plus(Duration::from_millis(n * 2)));
            let never = std::future::pending();
            let runs = std::pin::pin!(crate::run(&memory, &service, &settings, never));
            select(runs, std::pin::pin!(dies)).await;
        });
    }
    run(&memory, &settings, until_read(&memory));
    assert_eq!(told(&memory)["a"], up_to(10));
}
