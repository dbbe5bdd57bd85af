//! Commits that do not become real, reads that fail, sessions that are lost.

use std::time::Duration;

use tidelog_contract::memory::{Fate, Memory};
use tidelog_core::port::Client;

use super::support::{
    Counter, Diary, append, counted, counts, memory, run, task, told, until, until_read, up_to,
};
use crate::{RunError, Settings, TaskState, run_watched};

/// Counts a hundred records in batches of ten while the first commits meet those fates.
fn count_under(fates: &[Fate]) -> Memory {
    let memory = memory(2);
    memory.decide(fates.iter().copied());
    let settings = Settings { batch_records_max: 10, ..Settings::default() };
    run(&memory, &settings, async {
        append(&memory, (0..100).map(|n| counts(n % 2, if n % 2 == 0 { "a" } else { "b" }))).await;
        until_read(&memory).await;
    });
    memory
}

#[test]
fn a_commit_that_fails_leaves_no_trace() {
    let undisturbed = count_under(&[]);
    use Fate::{Committed, Rejected, SessionLost, UnknownAndDone, UnknownAndNot};
    let cases: [&[Fate]; 7] = [
        &[Rejected],
        &[UnknownAndNot],
        &[UnknownAndDone],
        &[SessionLost],
        &[Committed, Rejected, Committed, UnknownAndDone, Rejected],
        &[Committed, SessionLost, UnknownAndDone, SessionLost, Committed, UnknownAndNot],
        &[Rejected, Rejected, Rejected, UnknownAndNot, UnknownAndNot],
    ];
    for fates in cases {
        let memory = count_under(fates);
        assert_eq!(counted(&memory), counted(&undisturbed), "{fates:?}");
        assert_eq!(told(&memory), told(&undisturbed), "{fates:?}");
    }
    assert_eq!(told(&undisturbed), [("a".into(), up_to(50)), ("b".into(), up_to(50))].into());
}

#[test]
fn what_was_built_on_a_failed_commit_goes_with_it() {
    let memory = memory(1);
    memory.set_commit_time(Duration::from_millis(10));
    memory.decide([Fate::Rejected]);
    run(&memory, &Settings::default(), async {
        append(&memory, [counts(0, "shop")]).await;
        memory.sleep_until(memory.time().plus(Duration::from_millis(5))).await;
        // This is counted on top of the commit under way.
        append(&memory, [counts(0, "shop")]).await;
        until_read(&memory).await;
    });
    assert_eq!(told(&memory)["shop"], [1, 2]);
}

#[test]
fn commits_that_fail_again_and_again_end_the_run_after_pauses_and_with_words() {
    let memory = memory(1);
    memory.decide([Fate::Rejected; 100]);
    let settings = Settings {
        failures_max: 5,
        retry_delay: Duration::from_millis(100),
        ..Settings::default()
    };
    let start = memory.time();
    let outcome = memory.block_on(async {
        append(&memory, [counts(0, "shop")]).await;
        crate::run(&memory, &Counter::default(), &settings, std::future::pending()).await
    });
    let reason = "its commit was rejected: a test wants it so".into();
    assert_eq!(outcome, Err(RunError::Failing { task: task(0), times: 5, reason }));
    let waited = memory.time().since(start);
    assert!(waited >= Duration::from_millis(100 + 200 + 400), "it ran hot: {waited:?}");
}

#[test]
fn a_commit_that_becomes_real_makes_failures_forgotten() {
    let memory = memory(1);
    let fates = [Fate::Rejected, Fate::Rejected, Fate::Committed];
    memory.decide(fates.into_iter().cycle().take(30));
    let settings = Settings { failures_max: 3, ..Settings::default() };
    run(&memory, &settings, async {
        for _ in 0..10 {
            append(&memory, [counts(0, "shop")]).await;
            until_read(&memory).await;
        }
    });
    assert_eq!(told(&memory)["shop"], up_to(10));
}

#[test]
fn a_failing_task_does_not_hold_up_the_others() {
    let memory = memory(2);
    memory.break_reads(task(0), 4);
    let settings = Settings { retry_delay: Duration::from_secs(10), ..Settings::default() };
    run(&memory, &settings, async {
        append(&memory, [counts(0, "a")]).await;
        let start = memory.time();
        for n in 1..=5 {
            append(&memory, [counts(1, "b")]).await;
            let done = |memory: &Memory| counted(memory).get(&(1, "b".into())) == Some(&n);
            until(&memory, "the other task goes on", done).await;
        }
        assert!(memory.time().since(start) < Duration::from_secs(1));
        until_read(&memory).await;
    });
    assert_eq!(told(&memory), [("a".into(), up_to(1)), ("b".into(), up_to(5))].into());
}

#[test]
fn reads_that_fail_change_nothing() {
    for broken in 1..=4 {
        let memory = memory(1);
        run(&memory, &Settings::default(), async {
            append(&memory, (0..10).map(|_| counts(0, "shop"))).await;
            until_read(&memory).await;
            memory.break_reads(task(0), broken);
            append(&memory, (0..10).map(|_| counts(0, "shop"))).await;
            until_read(&memory).await;
        });
        assert_eq!(told(&memory)["shop"], up_to(20));
        assert_eq!(counted(&memory), [((0, "shop".into()), 20)].into());
    }
}

#[test]
fn a_read_that_fails_while_a_commit_is_under_way_waits_for_its_outcome() {
    for fate in [Fate::Committed, Fate::Rejected, Fate::UnknownAndDone] {
        let memory = memory(2);
        memory.set_commit_time(Duration::from_millis(10));
        memory.decide([fate]);
        run(&memory, &Settings::default(), async {
            append(&memory, [counts(0, "a")]).await;
            memory.sleep_until(memory.time().plus(Duration::from_millis(5))).await;
            memory.break_reads(task(0), 1);
            append(&memory, [counts(0, "b")]).await;
            memory.sleep_until(memory.time().plus(Duration::from_millis(2))).await;
            // Something else comes before the outcome does.
            append(&memory, [counts(1, "c")]).await;
            until_read(&memory).await;
        });
        let expected = ["a", "b", "c"].map(|name| (name.into(), vec![1]));
        assert_eq!(told(&memory), expected.into(), "{fate:?}");
    }
}

#[test]
fn reads_that_fail_for_ever_end_the_run_with_words() {
    let memory = memory(1);
    memory.break_reads(task(0), u32::MAX);
    let diary = Diary::default();
    let settings = Settings { failures_max: 3, ..Settings::default() };
    let outcome = memory.block_on(async {
        append(&memory, [counts(0, "shop")]).await;
        let never = std::future::pending();
        run_watched(&memory, &Counter::default(), &settings, &diary, never).await
    });
    let reason: Box<str> = "the store cannot be read: a test broke it".into();
    assert_eq!(outcome, Err(RunError::Failing { task: task(0), times: 3, reason: reason.clone() }));
    let once = [TaskState::Restoring, TaskState::Running, TaskState::Failed(reason)];
    let mut expected = [once.clone(), once.clone(), once].concat();
    expected.push(TaskState::Gone);
    assert_eq!(diary.of(0), expected);
}

#[test]
fn a_session_that_is_lost_is_joined_again() {
    let memory = memory(2);
    memory.decide([Fate::Committed, Fate::SessionLost, Fate::Committed, Fate::SessionLost]);
    run(&memory, &Settings { failures_max: 2, ..Settings::default() }, async {
        for _ in 0..5 {
            append(&memory, [counts(0, "a"), counts(1, "b")]).await;
            until_read(&memory).await;
        }
    });
    assert_eq!(memory.joins(), 3);
    assert_eq!(told(&memory), [("a".into(), up_to(5)), ("b".into(), up_to(5))].into());
}

#[test]
fn sessions_that_are_lost_again_and_again_end_the_run_with_words() {
    let memory = memory(1);
    memory.decide([Fate::SessionLost; 10]);
    let settings = Settings { failures_max: 4, ..Settings::default() };
    let outcome = memory.block_on(async {
        append(&memory, [counts(0, "shop")]).await;
        crate::run(&memory, &Counter::default(), &settings, std::future::pending()).await
    });
    assert_eq!(outcome, Err(RunError::Lost { times: 4, reason: "a test wants it so".into() }));
    assert_eq!(memory.joins(), 4);
}

#[test]
fn a_session_that_is_lost_is_joined_again_after_a_pause_that_grows() {
    let memory = memory(1);
    memory.decide([Fate::SessionLost; 5]);
    let settings = Settings { retry_delay: Duration::from_secs(1), ..Settings::default() };
    let start = memory.time();
    run(&memory, &settings, async {
        append(&memory, [counts(0, "shop")]).await;
        until_read(&memory).await;
    });
    assert_eq!(told(&memory)["shop"], [1]);
    let waited = memory.time().since(start);
    assert!(waited >= Duration::from_secs(1 + 2 + 4 + 5), "it ran hot: {waited:?}");
}

#[test]
fn a_pause_before_joining_again_ends_when_the_runner_is_told_to_stop() {
    let memory = memory(1);
    memory.decide([Fate::SessionLost; 2]);
    let settings = Settings {
        retry_delay: Duration::from_secs(3_600),
        retry_delay_max: Duration::from_secs(3_600),
        ..Settings::default()
    };
    let start = memory.time();
    run(&memory, &settings, async {
        append(&memory, [counts(0, "shop")]).await;
        memory.sleep_until(start.plus(Duration::from_secs(10))).await;
    });
    assert_eq!(memory.joins(), 2);
    assert!(memory.time().since(start) < Duration::from_secs(60));
}

#[test]
fn a_stop_whose_commit_fails_leaves_the_rest_to_others() {
    for fate in [Fate::Rejected, Fate::UnknownAndNot, Fate::UnknownAndDone, Fate::SessionLost] {
        let memory = memory(1);
        memory.set_commit_time(Duration::from_millis(10));
        memory.decide([Fate::Committed, fate]);
        run(&memory, &Settings::default(), async {
            append(&memory, [counts(0, "shop")]).await;
            until_read(&memory).await;
            append(&memory, [counts(0, "shop")]).await;
            memory.sleep_until(memory.time().plus(Duration::from_millis(1))).await;
        });
        run(&memory, &Settings::default(), until_read(&memory));
        assert_eq!(told(&memory)["shop"], [1, 2], "{fate:?}");
    }
}
