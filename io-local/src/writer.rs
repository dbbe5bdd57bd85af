//! The writer: the one thread that makes commits and appends durable, many with one `fdatasync`.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    sync::{Arc, MutexGuard, PoisonError},
    task::Waker,
    thread::{self, JoinHandle},
    time::Instant,
};

use bytes::Bytes;
use fjall::PersistMode;
use futures_channel::oneshot;
use tidelog_core::{
    Overlay, PartitionId, Retention, TableId, Topic,
    message::encode_row,
    port::{Record, TaskId},
};

use crate::{
    batch,
    database::Progress,
    keys,
    log::{Shared, State},
    retention,
};

/// Records of one partition that go into one item of the database.
const BATCH_RECORDS_MAX: usize = 1_000;

/// Bytes of records that go into one item of the database; one record may be larger.
const BATCH_BYTES_MAX: usize = 128 * 1024;

/// Starts the writer. It ends when the log stops, or cannot be written.
pub(crate) fn start(shared: Arc<Shared>) -> io::Result<JoinHandle<()>> {
    let run = move || {
        let writer = Writer { shared: &shared };
        // Nobody may wait for a writer that is not there any more.
        let end = EndOfWriter(&shared);
        if let Err(error) = writer.run() {
            let reason = format!("the disk could not be written: {error}");
            tracing::error!(reason, "the log stops; nothing that was answered is lost");
            shared.lock().failure = Some(reason.into());
        }
        drop(end);
    };
    thread::Builder::new().name("tidelog-writer".into()).spawn(run)
}

struct EndOfWriter<'a>(&'a Shared);

impl Drop for EndOfWriter<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.stopping = true;
        let wake = state.wake_all();
        drop(state);
        wake.into_iter().for_each(Waker::wake);
    }
}

struct Writer<'a> {
    shared: &'a Shared,
}

/// What goes into one batch of the database.
struct Taken {
    /// Records by partition.
    records: Vec<(usize, Vec<Record>)>,
    commits: Vec<(TaskId, Arc<Overlay>)>,
    progress: Vec<(TaskId, Progress)>,
    commit_number: u64,
    appends: Vec<oneshot::Sender<()>>,
}

impl Writer<'_> {
    fn run(&self) -> fjall::Result<()> {
        let mut swept = Instant::now();
        loop {
            let interval = self.shared.settings.retention_interval;
            let Some(state) = self.wait(swept + interval) else { return Ok(()) };
            let state = self.settle(state);
            let taken = take(state);
            if !taken.is_empty() {
                self.write(&taken)?;
                self.finish(taken);
            }
            if swept.elapsed() >= interval {
                retention::sweep(self.shared)?;
                swept = Instant::now();
            }
        }
    }

    /// Waits until there is something to write, or `until`; `None` when the log stops.
    fn wait(&self, until: Instant) -> Option<MutexGuard<'_, State>> {
        let mut state = self.shared.lock();
        loop {
            if state.crash {
                return None;
            }
            if state.has_work() {
                return Some(state);
            }
            if state.stopping {
                return None;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Some(state);
            }
            let waited = self.shared.work.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits a little for the services that answer clients, so that a request and its answer share
    /// one `fdatasync`.
    fn settle<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let until = Instant::now() + self.shared.settings.settle_max;
        while state.is_answering() && !state.stopping {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.shared.work.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }

    /// Writes one batch, durably.
    fn write(&self, taken: &Taken) -> fjall::Result<()> {
        let store = &self.shared.store;
        let mut batch = store.database.batch().durability(Some(PersistMode::SyncData));
        for (index, records) in &taken.records {
            let (topic, partition) = self.place(*index);
            for records in pack_by(records, topic.retention() == Retention::Compacted) {
                let last = records.last().expect("a chunk has a record").offset;
                let key = keys::record(topic, partition, last);
                batch.insert(&store.records, key, batch::pack(records));
            }
        }
        for (task, table, key, value) in newest(&taken.commits) {
            let key = keys::row(task, table, key);
            match value {
                Some(value) => batch.insert(&store.rows, key, value.clone()),
                None => batch.remove(&store.rows, key),
            }
        }
        for (task, progress) in &taken.progress {
            batch.insert(&store.rows, keys::task(*task), encode_row(progress));
        }
        batch.commit()
    }

    /// Says that a batch is durable.
    fn finish(&self, taken: Taken) {
        let tail_bytes = self.shared.settings.tail_bytes;
        let mut wake = Vec::new();
        let mut state = self.shared.lock();
        for (index, records) in &taken.records {
            let end = records.last().expect("a dirty partition has a record").offset.next();
            let partition = &mut state.partitions[*index];
            partition.made_durable(end, tail_bytes);
            wake.append(&mut partition.waiting);
        }
        let mut pending = Vec::new();
        for (id, progress) in taken.progress {
            let task = state.tasks.get_mut(&id).expect("a task that committed is known");
            task.durable = progress;
            pending.push(Arc::clone(&task.pending));
        }
        state.writing_bytes = 0;
        wake.append(&mut state.durable_waiters);
        // Commits that wait for the backlog to shrink.
        wake.extend(state.sessions.values_mut().filter_map(|session| session.blocked.take()));
        drop(state);
        for pending in pending {
            pending.written(taken.commit_number);
        }
        for append in taken.appends {
            // Whoever does not wait any more need not be told.
            let _ = append.send(());
        }
        wake.into_iter().for_each(Waker::wake);
    }

    fn place(&self, index: usize) -> (Topic, PartitionId) {
        let partitions = self.shared.settings.layout.partitions() as usize;
        let partition = u32::try_from(index % partitions).expect("it is below a u32");
        (Topic::ALL[index / partitions], PartitionId(partition))
    }
}

/// Takes everything there is. It is one point of the journal: what is left stands behind it.
fn take(mut state: MutexGuard<'_, State>) -> Taken {
    let state = &mut *state;
    state.writing_bytes = std::mem::take(&mut state.backlog_bytes);
    let dirty = std::mem::take(&mut state.dirty);
    let records = dirty.into_iter().map(|index| (index, state.partitions[index].take())).collect();
    state.has_progress = false;
    let mut progress = Vec::new();
    for (id, task) in &mut state.tasks {
        if std::mem::take(&mut task.is_dirty) {
            progress.push((*id, task.progress.clone()));
        }
    }
    Taken {
        records,
        commits: std::mem::take(&mut state.commits),
        progress,
        commit_number: state.commit_number,
        appends: std::mem::take(&mut state.appends),
    }
}

impl Taken {
    fn is_empty(&self) -> bool {
        self.records.is_empty() && self.progress.is_empty()
    }
}

impl State {
    fn has_work(&self) -> bool {
        !self.dirty.is_empty() || !self.commits.is_empty() || self.has_progress
    }

    fn is_answering(&self) -> bool {
        self.sessions.values().any(|session| session.answers && session.is_behind)
    }
}

/// The newest write of each row of some commits: a batch of the database must not have two of one.
fn newest(
    commits: &[(TaskId, Arc<Overlay>)],
) -> impl Iterator<Item = (TaskId, TableId, &Bytes, Option<&Bytes>)> {
    let mut tasks: BTreeMap<TaskId, Vec<&Overlay>> = BTreeMap::new();
    for (task, overlay) in commits {
        tasks.entry(*task).or_default().push(overlay);
    }
    tasks.into_iter().flat_map(|(task, overlays)| {
        let rows: Vec<_> = match overlays[..] {
            [only] => only.iter().collect(),
            _ => {
                let rows = overlays.into_iter().flat_map(Overlay::iter);
                let newest: HashMap<_, _> =
                    rows.map(|(table, key, value)| ((table, key), value)).collect();
                newest.into_iter().map(|((table, key), value)| (table, key, value)).collect()
            }
        };
        rows.into_iter().map(move |(table, key, value)| (task, table, key, value))
    })
}

/// Splits records into those of one item each. Where single records are to be removed later, an
/// item has one record.
fn pack_by(records: &[Record], singly: bool) -> Vec<&[Record]> {
    let records_max = if singly { 1 } else { BATCH_RECORDS_MAX };
    let mut chunks = Vec::new();
    let mut rest = records;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take(records_max).take_while(|record| {
            bytes += batch::bytes_of(record);
            bytes <= BATCH_BYTES_MAX
        });
        let (chunk, behind) = rest.split_at(fits.count().max(1));
        chunks.push(chunk);
        rest = behind;
    }
    chunks
}

#[cfg(test)]
mod tests {
    use tidelog_core::{Offset, Timestamp};

    use super::*;

    #[test]
    fn a_record_that_is_large_gets_an_item_of_its_own() {
        let record = |offset, bytes| Record {
            offset: Offset(offset),
            time: Timestamp::ZERO,
            key: Bytes::new(),
            payload: Bytes::from(vec![0; bytes]),
        };
        let records = [record(0, 10), record(1, 10), record(2, 200_000), record(3, 10)];
        let chunks = |singly| pack_by(&records, singly).iter().map(|c| c.len()).collect::<Vec<_>>();
        assert_eq!(chunks(false), [2, 1, 1]);
        assert_eq!(chunks(true), [1, 1, 1, 1]);
    }
}
