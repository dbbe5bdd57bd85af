//! Timeouts: when the time has come, and everything has been read that the inputs held then.

use tidelog_core::{PartitionId, Probe, Service, Timestamp, Wake, port::Session};
use tracing::{debug, warn};

use super::{super::alarm::Call, Interrupt, Worker};

impl<X: Session, S: Service + ?Sized> Worker<'_, X, S> {
    /// Gives each task the timeout that is due, one at most.
    ///
    /// It is done between batches: as long as there are effects, they are to be committed first. So
    /// a service whose deadline stays in the past gets one timeout for each commit.
    pub(super) async fn give_timeouts(&mut self) -> Result<(), Interrupt> {
        if self.totals().effects {
            return Ok(());
        }
        let partitions: Vec<_> = self.tasks.keys().copied().collect();
        for partition in partitions {
            self.ask(partition)?;
            let now = self.session.now();
            if self.alarm_call(partition, now) == Some(Call::Ends) {
                let ends = self.session.ends(partition).await?;
                if let Some(task) = self.tasks.get_mut(&partition) {
                    task.alarm.set_ends(now, ends);
                }
            }
            match self.alarm_call(partition, now) {
                Some(Call::Ring(wake)) => {
                    Probe::TimeoutGiven.hit();
                    self.ring(partition, wake, now)?;
                }
                Some(Call::Records) => Probe::TimeoutWaitedForRecords.hit(),
                Some(Call::Wait(_) | Call::Ends) | None => {}
            }
        }
        Ok(())
    }

    /// When there is a timeout to give, apart from those that wait for records.
    pub(super) fn next_timeout(&self, now: Timestamp) -> Option<Timestamp> {
        let next = |call| match call {
            Call::Wait(until) => until,
            Call::Records => None,
            Call::Ends | Call::Ring(_) => Some(now),
        };
        self.tasks.values().filter_map(|task| next(task.alarm_call(now))).min()
    }

    fn ring(
        &mut self,
        partition: PartitionId,
        wake: Wake,
        now: Timestamp,
    ) -> Result<(), Interrupt> {
        let Some(task) = self.tasks.get_mut(&partition) else { return Ok(()) };
        let id = task.id;
        debug!(task = %id, at = %wake.at, reason = wake.reason, "timeout");
        let did_something = match task.ring(self.service, now) {
            Ok(did_something) => did_something,
            Err(fault) => return self.fail(partition, &fault.to_string()),
        };
        let next = self.ask(partition)?;
        let Some(task) = self.tasks.get_mut(&partition) else { return Ok(()) };
        if next.is_some_and(|next| next.at <= now) {
            if did_something {
                debug!(task = %id, reason = wake.reason, "the next timeout is due already");
            } else {
                Probe::TimeoutCameToNothing.hit();
                warn!(task = %id, reason = wake.reason, "a timeout came to nothing: a pause");
                task.alarm.pause(now.plus(self.settings.timeout_pause));
            }
        }
        Ok(())
    }

    /// Asks the service about a task's next timeout if that may have changed.
    fn ask(&mut self, partition: PartitionId) -> Result<Option<Wake>, Interrupt> {
        let task = self.tasks.get_mut(&partition);
        let Some(task) = task.filter(|task| task.alarm.is_stale() && !task.is_stopped()) else {
            return Ok(None);
        };
        match task.ask(self.service) {
            Ok(wake) => Ok(wake),
            Err(fault) => self.fail(partition, &fault.to_string()).map(|()| None),
        }
    }

    fn alarm_call(&self, partition: PartitionId, now: Timestamp) -> Option<Call> {
        self.tasks.get(&partition).map(|task| task.alarm_call(now))
    }
}
