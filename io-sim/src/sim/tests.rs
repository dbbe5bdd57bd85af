use std::time::Duration;

use madsim::time::sleep;

use super::*;
use crate::{
    trace::diverge,
    wire::{BrokerId, Node},
};

#[test]
fn the_same_seed_gives_the_same_trace_in_any_run_of_a_process() {
    let first = noise(5);
    noise(6);
    let again = noise(5);
    assert_eq!(diverge(&first.lines, &again.lines), None);
    assert_eq!((first.hash, first.events), (again.hash, again.events));
    assert_ne!(first.hash, noise(6).hash);
}

#[test]
fn a_panic_ends_the_run_with_its_words_and_the_report() {
    let run = Sim::run(Options::calm(1), |sim| async move {
        sim.event("test", "before", &1);
        panic!("the {} is broken", "code");
    });
    let never: Result<(), Box<str>> = run.outcome;
    assert_eq!(never, Err("the code is broken".into()));
    assert_eq!(run.report.events, 1);
}

#[test]
fn a_run_that_hangs_is_ended_by_its_time_limit() {
    let options = Options { time_limit: Duration::from_secs(9), ..Options::calm(1) };
    let run = Sim::run(options, |_| sleep(Duration::from_secs(100_000)));
    let words = run.outcome.expect_err("it hangs");
    assert!(words.contains("time limit exceeded"), "{words}");
}

#[test]
fn a_run_that_goes_round_in_circles_is_ended_by_its_events() {
    let options = Options { events_max: 1_000, ..Options::calm(1) };
    let run = Sim::run(options, |sim| async move {
        loop {
            sim.event("test", "again", &());
            madsim::task::yield_now().await;
        }
    });
    let never: Result<(), Box<str>> = run.outcome;
    let words = never.expect_err("it never ends");
    assert!(words.contains("event limit exceeded"), "{words}");
    assert_eq!(run.report.events, 1_001);
}

#[test]
fn of_a_run_that_stands_still_somebody_is_told() {
    let told = Arc::new(AtomicU64::new(0));
    let bell = told.clone();
    let tell = move |sim: &Sim| bell.store(sim.events(), Ordering::Relaxed);
    let watchdog = Watchdog { patience: Duration::from_millis(50), tell: Arc::new(tell) };
    let options = Options { watchdog: Some(watchdog), ..Options::calm(1) };
    let run = Sim::run(options, |sim| async move {
        sim.event("test", "the last", &());
        while told.load(Ordering::Relaxed) == 0 {
            std::hint::spin_loop();
        }
        sim.event("test", "it goes on after all", &());
    });
    assert_eq!((run.outcome, run.report.events), (Ok(()), 2));
}

#[test]
fn a_machine_that_is_killed_stops_and_one_that_is_paused_goes_on() {
    let run = Sim::run(Options::calm(1), |sim| async move {
        let machine = sim.machine(Node::Broker(BrokerId(1)));
        let ticks = Arc::new(AtomicU64::new(0));
        let count = || ticks.load(Ordering::Relaxed);
        let start = || {
            let ticks = Arc::clone(&ticks);
            machine.start(|| async move {
                loop {
                    sleep(Duration::from_millis(10)).await;
                    ticks.fetch_add(1, Ordering::Relaxed);
                }
            });
        };
        start();
        sleep(Duration::from_secs(1)).await;
        assert!(count() > 50);

        machine.pause();
        let paused = count();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(count(), paused);
        machine.resume();
        sleep(Duration::from_secs(1)).await;
        assert!(count() > paused + 50);

        machine.kill();
        assert!(machine.is_down());
        let killed = count();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(count(), killed);
        machine.boot();
        start();
        sleep(Duration::from_secs(1)).await;
        assert!(count() > killed + 50);
    });
    assert_eq!(run.outcome, Ok(()));
}

#[test]
fn a_run_leaves_nothing_of_itself_behind() {
    let kept = Arc::new(());
    let run = Sim::run(Options::calm(1), |sim| {
        let kept = Arc::clone(&kept);
        async move {
            sim.machine(Node::Broker(BrokerId(1))).start(move || async move {
                sleep(Duration::from_secs(100_000)).await;
                drop(kept);
            });
            sleep(Duration::from_secs(1)).await;
        }
    });
    assert_eq!(run.outcome, Ok(()));
    assert_eq!(Arc::strong_count(&kept), 1);
}

#[test]
fn a_fault_that_would_be_too_much_does_not_strike() {
    let options = Options { plan: Plan::of(&[FaultKind::NodeKilled], 1.0), ..Options::calm(1) };
    let run = Sim::run(options, |sim| async move {
        let node = sim.entity("node1");
        assert_eq!(sim.fault_if(FaultKind::NodeKilled, node, |_| false), None);
        assert!(sim.fault(FaultKind::NodeKilled, node).is_some());
        sim.heal();
        assert_eq!(sim.fault(FaultKind::NodeKilled, node), None);
    });
    assert_eq!(run.outcome, Ok(()));
    assert_eq!(run.report.struck[&FaultKind::NodeKilled], 1);
    let [fault] = &run.report.faults[..] else { panic!("{:?}", run.report.faults) };
    assert_eq!((&*fault.entity, fault.nth), ("node1", 1));
}

/// Machines that do something at times of madsim's choice.
fn noise(seed: u64) -> Report {
    let plan = Plan::of(FaultKind::ALL, 0.2);
    let options = Options { plan, keeps_lines: true, ..Options::calm(seed) };
    let run = Sim::run(options, |sim| async move {
        for number in 1..=3 {
            let (node, ours) = (Node::Broker(BrokerId(number)), sim.clone());
            sim.machine(node).start(move || async move {
                let entity = ours.entity(&node.to_string());
                for turn in 0..50 {
                    let wait = ours.vary(Vary::Phase, entity, 5);
                    sleep(Duration::from_millis(wait)).await;
                    let struck = ours.fault(FaultKind::DiskFull, entity).is_some();
                    ours.event(&node.to_string(), "turn", &(turn, struck));
                }
            });
        }
        sleep(Duration::from_secs(1)).await;
    });
    assert_eq!(run.outcome, Ok(()));
    run.report
}
