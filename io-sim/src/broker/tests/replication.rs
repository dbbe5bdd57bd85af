//! Leaders and followers: the protocol between them, step by step.

use super::{
    cluster::Cluster,
    scripts::{batch, fetch, produce, produced, values},
};
use crate::wire::*;

#[test]
fn a_record_counts_once_all_in_sync_replicas_have_it() {
    let mut three = Three::new();
    let [leader, follower, _] = three.replicas();
    three.cluster.cut(Node::Broker(leader), Node::Broker(follower));
    let ask = three.send("a");
    three.cluster.run_ms(1_000);
    assert_eq!(three.cluster.answer(ask), None, "a follower that is in sync has not fetched it");
    assert!(three.read(Isolation::ReadUncommitted).is_empty());
    three.cluster.run_ms(8_000);
    assert_eq!(three.in_sync().len(), 2, "by now it lags too much");
    assert!(three.cluster.answer(ask).is_some());
    assert_eq!(three.read(Isolation::ReadUncommitted), ["a"]);
    three.cluster.heal();
    three.cluster.run_ms(2_000);
    assert_eq!(three.in_sync().len(), 3, "it has caught up");
}

#[test]
fn with_too_few_in_sync_nothing_is_appended() {
    let mut three = Three::new();
    let [_, one, other] = three.replicas();
    three.cluster.crash(one, false);
    three.cluster.crash(other, false);
    three.cluster.run_ms(10_000);
    assert_eq!(three.in_sync().len(), 1);
    assert_eq!(three.produce("a"), Err(ErrorCode::NotEnoughReplicas));
    three.cluster.start_all();
    three.cluster.run_ms(10_000);
    assert_eq!(three.produce("a"), Ok(Offset(0)));
}

#[test]
fn a_leader_that_dies_is_followed_by_one_that_is_in_sync() {
    let mut three = Three::new();
    assert_eq!(three.produce("a"), Ok(Offset(0)));
    let [leader, ..] = three.replicas();
    three.cluster.crash(leader, true);
    three.cluster.run_ms(5_000);
    let next = three.cluster.leader(&three.at).expect("another leader");
    assert_ne!(next, leader);
    assert_eq!(three.read(Isolation::ReadUncommitted), ["a"]);
    assert_eq!(three.produce("b"), Ok(Offset(1)));
    three.cluster.start_all();
    three.cluster.run_ms(5_000);
    assert_eq!(three.in_sync().len(), 3);
}

#[test]
fn what_only_an_old_leader_has_is_cut_off_when_it_comes_back() {
    let mut three = Three::new();
    assert_eq!(three.produce("a"), Ok(Offset(0)));
    let [old, ..] = three.replicas();
    for node in three.others(old) {
        three.cluster.cut(Node::Broker(old), node);
    }
    let ask = three.send("lost");
    three.cluster.run_ms(8_000);
    assert_eq!(three.end_of(old), Offset(2));
    assert_eq!(three.produce("b"), Ok(Offset(1)));
    three.cluster.heal();
    three.cluster.run_ms(8_000);
    let Some(Ok(reply)) = three.cluster.answer(ask) else { panic!("no answer") };
    assert!(produced(reply).is_err(), "it was never acknowledged");
    assert_eq!(three.in_sync().len(), 3);
    assert_eq!(three.read(Isolation::ReadUncommitted), ["a", "b"]);
    assert_eq!(three.end_of(old), Offset(2));
}

#[test]
fn a_reader_with_an_old_epoch_is_fenced_and_told_of_the_new_leader() {
    let mut three = Three::new();
    let [leader, next, _] = three.replicas();
    let state = three.cluster.state(&three.at).leader_epoch;
    three.elect(next);
    let mut request = fetch(&three.at, Offset(0), Isolation::ReadUncommitted, 0);
    request.partitions[0].current_leader_epoch = Some(state);
    let part = |reply| match reply {
        Reply::Fetch(FetchReply { mut partitions, .. }) => partitions.remove(0),
        other => panic!("{other:?}"),
    };
    let fenced = part(three.cluster.ask(Node::Broker(next), request.clone()));
    assert_eq!(fenced.result, Err(ErrorCode::FencedLeaderEpoch));
    let elsewhere = part(three.cluster.ask(Node::Broker(leader), request.clone()));
    assert_eq!(elsewhere.result, Err(ErrorCode::NotLeaderOrFollower));
    assert_eq!(elsewhere.current_leader.and_then(|hint| hint.leader), Some(next));
    request.partitions[0].current_leader_epoch = Some(state.next().next());
    let early = part(three.cluster.ask(Node::Broker(next), request));
    assert_eq!(early.result, Err(ErrorCode::UnknownLeaderEpoch));
}

#[test]
fn a_fetch_that_waits_hears_of_a_change_of_leader() {
    let mut three = Three::new();
    let [_, next, _] = three.replicas();
    let request = fetch(&three.at, Offset(0), Isolation::ReadUncommitted, 60_000);
    let ask = three.cluster.send_to_leader(&three.at, request).expect("a leader");
    three.cluster.run_ms(100);
    assert_eq!(three.cluster.answer(ask), None);
    three.elect(next);
    let Some(Ok(Reply::Fetch(reply))) = three.cluster.answer(ask) else { panic!("no answer") };
    assert_eq!(reply.partitions[0].result, Err(ErrorCode::NotLeaderOrFollower));
}

#[test]
fn a_follower_learns_of_the_high_watermark_by_its_next_fetch() {
    let mut three = Three::new();
    assert_eq!(three.produce("a"), Ok(Offset(0)));
    three.cluster.run_ms(1_000);
    for broker in three.cluster.brokers.values() {
        let partition = broker.partition(&three.at).expect("a replica");
        assert_eq!(partition.high_watermark(), Offset(1));
    }
}

#[test]
fn a_follower_whose_end_the_leader_has_deleted_begins_anew() {
    let mut three = Three::new();
    let [_, follower, _] = three.replicas();
    three.cluster.crash(follower, false);
    three.cluster.run_ms(5_000);
    assert_eq!(three.produce("a"), Ok(Offset(0)));
    assert_eq!(three.produce("b"), Ok(Offset(1)));
    let partitions = vec![(three.at.clone(), Some(Offset(2)))];
    let request = DeleteRecordsRequest { partitions, timeout_ms: 1_000 };
    let at = three.at.clone();
    three.cluster.ask_leader(&at, request);
    let leader = three.cluster.leader(&at).expect("a leader");
    three.cluster.maintain(leader, &at, Maintenance::Roll);
    assert_eq!(three.produce("c"), Ok(Offset(2)));
    three.cluster.start_all();
    three.cluster.run_ms(5_000);
    assert_eq!(three.in_sync().len(), 3);
    let log = three.cluster.brokers[&follower].partition(&at).expect("a replica").log();
    assert_eq!((log.start(), log.end()), (Offset(2), Offset(3)));
}

#[test]
fn without_a_replica_in_sync_there_is_no_leader_unless_the_topic_allows_one() {
    for allowed in [false, true] {
        let config = TopicConfig { unclean_leader_election: allowed, ..TopicConfig::default() };
        let mut three = Three::with(config);
        let [first, second, third] = three.replicas();
        three.cluster.crash(second, false);
        three.cluster.crash(third, false);
        three.cluster.run_ms(5_000);
        three.cluster.crash(first, false);
        three.cluster.run_ms(5_000);
        three.cluster.start(second);
        three.cluster.run_ms(5_000);
        assert_eq!(three.cluster.leader(&three.at), allowed.then_some(second));
        three.cluster.start_all();
        three.cluster.run_ms(5_000);
        assert_eq!(three.in_sync().len(), 3);
    }
}

#[test]
fn a_leader_that_the_controller_cannot_hear_acknowledges_nothing_that_its_successor_lacks() {
    let mut three = Three::new();
    let [old, ..] = three.replicas();
    three.cluster.cut(Node::Broker(old), Node::Controller);
    three.cluster.run_ms(10_000);
    assert_ne!(three.cluster.leader(&three.at), Some(old));
    let partitions = vec![(three.at.clone(), batch(None, &["lost"]))];
    let reply = three.cluster.ask(Node::Broker(old), produce(None, partitions));
    assert!(produced(reply).is_err());
    assert_eq!(three.produce("a"), Ok(Offset(0)));
}

/// Three brokers, and a partition on all of them.
struct Three {
    cluster: Cluster,
    at: TopicPartition,
}

impl Three {
    fn new() -> Self {
        Self::with(TopicConfig::default())
    }

    fn with(config: TopicConfig) -> Self {
        let mut cluster = Cluster::new(3, 1);
        let at = cluster.create("topic", config);
        Self { cluster, at }
    }

    /// The leader first.
    fn replicas(&self) -> [BrokerId; 3] {
        let state = self.cluster.state(&self.at);
        assert_eq!(state.leader, state.replicas.first().copied());
        state.replicas.clone().try_into().expect("three replicas")
    }

    fn others(&self, broker: BrokerId) -> Vec<Node> {
        let brokers = self.cluster.brokers.keys().filter(|other| **other != broker);
        brokers.map(|other| Node::Broker(*other)).chain([Node::Controller]).collect()
    }

    fn in_sync(&self) -> &[BrokerId] {
        &self.cluster.state(&self.at).in_sync
    }

    fn end_of(&self, broker: BrokerId) -> Offset {
        self.cluster.brokers[&broker].partition(&self.at).expect("a replica").log().end()
    }

    fn elect(&mut self, broker: BrokerId) {
        let request = ElectLeadersRequest { partitions: vec![(self.at.clone(), Some(broker))] };
        self.cluster.ask(Node::Controller, request);
        self.cluster.run_ms(100);
    }

    fn send(&mut self, value: &str) -> super::cluster::Ask {
        let mut request = produce(None, vec![(self.at.clone(), batch(None, &[value]))]);
        request.timeout_ms = 20_000;
        self.cluster.send_to_leader(&self.at, request).expect("a leader")
    }

    fn produce(&mut self, value: &str) -> Result<Offset, ErrorCode> {
        let request = produce(None, vec![(self.at.clone(), batch(None, &[value]))]);
        produced(self.cluster.ask_leader(&self.at, request))
    }

    fn read(&mut self, isolation: Isolation) -> Vec<String> {
        let request = fetch(&self.at, Offset(0), isolation, 0);
        values(self.cluster.ask_leader(&self.at, request))
    }
}
