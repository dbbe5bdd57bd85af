//! The follower's side of replica fetches: one fetch at a time from each leader.

use std::collections::{BTreeMap, BTreeSet};

use super::{Broker, calls::Call, timers::Alarm};
use crate::wire::{
    BrokerId, ErrorCode, FetchPartitionReply, FetchReplica, FetchReply, FetchRequest, Isolation,
    LeaderEpoch, ListOffsetsPartition, ListOffsetsReply, ListOffsetsRequest, Node, OffsetSpec,
    TopicPartition,
};

/// What is fetched from whom.
#[derive(Debug, Default)]
pub(super) struct Fetchers(BTreeMap<BrokerId, Fetcher>);

/// The fetches from one leader.
#[derive(Debug, Default)]
struct Fetcher {
    /// The number of the next request of the session; 0 begins one.
    session_epoch: u32,
    is_under_way: bool,
    /// It waits before it tries again.
    is_resting: bool,
    /// What the leader knows that this broker wants: each with the leader epoch of the last request that
    /// named it.
    known: BTreeMap<TopicPartition, LeaderEpoch>,
    /// What the next request has to name.
    unnamed: BTreeSet<TopicPartition>,
    /// What could not be fetched and is named again after a rest.
    failed: BTreeSet<TopicPartition>,
    forgotten: BTreeSet<TopicPartition>,
}

/// A follower takes so much at once.
const FETCH_BYTES_MAX: usize = 10 << 20;

impl Broker {
    /// That replica follows another leader now, or the same one in another epoch, or none.
    pub(super) fn follow(&mut self, at: &TopicPartition, leader: Option<BrokerId>) {
        for (other, fetcher) in &mut self.fetchers.0 {
            if Some(*other) != leader && fetcher.forget(at) {
                fetcher.forgotten.insert(at.clone());
            }
        }
        let Some(leader) = leader else { return };
        let fetcher = self.fetchers.0.entry(leader).or_default();
        fetcher.failed.remove(at);
        fetcher.forgotten.remove(at);
        fetcher.unnamed.insert(at.clone());
    }

    /// Fetches from every leader from which nothing is on its way.
    pub(super) fn fetch_all(&mut self) {
        let leaders: Vec<_> = self.fetchers.0.keys().copied().collect();
        for leader in leaders {
            self.fetch_from(leader);
        }
    }

    pub(super) fn retry_fetch(&mut self, leader: BrokerId) {
        let Some(fetcher) = self.fetchers.0.get_mut(&leader) else { return };
        fetcher.is_resting = false;
        let mut failed = std::mem::take(&mut fetcher.failed);
        fetcher.unnamed.append(&mut failed);
        self.fetch_from(leader);
    }

    fn fetch_from(&mut self, leader: BrokerId) {
        let Some(epoch) = self.membership.epoch else { return };
        let fetcher = self.fetchers.0.get_mut(&leader).expect("it is listed");
        if fetcher.is_under_way || fetcher.is_resting || fetcher.is_idle() {
            return;
        }
        if fetcher.session_epoch == 0 {
            fetcher.unnamed.extend(std::mem::take(&mut fetcher.known).into_keys());
            fetcher.forgotten.clear();
        }
        let mut partitions = Vec::with_capacity(fetcher.unnamed.len());
        for at in std::mem::take(&mut fetcher.unnamed) {
            let partition = &self.partitions[&at];
            partitions.push(partition.next_fetch(&at));
            fetcher.known.insert(at, partition.leader_epoch());
        }
        let replica = FetchReplica {
            id: self.id,
            epoch,
            session_epoch: fetcher.session_epoch,
            forgotten: std::mem::take(&mut fetcher.forgotten).into_iter().collect(),
        };
        fetcher.is_under_way = true;
        let request = FetchRequest {
            replica: Some(replica),
            isolation: Isolation::ReadUncommitted,
            max_wait_ms: self.config.replica_fetch_wait_max_ms,
            min_bytes: 1,
            max_bytes: FETCH_BYTES_MAX,
            partitions,
        };
        self.call(Node::Broker(leader), request, Call::Fetch(leader));
    }

    pub(super) fn fetched(&mut self, leader: BrokerId, reply: Option<FetchReply>) {
        let fetcher = self.fetchers.0.get_mut(&leader).expect("a fetcher stays");
        fetcher.is_under_way = false;
        match reply {
            Some(FetchReply { error: None, partitions }) => {
                fetcher.session_epoch += 1;
                for part in partitions {
                    self.take(leader, part);
                }
            }
            Some(FetchReply { error: Some(ErrorCode::InvalidFetchSessionEpoch), .. }) => {
                fetcher.session_epoch = 0;
            }
            Some(FetchReply { error: Some(_), .. }) | None => {
                fetcher.session_epoch = 0;
                self.rest(leader);
            }
        }
        self.fetch_from(leader);
    }

    fn take(&mut self, leader: BrokerId, part: FetchPartitionReply) {
        let FetchPartitionReply { partition: at, result, .. } = part;
        let fetcher = self.fetchers.0.get_mut(&leader).expect("a fetcher stays");
        let partition = self.partitions.get_mut(&at).expect("a replica stays");
        let is_current = fetcher.known.get(&at) == Some(&partition.leader_epoch())
            && partition.follows() == Some(leader);
        match result {
            // It is named again, if it is still followed.
            Err(_) if !is_current => {
                fetcher.known.remove(&at);
            }
            Ok(_) if !is_current => {}
            Ok(fetched) => {
                if partition.follow(fetched) {
                    fetcher.unnamed.insert(at);
                }
            }
            Err(ErrorCode::OffsetOutOfRange) => {
                fetcher.known.remove(&at);
                self.ask_for_log_start(leader, at);
            }
            Err(_) => {
                fetcher.known.remove(&at);
                fetcher.failed.insert(at);
                self.rest_if_failed(leader);
            }
        }
    }

    /// The leader has nothing where this log ends: perhaps its log begins later.
    fn ask_for_log_start(&mut self, leader: BrokerId, at: TopicPartition) {
        let question = ListOffsetsPartition {
            partition: at.clone(),
            current_leader_epoch: Some(self.partitions[&at].leader_epoch()),
            spec: OffsetSpec::Earliest,
        };
        let request = ListOffsetsRequest {
            isolation: Isolation::ReadUncommitted,
            partitions: vec![question],
        };
        self.call(Node::Broker(leader), request, Call::LogStart(leader, at));
    }

    pub(super) fn log_start_learnt(
        &mut self,
        leader: BrokerId,
        at: &TopicPartition,
        reply: Option<ListOffsetsReply>,
    ) {
        let partition = self.partitions.get_mut(at).expect("a replica stays");
        if partition.follows() != Some(leader) {
            return;
        }
        let listed = reply.and_then(|reply| reply.partitions.into_iter().next());
        if let Some((_, Ok(listed))) = listed
            && listed.leader_epoch == partition.leader_epoch()
            && let Some(start) = listed.offset.filter(|start| *start > partition.log().end())
        {
            partition.start_over(start);
        }
        let fetcher = self.fetchers.0.get_mut(&leader).expect("a fetcher stays");
        fetcher.failed.insert(at.clone());
        self.rest_if_failed(leader);
    }

    /// All fetches from that leader wait for a while.
    fn rest(&mut self, leader: BrokerId) {
        let fetcher = self.fetchers.0.get_mut(&leader).expect("a fetcher stays");
        fetcher.is_resting = true;
        self.rest_if_failed(leader);
    }

    fn rest_if_failed(&mut self, leader: BrokerId) {
        let backoff = self.now.instant.plus_ms(self.config.replica_fetch_backoff_ms);
        self.timers.set(backoff, Alarm::Fetcher(leader));
    }
}

impl Fetcher {
    /// Says whether the leader has to be told.
    fn forget(&mut self, at: &TopicPartition) -> bool {
        self.unnamed.remove(at);
        self.failed.remove(at);
        self.known.remove(at).is_some()
    }

    /// There is nothing that it could fetch.
    fn is_idle(&self) -> bool {
        self.known.is_empty() && self.unnamed.is_empty()
    }
}
