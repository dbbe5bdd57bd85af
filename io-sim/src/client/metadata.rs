//! Who leads, and who coordinates: looked up when it is needed, forgotten when it proves wrong.

use std::{collections::BTreeMap, time::Duration};

use tidelog_core::{PartitionId, Topic};

use super::{Cluster, Failure, Place};
use crate::wire::{
    BrokerId, CoordinatorKind, ErrorCode, FindCoordinatorRequest, LeaderEpoch, LeaderHint,
    MetadataRequest, Node, Reply, Request, TopicMetadata,
};

/// Who leads a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leader {
    pub(crate) broker: BrokerId,
    pub(crate) epoch: LeaderEpoch,
}

/// What a client knows of the cluster.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    /// Whom to ask, in turn, where anybody will do.
    brokers: Vec<BrokerId>,
    turn: usize,
    partitions: BTreeMap<Place, Known>,
    coordinators: BTreeMap<(CoordinatorKind, String), Node>,
}

/// What is known of a partition. The epoch outlives its leader: what is older is no news.
#[derive(Clone, Copy, Debug)]
struct Known {
    epoch: LeaderEpoch,
    leader: Option<BrokerId>,
}

impl Metadata {
    pub(super) fn new(brokers: Vec<BrokerId>) -> Self {
        Self { brokers, ..Self::default() }
    }

    fn learn(&mut self, place: Place, leader: Option<BrokerId>, epoch: LeaderEpoch) {
        let known = self.partitions.entry(place).or_insert(Known { epoch, leader });
        if epoch >= known.epoch {
            *known = Known { epoch, leader };
        }
    }

    fn anybody(&self) -> Node {
        Node::Broker(self.brokers[self.turn % self.brokers.len()])
    }
}

impl Cluster {
    /// Who leads a partition, as far as is known.
    pub(crate) fn leader(&self, place: Place) -> Option<Leader> {
        let metadata = self.0.metadata.borrow();
        let known = metadata.partitions.get(&place)?;
        Some(Leader { broker: known.leader?, epoch: known.epoch })
    }

    /// Whether all partitions of a topic are known to be led.
    pub(crate) fn is_led(&self, topic: Topic) -> bool {
        self.settings().layout.all().all(|partition| self.leader((topic, partition)).is_some())
    }

    /// Who leads a partition; it is asked for if it is not known.
    pub(crate) async fn find_leader(&self, place: Place) -> Result<Leader, Failure> {
        if let Some(leader) = self.leader(place) {
            return Ok(leader);
        }
        self.refresh(&[place.0]).await;
        self.leader(place).ok_or(Failure::NoLeader)
    }

    /// Partitions by who leads them. Those that nobody is known to lead are left out.
    pub(crate) async fn by_leader(
        &self,
        places: impl Iterator<Item = Place> + Clone,
    ) -> BTreeMap<BrokerId, Vec<Place>> {
        let unknown = places.clone().filter(|place| self.leader(*place).is_none());
        let mut topics: Vec<Topic> = unknown.map(|(topic, _)| topic).collect();
        topics.dedup();
        if !topics.is_empty() {
            self.refresh(&topics).await;
        }
        let mut leaders: BTreeMap<BrokerId, Vec<Place>> = BTreeMap::new();
        for place in places {
            if let Some(leader) = self.leader(place) {
                leaders.entry(leader.broker).or_default().push(place);
            }
        }
        leaders
    }

    /// The leader of a partition is not who it was thought to be, or cannot be reached.
    pub(crate) fn forget_leader(&self, place: Place) {
        if let Some(known) = self.0.metadata.borrow_mut().partitions.get_mut(&place) {
            known.leader = None;
        }
    }

    /// Takes what an answer says of a leader in passing: of an error, that it is another one.
    pub(super) fn hint(&self, place: Place, code: Option<ErrorCode>, hint: Option<LeaderHint>) {
        let is_wrong = matches!(
            code,
            Some(
                ErrorCode::NotLeaderOrFollower
                    | ErrorCode::FencedLeaderEpoch
                    | ErrorCode::UnknownLeaderEpoch
                    | ErrorCode::UnknownTopicOrPartition
                    | ErrorCode::LeaderNotAvailable
                    | ErrorCode::KafkaStorageError
            )
        );
        if is_wrong {
            self.forget_leader(place);
        }
        if let Some(LeaderHint { leader: Some(leader), epoch }) = hint {
            self.0.metadata.borrow_mut().learn(place, Some(leader), epoch);
        }
    }

    /// Asks anybody who leads the partitions of some topics. Of an answer that does not come nothing is
    /// learnt, and the next one is asked the next time.
    pub(crate) async fn refresh(&self, topics: &[Topic]) {
        let names = topics.iter().map(|topic| self.0.names.name(*topic)).collect();
        let asked = self.anybody();
        let request = MetadataRequest { topics: Some(names) };
        let Ok(Reply::Metadata(reply)) = self.request(asked, request).await else {
            return self.next_one();
        };
        let mut metadata = self.0.metadata.borrow_mut();
        for TopicMetadata { topic, partitions } in reply.topics {
            let Some(topic) = self.0.names.topic(&topic) else { continue };
            for it in partitions.into_iter().flatten() {
                metadata.learn((topic, PartitionId(it.partition)), it.leader, it.leader_epoch);
            }
        }
    }

    /// Asks whoever coordinates a group or a transactional id.
    pub(super) async fn ask_coordinator(
        &self,
        kind: CoordinatorKind,
        key: &str,
        request: impl Into<Request>,
    ) -> Result<Reply, Failure> {
        let timeout = self.settings().request_timeout;
        self.ask_coordinator_within(kind, key, request, timeout).await
    }

    /// As [`Cluster::ask_coordinator`], for what takes its time.
    pub(super) async fn ask_coordinator_within(
        &self,
        kind: CoordinatorKind,
        key: &str,
        request: impl Into<Request>,
        timeout: Duration,
    ) -> Result<Reply, Failure> {
        let coordinator = self.coordinator(kind, key).await?;
        let reply = self.request_within(coordinator, request, timeout).await;
        reply.inspect_err(|_| self.forget_coordinator(kind, key))
    }

    /// Takes the error of a coordinator's answer.
    pub(super) fn refused(&self, kind: CoordinatorKind, key: &str, code: ErrorCode) -> Failure {
        if matches!(code, ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable) {
            self.forget_coordinator(kind, key);
        }
        Failure::Said(code)
    }

    async fn coordinator(&self, kind: CoordinatorKind, key: &str) -> Result<Node, Failure> {
        let known = (kind, key.to_owned());
        if let Some(coordinator) = self.0.metadata.borrow().coordinators.get(&known) {
            return Ok(*coordinator);
        }
        let asked = self.anybody();
        let reply = self.request(asked, FindCoordinatorRequest { kind, key: key.into() }).await;
        let reply = reply.inspect_err(|_| self.next_one())?;
        let Reply::FindCoordinator(found) = reply else { unreachable!("{reply:?}") };
        let coordinator = found.inspect_err(|_| self.next_one())?;
        self.0.metadata.borrow_mut().coordinators.insert(known, coordinator);
        Ok(coordinator)
    }

    fn forget_coordinator(&self, kind: CoordinatorKind, key: &str) {
        self.0.metadata.borrow_mut().coordinators.remove(&(kind, key.to_owned()));
    }

    /// Somebody who can be asked what everybody knows.
    pub(super) fn anybody(&self) -> Node {
        self.0.metadata.borrow().anybody()
    }

    /// Whoever was asked did not help: the next time it is somebody else's turn.
    pub(super) fn next_one(&self) {
        self.0.metadata.borrow_mut().turn += 1;
    }
}
