//! Partitions whose leader has died under those who ask for them.

use pollster::block_on;
use tidelog_core::{Layout, Offset, Topic, port::Client};
use tidelog_io_kafka::{Browser, KafkaClient, Topics};
use tidelog_test_broker::{Cluster, Flavour};

use crate::broker;

/// A client that reads nothing is told of no leader by itself: it has to look, and not to go on about the
/// dead one.
#[test]
fn bounds_are_told_by_whoever_leads_after_a_death() {
    if !broker::is_there() {
        return;
    }
    let flavour = Flavour { nodes: 3, ..Flavour::from_env() };
    let mut cluster = Cluster::start(flavour).expect("three brokers that start");
    let settings = broker::settings_of(&cluster, Layout::new(6).expect("a layout"));
    let topic = Topic::EntityPatches;
    Topics::connect(&settings).expect("a client").create([topic]).expect("a topic of our own");
    let client = KafkaClient::connect(&settings).expect("a client");
    let browser = Browser::open(&settings, topic).expect("a client");
    for victim in [None, Some(0), Some(1)] {
        if let Some(victim) = victim {
            cluster.settle();
            cluster.kill(victim);
        }
        for partition in settings.layout.all() {
            let bounds = block_on(client.bounds(topic, partition));
            assert_eq!(bounds, Ok((Offset(0), Offset(0))), "{partition}, without {victim:?}");
            assert_eq!(browser.bounds(partition), bounds, "{partition}, without {victim:?}");
        }
        if let Some(victim) = victim {
            cluster.revive(victim);
        }
    }
}
