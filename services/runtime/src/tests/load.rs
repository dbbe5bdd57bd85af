//! When a batch is committed.

use std::{cell::RefCell, time::Duration};

use tidelog_contract::memory::Memory;
use tidelog_core::{Effects, Input, Service, Spec, State, Timestamp, port::Client};

use super::support::{
    Counter, append, counted, counts, ignored, memory, run, sends_of_commits, told, until,
    until_read, up_to,
};
use crate::Settings;

#[test]
fn light_load_commits_each_record_at_once() {
    let memory = memory(2);
    memory.set_commit_time(Duration::from_millis(3));
    let mut expected = Vec::new();
    run(&memory, &Settings::default(), async {
        for n in 1..=20 {
            expected.push(memory.time().plus(Duration::from_millis(3)));
            append(&memory, [counts(n % 2, "shop")]).await;
            until_read(&memory).await;
        }
    });
    assert_eq!(sends_of_commits(&memory), vec![1; 20]);
    let commits: Vec<_> = memory.commits().iter().map(|commit| commit.at).collect();
    assert_eq!(commits, expected, "each record is committed as soon as a commit can be done");
}

#[test]
fn heavy_load_commits_thousands_at_once() {
    let memory = memory(4);
    run(&memory, &Settings::default(), async {
        append(&memory, (0..20_000).map(|n| counts(n % 4, "shop"))).await;
        until_read(&memory).await;
    });
    assert_eq!(sends_of_commits(&memory), [10_000, 10_000]);
}

#[test]
fn load_that_does_not_end_is_committed_at_the_interval() {
    let memory = memory(1);
    memory.set_records_max(10);
    memory.set_tick(Duration::from_millis(1));
    memory.set_commit_time(Duration::ZERO);
    let settings = Settings { commit_interval: Duration::from_millis(20), ..Settings::default() };
    run(&memory, &settings, async {
        append(&memory, (0..1_000).map(|_| counts(0, "shop"))).await;
        until_read(&memory).await;
    });
    let commits = sends_of_commits(&memory);
    assert_eq!(commits.iter().sum::<usize>(), 1_000);
    assert!(commits.len() >= 5, "{commits:?}");
    assert!(commits.iter().all(|sends| *sends <= 210), "{commits:?}");
}

#[test]
fn a_batch_holds_no_more_records_than_it_may() {
    let memory = memory(2);
    let settings = Settings { batch_records_max: 70, ..Settings::default() };
    run(&memory, &settings, async {
        append(&memory, (0..1_000).map(|n| counts(n % 2, "shop"))).await;
        until_read(&memory).await;
    });
    let commits = sends_of_commits(&memory);
    assert!(commits.iter().all(|sends| *sends <= 70), "{commits:?}");
    assert_eq!(commits.iter().sum::<usize>(), 1_000);
}

#[test]
fn a_batch_ends_with_the_record_that_reaches_its_bytes() {
    let memory = memory(1);
    let settings = Settings { batch_bytes_max: 1, ..Settings::default() };
    run(&memory, &settings, async {
        append(&memory, (0..50).map(|_| counts(0, "shop"))).await;
        until_read(&memory).await;
    });
    assert_eq!(sends_of_commits(&memory), vec![1; 50]);
}

#[test]
fn records_without_effect_cause_no_commit_before_their_interval() {
    let memory = memory(1);
    let settings = Settings { positions_interval: Duration::from_secs(1), ..Settings::default() };
    run(&memory, &settings, async {
        let start = memory.time();
        for _ in 0..90 {
            append(&memory, [ignored(0)]).await;
            memory.sleep_until(memory.time().plus(Duration::from_millis(10))).await;
        }
        assert_eq!(memory.commits().len(), 0);
        until_read(&memory).await;
        let waited = memory.time().since(start);
        assert!(waited <= Duration::from_millis(1_010), "they starve for {waited:?}");
    });
    assert_eq!(sends_of_commits(&memory), [0]);
}

#[test]
fn records_without_effect_go_along_with_those_that_have_one() {
    let memory = memory(2);
    run(&memory, &Settings::default(), async {
        append(&memory, [ignored(0), ignored(0), ignored(1)]).await;
        memory.sleep_until(memory.time().plus(Duration::from_millis(5))).await;
        append(&memory, [counts(1, "shop")]).await;
        until_read(&memory).await;
    });
    let commits = memory.commits();
    assert_eq!(commits.len(), 1);
    assert_eq!(commits[0].tasks.len(), 2, "a commit covers the tasks that did something");
}

#[test]
fn the_next_batch_sees_the_writes_of_the_commit_under_way() {
    let memory = memory(1);
    memory.set_commit_time(Duration::from_millis(50));
    run(&memory, &Settings::default(), async {
        for n in 1..=100 {
            append(&memory, [counts(0, "shop")]).await;
            let later = Duration::from_millis(3 * (n % 7));
            memory.sleep_until(memory.time().plus(later)).await;
        }
        until_read(&memory).await;
    });
    assert_eq!(told(&memory)["shop"], up_to(100));
    let commits = sends_of_commits(&memory);
    assert!(commits.len() > 5 && commits[1..].iter().any(|sends| *sends > 3), "{commits:?}");
}

#[test]
fn one_commit_follows_the_other_without_a_pause() {
    let memory = memory(1);
    memory.set_commit_time(Duration::from_millis(10));
    let settings = Settings { batch_records_max: 100, ..Settings::default() };
    let start = memory.time();
    run(&memory, &settings, async {
        append(&memory, (0..1_000).map(|_| counts(0, "shop"))).await;
        until_read(&memory).await;
    });
    let commits: Vec<_> = memory.commits().iter().map(|commit| commit.at.since(start)).collect();
    assert_eq!(commits, (1..=10).map(|n| Duration::from_millis(10 * n)).collect::<Vec<_>>());
}

#[test]
fn what_a_batch_had_no_room_for_is_handled_while_it_is_committed() {
    let memory = memory(1);
    memory.set_commit_time(Duration::from_millis(10));
    let settings = Settings { batch_records_max: 100, ..Settings::default() };
    let service =
        Noting { memory: &memory, counter: Counter::default(), handled: RefCell::default() };
    let start = memory.time();
    let script = async {
        append(&memory, (0..400).map(|_| counts(0, "shop"))).await;
        until_read(&memory).await;
    };
    memory.block_on(crate::run(&memory, &service, &settings, script)).expect("a good run");
    let handled = service.handled.into_inner().into_iter();
    let handled: Vec<_> = handled.map(|at| at.since(start).as_millis()).collect();
    assert_eq!(handled, [[0; 200].as_slice(), &[10; 100], &[20; 100]].concat());
}

/// Notes when records are handled.
struct Noting<'a> {
    memory: &'a Memory,
    counter: Counter,
    handled: RefCell<Vec<Timestamp>>,
}

impl Service for Noting<'_> {
    fn spec(&self) -> &'static Spec {
        self.counter.spec()
    }

    fn handle(&self, now: Timestamp, input: Input, state: &mut State<'_>, effects: &mut Effects) {
        self.handled.borrow_mut().push(self.memory.time());
        self.counter.handle(now, input, state, effects);
    }
}

#[test]
fn a_stop_commits_what_there_is() {
    let memory = memory(2);
    memory.set_commit_time(Duration::from_secs(1));
    let settings = Settings { positions_interval: Duration::from_secs(60), ..Settings::default() };
    run(&memory, &settings, async {
        append(&memory, [ignored(0), counts(1, "shop")]).await;
        memory.sleep_until(memory.time().plus(Duration::from_millis(1))).await;
        // The commit of these is under way; those are behind it.
        append(&memory, [counts(1, "shop"), ignored(0)]).await;
        memory.sleep_until(memory.time().plus(Duration::from_millis(1))).await;
        assert_eq!(memory.commits().len(), 0);
    });
    assert_eq!(counted(&memory), [((1, "shop".into()), 2)].into());
    assert_eq!(sends_of_commits(&memory), [1, 1]);
    memory.block_on(until(&memory, "it is read", |memory| {
        memory.positions(super::support::task(0)).values().any(|offset| offset.0 == 2)
    }));
}

#[test]
fn a_stop_ends_a_wait_that_has_no_end() {
    let memory = memory(1);
    let start = memory.time();
    let later = start.plus(Duration::from_secs(5));
    run(&memory, &Settings::default(), memory.sleep_until(later));
    assert_eq!(memory.time(), later);
    assert_eq!(memory.commits().len(), 0);
}
