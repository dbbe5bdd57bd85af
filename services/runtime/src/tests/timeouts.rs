//! Timeouts.

use std::time::Duration;

use tidelog_contract::memory::{Fate, Memory};
use tidelog_core::{Message, PartitionId, Topic, port::Client};

use super::support::{
    Alarm, Counter, append, counted, counts, memory, sends_of_commits, task, told, until,
};
use crate::Settings;

fn counter(alarm: Alarm) -> Counter {
    Counter { alarm, ..Counter::default() }
}

fn run(memory: &Memory, service: &Counter, script: impl Future<Output = ()>) {
    let settings = Settings::default();
    memory.block_on(crate::run(memory, service, &settings, script)).expect("a good run");
}

async fn sleep(memory: &Memory, time: Duration) {
    memory.sleep_until(memory.time().plus(time)).await;
}

#[test]
fn a_timeout_comes_at_its_time_and_by_the_clock() {
    let memory = memory(1);
    let at = memory.time().plus(Duration::from_secs(3));
    let service = counter(Alarm::Once(at));
    run(&memory, &service, async {
        until(&memory, "it rang", |memory| !memory.commits().is_empty()).await;
        sleep(&memory, Duration::from_secs(10)).await;
    });
    assert_eq!(service.rung.get(), 1);
    let update = &memory.records(Topic::SchemaUpdates, memory.layout().partition("timeouts"))[0];
    let message = Message::decode(Topic::SchemaUpdates, &update.payload);
    assert!(matches!(message, Ok(Message::SchemaUpdate(update)) if update.time == at));
    assert_eq!(memory.commits()[0].at, at.plus(Duration::from_millis(2)));
}

#[test]
fn a_timeout_comes_only_after_everything_was_read_that_was_there_at_its_time() {
    let memory = memory(1);
    memory.set_records_max(7);
    let service = counter(Alarm::Once(memory.time().minus(Duration::from_secs(1))));
    run(&memory, &service, async {
        append(&memory, (0..100).map(|_| counts(0, "a"))).await;
        until(&memory, "it rang", |_| service.rung.get() > 0).await;
        sleep(&memory, Duration::from_secs(1)).await;
    });
    let updates = memory.records(Topic::SchemaUpdates, PartitionId(0));
    let names = updates.iter().map(|record| String::from_utf8_lossy(&record.key).into_owned());
    let names: Vec<_> = names.collect();
    assert_eq!(names.len(), 101);
    assert_eq!(names.iter().position(|name| name == "timeouts"), Some(100), "it came too early");
}

#[test]
fn records_that_never_cease_do_not_keep_a_timeout_away() {
    let memory = memory(1);
    memory.set_records_max(1);
    let at = memory.time().plus(Duration::from_millis(50));
    let service = counter(Alarm::Once(at));
    run(&memory, &service, async {
        for _ in 0..200 {
            append(&memory, [counts(0, "a"), counts(0, "a")]).await;
            sleep(&memory, Duration::from_millis(1)).await;
        }
        assert_eq!(service.rung.get(), 1);
    });
    assert!(told(&memory).contains_key("timeouts"));
}

#[test]
fn a_deadline_that_stays_in_the_past_gets_one_timeout_for_each_commit() {
    let memory = memory(2);
    let start = memory.time();
    let service = counter(Alarm::Often(start.minus(Duration::from_secs(1)), 50));
    run(&memory, &service, async {
        until(&memory, "it rang as often as it wanted", |memory| {
            counted(memory).values().sum::<u64>() == 100
        })
        .await;
        sleep(&memory, Duration::from_secs(10)).await;
    });
    assert_eq!(service.rung.get(), 100);
    assert!(sends_of_commits(&memory).iter().all(|sends| *sends <= 2));
    assert!(memory.commits().len() >= 50);
}

#[test]
fn a_timeout_that_comes_to_nothing_does_not_spin() {
    let memory = memory(1);
    let service = counter(Alarm::Idle(memory.time()));
    run(&memory, &service, sleep(&memory, Duration::from_secs(10)));
    let rung = service.rung.get();
    assert!((9..=11).contains(&rung), "{rung} timeouts in ten seconds");
    assert_eq!(memory.commits().len(), 0);
}

#[test]
fn a_timeout_whose_commit_fails_comes_again() {
    let memory = memory(1);
    memory.decide([Fate::Rejected, Fate::UnknownAndDone]);
    let service = counter(Alarm::Often(memory.time(), 3));
    run(&memory, &service, async {
        until(&memory, "it rang", |memory| counted(memory).values().sum::<u64>() == 3).await;
        sleep(&memory, Duration::from_secs(10)).await;
    });
    assert_eq!(told(&memory)["timeouts"], [1, 2, 3]);
}

#[test]
fn a_read_that_fails_while_a_timeout_is_asked_for_restores_the_task() {
    let memory = memory(1);
    let service = counter(Alarm::Once(memory.time().plus(Duration::from_secs(1))));
    memory.break_reads(task(0), 2);
    run(&memory, &service, async {
        until(&memory, "it rang", |memory| !memory.commits().is_empty()).await;
    });
    assert_eq!(told(&memory)["timeouts"], [1]);
}
