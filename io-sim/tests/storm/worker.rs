//! A service that counts the records of each key, and copies them with their count.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tidelog_core::{
    Destination, Headers, Offset, Outgoing, Overlay, PartitionId, ReadFault, ServiceName, Spec,
    TableId, Tables, Timestamp, Topic,
    port::{
        Commit, CommitOutcome, Event, Record, Restored, Session, SessionError, TaskCommit,
        Transport, Wait,
    },
};
use tidelog_io_sim::{SimStore, client::ClientSettings, host::Boot, transport::SimTransport};

/// What it reads.
pub(crate) const INPUTS: [Topic; 2] = [Topic::EntityBatches, Topic::SchemaPatches];

/// What it writes.
pub(crate) const OUTPUT: Topic = Topic::EntityPatches;

static SPEC: Spec = Spec {
    name: ServiceName::EntityBatch,
    inputs: &INPUTS,
    outputs: &[OUTPUT],
    tables: &[TableId::Entities],
};

/// The process of a node.
pub(crate) async fn work(boot: Boot, settings: Arc<ClientSettings>) {
    let store = match SimStore::open(&boot.disk) {
        Ok(store) => Arc::new(store),
        // It is started again.
        Err(_) => return,
    };
    let transport = SimTransport::new(&boot.net, boot.node, &boot.name, (*settings).clone(), store);
    loop {
        let Ok(mut session) = transport.join(&SPEC).await else { return };
        match serve(&mut session).await {
            SessionError::Lost(_) => transport.pause(Duration::from_millis(200)).await,
            SessionError::Fatal(_) => return,
        }
    }
}

struct Task<T> {
    tables: T,
    positions: BTreeMap<Topic, Offset>,
    task_time: Timestamp,
    seen: Vec<(Topic, Record)>,
}

async fn serve<X: Session>(session: &mut X) -> SessionError {
    let mut tasks = BTreeMap::new();
    loop {
        if let Err(error) = turn(session, &mut tasks).await {
            return error;
        }
    }
}

/// Takes an event, and works off what has been read once there is nothing more.
async fn turn<X: Session>(
    session: &mut X,
    tasks: &mut BTreeMap<PartitionId, Task<X::Tables>>,
) -> Result<(), SessionError> {
    let is_busy = tasks.values().any(|task| !task.seen.is_empty());
    let soon = session.now().plus(Duration::from_millis(500));
    match session.next(if is_busy { Wait::No } else { Wait::Until(soon) }).await? {
        Event::Assigned(partition) => restore(session, tasks, partition).await,
        Event::Revoked(partition) => {
            commit(session, tasks).await?;
            tasks.remove(&partition);
            session.release(partition);
            Ok(())
        }
        Event::Lost(partition) => {
            tasks.remove(&partition);
            Ok(())
        }
        Event::Records(batch) => {
            let task = tasks.get_mut(&batch.partition).expect("a task that was restored");
            for record in batch.records {
                task.positions.insert(batch.topic, record.offset.next());
                task.task_time = task.task_time.max(record.time);
                task.seen.push((batch.topic, record));
            }
            Ok(())
        }
        Event::Committed(outcome) => unreachable!("{outcome:?}, and no commit is under way"),
        Event::Idle => commit(session, tasks).await,
        lost @ Event::InputLost { .. } => panic!("{lost:?}"),
    }
}

async fn restore<X: Session>(
    session: &mut X,
    tasks: &mut BTreeMap<PartitionId, Task<X::Tables>>,
    partition: PartitionId,
) -> Result<(), SessionError> {
    let Restored { tables, positions, task_time } = session.restore(partition).await?;
    let positions = positions.into_iter().collect();
    tasks.insert(partition, Task { tables, positions, task_time, seen: Vec::new() });
    Ok(())
}

async fn commit<X: Session>(
    session: &mut X,
    tasks: &mut BTreeMap<PartitionId, Task<X::Tables>>,
) -> Result<(), SessionError> {
    let (mut commits, mut broken) = (Vec::new(), BTreeSet::new());
    for (partition, task) in tasks.iter_mut().filter(|(_, task)| !task.seen.is_empty()) {
        match task.work_off(*partition) {
            Ok(commit) => commits.push(commit),
            Err(_) => drop(broken.insert(*partition)),
        }
    }
    if !commits.is_empty() {
        let covered: Vec<_> = commits.iter().map(|commit| commit.partition).collect();
        session.begin_commit(Commit { tasks: commits });
        match session.next(Wait::Commit).await? {
            Event::Committed(CommitOutcome::Committed) => {}
            Event::Committed(CommitOutcome::Rejected(_) | CommitOutcome::Unknown(_)) => {
                broken.extend(covered);
            }
            other => unreachable!("waiting for a commit gave {other:?}"),
        }
    }
    for partition in broken {
        restore(session, tasks, partition).await?;
    }
    Ok(())
}

impl<T: Tables> Task<T> {
    fn work_off(&mut self, partition: PartitionId) -> Result<TaskCommit, ReadFault> {
        let mut rows = Overlay::default();
        let mut sends = Vec::new();
        for (_, Record { key, payload, .. }) in std::mem::take(&mut self.seen) {
            let before = match rows.get(TableId::Entities, &key) {
                Some(row) => row.clone(),
                None => self.tables.get(TableId::Entities, &key)?,
            };
            let count = 1 + before
                .map_or(0, |row| u64::from_be_bytes((*row).try_into().expect("eight bytes")));
            rows.insert(
                TableId::Entities,
                &key,
                Some(Bytes::copy_from_slice(&count.to_be_bytes())),
            );
            let text = std::str::from_utf8(&payload).expect("a text");
            sends.push(Outgoing {
                topic: OUTPUT,
                destination: Destination::Partition(partition),
                key,
                payload: format!("{text} {count}").into(),
                headers: Headers::default(),
            });
        }
        Ok(TaskCommit {
            partition,
            positions: self.positions.iter().map(|(topic, at)| (*topic, *at)).collect(),
            task_time: self.task_time,
            rows: Arc::new(rows),
            sends,
        })
    }
}
