//! Retention: records that need not be kept any longer are removed.

use std::collections::BTreeMap;

use bytes::Bytes;
use fjall::{AbstractTree, PersistMode};
use tidelog_core::{Offset, PartitionId, Retention, Timestamp, Topic, message::encode_row};

use crate::{
    batch, keys,
    log::Shared,
    segments::{Chain, Class, Segment},
};

/// Records of a compacted partition that one sweep removes.
const COMPACTED_MAX: usize = 10_000;

/// Removes what need not be kept: segments all of whose records are older than their topics keep them
/// and have been read by every task that reads them, and of compacted topics the records that have a
/// newer one of their key. Called by the writer.
pub(crate) fn sweep(shared: &Shared, chains: &mut [Chain]) -> fjall::Result<()> {
    let settings = &shared.settings;
    for chain in chains {
        let kept = match chain.class {
            Class::Short => settings.retention_short,
            Class::Medium => settings.retention_medium,
            Class::Long => continue,
        };
        let before = settings.clock.now().minus(kept);
        end_old(shared, chain, before)?;
        expire(shared, chain, before)?;
    }
    for topic in Topic::ALL.into_iter().filter(|topic| topic.retention() == Retention::Compacted) {
        for partition in settings.layout.all() {
            compact(shared, topic, partition)?;
        }
    }
    Ok(())
}

/// Ends the segment that is written if all that it has is old: little is written there, and it would
/// be kept until it is full.
fn end_old(shared: &Shared, chain: &mut Chain, before: Timestamp) -> fjall::Result<()> {
    if chain.open.ranges.is_empty() || chain.open.newest >= before {
        return Ok(());
    }
    let (key, row) = chain.close();
    let mut batch = shared.store.database.batch().durability(Some(PersistMode::SyncData));
    batch.insert(&shared.store.rows, key, row);
    batch.commit()?;
    // Not waited for: if it is not a table yet when the segment goes, it goes with a later one.
    shared.store.records(chain.class).rotate_memtable()?;
    Ok(())
}

/// Removes the oldest segments of a class.
fn expire(shared: &Shared, chain: &mut Chain, before: Timestamp) -> fjall::Result<()> {
    let store = &shared.store;
    let mut batch = store.database.batch().durability(Some(PersistMode::SyncData));
    let mut starts = BTreeMap::new();
    let mut last = None;
    while let Some(segment) =
        chain.closed.pop_front_if(|oldest| oldest.newest < before && is_read(shared, oldest))
    {
        batch.remove(&store.rows, keys::segment(chain.class, segment.number));
        for ((topic, partition), (_, end)) in segment.ranges {
            starts.insert((topic, partition), (end.next(), segment.number));
        }
        last = Some(segment.number);
    }
    let Some(last) = last else { return Ok(()) };
    {
        let mut state = shared.lock();
        for ((topic, id), (start, number)) in starts {
            let partition = &mut state.partitions[shared.index(topic, id)];
            partition.start = partition.start.max(start);
            partition.segments.retain(|(_, segment)| *segment > number);
            batch.insert(&store.rows, keys::start(topic, id), encode_row(&partition.start));
        }
    }
    // First it is said that they are gone, then they go.
    batch.commit()?;
    let end = (last + 1).to_be_bytes();
    store.records(chain.class).tree.drop_range(..end)?;
    tracing::info!(class = ?chain.class, segment = last, "removed old records");
    Ok(())
}

/// Whether every task that reads a topic has durably read what a segment has of it.
fn is_read(shared: &Shared, segment: &Segment) -> bool {
    let state = shared.lock();
    segment.ranges.iter().all(|((topic, partition), (_, last))| {
        let tasks = state.tasks.iter().filter(|(id, _)| id.partition == *partition);
        tasks
            .flat_map(|(_, task)| &task.durable.positions)
            .filter(|(input, _)| input == topic)
            .all(|(_, position)| position > last)
    })
}

/// Removes the records of a compacted topic that have a newer one of their key.
fn compact(shared: &Shared, topic: Topic, partition: PartitionId) -> fjall::Result<()> {
    let store = &shared.store;
    let first = keys::compacted(topic, partition, Offset(0));
    let last = keys::compacted(topic, partition, Offset(u64::MAX));
    let mut newest: BTreeMap<Bytes, fjall::Slice> = BTreeMap::new();
    let mut batch = store.database.batch().durability(Some(PersistMode::SyncData));
    for guard in store.rows.range(first..=last) {
        let (key, packed) = guard.into_inner()?;
        for record in batch::unpack(&Bytes::from(packed)).unwrap_or_default() {
            if let Some(older) = newest.insert(record.key, key.clone()) {
                batch.remove(&store.rows, older);
            }
        }
        if batch.len() >= COMPACTED_MAX {
            break;
        }
    }
    batch.commit()
}

/// Removes the durable records before `to`, read or not: they are not read any more. The space that
/// they take is freed with their segments, or not at all where those are kept for ever. Called by the
/// writer.
pub(crate) fn trim(
    shared: &Shared,
    topic: Topic,
    partition: PartitionId,
    to: Offset,
) -> fjall::Result<()> {
    let index = shared.index(topic, partition);
    let to = {
        let mut state = shared.lock();
        let entry = &mut state.partitions[index];
        let to = to.min(entry.durable()).max(entry.start);
        entry.start = to;
        to
    };
    let store = &shared.store;
    let mut batch = store.database.batch().durability(Some(PersistMode::SyncData));
    batch.insert(&store.rows, keys::start(topic, partition), encode_row(&to));
    batch.commit()
}
