//! Retention: records that need not be kept any longer are removed.

use std::collections::BTreeMap;

use bytes::Bytes;
use fjall::PersistMode;
use tidelog_core::{Offset, PartitionId, Retention, Timestamp, Topic, message::encode_row};

use crate::{batch, keys, log::Shared};

/// Items of the database that one step removes.
const ITEMS_MAX: usize = 1_000;

/// Removes what need not be kept: records that are older than their topic keeps them and that every
/// task which reads the topic has read, and of compacted topics those with a newer record of their
/// key. Called by the writer, which alone writes to the database.
pub(crate) fn sweep(shared: &Shared) -> fjall::Result<()> {
    let now = shared.settings.clock.now();
    for topic in Topic::ALL {
        for partition in shared.settings.layout.all() {
            match topic.retention() {
                Retention::Short => {
                    let before = now.minus(shared.settings.retention_short);
                    while expire(shared, topic, partition, before)? {}
                }
                Retention::Medium => {
                    let before = now.minus(shared.settings.retention_medium);
                    while expire(shared, topic, partition, before)? {}
                }
                Retention::Compacted => compact(shared, topic, partition)?,
                Retention::Long => {}
            }
        }
    }
    Ok(())
}

/// Removes the oldest records; says whether there may be more to remove.
fn expire(
    shared: &Shared,
    topic: Topic,
    partition: PartitionId,
    before: Timestamp,
) -> fjall::Result<bool> {
    let index = shared.index(topic, partition);
    let (start, end) = {
        let state = shared.lock();
        let entry = &state.partitions[index];
        let mut end = entry.durable();
        for (id, task) in &state.tasks {
            let reads = task.durable.positions.iter().find(|(input, _)| *input == topic);
            if id.partition == partition
                && let Some((_, position)) = reads
            {
                end = end.min(*position);
            }
        }
        (entry.start, end)
    };
    if start >= end {
        return Ok(false);
    }
    let store = &shared.store;
    let mut batch = store.database.batch().durability(Some(PersistMode::SyncData));
    let mut new_start = start;
    let first = keys::record(topic, partition, Offset(0));
    let last = keys::record(topic, partition, end);
    for guard in store.records.range(first..last).take(ITEMS_MAX) {
        let (key, packed) = guard.into_inner()?;
        let records = batch::unpack(&Bytes::from(packed)).unwrap_or_default();
        let Some(newest) = records.last().filter(|newest| newest.time < before) else { break };
        new_start = newest.offset.next();
        batch.remove(&store.records, key);
    }
    if new_start == start {
        return Ok(false);
    }
    batch.insert(&store.rows, keys::start(topic, partition), encode_row(&new_start));
    let removed = batch.len() - 1;
    batch.commit()?;
    shared.lock().partitions[index].start = new_start;
    tracing::debug!(%topic, %partition, start = %new_start, "removed old records");
    Ok(removed == ITEMS_MAX)
}

/// Removes the records of a compacted topic that have a newer one of their key. An item of such a
/// topic has one record.
fn compact(shared: &Shared, topic: Topic, partition: PartitionId) -> fjall::Result<()> {
    let store = &shared.store;
    let first = keys::record(topic, partition, Offset(0));
    let last = keys::record(topic, partition, Offset(u64::MAX));
    let mut newest: BTreeMap<Bytes, fjall::Slice> = BTreeMap::new();
    let mut batch = store.database.batch().durability(Some(PersistMode::SyncData));
    for guard in store.records.range(first..=last) {
        let (key, packed) = guard.into_inner()?;
        for record in batch::unpack(&Bytes::from(packed)).unwrap_or_default() {
            if let Some(older) = newest.insert(record.key.clone(), key.clone()) {
                batch.remove(&store.records, older);
            }
        }
        if batch.len() >= ITEMS_MAX {
            break;
        }
    }
    batch.commit()
}

/// Removes the durable records before `to`, read or not. Part of a batch of records cannot be
/// removed: what is left of it is not read any more.
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
    let first = keys::record(topic, partition, Offset(0));
    for guard in store.records.range(first..keys::record(topic, partition, to)) {
        batch.remove(&store.records, guard.key()?);
    }
    batch.commit()
}
