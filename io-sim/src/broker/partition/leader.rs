//! The leader's part: appends, the in-sync set, the high watermark.

use std::collections::{BTreeMap, BTreeSet};

use super::{Partition, Role, Seen};
use crate::{
    broker::producers::{Check, Recent, check_batch, check_marker},
    wire::{
        Acks, AlterPartition, Appended, BrokerEpoch, BrokerId, CleanupPolicy, ErrorCode, Image,
        Instant, NewBatch, Now, Offset, PartitionEpoch, PartitionState, Payload, ProducerId,
        ProducerStamp, Records, Sequence, TopicPartition, TxnMarker,
    },
};

/// What a leader keeps besides the log.
#[derive(Clone, Debug)]
pub struct Leader {
    id: BrokerId,
    /// Where its own records begin.
    epoch_start: Offset,
    partition_epoch: PartitionEpoch,
    replicas: Vec<BrokerId>,
    in_sync: Vec<BrokerId>,
    /// The in-sync set that the controller has been asked for.
    proposed: Option<Vec<BrokerId>>,
    remotes: BTreeMap<BrokerId, Remote>,
    verifying: BTreeMap<ProducerId, Verifying>,
}

/// How far a follower is.
#[derive(Clone, Copy, Debug, Default)]
struct Remote {
    end: Option<Offset>,
    epoch: BrokerEpoch,
    caught_up: Option<Instant>,
    /// Of its last fetch: when it came, and where the leader's log ended then.
    last: Option<(Instant, Offset)>,
}

/// A transaction that the coordinator has been asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verifying {
    /// Distinguishes it from others of the producer.
    pub guard: u64,
    /// The lowest sequence that is waiting for the answer.
    pub lowest: Option<Sequence>,
}

/// What becomes of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appending {
    /// It is in the log, or was already. It counts once the high watermark reaches `until`.
    Done {
        /// What to answer then.
        appended: Appended,
        /// The offset after it.
        until: Offset,
    },
    /// The coordinator must be asked first whether the partition is part of the transaction.
    Verify,
}

impl Leader {
    pub(super) fn new(id: BrokerId, state: &PartitionState, end: Offset, now: Instant) -> Self {
        let mut leader = Self {
            id,
            epoch_start: end,
            partition_epoch: state.partition_epoch,
            replicas: state.replicas.clone(),
            in_sync: state.in_sync.clone(),
            proposed: None,
            remotes: BTreeMap::new(),
            verifying: BTreeMap::new(),
        };
        for follower in state.replicas.iter().filter(|replica| **replica != id) {
            let caught_up = state.in_sync.contains(follower).then_some(now);
            leader.remotes.insert(*follower, Remote { caught_up, ..Remote::default() });
        }
        leader
    }

    /// A new state of the same leader epoch.
    pub(super) fn adopt(&mut self, state: &PartitionState, now: Instant) {
        if state.partition_epoch <= self.partition_epoch {
            return;
        }
        self.partition_epoch = state.partition_epoch;
        self.replicas.clone_from(&state.replicas);
        self.in_sync.clone_from(&state.in_sync);
        self.proposed = None;
        let id = self.id;
        self.remotes.retain(|follower, _| state.replicas.contains(follower));
        for follower in state.replicas.iter().filter(|replica| **replica != id) {
            let caught_up = state.in_sync.contains(follower).then_some(now);
            self.remotes.entry(*follower).or_insert(Remote { caught_up, ..Remote::default() });
        }
    }

    /// The in-sync set as the controller has confirmed it.
    pub fn in_sync(&self) -> &[BrokerId] {
        &self.in_sync
    }

    /// Where its own records begin.
    pub fn epoch_start(&self) -> Offset {
        self.epoch_start
    }

    /// Who may be in sync, whatever became of the proposal.
    fn maximal(&self) -> BTreeSet<BrokerId> {
        self.in_sync.iter().chain(self.proposed.iter().flatten()).copied().collect()
    }
}

impl Partition {
    /// Appends a batch of a producer. `is_verified` says that the coordinator has been asked.
    ///
    /// # Errors
    ///
    /// Why it was refused; then nothing was appended.
    pub fn produce(
        &mut self,
        now: Now,
        batch: &NewBatch,
        acks: Acks,
        is_verified: bool,
        seen: &Seen,
    ) -> Result<Appending, ErrorCode> {
        let count = self.check_records(&batch.records)?;
        let Role::Leader(leader) = &self.role else { return Err(ErrorCode::NotLeaderOrFollower) };
        if acks == Acks::All && leader.in_sync.len() < self.min_in_sync(leader) {
            return Err(ErrorCode::NotEnoughReplicas);
        }
        if let Some(stamp) = batch.producer {
            let verify = self.must_verify(stamp) && !is_verified;
            match check_batch(self.log.producers(), stamp, count) {
                // Whether a batch is missing is looked at when the coordinator has been asked.
                Ok(Check::New) | Err(ErrorCode::OutOfOrderSequenceNumber) if verify => {
                    return Ok(Appending::Verify);
                }
                Ok(Check::Repeated(recent)) => return Ok(self.repeated(recent)),
                Ok(Check::New) => {}
                Err(error) => return Err(error),
            }
        }
        let payload = Payload::Records(batch.records.clone());
        Ok(self.append(now, batch.producer, payload, seen))
    }

    /// Appends the end of a transaction.
    ///
    /// # Errors
    ///
    /// Why it was refused; then nothing was appended.
    pub fn mark(
        &mut self,
        now: Now,
        marker: &TxnMarker,
        seen: &Seen,
    ) -> Result<Appending, ErrorCode> {
        let Role::Leader(leader) = &mut self.role else {
            return Err(ErrorCode::NotLeaderOrFollower);
        };
        if leader.in_sync.len() < min_in_sync(&self.config, leader) {
            return Err(ErrorCode::NotEnoughReplicas);
        }
        check_marker(self.log.producers(), marker)?;
        // What was verified was part of the transaction that ends here.
        leader.verifying.remove(&marker.producer);
        let stamp = ProducerStamp {
            id: marker.producer,
            epoch: marker.epoch,
            sequence: None,
            transactional: true,
        };
        let (result, coordinator_epoch) = (marker.result, marker.coordinator_epoch);
        let payload = Payload::Marker { result, coordinator_epoch };
        Ok(self.append(now, Some(stamp), payload, seen))
    }

    /// Whether that batch is the first of its transaction here, so that the coordinator must be asked.
    fn must_verify(&self, stamp: ProducerStamp) -> bool {
        let producer = self.log.producers().of(stamp.id);
        stamp.transactional && !producer.is_some_and(|it| it.has_open_transaction(stamp.epoch))
    }

    /// Begins to wait for the coordinator's answer; several batches of a producer wait for one.
    pub fn begin_verification(&mut self, stamp: ProducerStamp, guard: u64) -> Option<Verifying> {
        let Role::Leader(leader) = &mut self.role else { return None };
        let fresh = Verifying { guard, lowest: stamp.sequence };
        let verifying = leader.verifying.entry(stamp.id).or_insert(fresh);
        verifying.lowest = verifying.lowest.min(stamp.sequence);
        Some(*verifying)
    }

    /// The coordinator has said yes: whether the batch may be appended now. A producer that adds
    /// partitions by that has a new epoch for each transaction, so it begins with number 0.
    ///
    /// # Errors
    ///
    /// `InvalidTxnState` if the transaction has ended meanwhile, `OutOfOrderSequenceNumber` for a batch
    /// that overtook another.
    pub fn end_verification(
        &mut self,
        stamp: ProducerStamp,
        guard: u64,
        adds: bool,
    ) -> Result<(), ErrorCode> {
        if !self.must_verify(stamp) {
            return Ok(());
        }
        let is_known = self.log.producers().of(stamp.id).is_some();
        let begins = stamp.sequence.is_none_or(|sequence| sequence == Sequence(0));
        let Role::Leader(leader) = &mut self.role else {
            return Err(ErrorCode::NotLeaderOrFollower);
        };
        match leader.verifying.get(&stamp.id) {
            Some(verifying) if verifying.guard == guard => {
                if stamp.sequence > verifying.lowest || (adds && !is_known && !begins) {
                    return Err(ErrorCode::OutOfOrderSequenceNumber);
                }
                leader.verifying.remove(&stamp.id);
                Ok(())
            }
            Some(_) | None => Err(ErrorCode::InvalidTxnState),
        }
    }

    /// Whether all in-sync replicas have everything before `until`, and there are enough of them.
    pub fn is_replicated(&self, until: Offset) -> Option<Result<(), ErrorCode>> {
        let Role::Leader(leader) = &self.role else {
            return Some(Err(ErrorCode::NotLeaderOrFollower));
        };
        if self.high_watermark < until {
            return None;
        }
        let enough = leader.in_sync.len() >= self.min_in_sync(leader);
        Some(if enough { Ok(()) } else { Err(ErrorCode::NotEnoughReplicasAfterAppend) })
    }

    /// A follower asks for what comes after `end`: so much it has. Says whether the high watermark rose.
    pub fn follower_is_at(
        &mut self,
        follower: BrokerId,
        epoch: BrokerEpoch,
        end: Offset,
        now: Instant,
    ) -> bool {
        let log_end = self.log.end();
        let Role::Leader(leader) = &mut self.role else { return false };
        let Some(remote) = leader.remotes.get_mut(&follower) else { return false };
        if end >= log_end {
            remote.caught_up = Some(now);
        } else if let Some((when, end_then)) = remote.last
            && end >= end_then
        {
            remote.caught_up = remote.caught_up.max(Some(when));
        }
        remote.last = Some((now, log_end));
        remote.end = Some(end);
        remote.epoch = epoch;
        self.advance()
    }

    /// Whether that follower is not in the in-sync set.
    pub fn is_out_of_sync(&self, follower: BrokerId) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        !leader.in_sync.contains(&follower)
    }

    /// Proposes another in-sync set, if it should be another one and no proposal is on its way. Says
    /// whether there is a new proposal.
    pub fn propose(&mut self, image: &Image, lag_max_ms: u64, now: Instant, seen: &Seen) -> bool {
        let end = self.log.end();
        let high_watermark = self.high_watermark;
        let Role::Leader(leader) = &mut self.role else { return false };
        if leader.proposed.is_some() {
            return false;
        }
        let id = leader.id;
        let joins = |follower: &BrokerId, remote: &Remote| {
            let state = image.brokers.get(follower);
            let is_alive = state.is_some_and(|it| !it.fenced && it.epoch == remote.epoch);
            let floor = high_watermark.max(leader.epoch_start);
            is_alive && remote.end.is_some_and(|end| end >= floor)
        };
        let stays = |follower: &BrokerId, remote: &Remote| {
            let level = remote.end == Some(end);
            let caught_up = if level { seen.get(follower).copied() } else { remote.caught_up };
            level || caught_up.is_some_and(|when| now.ms_since(when) <= lag_max_ms)
        };
        let belongs = |replica: &BrokerId| {
            let Some(remote) = leader.remotes.get(replica) else { return *replica == id };
            match leader.in_sync.contains(replica) {
                true => stays(replica, remote),
                false => joins(replica, remote),
            }
        };
        let wanted: Vec<_> = leader.replicas.iter().copied().filter(belongs).collect();
        let is_same = wanted.len() == leader.in_sync.len()
            && wanted.iter().all(|replica| leader.in_sync.contains(replica));
        if !is_same {
            leader.proposed = Some(wanted);
        }
        !is_same
    }

    /// The proposal as it stands.
    pub fn proposal(&self, at: &TopicPartition, own: BrokerEpoch) -> Option<AlterPartition> {
        let Role::Leader(leader) = &self.role else { return None };
        let epoch_of = |replica: &BrokerId| {
            (*replica, leader.remotes.get(replica).map_or(own, |remote| remote.epoch))
        };
        Some(AlterPartition {
            partition: at.clone(),
            leader_epoch: self.leader_epoch,
            partition_epoch: leader.partition_epoch,
            in_sync: leader.proposed.as_ref()?.iter().map(epoch_of).collect(),
        })
    }

    /// The controller has refused the proposal for good. What it was built on may be stale: then the
    /// next image brings the truth, and until then the larger set counts.
    pub fn proposal_refused(&mut self, error: ErrorCode) {
        let Role::Leader(leader) = &mut self.role else { return };
        match error {
            ErrorCode::InvalidUpdateVersion
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::NotLeaderOrFollower
            | ErrorCode::UnknownTopicOrPartition => {}
            // Nothing has come of it.
            _ => leader.proposed = None,
        }
    }

    /// Raises the high watermark to what all have who are in sync, or may be. With fewer of them than
    /// the topic asks for it stays (KIP-966). Says whether it rose.
    pub(super) fn advance(&mut self) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        if leader.in_sync.len() < self.min_in_sync(leader) {
            return false;
        }
        let mut lowest = self.log.end();
        for replica in leader.maximal().into_iter().filter(|replica| *replica != self.broker) {
            let Some(end) = leader.remotes.get(&replica).and_then(|remote| remote.end) else {
                return false;
            };
            lowest = lowest.min(end);
        }
        let rises = lowest > self.high_watermark;
        if rises {
            self.set_high_watermark(lowest);
        }
        rises
    }

    fn append(
        &mut self,
        now: Now,
        producer: Option<ProducerStamp>,
        payload: Payload,
        seen: &Seen,
    ) -> Appending {
        let end_before = self.log.end();
        let epoch = self.leader_epoch;
        let base_offset = self.log.append(epoch, now.wall, producer, payload, &self.config);
        let Role::Leader(leader) = &mut self.role else {
            unreachable!("the caller has checked that it leads")
        };
        for (follower, remote) in &mut leader.remotes {
            // It had everything when it was last heard of.
            if remote.end == Some(end_before) {
                remote.caught_up = remote.caught_up.max(seen.get(follower).copied());
            }
        }
        self.advance();
        let (timestamp, log_start) = (Some(now.wall), self.log.start());
        let appended = Appended { base_offset, timestamp, log_start };
        Appending::Done { appended, until: self.log.end() }
    }

    fn repeated(&self, recent: Recent) -> Appending {
        let appended = Appended {
            base_offset: recent.base_offset,
            timestamp: Some(recent.timestamp),
            log_start: self.log.start(),
        };
        Appending::Done { appended, until: recent.last_offset.next() }
    }

    fn check_records(&self, records: &Records) -> Result<u32, ErrorCode> {
        if records.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        if records.size() > self.config.max_message_bytes {
            return Err(ErrorCode::MessageTooLarge);
        }
        let needs_keys = match self.config.cleanup_policy {
            CleanupPolicy::Compact | CleanupPolicy::CompactAndDelete => true,
            CleanupPolicy::Delete => false,
        };
        if needs_keys && records.iter().any(|record| record.key.is_none()) {
            return Err(ErrorCode::InvalidRecord);
        }
        u32::try_from(records.len()).map_err(|_| ErrorCode::MessageTooLarge)
    }

    fn min_in_sync(&self, leader: &Leader) -> usize {
        min_in_sync(&self.config, leader)
    }
}

/// What the topic asks for, as far as there are replicas.
fn min_in_sync(config: &crate::wire::TopicConfig, leader: &Leader) -> usize {
    (config.min_insync_replicas as usize).min(leader.replicas.len())
}
