//! Offsets and groups that nobody uses are forgotten.

use super::{
    Append, ForgottenAppend, GroupCoordinator, Turn, record,
    state::{Group, State},
};
use crate::wire::TopicPartition;

impl GroupCoordinator {
    /// Forgets the offsets of groups that have been empty for long, and groups that have nothing left.
    pub(super) fn expire(&mut self, turn: &mut Turn<'_>) {
        for (id, group) in &self.groups {
            let is_busy = turn.tickets.open.values().any(|append| append.is_of(id));
            if group.state != State::Empty || !group.promised.is_empty() || is_busy {
                continue;
            }
            let expired = group.expired_offsets(turn);
            let mut records: Vec<_> =
                expired.iter().map(|of| record::encode_offset(id, of, None)).collect();
            if group.offsets.iter().count() == expired.len() && !group.offsets.has_unstable() {
                records.push(record::encode_group(id, None));
            }
            if !records.is_empty() {
                let append = ForgottenAppend { group: id.clone(), offsets: expired, at: None };
                turn.append(Append::Forgotten(append), records);
            }
        }
        self.schedule_expiry(turn);
    }

    /// It is on all in-sync replicas that they are forgotten.
    pub(super) fn forgotten(&mut self, turn: &Turn<'_>, append: &ForgottenAppend) {
        let id = &append.group;
        let at = append.at.expect("it is written before it is replicated");
        let is_busy = turn.tickets.open.values().any(|append| append.is_of(id));
        let Some(group) = self.groups.get_mut(id) else { return };
        for partition in &append.offsets {
            group.offsets.forget(partition, at);
        }
        let is_over = group.state == State::Empty && group.promised.is_empty();
        if is_over && group.offsets.is_empty() && !is_busy {
            self.groups.remove(id);
        }
    }

    pub(super) fn schedule_expiry(&mut self, turn: &Turn<'_>) {
        let interval = turn.context.config.offsets_retention_ms.min(EXPIRY_SCAN_MS);
        self.expire_at = Some(turn.context.now.instant.plus_ms(interval));
    }
}

impl Group {
    /// A group that had members keeps its offsets for a time after it has become empty; one that never
    /// had any, for a time after each commit.
    fn expired_offsets(&self, turn: &Turn<'_>) -> Vec<TopicPartition> {
        let limit = turn.context.config.offsets_retention_ms;
        let now = turn.context.now.wall.0;
        let had_members = !self.protocol_type.is_empty();
        let old = self.offsets.iter().filter(|(of, committed)| {
            let since = if had_members { self.since } else { committed.time };
            since.0 + limit <= now && !self.offsets.is_unstable(of)
        });
        old.map(|(of, _)| of.clone()).collect()
    }
}

impl Append {
    fn is_of(&self, id: &str) -> bool {
        match self {
            Self::Settle | Self::Emptied => false,
            Self::Assignment(append) => append.group == id,
            Self::Renamed(append) => append.group == id,
            Self::Offsets(append) => append.group == id,
            Self::Forgotten(append) => append.group == id,
        }
    }
}

/// `offsets.retention.check.interval.ms`.
const EXPIRY_SCAN_MS: u64 = 10 * 60 * 1000;
