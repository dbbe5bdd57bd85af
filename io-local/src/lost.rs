//! Input that retention took away before its task had read it, and the operator's word to go on.

use std::{fmt, sync::Arc, task::Waker};

use futures_channel::oneshot;
use tidelog_core::{
    Effects, Offset, Overlay, PartitionId, Position, Source, Spec, Topic, port::TaskId,
};

use crate::{
    LocalLog,
    commit::Prepared,
    database::Progress,
    log::{Shared, State, Task},
};

/// How far a task has read one of its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputProgress {
    /// The input.
    pub topic: Topic,
    /// The offset to be read next.
    pub position: Offset,
    /// The first offset that the partition still has.
    pub start: Offset,
    /// The offset after its last record.
    pub end: Offset,
}

impl InputProgress {
    /// What the task has not read and cannot read any more.
    #[must_use]
    pub fn lost(&self) -> Option<LostRange> {
        let Self { topic, position, start, .. } = *self;
        (position < start).then_some(LostRange { topic, from: position, to: start })
    }

    /// How many records there are to be read, as offsets count them.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.end.0.saturating_sub(self.position.max(self.start).0)
    }
}

/// Offsets that are gone: from `from` on, before `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostRange {
    /// The input.
    pub topic: Topic,
    /// The first one.
    pub from: Offset,
    /// The first one that is still there.
    pub to: Offset,
}

impl fmt::Display for LostRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {} on, before {}", self.topic, self.from, self.to)
    }
}

/// Why a task was not moved on. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SkipError {
    /// It runs: whoever runs it goes by positions of its own.
    #[error("{0} is running; stop the service first")]
    Running(TaskId),
    /// Everything that it has not read is there.
    #[error("nothing of the input of {0} is lost; what is there is never skipped")]
    NothingLost(TaskId),
    /// The log cannot be written.
    #[error("the log cannot be written: {0}")]
    Log(Box<str>),
}

/// Tells how far tasks are, while the log is open.
#[derive(Clone)]
pub struct LocalProgress {
    shared: Arc<Shared>,
}

impl LocalProgress {
    /// How far a task has read its inputs.
    #[must_use]
    pub fn inputs(&self, spec: &Spec, partition: PartitionId) -> Vec<InputProgress> {
        inputs(&self.shared, &self.shared.lock(), spec, partition)
    }
}

impl fmt::Debug for LocalProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalProgress").finish_non_exhaustive()
    }
}

impl LocalLog {
    /// How far tasks are, from now on.
    #[must_use]
    pub fn progress(&self) -> LocalProgress {
        LocalProgress { shared: Arc::clone(&self.shared) }
    }

    /// How far a task has read its inputs.
    #[must_use]
    pub fn inputs(&self, spec: &Spec, partition: PartitionId) -> Vec<InputProgress> {
        self.progress().inputs(spec, partition)
    }

    /// Moves a task that does not run over what is lost of its inputs, and over nothing else: to the
    /// first record of each that is still there. A dead letter for each range says what was lost and
    /// who asked for this, in the same commit. Ready once it is durable.
    ///
    /// # Errors
    ///
    /// If the task runs, nothing is lost, or the log cannot be written.
    pub async fn skip_lost(
        &self,
        spec: &Spec,
        partition: PartitionId,
        asked_by: &str,
    ) -> Result<Vec<LostRange>, SkipError> {
        let (lost, durable) = self.begin_skip(spec, partition, asked_by)?;
        match durable.await {
            Ok(()) => Ok(lost),
            Err(_) => {
                let refusal = self.shared.lock().refusal();
                Err(SkipError::Log(refusal.unwrap_or_else(|| "its writer has stopped".into())))
            }
        }
    }

    fn begin_skip(
        &self,
        spec: &Spec,
        partition: PartitionId,
        asked_by: &str,
    ) -> Result<(Vec<LostRange>, oneshot::Receiver<()>), SkipError> {
        let shared = &*self.shared;
        let id = TaskId { service: spec.name, partition };
        let mut wake = Vec::new();
        let mut state = shared.lock();
        if let Some(reason) = state.refusal() {
            return Err(SkipError::Log(reason));
        }
        if state.groups.get(&spec.name).is_some_and(|group| group.is_owned(partition)) {
            return Err(SkipError::Running(id));
        }
        let inputs = inputs(shared, &state, spec, partition);
        let lost: Vec<LostRange> = inputs.iter().filter_map(InputProgress::lost).collect();
        if lost.is_empty() {
            return Err(SkipError::NothingLost(id));
        }
        shared.tick(&mut state);
        let mut effects = Effects::new(shared.settings.layout);
        for range in &lost {
            let position = Position { topic: range.topic, partition, offset: range.from };
            let source = Source { position, time: state.time };
            let reason = format!(
                "the records of {}/{partition} from {} on were removed before {id} read them; it goes on \
                 at {}, the first one that is there, as {asked_by} asked",
                range.topic, range.from, range.to
            );
            effects.dead_letter(id.service, source, reason, &[], &Default::default());
        }
        let task = state.tasks.entry(id).or_insert_with(|| Task::new(Progress::default()));
        let positions = inputs.iter().map(|input| (input.topic, input.position.max(input.start)));
        let progress =
            Progress { positions: positions.collect(), task_time: task.progress.task_time };
        let rows = Arc::new(Overlay::default());
        let sends = shared.route(effects.take());
        state.commit(vec![Prepared { id, progress, rows, sends }], &mut wake);
        let (done, durable) = oneshot::channel();
        state.appends.push(done);
        drop(state);
        wake.into_iter().for_each(Waker::wake);
        shared.work.notify_one();
        Ok((lost, durable))
    }
}

fn inputs(
    shared: &Shared,
    state: &State,
    spec: &Spec,
    partition: PartitionId,
) -> Vec<InputProgress> {
    let id = TaskId { service: spec.name, partition };
    let committed = state.tasks.get(&id).map(|task| task.progress.positions.as_slice());
    let progress = |topic: &Topic| {
        let of_topic = |(input, _): &&(Topic, Offset)| input == topic;
        let found = committed.unwrap_or_default().iter().find(of_topic);
        let entry = &state.partitions[shared.index(*topic, partition)];
        InputProgress {
            topic: *topic,
            position: found.map_or(Offset(0), |(_, position)| *position),
            start: entry.start,
            end: entry.durable(),
        }
    };
    spec.inputs.iter().map(progress).collect()
}
