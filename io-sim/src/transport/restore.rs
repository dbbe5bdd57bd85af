//! Bringing a task to what was committed: its positions from the group, its tables from the changelog.

use std::{collections::BTreeMap, time::Duration};

use tidelog_core::{
    Offset, PartitionId, Spec, Topic,
    port::{Opened, Restored, SessionError, Store, StoreBatch, TaskId},
};

use super::{
    changelog::{self, Fold, Progress},
    lost,
};
use crate::client::{Chunk, Cluster, Failure, Place, Which};

/// How long one fetch of the changelog waits for the last stable offset to move.
const FETCH_WAIT: Duration = Duration::from_millis(100);

/// The two that are asked: whoever coordinates the group, and whoever leads partitions. The offsets are
/// those of the very coordinator that gave the task, as on Kafka: another one may be one of yesterday,
/// which knows nothing of what the group has committed since.
pub(super) struct Asked<'a> {
    pub(super) coordinator: &'a Cluster,
    pub(super) cluster: &'a Cluster,
}

/// Restores a task. It changes nothing but the store, which then knows more of the changelog: it can be
/// dropped at any time.
///
/// The order matters. The group's offsets are fetched first, and only once no transaction is pending on
/// them; then the changelog is read up to the high watermark that it has after that. Whatever made the
/// offsets what they are is before that mark, though perhaps behind a last stable offset that has still
/// to get there.
pub(super) async fn restore<S: Store>(
    asked: Asked<'_>,
    store: &S,
    group: &str,
    spec: &'static Spec,
    partition: PartitionId,
) -> Result<Restored<S::Tables>, SessionError> {
    let task = TaskId { service: spec.name, partition };
    let places: Vec<Place> = spec.inputs.iter().map(|topic| (*topic, partition)).collect();
    let Asked { coordinator, cluster } = asked;
    let fetch = async || coordinator.committed(group, &places).await;
    let committed = coordinator
        .patiently(fetch)
        .await
        .map_err(|failure| lost("the group's offsets", (spec.inputs[0], partition), &failure))?;
    let mut rebuild = Rebuild { cluster, store, task };
    let (tables, progress) = rebuild.run().await?;
    let positions = positions(spec, &committed, partition, &progress).map_err(|topic| {
        let changelog = (Topic::Changelog(task.service), partition);
        let reason = format!(
            "{}/{} ends before what the group has committed of {topic}: whoever told so leads it no more",
            changelog.0, changelog.1
        );
        SessionError::Lost(reason.into())
    })?;
    Ok(Restored { tables, positions, task_time: progress.task_time })
}

/// The position in each input, as on Kafka: the changelog's. The group may know less: it forgets what it takes
/// for abandoned. It may not know more. Every commit is in the changelog, so one that ends before is that
/// of a leader that does not know yet that it is none any more; the input that tells is the error.
fn positions(
    spec: &'static Spec,
    committed: &BTreeMap<Place, Offset>,
    partition: PartitionId,
    progress: &Progress,
) -> Result<Vec<(Topic, Offset)>, Topic> {
    let in_changelog = |topic: Topic| {
        progress.positions.iter().find(|(of, _)| *of == topic).map(|(_, offset)| *offset)
    };
    let position = |topic: Topic| {
        let in_group = committed.get(&(topic, partition)).copied();
        let in_changelog = in_changelog(topic);
        if in_group > in_changelog {
            return Err(topic);
        }
        Ok((topic, in_changelog.unwrap_or_default()))
    };
    spec.inputs.iter().map(|topic| position(*topic)).collect()
}

struct Rebuild<'a, S> {
    cluster: &'a Cluster,
    store: &'a S,
    task: TaskId,
}

impl<S: Store> Rebuild<'_, S> {
    async fn run(&mut self) -> Result<(S::Tables, Progress), SessionError> {
        let end = self.bound(Which::Latest).await?;
        let start = self.bound(Which::Earliest).await?;
        let opened = self.open()?;
        let (mut from, mut progress) = match opened.changelog {
            // A store from elsewhere, or one that has missed what compaction or an operator removed, is
            // no beginning.
            Some(at) if at < start || at > end || self.is_stale(at, end).await? => {
                self.clear(start)?
            }
            Some(at) => {
                let Opened { positions, task_time, .. } = opened;
                (at, Progress { positions, task_time })
            }
            None => (start, Progress::default()),
        };
        let mut until = self.cluster.after(self.cluster.settings().patience);
        while from < end {
            let fetch = async || self.cluster.fetch(self.changelog(), from, FETCH_WAIT).await;
            match self.cluster.patiently(fetch).await {
                Ok(chunk) if chunk.next == from => {
                    if self.cluster.now() >= until {
                        return Err(lost("the changelog", self.changelog(), &Failure::NothingNew));
                    }
                }
                Ok(chunk) => {
                    from = chunk.next;
                    until = self.cluster.after(self.cluster.settings().patience);
                    self.apply(chunk, &mut progress)?;
                }
                Err(Failure::OutOfRange { start, .. }) if start > from => {
                    (from, progress) = self.clear(start)?;
                }
                Err(failure) => return Err(lost("the changelog", self.changelog(), &failure)),
            }
        }
        Ok((self.open()?.tables, progress))
    }

    fn changelog(&self) -> Place {
        (Topic::Changelog(self.task.service), self.task.partition)
    }

    async fn bound(&self, which: Which) -> Result<Offset, SessionError> {
        let ask = async || self.cluster.offset(self.changelog(), which).await;
        let bound = self.cluster.patiently(ask).await;
        bound.map_err(|failure| lost("the changelog", self.changelog(), &failure))
    }

    /// Whether what follows on a store is so old that tombstones may be gone from it.
    async fn is_stale(&self, at: Offset, end: Offset) -> Result<bool, SessionError> {
        if at >= end {
            return Ok(false);
        }
        // Half of the time is left for clocks that differ.
        let kept = self.cluster.settings().tombstones_kept / 2;
        let since = self.cluster.wall().minus(kept);
        Ok(at < self.bound(Which::Since(since)).await?)
    }

    fn open(&self) -> Result<Opened<S::Tables>, SessionError> {
        self.store.open(self.task).map_err(fatal)
    }

    fn clear(&self, start: Offset) -> Result<(Offset, Progress), SessionError> {
        self.store.clear(self.task).map_err(fatal)?;
        Ok((start, Progress::default()))
    }

    fn apply(&self, chunk: Chunk, progress: &mut Progress) -> Result<(), SessionError> {
        let mut fold = Fold::default();
        for record in &chunk.records {
            let entry = changelog::decode(&record.key, record.value.as_ref()).map_err(fatal)?;
            fold.take(entry);
        }
        if let Some(last) = fold.progress.take() {
            *progress = last;
        }
        let batch = StoreBatch {
            task: self.task,
            rows: fold.into_rows(),
            positions: progress.positions.clone(),
            changelog: chunk.next,
            // No changelog is ever made anew here.
            log: None,
            task_time: progress.task_time,
        };
        self.store.apply(&[batch]).map_err(fatal)
    }
}

fn fatal(error: impl std::error::Error) -> SessionError {
    SessionError::Fatal(error.to_string().into())
}

#[cfg(test)]
mod tests {
    use tidelog_core::{ServiceName, Timestamp};

    use super::*;

    static SPEC: Spec = Spec {
        name: ServiceName::EntityStorage,
        inputs: &[Topic::EntityBatches, Topic::SchemaPatches],
        outputs: &[],
        tables: &[],
    };

    #[test]
    fn the_changelog_knows_a_position_that_the_group_has_forgotten() {
        let partition = PartitionId(2);
        let committed = [((Topic::EntityBatches, partition), Offset(5))].into();
        let progress = Progress {
            positions: vec![(Topic::EntityBatches, Offset(5)), (Topic::SchemaPatches, Offset(9))],
            task_time: Timestamp::ZERO,
        };
        let found = positions(&SPEC, &committed, partition, &progress);
        let both = vec![(Topic::EntityBatches, Offset(5)), (Topic::SchemaPatches, Offset(9))];
        assert_eq!(found, Ok(both));
    }

    /// What was wrong: a broker that the controller could not reach told where the changelog had ended when
    /// it led it, and a task went on with the rows of then (seed 202309).
    #[test]
    fn a_changelog_that_ends_before_the_group_is_one_of_yesterday() {
        let partition = PartitionId(1);
        let committed = [((Topic::EntityBatches, partition), Offset(166))].into();
        let found = |positions_then: Vec<_>| {
            let progress = Progress { positions: positions_then, task_time: Timestamp::ZERO };
            positions(&SPEC, &committed, partition, &progress)
        };
        assert_eq!(found(vec![(Topic::EntityBatches, Offset(89))]), Err(Topic::EntityBatches));
        assert_eq!(found(Vec::new()), Err(Topic::EntityBatches));
    }

    /// What was wrong: a broker that came back from a partition of the network answered as the coordinator
    /// that it had been, and the task did again what others had committed (seed 800000000000086).
    #[test]
    fn the_changelog_knows_better_than_a_coordinator_of_yesterday() {
        let partition = PartitionId(1);
        let committed = [((Topic::EntityBatches, partition), Offset(33))].into();
        let positions_then = vec![(Topic::EntityBatches, Offset(188))];
        let progress = Progress { positions: positions_then, task_time: Timestamp::ZERO };
        let found = positions(&SPEC, &committed, partition, &progress);
        let found = found.map(|found| found[0]);
        assert_eq!(found, Ok((Topic::EntityBatches, Offset(188))));
    }
}
