//! How many events a second of CPU time a hosted cluster takes, and how much virtual time goes by.
//!
//! `cargo run --release --package tidelog-io-sim --example cluster_rate`
//!
//! Three brokers with all topics, a producer and a reader of committed records on each of two machines,
//! and fifty requests a virtual second. The hashes are the same in every build.

use std::{process::ExitCode, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use madsim::time::sleep;
use tidelog_core::Layout;
use tidelog_io_sim::{
    Clock, Net, Options, Sim,
    fault::FaultKind,
    host::{Boot, Chaos, ChaosSettings, Cluster, ClusterSettings, Nodes},
    net::Caller,
    plan::Plan,
    wire::{
        Acks, BrokerId, ClientId, FetchPartition, FetchRequest, Isolation, NewBatch, Node, Offset,
        ProduceRequest, Record, Records, Reply, Request, TopicPartition,
    },
};

const PARTITIONS: u32 = 4;
const VIRTUAL: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    measure("no load, no faults", Plan::calm(), 0);
    for _ in 0..3 {
        measure("50 requests/s, no faults", Plan::calm(), 50);
        measure("50 requests/s, a seed's faults", Plan::swarm(2, FaultKind::ALL), 50);
        measure("1000 requests/s, no faults", Plan::calm(), 1000);
    }
    ExitCode::SUCCESS
}

fn measure(what: &str, plan: Plan, rate: u64) {
    // The clocks of the process are virtual inside of a run, so they are read outside of it.
    let begun = cpu_seconds();
    let run = Sim::run(Options { plan, ..Options::calm(2) }, |sim| load(sim, rate));
    let took = cpu_seconds() - begun;
    run.outcome.expect("a load without mistakes");
    let report = run.report;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let events = report.events as f64 / took;
    let ratio = report.virtual_time.as_secs_f64() / took;
    let (hash, faults) = (report.hash, report.faults.len());
    println!(
        "{what:<32} {events:>9.0} events per CPU second {ratio:>6.0} x real time  {faults:>4} faults  {hash:016x}"
    );
}

/// What the process has used so far, in user mode and in the kernel: Linux tells in hundredths.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, behind_name) = stat.rsplit_once(')').expect("a name in parentheses");
    let ticks = behind_name.split_whitespace().skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<f64>().expect("a number") / 100.0).sum()
}

async fn load(sim: Sim, rate: u64) {
    let net = Net::new(&sim);
    let layout = Layout::new(PARTITIONS).expect("a small layout");
    let cluster = Cluster::start(&net, ClusterSettings::new(layout));
    cluster.create_topics().await;
    let nodes = Nodes::new(&net);
    for number in 1..=2 {
        nodes.add(&format!("node{number}"), ClientId(number), move |boot| {
            node(boot, number, rate / 2).boxed_local()
        });
    }
    let _chaos = Chaos::start(&net, &cluster, &nodes, ChaosSettings::default());
    sleep(VIRTUAL).await;
}

async fn node(boot: Boot, number: u32, rate: u64) {
    let partition = TopicPartition::new(&"entity-patches".into(), number);
    if rate > 0 {
        futures_util::join!(produce(&boot, &partition, rate), read(&boot, &partition));
    }
}

async fn produce(boot: &Boot, at: &TopicPartition, rate: u64) {
    let mut asks = Asks::new(boot);
    for nth in 0_u64.. {
        let records = Records::new(vec![Record::new(
            Bytes::from(format!("entity-{}", nth % 100)),
            Bytes::from_static(&[7; 200]),
        )]);
        let request = ProduceRequest {
            transactional_id: None,
            adds_partitions: false,
            acks: Acks::All,
            timeout_ms: 2_000,
            partitions: vec![(at.clone(), NewBatch { producer: None, records })],
        };
        if let Some(Reply::Produce(reply)) = asks.ask(request.into()).await
            && reply.partitions[0].result.is_err()
        {
            asks.try_another();
        }
        boot.machine.clock().sleep(Duration::from_micros(1_000_000 / rate)).await;
    }
}

async fn read(boot: &Boot, at: &TopicPartition) {
    let (mut asks, mut offset) = (Asks::new(boot), Offset::ZERO);
    loop {
        let part = FetchPartition {
            partition: at.clone(),
            offset,
            current_leader_epoch: None,
            last_fetched_epoch: None,
            log_start: Offset::ZERO,
            max_bytes: 1 << 20,
        };
        let request = FetchRequest {
            replica: None,
            isolation: Isolation::ReadCommitted,
            max_wait_ms: 500,
            min_bytes: 1,
            max_bytes: 1 << 20,
            partitions: vec![part],
        };
        if let Some(Reply::Fetch(reply)) = asks.ask(request.into()).await {
            match &reply.partitions[0].result {
                Ok(fetched) => {
                    let last = fetched.batches.last().map(|batch| batch.last_offset.next());
                    offset = last.unwrap_or(offset);
                }
                Err(_) => asks.try_another(),
            }
        }
    }
}

/// Asks one broker after another until one of them leads.
struct Asks {
    caller: Caller,
    clock: Clock,
    broker: u32,
}

impl Asks {
    fn new(boot: &Boot) -> Self {
        let (caller, clock) = (boot.net.caller(boot.node), boot.machine.clock().clone());
        Self { caller, clock, broker: 0 }
    }

    async fn ask(&mut self, request: Request) -> Option<Reply> {
        let to = Node::Broker(BrokerId(1 + self.broker));
        let reply = self.caller.request(to, request, Duration::from_secs(4)).await;
        if reply.is_err() {
            self.try_another();
            self.clock.sleep(Duration::from_millis(20)).await;
        }
        reply.ok()
    }

    fn try_another(&mut self) {
        self.broker = (self.broker + 1) % 3;
    }
}
