//! The change stream on simulated brokers: whatever strikes, each update gives its event once, in order.

use std::{future::pending, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tidelog_core::{
    Headers, Layout, Message, Offset, PartitionId, Revision, Topic,
    message::{EntityUpdate, Part, UpdateKind},
    port::{Append, Client, Record},
};
use tidelog_io_sim::{
    Net, Options, Sim, SimStore,
    client::ClientSettings,
    fault::FaultKind,
    host::{Boot, Chaos, ChaosSettings, Cluster, ClusterSettings, Nodes},
    plan::Plan,
    transport::{SimClient, SimTransport},
    wire::{BrokerId, ClientId, Node},
};
use tidelog_machines::ChangeStream;
use tidelog_runtime::{Settings, run};

/// How long faults strike.
const STORM: Duration = Duration::from_secs(30);

/// Within so long after that all is caught up.
const CALM_MAX: Duration = Duration::from_secs(60);

#[test]
fn each_update_gives_its_event_once_and_in_order() {
    for seed in 0..4 {
        let plan = Plan::swarm(seed, FaultKind::ALL);
        let options = Options { plan, ..Options::calm(seed) };
        let run = Sim::run(options, storm);
        if let Err(words) = run.outcome {
            panic!("seed {seed}, after {:?}: {words}", run.report.virtual_time);
        }
    }
}

async fn storm(sim: Sim) {
    let net = Net::new(&sim);
    let layout = Layout::new(2).expect("a small layout");
    let cluster = Cluster::start(&net, ClusterSettings::new(layout));
    cluster.create_topics().await;
    let settings = ClientSettings::new((1..=3).map(BrokerId).collect(), layout);
    let nodes = Nodes::new(&net);
    for number in 1..=2 {
        let settings = settings.clone();
        let main = move |boot| node(boot, settings.clone()).boxed_local();
        nodes.add(&format!("node{number}"), ClientId(number), main);
    }
    let client = SimClient::start(&net, Node::Client(ClientId(50)), "driver", &settings);
    let chaos = Chaos::start(&net, &cluster, &nodes, ChaosSettings::default());
    let mut appends = Vec::new();
    for number in 1.. {
        if now(&sim) >= STORM {
            break;
        }
        appends.push(client.append(vec![update(layout, number)]));
        madsim::time::sleep(Duration::from_millis(20 + 40 * (number % 7))).await;
    }
    chaos.heal();
    for append in appends {
        append.await;
    }
    let begun = now(&sim);
    for partition in layout.all() {
        let updates = read(&client, Topic::EntityUpdates, partition).await;
        assert!(!updates.is_empty(), "there were updates");
        loop {
            let events = read(&client, Topic::EntityChanges, partition).await;
            if events.len() >= updates.len() {
                compare(&updates, &events);
                break;
            }
            let calm = now(&sim) - begun;
            assert!(calm < CALM_MAX, "{} of {} events", events.len(), updates.len());
        }
    }
}

/// The process of a node.
async fn node(boot: Boot, settings: ClientSettings) {
    // Where the store cannot be opened, or the service has failed, the node is started again.
    let Ok(store) = SimStore::open(&boot.disk) else { return };
    let transport = SimTransport::new(&boot.net, boot.node, &boot.name, settings, Arc::new(store));
    let ended = run(&transport, &ChangeStream, &Settings::default(), pending()).await;
    boot.net.sim().event(&boot.name, "ends", &format!("{ended:?}"));
}

/// All that a partition has at this time.
async fn read(client: &SimClient, topic: Topic, partition: PartitionId) -> Vec<Record> {
    let mut all: Vec<Record> = Vec::new();
    loop {
        let next = all.last().map_or(Offset(0), |last| last.offset.next());
        let until = client.now().plus(Duration::from_secs(1));
        match client.read(topic, partition, next, until).await {
            Ok(records) if records.is_empty() => return all,
            Ok(records) => all.extend(records),
            // What strikes has ended, and a leader is found soon.
            Err(_) => client.sleep_until(until).await,
        }
    }
}

/// Each event names the update that it tells of.
fn compare(updates: &[Record], events: &[Record]) {
    let offset = |event: &Record| -> u64 {
        let event: serde_json::Value = serde_json::from_slice(&event.payload).expect("JSON");
        event["source"]["offset"].as_u64().expect("an offset")
    };
    let told: Vec<u64> = events.iter().map(offset).collect();
    let there: Vec<u64> = updates.iter().map(|update| update.offset.0).collect();
    assert_eq!(told, there);
    assert!(updates.iter().zip(events).all(|(update, event)| update.key == event.key));
}

fn update(layout: Layout, number: u64) -> Append {
    let entity = format!("shop/orders/eu/{}", number % 5);
    let name: tidelog_core::RequestId = format!("app:0:{number}:1000").parse().expect("a request");
    let update = Message::EntityUpdate(EntityUpdate {
        entity: entity.parse().expect("an entity"),
        kind: UpdateKind::Updated,
        revision: Revision(number),
        before: None,
        after: None,
        request: name.name,
        part: Part::ONLY,
        user: None,
        device: None,
        time: tidelog_core::Timestamp::from_millis(1_000),
    });
    Append {
        topic: update.topic(),
        partition: layout.partition(update.key()),
        key: entity.into(),
        payload: update.encode(),
        headers: Headers::default(),
    }
}

fn now(sim: &Sim) -> Duration {
    Duration::from_micros(sim.now_us())
}
