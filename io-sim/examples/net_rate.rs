//! How many messages a second of CPU time the network of a run carries, beside madsim's own.
//!
//! `cargo run --release --package tidelog-io-sim --example net_rate`

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use madsim::{net::Endpoint, time::sleep};
use tidelog_io_sim::{
    Net, Options, Sim,
    fault::FaultKind,
    plan::Plan,
    wire::{BrokerId, ClientId, MetadataReply, MetadataRequest, Node, Reply},
};

const BROKERS: u32 = 3;
const CLIENTS: u32 = 6;
const VIRTUAL: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    for _ in 0..3 {
        let quiet = Plan::calm();
        let stormy = Plan::of(&[FaultKind::RequestDelayed, FaultKind::ReplyDelayed], 0.001);
        measure("requests and replies, no faults planned", quiet, true, requests);
        measure("requests and replies, two kinds planned", stormy, true, requests);
        measure("the same on madsim's connections alone", Plan::calm(), false, connections);
        measure("the same on madsim's datagrams alone", Plan::calm(), false, datagrams);
    }
    ExitCode::SUCCESS
}

/// Messages are counted by whoever gets one.
type Count = Arc<AtomicU64>;

fn measure<F: Future<Output = ()>>(
    what: &str,
    plan: Plan,
    traces: bool,
    load: fn(Sim, Count, bool) -> F,
) {
    let count = Count::default();
    let counted = Arc::clone(&count);
    // The clocks of the process are virtual inside of a run, so they are read outside of it.
    let begun = cpu_seconds();
    let run = Sim::run(Options { plan, ..Options::calm(1) }, |sim| load(sim, counted, traces));
    let took = cpu_seconds() - begun;
    run.outcome.expect("a load without mistakes");
    let messages = count.load(Ordering::Relaxed);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let rate = messages as f64 / took;
    let ratio = run.report.virtual_time.as_secs_f64() / took;
    println!("{what:<42} {rate:>10.0} messages per CPU second {ratio:>8.0} x real time");
}

/// What the process has used so far, in user mode and in the kernel: Linux tells in hundredths.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, behind_name) = stat.rsplit_once(')').expect("a name in parentheses");
    let ticks = behind_name.split_whitespace().skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<f64>().expect("a number") / 100.0).sum()
}

async fn requests(sim: Sim, count: Count, traces: bool) {
    let net = Net::new(&sim);
    for number in 1..=BROKERS {
        let (net, count, node) = (net.clone(), Arc::clone(&count), broker(number));
        sim.machine(node).start(move || async move {
            let mut server = net.serve(node).await;
            loop {
                let arrival = server.next().await;
                count.fetch_add(1, Ordering::Relaxed);
                if traces {
                    net.sim().event("broker", "request", &arrival.request);
                }
                let reply = MetadataReply { brokers: Vec::new(), topics: Vec::new() };
                server.reply(arrival.token, Reply::Metadata(reply));
            }
        });
    }
    sleep(Duration::from_millis(10)).await;
    for number in 1..=CLIENTS {
        for of in 1..=BROKERS {
            let (net, count, node) = (net.clone(), Arc::clone(&count), client(number));
            sim.machine(node).start(move || async move {
                let caller = net.caller(node);
                loop {
                    let request = MetadataRequest { topics: None };
                    let asked = caller.request(broker(of), request, Duration::from_secs(9));
                    if asked.await.is_ok() {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    }
    sleep(VIRTUAL).await;
}

async fn connections(sim: Sim, count: Count, _: bool) {
    for number in 1..=BROKERS {
        let (count, node) = (Arc::clone(&count), broker(number));
        sim.machine(node).start(move || async move {
            let endpoint = Endpoint::bind(format!("10.0.0.{number}:1")).await.expect("a free port");
            loop {
                let (sender, mut receiver, _) = endpoint.accept1().await.expect("a connection");
                let count = Arc::clone(&count);
                madsim::task::spawn_local(async move {
                    while let Ok(payload) = receiver.recv().await {
                        count.fetch_add(1, Ordering::Relaxed);
                        sender.send(payload).await.expect("somebody who waits");
                    }
                });
            }
        });
    }
    sleep(Duration::from_millis(10)).await;
    for number in 1..=CLIENTS {
        for of in 1..=BROKERS {
            let count = Arc::clone(&count);
            sim.machine(client(number)).start(move || async move {
                let endpoint = Endpoint::bind("0.0.0.0:0").await.expect("a free port");
                let to = format!("10.0.0.{of}:1").parse().expect("an address");
                let (sender, mut receiver) = endpoint.connect1(to).await.expect("a broker");
                loop {
                    sender.send(Box::new(1u64)).await.expect("a broker that listens");
                    receiver.recv().await.expect("a broker that answers");
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    }
    sleep(VIRTUAL).await;
}

async fn datagrams(sim: Sim, count: Count, _: bool) {
    for number in 1..=BROKERS {
        let (count, node) = (Arc::clone(&count), broker(number));
        sim.machine(node).start(move || async move {
            let endpoint = Endpoint::bind(format!("10.0.0.{number}:1")).await.expect("a free port");
            loop {
                let (payload, from) = endpoint.recv_from_raw(1).await.expect("a network");
                count.fetch_add(1, Ordering::Relaxed);
                endpoint.send_to_raw(from, 1, payload).await.expect("a network");
            }
        });
    }
    sleep(Duration::from_millis(10)).await;
    for number in 1..=CLIENTS {
        for of in 1..=BROKERS {
            let count = Arc::clone(&count);
            sim.machine(client(number)).start(move || async move {
                let endpoint = Endpoint::bind("0.0.0.0:0").await.expect("a free port");
                let to = format!("10.0.0.{of}:1").parse().expect("an address");
                loop {
                    endpoint.send_to_raw(to, 1, Box::new(1u64)).await.expect("a network");
                    endpoint.recv_from_raw(1).await.expect("a network");
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    }
    sleep(VIRTUAL).await;
}

fn broker(number: u32) -> Node {
    Node::Broker(BrokerId(number))
}

fn client(number: u32) -> Node {
    Node::Client(ClientId(number))
}
