//! Commits: sends, changelog and positions in one transaction, and after it the store.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::consumer::Consumer;
use tidelog_core::{
    Destination, Offset, Topic,
    port::{Commit, CommitOutcome, SessionError, Store, StoreBatch, TaskCommit},
};
use tracing::{debug, warn};

use super::{
    Member,
    producer::{Failure, TransactionalProducer},
};
use crate::{
    changelog::{POSITIONS_KEY, Progress, progress_value, row_key},
    headers, record,
    session::Told,
    storer::Job,
};

/// How long it is waited before a commit is made again under another generation.
const AGAIN_AFTER: Duration = Duration::from_millis(20);

/// A commit under way.
pub(super) struct Pending {
    commit: Commit,
    again_at: Instant,
    give_up_at: Instant,
}

impl<S: Store> Member<'_, S> {
    pub(super) fn begin_commit(&mut self, commit: Commit) {
        self.commits += 1;
        let now = Instant::now();
        let give_up_at = now + self.settings.request_timeout;
        self.try_commit(Pending { commit, again_at: now, give_up_at });
    }

    /// Makes a commit again if it is time, or says how long that is.
    pub(super) fn try_commit_again(&mut self) -> Option<Duration> {
        let again_at = self.commit.as_ref()?.again_at;
        let left = again_at.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            return Some(left);
        }
        let pending = self.commit.take()?;
        self.try_commit(pending);
        None
    }

    fn try_commit(&mut self, pending: Pending) {
        let tasks = &pending.commit.tasks;
        if let Some(gone) = tasks.iter().find(|done| !self.group.holds(done.partition)) {
            let reason = format!("{} has gone to another owner", self.task(gone.partition));
            return self.failed(tasks, CommitOutcome::Rejected(reason.into()));
        }
        self.shared.board.committing(self.session, self.spec.name, tasks, self.commits);
        match self.transact(tasks) {
            Ok(ends) => self.committed(pending.commit, &ends),
            // The members of the group have changed, and we may still be one with the same partitions:
            // were they lost, we would be told before we had a newer generation.
            Err(Failure::OtherGeneration(reason)) if Instant::now() < pending.give_up_at => {
                debug!(service = %self.spec.name, reason, "the commit is made again");
                let again_at = Instant::now() + AGAIN_AFTER;
                self.commit = Some(Pending { again_at, ..pending });
            }
            Err(Failure::OtherGeneration(reason) | Failure::Aborted(reason)) => {
                self.failed(tasks, CommitOutcome::Rejected(reason.into()));
            }
            Err(Failure::Never(reason)) => {
                self.failed(tasks, CommitOutcome::Rejected(reason.into()));
                self.replace_producer();
            }
            Err(Failure::Unknown(reason)) => {
                warn!(service = %self.spec.name, reason, "it is not known what became of a commit");
                self.failed(tasks, CommitOutcome::Unknown(reason.into()));
                self.replace_producer();
            }
        }
    }

    /// Makes a transaction of what tasks did. For each task, the changelog's offset to be read next.
    fn transact(&self, tasks: &[TaskCommit]) -> Result<Vec<Offset>, Failure> {
        let producer = &self.producer;
        let changelog = self.name_of(Topic::Changelog(self.spec.name));
        let began = Instant::now();
        producer.begin()?;
        // First of all: it shows whether we are a member still, and it is put off by less than records are
        // while the broker is busy with the end of the transaction before.
        self.send_positions(producer, tasks)?;
        for (number, done) in (1..).zip(tasks) {
            self.send(producer, done)?;
            let place = (changelog, done.partition);
            for (table, key, row) in done.rows.iter() {
                producer.send(place, &row_key(table, key), row.map(|row| &row[..]), None, 0)?;
            }
            let (positions, task_time) = (done.positions.clone(), done.task_time);
            let progress = progress_value(&Progress { positions, task_time });
            let headers = self.logs.get(&done.partition).copied().map(headers::of_commit);
            producer.send(place, &POSITIONS_KEY, Some(&progress), headers, number)?;
        }
        let sent = began.elapsed();
        let reports: BTreeMap<usize, Offset> = producer.commit()?.into_iter().collect();
        let service = self.spec.name;
        debug!(%service, tasks = tasks.len(), ?sent, committed = ?began.elapsed(), "a commit");
        let end = |(number, _)| {
            let unknown = || Failure::Unknown("the broker did not say where it ends".into());
            reports.get(&number).map(|last| last.next()).ok_or_else(unknown)
        };
        (1..).zip(tasks).map(end).collect()
    }

    fn send(&self, producer: &TransactionalProducer, done: &TaskCommit) -> Result<(), Failure> {
        for send in &done.sends {
            let topic = self.name_of(send.topic);
            let to = |partition| {
                let headers = Some(headers::of(send.topic, &send.headers));
                producer.send((topic, partition), &send.key, Some(&send.payload), headers, 0)
            };
            match send.destination {
                Destination::Partition(partition) => to(partition)?,
                Destination::Every => self.settings.layout.all().try_for_each(to)?,
            }
        }
        Ok(())
    }

    /// Sends the positions of all tasks, with what makes us a member at this moment.
    fn send_positions(
        &self,
        producer: &TransactionalProducer,
        tasks: &[TaskCommit],
    ) -> Result<(), Failure> {
        let places = tasks
            .iter()
            .flat_map(|done| done.positions.iter().map(|place| (done.partition, place)))
            .map(|(partition, (topic, next))| (self.name_of(*topic), partition, *next));
        let places = record::places(places);
        let Some(member) = self.consumer.group_metadata() else {
            return Err(Failure::Never("this is a member of no group".into()));
        };
        producer.send_positions(&places, &member)
    }

    fn name_of(&self, topic: Topic) -> &str {
        self.names.get(&topic).expect("a service has to do with the topics of its spec alone")
    }

    /// Has what was committed written into the store, and tells of it.
    fn committed(&mut self, commit: Commit, ends: &[Offset]) {
        let batch = |(done, changelog): (TaskCommit, &Offset)| StoreBatch {
            task: self.task(done.partition),
            log: self.logs.get(&done.partition).copied(),
            rows: done.rows,
            positions: done.positions,
            changelog: *changelog,
            task_time: done.task_time,
        };
        let number = self.commits;
        let unstored = |done: &TaskCommit| self.unstored.get(&done.partition).cloned();
        let unstored = commit.tasks.iter().map(|done| unstored(done).unwrap_or_default()).collect();
        let batches = commit.tasks.into_iter().zip(ends).map(batch).collect();
        self.storer.store(Job { number, batches, unstored });
        self.shared.counters.count(self.spec.name, &CommitOutcome::Committed);
        self.tell(Told::Committed(CommitOutcome::Committed));
    }

    /// Tells that a commit has not become real, as far as is known.
    fn failed(&self, tasks: &[TaskCommit], outcome: CommitOutcome) {
        self.shared.board.failed(self.session, self.spec.name, tasks);
        self.shared.counters.count(self.spec.name, &outcome);
        self.tell(Told::Committed(outcome));
    }

    /// Has the broker end what is open, and goes on with another producer, unless the session is dropped in the
    /// meantime. A producer that was fenced does not come back by itself: it would fence whoever has taken its
    /// name.
    fn replace_producer(&mut self) {
        let replaced = if self.producer.is_fenced() {
            let reason = format!(
                "another session of the name {} has begun, or a transaction took longer than {:?}",
                self.name, self.settings.transaction_timeout
            );
            Err(SessionError::Lost(reason.into()))
        } else {
            let tell = &self.tell;
            self.producer.replace(|| !tell.is_closed())
        };
        if let Err(error) = replaced {
            self.end(error);
        }
    }
}
