//! Whatever strikes, every record is counted and copied once, and all is caught up soon after it ends.

#[path = "storm/ledger.rs"]
mod ledger;
#[path = "storm/worker.rs"]
mod worker;

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use tidelog_core::{
    Headers, Layout, Offset,
    port::{Append, Client},
};
use tidelog_io_sim::{
    Net, Options, Sim,
    client::{ClientSettings, TransactionVersion},
    fault::FaultKind,
    host::{Chaos, ChaosSettings, Cluster, ClusterSettings, Nodes},
    plan::Plan,
    sim::Run,
    trace::diverge,
    transport::SimClient,
    wire::{BrokerId, ClientId, Node},
};

use self::{
    ledger::Ledger,
    worker::{INPUTS, OUTPUT, work},
};

/// How long faults strike.
const STORM: Duration = Duration::from_secs(60);

/// Within so long after that all is caught up.
const CALM_MAX: Duration = Duration::from_secs(60);

#[test]
fn in_calm_weather_every_record_is_counted_and_copied_once() {
    survives(storm(Plan::calm(), 1, false));
}

#[test]
fn in_any_storm_every_record_is_counted_and_copied_once() {
    for seed in seeds() {
        let keeps_lines = std::env::var_os("LINES").is_some();
        survives(storm(plan(seed), seed, keeps_lines));
    }
}

#[test]
fn a_storm_is_the_same_each_time() {
    let seed = seeds().start;
    let first = storm(plan(seed), seed, true).report;
    let again = storm(plan(seed), seed, true).report;
    if let Some(divergence) = diverge(&first.lines, &again.lines) {
        panic!("{divergence}");
    }
    assert_eq!(first.hash, again.hash);
}

/// The seeds to try: those that the environment names, as in `STORM=100..200`, or a few. With `LINES`
/// the traces are printed.
fn seeds() -> std::ops::Range<u64> {
    let Ok(named) = std::env::var("STORM") else { return 0..6 };
    let (from, to) = named.split_once("..").expect("STORM is a range, as in 100..200");
    from.parse().expect("a seed")..to.parse().expect("a seed")
}

fn survives(run: Run<()>) {
    let report = &run.report;
    report.lines.iter().for_each(|line| println!("{line}"));
    let struck: Vec<_> = report.struck.iter().filter(|(_, times)| **times > 0).collect();
    if std::env::var_os("STORM").is_some() {
        eprintln!(
            "seed {}: {} events, {:?}, {struck:?}",
            report.seed, report.events, report.virtual_time
        );
    }
    if let Err(words) = run.outcome {
        panic!("seed {}, after {:?}: {words}; {struck:?}", report.seed, report.virtual_time);
    }
}

fn storm(plan: Plan, seed: u64, keeps_lines: bool) -> Run<()> {
    let options = Options { plan, keeps_lines, ..Options::calm(seed) };
    Sim::run(options, |sim| async move {
        let net = Net::new(&sim);
        let layout = Layout::new(2).expect("a small layout");
        let cluster = Cluster::start(&net, ClusterSettings::new(layout));
        cluster.create_topics().await;
        let settings = Arc::new(settings(seed, layout));
        let nodes = Nodes::new(&net);
        for number in 1..=2 {
            let settings = Arc::clone(&settings);
            let main = move |boot| work(boot, Arc::clone(&settings)).boxed_local();
            nodes.add(&format!("node{number}"), ClientId(number), main);
        }
        let client = SimClient::start(&net, Node::Client(ClientId(50)), "driver", &settings);
        let chaos = Chaos::start(&net, &cluster, &nodes, ChaosSettings::default());
        let mut ledger = Ledger::default();
        let mut appends = Vec::new();
        for round in 0.. {
            if now(&sim) >= STORM {
                break;
            }
            let records = ledger.next(round, layout);
            appends.push((records.clone(), client.append(records)));
            madsim::time::sleep(Duration::from_millis(20 + 40 * (round % 7))).await;
        }
        chaos.heal();
        for (records, append) in appends {
            ledger.told(records, append.await);
        }
        let begun = now(&sim);
        for partition in layout.all() {
            let mut next = Offset(0);
            while let Some(missing) = ledger.missing(partition) {
                let calm = now(&sim) - begun;
                assert!(calm < CALM_MAX, "{missing} is not copied after {calm:?} of calm");
                let until = client.now().plus(Duration::from_secs(1));
                let read = client.read(OUTPUT, partition, next, until).await;
                for record in read.unwrap_or_default() {
                    next = record.offset.next();
                    ledger.copied(partition, &record);
                }
            }
        }
    })
}

fn now(sim: &Sim) -> Duration {
    Duration::from_micros(sim.now_us())
}

/// A seed's faults. Before KIP-890 the end of a transaction that arrives late ends the next one of the
/// same epoch, half of which is then real (KAFKA-17754): with such brokers nothing arrives twice.
fn plan(seed: u64) -> Plan {
    let is_late = |kind: &FaultKind| {
        [FaultKind::RequestDuplicated, FaultKind::OriginalAfterRetry].contains(kind)
    };
    let bears = |kind: &FaultKind| transactions(seed) == TransactionVersion::V2 || !is_late(kind);
    let kinds: Vec<_> = FaultKind::ALL.iter().copied().filter(bears).collect();
    Plan::swarm(seed, &kinds)
}

fn transactions(seed: u64) -> TransactionVersion {
    if seed.is_multiple_of(3) { TransactionVersion::V1 } else { TransactionVersion::V2 }
}

fn settings(seed: u64, layout: Layout) -> ClientSettings {
    let settings = ClientSettings::new((1..=3).map(BrokerId).collect(), layout);
    let transactions = transactions(seed);
    ClientSettings { transactions, static_members: !seed.is_multiple_of(4), ..settings }
}

/// A record for an input.
fn record(input: usize, partition: tidelog_core::PartitionId, key: u8, text: String) -> Append {
    Append {
        topic: INPUTS[input],
        partition,
        key: vec![key].into(),
        payload: text.into(),
        headers: Headers::default(),
    }
}
