//! The follower's part: it takes what the leader has, and gives up what the leader has not.

use super::Partition;
use crate::wire::{EpochEnd, FetchPartition, Fetched, Offset, TopicPartition};

/// A follower asks for so much of a partition at once.
const FETCH_BYTES_MAX: usize = 1 << 20;

impl Partition {
    /// What a follower asks for next.
    pub fn next_fetch(&self, at: &TopicPartition) -> FetchPartition {
        FetchPartition {
            partition: at.clone(),
            offset: self.log.end(),
            current_leader_epoch: Some(self.leader_epoch),
            last_fetched_epoch: self.log.latest_epoch(),
            log_start: self.log.start(),
            max_bytes: FETCH_BYTES_MAX,
        }
    }

    /// Takes what the leader answered. Says whether the next fetch asks for something else: the log's
    /// end has moved, or an epoch is forgotten in which nothing was appended.
    pub fn follow(&mut self, fetched: Fetched) -> bool {
        let before = (self.log.end(), self.log.latest_epoch());
        match fetched.diverging {
            Some(diverging) => self.truncate_to(diverging),
            None => {
                for batch in fetched.batches {
                    // A reply begins with the batch that holds the offset that was asked for.
                    if batch.base_offset >= self.log.end() {
                        self.log.append_replica(batch, &self.config);
                    }
                }
                let high_watermark = fetched.high_watermark.min(self.log.end());
                if high_watermark > self.high_watermark {
                    self.set_high_watermark(high_watermark);
                }
                let start = fetched.log_start.min(self.high_watermark);
                self.log.move_start(start);
            }
        }
        (self.log.end(), self.log.latest_epoch()) != before
    }

    /// The leader's log begins after this one's end: there is nothing to build on.
    pub fn start_over(&mut self, start: Offset) {
        self.log.restart_at(start);
        self.high_watermark = start;
        self.checkpoint = self.checkpoint.min(start);
    }

    /// Cuts the log back to where it and the leader's may still be the same (KIP-279). The next fetch
    /// asks again, with the epoch that is the last one then.
    fn truncate_to(&mut self, leaders: EpochEnd) {
        let ours = self.log.end_of_epoch(leaders.epoch).filter(|ours| ours.epoch <= leaders.epoch);
        let end = match ours {
            Some(ours) => ours.end.min(leaders.end),
            None => leaders.end,
        };
        let end = end.min(self.log.end());
        self.log.truncate(end);
        if self.high_watermark > self.log.end() {
            self.set_high_watermark(self.log.end());
        }
        self.log.replicated(self.high_watermark);
    }
}
