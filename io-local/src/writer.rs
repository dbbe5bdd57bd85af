//! The writer: the one thread that makes commits and appends durable, many with one `fdatasync`.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    sync::{Arc, MutexGuard, PoisonError},
    task::Waker,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use bytes::Bytes;
use fjall::{AbstractTree, Keyspace, PersistMode};
use futures_channel::oneshot;
use tidelog_core::{
    Offset, Overlay, PartitionId, TableId, Topic,
    message::encode_row,
    port::{Record, TaskId},
};

use crate::{
    batch,
    database::Progress,
    keys,
    log::{Shared, State},
    memtables::Memtables,
    retention,
    segments::{Chain, Class},
};

/// Records of one partition that go into one item of the database.
const BATCH_RECORDS_MAX: usize = 1_000;

/// Bytes of records that go into one item of the database; one record may be larger.
const BATCH_BYTES_MAX: usize = 128 * 1024;

/// Starts the writer. It ends when the log stops, or cannot be written.
pub(crate) fn start(shared: Arc<Shared>, chains: Vec<Chain>) -> io::Result<JoinHandle<()>> {
    let store = &shared.store;
    let keyspaces = store.records.iter().chain([&store.rows]).cloned();
    let memtables = Memtables::hold(keyspaces)?;
    let run = move || {
        let writer = Writer { shared: &shared, chains, directory: Vec::new(), memtables };
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
        if thread::panicking() {
            state.failure.get_or_insert("the log's writer panicked; this is a bug".into());
        }
        state.stopping = true;
        let wake = state.wake_all();
        drop(state);
        wake.into_iter().for_each(Waker::wake);
    }
}

struct Writer<'a> {
    shared: &'a Shared,
    /// The segments, by class.
    chains: Vec<Chain>,
    /// Rows of the directory that go into the next batch. A write of their own would not be synced, and
    /// a loss of power could tear it with a whole batch behind it. If none comes, what the directory
    /// lacks is found again on opening.
    directory: Vec<([u8; 7], Bytes)>,
    memtables: Memtables,
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

impl<'a> Writer<'a> {
    fn run(mut self) -> fjall::Result<()> {
        let mut swept = Instant::now();
        loop {
            let interval = self.shared.settings.retention_interval;
            let Some(state) = self.wait(swept + interval) else { return Ok(()) };
            let mut state = self.settle(state);
            let trims = std::mem::take(&mut state.trims);
            let taken = take(state);
            if !taken.is_empty() {
                let entered = self.write(&taken)?;
                self.finish(taken, entered);
                self.end_segments()?;
            }
            for trim in trims {
                retention::trim(self.shared, trim.topic, trim.partition, trim.start)?;
            }
            if swept.elapsed() >= interval {
                retention::sweep(self.shared, &mut self.chains)?;
                swept = Instant::now();
            }
            self.keep_up()?;
        }
    }

    /// Waits until the database has written the memtables that it is behind with. It would make its
    /// callers wait by itself, but for ever if it has failed meanwhile.
    fn keep_up(&self) -> fjall::Result<()> {
        const SEALED_MAX: usize = 3;
        const RUNS_MAX: usize = 16;
        let store = &self.shared.store;
        let is_behind = |keyspace: &Keyspace| {
            keyspace.sealed_memtable_count() >= SEALED_MAX
                || keyspace.tree.l0_run_count() >= RUNS_MAX
        };
        while store.records.iter().chain([&store.rows]).any(is_behind) {
            // Tells a failure of the database's own threads.
            store.database.persist(PersistMode::Buffer)?;
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Ends the segments that are full, and those whose memtable the database has replaced by itself.
    fn end_segments(&mut self) -> fjall::Result<()> {
        let store = &self.shared.store;
        let replaced = self.memtables.look();
        for (index, chain) in self.chains.iter_mut().enumerate() {
            let is_full = chain.bytes >= self.shared.settings.segment_bytes;
            if chain.open.ranges.is_empty() || !(is_full || replaced.contains(&index)) {
                continue;
            }
            self.directory.push(chain.close());
            if is_full {
                store.records(chain.class).rotate_memtable()?;
                self.memtables.look();
            }
        }
        Ok(())
    }

    /// Waits until there is something to write, or `until`; `None` when the log stops.
    fn wait(&self, until: Instant) -> Option<MutexGuard<'a, State>> {
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
    fn settle(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
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

    /// Writes one batch, durably. Gives the partitions that have got into a new segment, with their
    /// first offset in it.
    fn write(&mut self, taken: &Taken) -> fjall::Result<Vec<(usize, Offset, u32)>> {
        let shared = self.shared;
        let store = &shared.store;
        let mut batch = store.database.batch().durability(Some(PersistMode::SyncData));
        let mut entered = Vec::new();
        for (index, records) in &taken.records {
            let (topic, partition) = self.place(*index);
            let Some(class) = Class::of(topic) else {
                for record in records {
                    let key = keys::compacted(topic, partition, record.offset);
                    batch.insert(&store.rows, key, batch::pack(std::slice::from_ref(record)));
                }
                continue;
            };
            let chain = &mut self.chains[class as usize];
            for records in pack_by(records) {
                let (first, last) = (&records[0], &records[records.len() - 1]);
                let number = chain.open.number;
                let key = keys::record(number, topic, partition, last.offset);
                let packed = batch::pack(records);
                chain.bytes += packed.len();
                batch.insert(store.records(class), key, packed);
                let range = (first.offset, last.offset);
                if chain.open.add(topic, partition, range, last.time) {
                    entered.push((*index, first.offset, number));
                }
            }
        }
        for (task, table, key, value) in newest(&taken.commits) {
            let key = keys::row(task, table, key);
            match value {
                Some(value) => batch.insert(&store.rows, key, value.clone()),
                None => batch.remove(&store.rows, key),
            }
        }
        for (key, row) in self.directory.drain(..) {
            batch.insert(&store.rows, key, row);
        }
        for (task, progress) in &taken.progress {
            batch.insert(&store.rows, keys::task(*task), encode_row(progress));
        }
        batch.commit()?;
        Ok(entered)
    }

    /// Says that a batch is durable.
    fn finish(&self, taken: Taken, entered: Vec<(usize, Offset, u32)>) {
        let tail_bytes = self.shared.settings.tail_bytes;
        let mut wake = Vec::new();
        let mut state = self.shared.lock();
        for (index, first, segment) in entered {
            state.partitions[index].segments.push((first, segment));
        }
        for (index, records) in &taken.records {
            let end = records.last().expect("a dirty partition has a record").offset.next();
            let partition = &mut state.partitions[*index];
            partition.made_durable(end, tail_bytes);
            wake.extend(partition.waiting.take());
        }
        let mut pending = Vec::new();
        for (id, progress) in taken.progress {
            let task = state.tasks.get_mut(&id).expect("a task that committed is known");
            task.durable = progress;
            pending.push(Arc::clone(&task.pending));
        }
        state.writing_bytes = 0;
        // No batch is being written: all of the last one shows, and nothing of the next.
        state.snapshot = self.shared.store.database.snapshot();
        wake.extend(state.durable_waiters.take());
        for session in state.sessions.values_mut() {
            // Commits that wait for the backlog to shrink, and sessions that were not in a hurry.
            wake.extend(session.blocked.take());
            if session.is_behind && !session.answers {
                wake.extend(session.waker.take());
            }
        }
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
        !self.dirty.is_empty()
            || !self.commits.is_empty()
            || self.has_progress
            || !self.trims.is_empty()
    }

    /// Whether a service that answers clients has something to read, or is at it.
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

/// Splits records into those of one item each.
fn pack_by(records: &[Record]) -> Vec<&[Record]> {
    let mut chunks = Vec::new();
    let mut rest = records;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take(BATCH_RECORDS_MAX).take_while(|record| {
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
    use tidelog_core::Timestamp;

    use super::*;

    #[test]
    fn a_record_that_is_large_gets_an_item_of_its_own() {
        let record = |offset, bytes| Record {
            offset: Offset(offset),
            time: Timestamp::ZERO,
            key: Bytes::new(),
            payload: Bytes::from(vec![0; bytes]),
            trace: None,
        };
        let records = [record(0, 10), record(1, 10), record(2, 200_000), record(3, 10)];
        let chunks: Vec<_> = pack_by(&records).iter().map(|chunk| chunk.len()).collect();
        assert_eq!(chunks, [2, 1, 1]);
    }
}
