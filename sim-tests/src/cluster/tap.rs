//! A transport that writes down what its sessions are told, and changes nothing of it.

use std::{cell::Cell, collections::BTreeMap, time::Duration};

use tidelog_core::{
    Layout, Offset, PartitionId, ServiceName, Spec, Timestamp, Topic,
    port::{
        Commit, CommitOutcome, Event, Restored, Session, SessionError, TaskId, Transport, Wait,
    },
};
use tidelog_io_sim::wire::Node;

use crate::{
    observed::{Act, Spot},
    recorder::{Owner, Recorder},
};

/// A transport whose sessions are recorded.
pub(super) struct Tap<T> {
    inner: T,
    recorder: Recorder,
    node: Node,
    process: Box<str>,
    sessions: Cell<u32>,
}

/// A session that is recorded.
pub(super) struct TapSession<S> {
    inner: S,
    recorder: Recorder,
    node: Node,
    process: Box<str>,
    name: Box<str>,
    service: ServiceName,
    /// The tasks of the commit under way, with their positions.
    committing: Vec<(TaskId, BTreeMap<Topic, u64>)>,
}

impl<T> Tap<T> {
    /// Records the sessions of a node's process of this name, which no other process has.
    pub(super) fn new(inner: T, recorder: &Recorder, node: Node, process: &str) -> Self {
        let (recorder, process) = (recorder.clone(), process.into());
        Self { inner, recorder, node, process, sessions: Cell::new(0) }
    }
}

impl<T: Transport> Transport for Tap<T> {
    type Session = TapSession<T::Session>;

    async fn join(&self, spec: &'static Spec) -> Result<Self::Session, SessionError> {
        let inner = self.inner.join(spec).await?;
        self.sessions.set(self.sessions.get() + 1);
        Ok(TapSession {
            inner,
            recorder: self.recorder.clone(),
            node: self.node,
            process: self.process.clone(),
            name: format!("{}/{}/{}", self.process, spec.name, self.sessions.get()).into(),
            service: spec.name,
            committing: Vec::new(),
        })
    }

    async fn pause(&self, length: Duration) {
        self.inner.pause(length).await;
    }
}

impl<S: Session> TapSession<S> {
    fn task(&self, partition: PartitionId) -> TaskId {
        TaskId { service: self.service, partition }
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::Records(records) => {
                let (topic, partition) = (records.topic, records.partition.0);
                if let Some(last) = records.records.last() {
                    let (task, next) = (self.task(records.partition), last.offset.0 + 1);
                    self.recorder.read(task, &self.process, topic, next);
                }
                for record in &records.records {
                    let spot = Spot { topic, partition, offset: record.offset.0 };
                    self.recorder.seen(&self.name, spot, &record.key, &record.payload);
                }
            }
            Event::Committed(outcome) => self.committed(outcome),
            Event::Assigned(_)
            | Event::Revoked(_)
            | Event::Lost(_)
            | Event::Idle
            | Event::InputLost { .. } => {}
        }
    }

    fn committed(&mut self, outcome: &CommitOutcome) {
        for (task, positions) in std::mem::take(&mut self.committing) {
            let act = match outcome {
                CommitOutcome::Committed => {
                    self.recorder.committed(task, &self.process, &positions);
                    Act::Committed(positions)
                }
                CommitOutcome::Rejected(_) => Act::Rejected(positions),
                CommitOutcome::Unknown(_) => Act::Unknown(positions),
            };
            self.recorder.act(&self.name, task, act);
        }
    }
}

impl<S: Session> Session for TapSession<S> {
    type Tables = S::Tables;

    fn layout(&self) -> Layout {
        self.inner.layout()
    }

    fn now(&self) -> Timestamp {
        self.inner.now()
    }

    async fn next(&mut self, wait: Wait) -> Result<Event, SessionError> {
        let event = self.inner.next(wait).await?;
        self.note(&event);
        Ok(event)
    }

    async fn restore(
        &mut self,
        partition: PartitionId,
    ) -> Result<Restored<S::Tables>, SessionError> {
        let restored = self.inner.restore(partition).await?;
        let (task, progress) = (self.task(partition), plain(&restored.positions));
        self.recorder.act(&self.name, task, Act::Restored(progress.clone()));
        let (node, process, committed) = (self.node, self.process.clone(), progress.clone());
        self.recorder.runs(task, Owner { node, process, progress, committed });
        Ok(restored)
    }

    async fn ends(&mut self, partition: PartitionId) -> Result<Vec<(Topic, Offset)>, SessionError> {
        self.inner.ends(partition).await
    }

    fn begin_commit(&mut self, commit: Commit) {
        let tasks = commit.tasks.iter();
        self.committing =
            tasks.map(|task| (self.task(task.partition), plain(&task.positions))).collect();
        self.inner.begin_commit(commit);
    }

    fn release(&mut self, partition: PartitionId) {
        self.inner.release(partition);
    }

    fn park(&mut self, partition: PartitionId) {
        self.inner.park(partition);
    }
}

fn plain(positions: &[(Topic, Offset)]) -> BTreeMap<Topic, u64> {
    positions.iter().map(|(topic, offset)| (*topic, offset.0)).collect()
}
