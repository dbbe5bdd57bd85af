//! A replica of a partition: its log, its high watermark, and its part as leader or follower.

mod follower;
mod leader;
mod read;

use std::collections::BTreeMap;

pub use self::{
    leader::{Appending, Leader},
    read::Reader,
};
use super::log::Log;
use crate::wire::{
    BrokerId, CleanupPolicy, ErrorCode, Instant, LeaderEpoch, LeaderHint, Offset, PartitionState,
    Timestamp, TopicConfig,
};

/// A replica.
#[derive(Clone, Debug)]
pub struct Partition {
    /// The broker that it is on.
    broker: BrokerId,
    log: Log,
    high_watermark: Offset,
    /// The high watermark as it was last written down: what a restart begins with.
    checkpoint: Offset,
    config: TopicConfig,
    leader_epoch: LeaderEpoch,
    role: Role,
}

/// What a replica does.
#[derive(Clone, Debug)]
pub enum Role {
    /// There is no leader, or the process has just started.
    Idle,
    /// It leads.
    Leader(Leader),
    /// It follows.
    Follower(BrokerId),
}

impl Partition {
    /// A new, empty replica.
    pub fn new(broker: BrokerId, config: TopicConfig) -> Self {
        Self {
            broker,
            log: Log::default(),
            high_watermark: Offset::ZERO,
            checkpoint: Offset::ZERO,
            config,
            leader_epoch: LeaderEpoch::default(),
            role: Role::Idle,
        }
    }

    /// The log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// What all in-sync replicas have, as far as this one knows.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// Where a reader of committed records has to stop.
    pub fn last_stable_offset(&self) -> Offset {
        self.log.last_stable_offset(self.high_watermark)
    }

    /// The topic's settings.
    pub fn config(&self) -> &TopicConfig {
        &self.config
    }

    /// The epoch of the current leader, as far as this replica knows.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// What it does.
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// Whether it leads.
    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// Whom it follows.
    pub fn follows(&self) -> Option<BrokerId> {
        match self.role {
            Role::Follower(leader) => Some(leader),
            Role::Idle | Role::Leader(_) => None,
        }
    }

    /// Whom to ask instead.
    pub fn hint(&self) -> Option<LeaderHint> {
        let leader = self.follows()?;
        Some(LeaderHint { leader: Some(leader), epoch: self.leader_epoch })
    }

    /// Takes the controller's word for who leads and who is in sync, unless it is older than what is
    /// known.
    pub fn apply(&mut self, config: TopicConfig, state: &PartitionState, now: Instant) {
        self.config = config;
        if state.leader_epoch < self.leader_epoch {
            return;
        }
        let id = self.broker;
        let is_new_epoch = state.leader_epoch > self.leader_epoch;
        self.leader_epoch = state.leader_epoch;
        match (&mut self.role, state.leader) {
            (Role::Leader(leader), Some(now_leads)) if now_leads == id && !is_new_epoch => {
                leader.adopt(state, now);
            }
            (_, Some(now_leads)) if now_leads == id => {
                self.log.begin_epoch(state.leader_epoch);
                self.role = Role::Leader(Leader::new(id, state, self.log.end(), now));
            }
            (_, Some(leader)) => self.role = Role::Follower(leader),
            (_, None) => self.role = Role::Idle,
        }
        self.advance();
    }

    /// The process has ended; another begins with the log and the high watermark that was written down.
    pub fn restart(&mut self) {
        self.role = Role::Idle;
        self.high_watermark = self.checkpoint.min(self.log.end()).max(self.log.start());
    }

    /// The power is lost: of the batches that had not reached the disk, the first `kept` have.
    pub fn lose_power(&mut self, kept: usize) {
        self.log.lose_power(kept);
        self.checkpoint = self.checkpoint.min(self.log.end());
        self.restart();
    }

    /// Writes the high watermark down.
    pub fn write_checkpoint(&mut self) {
        self.checkpoint = self.high_watermark;
    }

    /// What is in the log now survives a loss of power.
    pub fn sync(&mut self) {
        self.log.sync();
    }

    /// Closes the active segment.
    pub fn roll(&mut self) {
        self.log.roll();
    }

    /// Removes segments that are too old. Says whether the log starts later now.
    pub fn retain(&mut self, now: Timestamp) -> bool {
        let start = self.log.start();
        self.log.retain(now, self.high_watermark, &self.config);
        self.log.start() > start
    }

    /// Runs the cleaner, at most up to that offset.
    pub fn compact(&mut self, now: Timestamp, up_to: Offset) -> bool {
        let limit = self.log.first_uncleanable(now, self.high_watermark, &self.config);
        self.log.compact(now, up_to.min(limit), &self.config)
    }

    /// What the cleaner does of its own accord: old segments go, and once half of what could be compacted
    /// is not, it is. Says whether the log starts later now.
    pub fn clean(&mut self, now: Timestamp) -> bool {
        let is_compacted = match self.config.cleanup_policy {
            CleanupPolicy::Compact | CleanupPolicy::CompactAndDelete => true,
            CleanupPolicy::Delete => false,
        };
        if is_compacted {
            let limit = self.log.first_uncleanable(now, self.high_watermark, &self.config);
            let (start, cleaned) = (self.log.start(), self.log.cleaned());
            if limit > cleaned && 2 * (limit - cleaned) >= limit - start {
                self.log.compact(now, limit, &self.config);
            }
        }
        self.retain(now)
    }

    /// Forgets producers that have been silent since before `since`.
    pub fn expire_producers(&mut self, since: Timestamp) {
        self.log.expire_producers(since);
    }

    /// The epoch that an asker knows must be the current one.
    fn check_epoch(&self, theirs: Option<LeaderEpoch>) -> Result<(), ErrorCode> {
        match theirs {
            Some(epoch) if epoch < self.leader_epoch => Err(ErrorCode::FencedLeaderEpoch),
            Some(epoch) if epoch > self.leader_epoch => Err(ErrorCode::UnknownLeaderEpoch),
            Some(_) | None => Ok(()),
        }
    }

    fn set_high_watermark(&mut self, high_watermark: Offset) {
        self.high_watermark = high_watermark;
        self.log.replicated(high_watermark);
    }
}

/// When each follower was last heard of.
pub type Seen = BTreeMap<BrokerId, Instant>;
