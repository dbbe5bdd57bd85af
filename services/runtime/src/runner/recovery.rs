//! Which partitions are to be restored, and when.

use std::{collections::BTreeMap, time::Duration};

use tidelog_core::{PartitionId, Timestamp};

use crate::Settings;

/// The partitions that are ours and have no task, and how often each has failed in a row.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    due: BTreeMap<PartitionId, Due>,
    failures: BTreeMap<PartitionId, u32>,
}

/// When a partition is to be restored.
#[derive(Clone, Copy, Debug)]
struct Due {
    /// What the clock showed when that was decided.
    since: Timestamp,
    at: Timestamp,
}

impl Due {
    /// Whether it is time. A clock that was set back says no more about how long it still is.
    fn has_come(self, now: Timestamp) -> bool {
        self.at <= now || now < self.since
    }
}

impl Recovery {
    /// A partition was assigned: it is to be restored at once.
    pub(super) fn assigned(&mut self, partition: PartitionId) {
        self.due.insert(partition, Due { since: Timestamp::ZERO, at: Timestamp::ZERO });
    }

    /// A task failed: its partition is to be restored, after the second failure in a row with a
    /// delay. Says how many there have been.
    pub(super) fn failed(
        &mut self,
        partition: PartitionId,
        now: Timestamp,
        settings: &Settings,
    ) -> u32 {
        let failures = self.failures.entry(partition).or_default();
        *failures += 1;
        self.due.insert(partition, Due { since: now, at: now.plus(delay(*failures, settings)) });
        *failures
    }

    /// A commit of the task became real.
    pub(super) fn succeeded(&mut self, partition: PartitionId) {
        self.failures.remove(&partition);
    }

    /// Whether the last thing known of the partition is that its task failed.
    pub(super) fn has_failed(&self, partition: PartitionId) -> bool {
        self.failures.contains_key(&partition)
    }

    /// The partition has its task.
    pub(super) fn restored(&mut self, partition: PartitionId) {
        self.due.remove(&partition);
    }

    /// The partition is not ours any more. Its failures stay: nothing has shown that they are over.
    pub(super) fn gone(&mut self, partition: PartitionId) {
        self.due.remove(&partition);
    }

    /// The partitions that are ours and have no task.
    pub(super) fn partitions(&self) -> impl Iterator<Item = PartitionId> {
        self.due.keys().copied()
    }

    /// A partition that is to be restored by now.
    pub(super) fn due(&self, now: Timestamp) -> Option<PartitionId> {
        self.due.iter().find(|(_, due)| due.has_come(now)).map(|(partition, _)| *partition)
    }

    /// When the next partition is to be restored.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.due.values().map(|due| due.at).min()
    }
}

/// How long to wait after that many failures in a row: not at all after the first.
pub(super) fn delay(failures: u32, settings: &Settings) -> Duration {
    let Some(doublings) = failures.checked_sub(2) else { return Duration::ZERO };
    let delay = settings.retry_delay.saturating_mul(1 << doublings.min(16));
    delay.min(settings.retry_delay_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_waits_for_nothing_and_each_further_one_twice_as_long() {
        let settings = Settings {
            retry_delay: Duration::from_millis(100),
            retry_delay_max: Duration::from_millis(500),
            ..Settings::default()
        };
        let delays: Vec<_> = (1..=6).map(|n| delay(n, &settings).as_millis()).collect();
        assert_eq!(delays, [0, 100, 200, 400, 500, 500]);
        assert_eq!(delay(u32::MAX, &settings), settings.retry_delay_max);
    }

    #[test]
    fn a_clock_that_is_set_back_puts_no_restoring_off() {
        let (settings, partition) = (Settings::default(), PartitionId(3));
        let (mut recovery, now) = (Recovery::default(), Timestamp::from_millis(600_000));
        recovery.failed(partition, now, &settings);
        recovery.failed(partition, now, &settings);
        assert_eq!(recovery.due(now), None);
        let set_back = now.minus(Duration::from_secs(300));
        assert_eq!(recovery.due(set_back), Some(partition));
    }
}
