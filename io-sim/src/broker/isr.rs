//! Changes of in-sync sets: the leader asks the controller, one request at a time.

use std::collections::BTreeSet;

use super::{Broker, calls::Call, timers::Alarm};
use crate::wire::{AlterPartitionReply, AlterPartitionRequest, Node, TopicPartition};

/// The changes that are to be asked for.
#[derive(Debug, Default)]
pub(super) struct Isr {
    is_under_way: bool,
    /// Partitions with a proposal that the controller has not heard.
    unsent: BTreeSet<TopicPartition>,
}

impl Broker {
    /// Asks for another in-sync set, if it should be another one.
    pub(super) fn propose(&mut self, at: &TopicPartition) {
        let Some(partition) = self.partitions.get_mut(at) else { return };
        let lag_max_ms = self.config.replica_lag_time_max_ms;
        if partition.propose(&self.image, lag_max_ms, self.now.instant, &self.seen) {
            self.isr.unsent.insert(at.clone());
            self.alter_partitions();
        }
    }

    /// Followers that have not caught up for too long leave the in-sync set.
    pub(super) fn look_for_laggards(&mut self) {
        let led = self.partitions.iter().filter(|(_, partition)| partition.is_leader());
        for at in led.map(|(at, _)| at.clone()).collect::<Vec<_>>() {
            self.propose(&at);
        }
    }

    pub(super) fn alter_partitions(&mut self) {
        let Some(epoch) = self.membership.epoch else { return };
        if self.isr.is_under_way || self.isr.unsent.is_empty() {
            return;
        }
        let unsent = std::mem::take(&mut self.isr.unsent);
        let proposal = |at: &TopicPartition| self.partitions.get(at)?.proposal(at, epoch);
        let partitions: Vec<_> = unsent.iter().filter_map(proposal).collect();
        if partitions.is_empty() {
            return;
        }
        let asked = partitions.iter().map(|it| it.partition.clone()).collect();
        let request = AlterPartitionRequest { broker: self.id, epoch, partitions };
        self.isr.is_under_way = true;
        self.call(Node::Controller, request, Call::AlterPartition(asked));
    }

    pub(super) fn partitions_altered(
        &mut self,
        asked: Vec<TopicPartition>,
        reply: Option<AlterPartitionReply>,
    ) {
        self.isr.is_under_way = false;
        match reply {
            Some(AlterPartitionReply { error: None, partitions }) => {
                for (at, result) in partitions {
                    match result {
                        Ok(state) => {
                            let config = *self.partitions[&at].config();
                            self.apply_state(&at, config, &state);
                        }
                        Err(error) => {
                            let partition = self.partitions.get_mut(&at);
                            partition.expect("a replica stays").proposal_refused(error);
                        }
                    }
                }
                self.alter_partitions();
            }
            // Whether it was heard is not known: until an answer comes, both sets count.
            Some(AlterPartitionReply { error: Some(_), .. }) | None => {
                self.isr.unsent.extend(asked);
                let backoff = self.now.instant.plus_ms(self.config.replica_fetch_backoff_ms);
                self.timers.set(backoff, Alarm::AlterPartition);
            }
        }
    }
}
