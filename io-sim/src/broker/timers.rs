//! When the broker wants to be woken, and for what.

use std::collections::BTreeSet;

use super::{Broker, fetch::FetchId, owed::OwedId};
use crate::wire::{BrokerId, Instant, TopicPartition};

/// The alarms that are set.
#[derive(Debug, Default)]
pub(super) struct Timers {
    alarms: BTreeSet<(Instant, Alarm)>,
    /// What the host has been told. It may be too early, never too late.
    armed: Option<Instant>,
}

/// What there is to do at some time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Alarm {
    Register,
    Heartbeat,
    Image,
    /// Look for followers that lag.
    Lag,
    AlterPartition,
    Checkpoint,
    Clean,
    /// The patience of a producer ends.
    Owed(OwedId),
    /// The patience of a reader ends.
    Fetch(FetchId),
    /// The patience of a follower ends.
    Session(BrokerId),
    /// Fetch again from a leader.
    Fetcher(BrokerId),
    /// A coordinator asked for it.
    Seat(TopicPartition),
}

impl Timers {
    pub(super) fn set(&mut self, at: Instant, alarm: Alarm) {
        self.alarms.insert((at, alarm));
    }

    pub(super) fn cancel(&mut self, at: Instant, alarm: Alarm) {
        self.alarms.remove(&(at, alarm));
    }

    /// The next alarm whose time has come.
    pub(super) fn due(&mut self, now: Instant) -> Option<Alarm> {
        let is_due = self.alarms.first().is_some_and(|(at, _)| *at <= now);
        is_due.then(|| self.alarms.pop_first().expect("it is not empty").1)
    }

    /// The host has woken the broker, so it is not going to again.
    pub(super) fn woken(&mut self) {
        self.armed = None;
    }

    /// What the host must be told, if what it was told is not early enough.
    pub(super) fn arm(&mut self) -> Option<Instant> {
        let next = self.alarms.first()?.0;
        if self.armed.is_some_and(|armed| armed <= next) {
            return None;
        }
        self.armed = Some(next);
        self.armed
    }
}

impl Broker {
    pub(super) fn alarmed(&mut self, alarm: Alarm) {
        let now = self.now.instant;
        match alarm {
            Alarm::Register => self.register(),
            Alarm::Heartbeat => self.send_heartbeat(),
            Alarm::Image => self.fetch_image(),
            Alarm::Lag => {
                self.look_for_laggards();
                self.timers.set(now.plus_ms(self.config.replica_lag_time_max_ms / 2), Alarm::Lag);
            }
            Alarm::AlterPartition => self.alter_partitions(),
            Alarm::Checkpoint => {
                self.partitions.values_mut().for_each(super::Partition::write_checkpoint);
                let interval = self.config.high_watermark_checkpoint_ms;
                self.timers.set(now.plus_ms(interval), Alarm::Checkpoint);
            }
            Alarm::Clean => {
                self.clean();
                self.set_cleaner();
            }
            Alarm::Owed(id) => self.out_of_patience(id),
            Alarm::Fetch(id) => self.answer_fetch(id),
            Alarm::Session(follower) => self.answer_session(follower),
            Alarm::Fetcher(leader) => self.retry_fetch(leader),
            Alarm::Seat(at) => self.seat_alarmed(&at),
        }
    }

    pub(super) fn set_cleaner(&mut self) {
        if let Some(interval) = self.config.cleaner_interval_ms {
            self.timers.set(self.now.instant.plus_ms(interval), Alarm::Clean);
        }
    }
}
