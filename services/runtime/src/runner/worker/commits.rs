//! Committing: one at a time, of every task that did something.

use tidelog_core::{
    PartitionId, Probe, Service,
    port::{Commit, CommitOutcome, Event, Session, Wait},
};
use tracing::debug;

use super::{Interrupt, Worker};

impl<X: Session, S: Service + ?Sized> Worker<'_, X, S> {
    /// Begins a commit if none is under way and this batch is not to wait: it is full, or it has
    /// effects and there is nothing more to read. Says whether it did.
    pub(super) fn commit_if_due(&mut self) -> bool {
        let (now, totals) = (self.session.now(), self.totals());
        let full = self.unread.is_some() || totals.is_full(self.settings, now);
        let idle = self.is_idle && totals.effects;
        let is_due = !self.is_committing && totals.is_work() && (full || idle);
        if is_due {
            self.begin_commit();
        }
        is_due
    }

    /// Commits everything that has been done, and waits until nothing is under way any more.
    ///
    /// What does not become real is dropped, as ever.
    pub(super) async fn flush(&mut self) -> Result<(), Interrupt> {
        self.settle().await?;
        if self.totals().is_work() {
            self.begin_commit();
            self.settle().await?;
        }
        Ok(())
    }

    /// Takes the outcome of a commit.
    pub(super) fn conclude(&mut self, outcome: CommitOutcome) -> Result<(), Interrupt> {
        assert!(self.is_committing, "the outcome of no commit came");
        self.is_committing = false;
        let reason = match outcome {
            CommitOutcome::Committed => {
                self.has_committed = true;
                for (partition, task) in &mut self.tasks {
                    if task.committed() {
                        self.recovery.succeeded(*partition);
                    }
                }
                return Ok(());
            }
            CommitOutcome::Rejected(reason) => {
                Probe::CommitRejected.hit();
                format!("its commit was rejected: {reason}")
            }
            CommitOutcome::Unknown(reason) => {
                Probe::CommitUnknown.hit();
                format!("it is not known what became of its commit: {reason}")
            }
        };
        // What was built on it goes with it.
        Probe::BatchBuiltOnFailedCommit.hit_if(self.totals().is_work());
        let covered = self.tasks.iter().filter(|(_, task)| task.is_in_flight());
        let covered: Vec<PartitionId> = covered.map(|(partition, _)| *partition).collect();
        covered.into_iter().try_for_each(|partition| self.fail(partition, &reason))
    }

    fn begin_commit(&mut self) {
        assert!(!self.is_committing, "a commit is under way");
        let totals = self.totals();
        let with_work = self.tasks.values().filter(|task| task.totals().is_work()).count();
        let tasks: Vec<_> = self.tasks.values_mut().filter_map(|task| task.commit()).collect();
        assert!(tasks.len() == with_work && with_work > 0, "a commit covers the tasks with work");
        debug!(tasks = with_work, records = totals.records, bytes = totals.bytes, "commit");
        self.session.begin_commit(Commit { tasks });
        self.is_committing = true;
    }

    /// Waits for the outcome of the commit under way, if there is one.
    async fn settle(&mut self) -> Result<(), Interrupt> {
        while self.is_committing {
            match self.session.next(Wait::Commit).await? {
                Event::Committed(outcome) => self.conclude(outcome)?,
                other => panic!("waiting for a commit gave {other:?}"),
            }
        }
        Ok(())
    }
}
