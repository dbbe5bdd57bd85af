//! The last thing that happens in a run: a record comes that a release of the future has written.

use std::time::Duration;

use madsim::time::sleep;
use tidelog_core::{
    Headers, Message, PartitionId, ServiceName, Topic,
    message::{DeadLetter, FORMAT_VERSION},
    port::{Append, AppendOutcome, Client, TaskId},
};

use super::{actor::World, collect, liveness};
use crate::{
    observed::{NewerRecord, Spot},
    workload::entity_id,
};

/// Appends a record of a newer format, and tells what its task has done with it after a while; nothing, if it
/// could not be appended.
pub(super) async fn comes(world: &World) -> Option<NewerRecord> {
    let observer = liveness::observer(world);
    let key = entity_id(0);
    let partition = world.settings.layout.partition(&key);
    let topic = Topic::EntityPatches;
    let payload = vec![FORMAT_VERSION + 1, 0, 0, 0].into();
    let append = Append { topic, partition, key: key.into(), payload, headers: Headers::default() };
    let [AppendOutcome::Appended(at)] = observer.append(vec![append]).await[..] else {
        return None;
    };
    let task = TaskId { service: ServiceName::EntityStorage, partition };
    for _ in 0..LOOKS {
        sleep(LOOKS_EVERY).await;
        if has_stopped(world, task) {
            break;
        }
    }
    Some(NewerRecord {
        spot: Spot { topic, partition: partition.0, offset: at.0 },
        has_stopped: has_stopped(world, task),
        was_read: was_read(world, task, topic, at.0),
        is_set_aside: is_set_aside(world, partition, at.0).await,
    })
}

/// For ten seconds it is looked whether the task stops.
const LOOKS: u32 = 40;

const LOOKS_EVERY: Duration = Duration::from_millis(250);

fn has_stopped(world: &World, task: TaskId) -> bool {
    let recorded = world.recorder.look();
    let mut of_task = recorded.troubles.iter().filter(|((it, _), _)| *it == task);
    of_task.any(|(_, trouble)| trouble.contains("has stopped"))
}

fn was_read(world: &World, task: TaskId, topic: Topic, offset: u64) -> bool {
    let recorded = world.recorder.look();
    let owners = recorded.owners.get(&task).into_iter().flatten();
    owners.flat_map(|owner| owner.committed.get(&topic)).any(|next| *next > offset)
}

async fn is_set_aside(world: &World, partition: PartitionId, offset: u64) -> bool {
    let observer = liveness::observer(world);
    let (letters, _) = collect::partition_of(&observer, Topic::DeadLetters, partition).await;
    letters.iter().any(|record| {
        let letter = Message::decode(Topic::DeadLetters, &record.payload);
        matches!(letter, Ok(Message::DeadLetter(DeadLetter { source, .. }))
            if source.topic == Topic::EntityPatches
                && source.partition == partition
                && source.offset.0 == offset)
    })
}
