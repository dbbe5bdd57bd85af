//! Bringing the tables of a task to the end of its changelog.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::Message;
use tidelog_core::{
    Offset, Overlay,
    port::{LogId, Opened, SessionError, Store, StoreBatch, TaskId},
};
use tracing::{info, warn};

use super::{
    Work,
    kinship::{Log, Stale, kinship},
    store_failed,
};
use crate::{
    changelog::{Entry, Progress, entry},
    figures::{Restoring, WhyRebuilt},
    record,
};

/// Rows that one batch of the store has while a task is restored.
const BATCH_ROWS_MAX: usize = 10_000;

/// Bytes of rows that one batch of the store has while a task is restored.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// After how many records it is told how far a restoring task is.
const TOLD_EVERY: u64 = 10_000;

/// How often it is logged.
const LOGGED_EVERY: Duration = Duration::from_secs(2);

/// A task as its changelog has it.
pub(super) struct Brought<T> {
    pub(super) tables: T,
    pub(super) progress: Progress,
    pub(super) log: LogId,
}

/// What reading a changelog came to.
enum Read {
    All(Progress),
    Stale(Stale),
}

impl<S: Store> Work<S> {
    /// Brings a task's tables to the end of its changelog, and tells how far the task had got.
    pub(super) fn catch_up(
        &self,
        task: TaskId,
        changelog: &str,
        end: Offset,
    ) -> Result<Brought<S::Tables>, SessionError> {
        let failed = |error| store_failed(&error);
        let (start, _) = self.bounds(&self.committed, changelog, task.partition)?;
        let log = self.log(changelog, task.partition, (start, end))?;
        let opened = self.shared.store.take(task, self.session).map_err(failed)?;
        let Opened { tables, positions, task_time, was_damaged, .. } = opened;
        let (stored, stored_log) = (opened.changelog, opened.log);
        if was_damaged && log != Log::Empty {
            warn!(%task, "the task's tables are rebuilt: the store was damaged, and begun anew");
            self.shared.counters.rebuilt(task.service, WhyRebuilt::Damaged);
        }
        if let Some(next) = stored {
            let progress = Progress { positions, task_time };
            let read = match kinship(stored_log, log) {
                Ok(is_known) => {
                    self.read_on(task, changelog, (start, end), (next, progress), is_known, log)?
                }
                Err(stale) => Read::Stale(stale),
            };
            match read {
                Read::All(progress) => return Ok(Brought { tables, progress, log: log.or_new() }),
                Read::Stale(stale) => {
                    let reason = stale.to_string();
                    warn!(%task, %reason, "the task's tables are rebuilt");
                    self.shared.counters.rebuilt(task.service, stale.into());
                    self.shared.store.clear(self.session, task).map_err(failed)?;
                }
            }
        }
        let mut replay = Replay::new(self, task, (start, end), Progress::default(), log.id());
        self.read(changelog, task.partition, (start, end), |message| replay.take(message))?;
        let progress = replay.finish()?;
        Ok(Brought { tables, progress, log: log.or_new() })
    }

    /// Reads what has been committed since the tables were written, unless it turns out that this is not
    /// their log. Where that is not known, the commit before must be the one that they remember.
    fn read_on(
        &self,
        task: TaskId,
        changelog: &str,
        (start, end): (Offset, Offset),
        (next, progress): (Offset, Progress),
        mut is_known: bool,
        log: Log,
    ) -> Result<Read, SessionError> {
        if next > end {
            let reason = format!("{changelog} ends at {end}, before {next}, where the tables are");
            return Ok(Read::Stale(Stale::OfAnotherLog(reason)));
        }
        // It is of no matter where there is nothing to be caught up with.
        let mut is_old = (next < start).then_some(true);
        // The record before is read too: where it is still there, it must be the one that the tables
        // remember, whatever the log is called.
        let from = Offset(next.0.saturating_sub(1)).max(start);
        let mut replay = Replay::new(self, task, (next, end), progress.clone(), log.id());
        let mut stale = None;
        self.read(changelog, task.partition, (from, end), |message| {
            if stale.is_some() {
                return Ok(());
            }
            if record::offset(message) < next {
                match read_entry(message)? {
                    Entry::Progress(found) if found == progress => is_known = true,
                    Entry::Progress(_) => {
                        let reason = format!("{changelog} has another commit before {next}");
                        stale = Some(Stale::OfAnotherLog(reason));
                    }
                    Entry::Row { .. } => {}
                }
                return Ok(());
            }
            // Every commit leaves a record that no compaction removes until there is a newer one.
            // So where there is none, there was no commit.
            if !is_known {
                stale = Some(Stale::Unproven(next));
                return Ok(());
            }
            let is_old = match is_old {
                Some(is_old) => is_old,
                None => *is_old.insert(self.may_have_missed_tombstones(task, changelog, next)?),
            };
            if is_old {
                stale = Some(Stale::TooOld(next));
                return Ok(());
            }
            replay.take(message)
        })?;
        if !is_known {
            stale = stale.or(Some(Stale::Unproven(next)));
        }
        match stale {
            Some(stale) => Ok(Read::Stale(stale)),
            None => replay.finish().map(Read::All),
        }
    }
}

/// Writes a changelog's records into the tables of its task, a batch at a time.
struct Replay<'a, S> {
    work: &'a Work<S>,
    task: TaskId,
    rows: Overlay,
    progress: Progress,
    log: Option<LogId>,
    from: Offset,
    /// The offset to be read next.
    next: Offset,
    end: Offset,
    /// How many records have been read.
    records: u64,
    began: Instant,
    logged: Instant,
    has_progress: bool,
}

impl<'a, S: Store> Replay<'a, S> {
    fn new(
        work: &'a Work<S>,
        task: TaskId,
        (from, end): (Offset, Offset),
        progress: Progress,
        log: Option<LogId>,
    ) -> Self {
        let has_progress = progress != Progress::default();
        let (rows, began) = (Overlay::default(), Instant::now());
        let replay = Self {
            work,
            task,
            rows,
            progress,
            log,
            from,
            next: from,
            end,
            records: 0,
            began,
            logged: began,
            has_progress,
        };
        replay.tell();
        replay
    }

    /// Tells how far it is.
    fn tell(&self) {
        let done = self.next.0.saturating_sub(self.from.0);
        let progress = Restoring { done, total: self.end.0.saturating_sub(self.from.0) };
        self.work.shared.board.progress(self.work.session, self.task, progress);
    }

    fn take(
        &mut self,
        message: &rdkafka::message::BorrowedMessage<'_>,
    ) -> Result<(), SessionError> {
        match read_entry(message)? {
            Entry::Row { table, key, row } => self.rows.insert(table, &key, row),
            Entry::Progress(progress) => {
                self.progress = progress;
                self.has_progress = true;
            }
        }
        self.next = record::offset(message).next();
        self.records += 1;
        if self.records.is_multiple_of(TOLD_EVERY) {
            self.tell();
            if self.logged.elapsed() >= LOGGED_EVERY {
                self.logged = Instant::now();
                let (task, records) = (self.task, self.records);
                info!(%task, records, at = %self.next, end = %self.end, "restoring");
            }
        }
        if self.rows.len() >= BATCH_ROWS_MAX || self.rows.bytes() >= BATCH_BYTES_MAX {
            self.write()?;
        }
        Ok(())
    }

    /// Writes what is left, and tells how far the task had got.
    fn finish(mut self) -> Result<Progress, SessionError> {
        if self.records > 0 {
            if !self.has_progress {
                let reason = format!(
                    "the changelog of {} has rows and no positions: somebody else has written to it",
                    self.task
                );
                return Err(SessionError::Fatal(reason.into()));
            }
            self.write()?;
            let (task, records) = (self.task, self.records);
            info!(%task, records, took = ?self.began.elapsed(), "caught up with the changelog");
        }
        Ok(self.progress)
    }

    fn write(&mut self) -> Result<(), SessionError> {
        let batch = StoreBatch {
            task: self.task,
            rows: Arc::new(std::mem::take(&mut self.rows)),
            positions: self.progress.positions.clone(),
            changelog: self.next,
            log: self.log,
            task_time: self.progress.task_time,
        };
        let written = self.work.shared.store.apply(self.work.session, vec![batch]);
        written.map_err(|error| store_failed(&error))
    }
}

fn read_entry(message: &rdkafka::message::BorrowedMessage<'_>) -> Result<Entry, SessionError> {
    entry(message.key().unwrap_or_default(), message.payload()).map_err(|error| {
        let place = format!("{}/{}:{}", message.topic(), message.partition(), message.offset());
        SessionError::Fatal(format!("the changelog cannot be read at {place}: {error}").into())
    })
}
