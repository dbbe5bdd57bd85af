//! What is known of the owners of tasks.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use tidelog_core::{message::Owner, port::TaskId};

use super::Place;

/// How long a node waits for what it has told before it tells it again.
pub(super) const TOLD_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// What is known of the owners of tasks.
#[derive(Default)]
pub(crate) struct Table {
    /// What the log says last.
    told: BTreeMap<TaskId, Owner>,
    /// What is here.
    held: BTreeMap<TaskId, Held>,
}

/// What a node tells of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) epoch: u64,
    pub(super) is_running: bool,
    pub(super) transactional_id: Box<str>,
}

struct Held {
    entry: Entry,
    told_at: Instant,
    /// Whether it has been read in the log.
    is_read: bool,
}

impl Table {
    /// Where a task can be asked. What is here counts until the log says that somebody else has taken
    /// over since.
    pub(super) fn place(&self, task: TaskId, node: &str) -> Option<Place> {
        if self.held.get(&task).is_some_and(|held| !held.is_read) {
            return Some(Place::Here);
        }
        let owner = self.told.get(&task)?;
        if &*owner.node == node {
            return self.held.contains_key(&task).then_some(Place::Here);
        }
        owner.address.clone().map(Place::There)
    }

    /// The transactional id of a task's last owner, if that was another node and has not said that it
    /// no longer is.
    pub(super) fn left_open(&self, task: TaskId, node: &str) -> Option<Box<str>> {
        let owner = self.told.get(&task)?;
        let is_other = &*owner.node != node && owner.address.is_some();
        is_other.then(|| owner.transactional_id.clone())
    }

    /// A task is here. Gives what is to be told.
    pub(super) fn hold(&mut self, task: TaskId, transactional_id: &str) -> Entry {
        let epoch = self.told.get(&task).map_or(1, |owner| owner.epoch + 1);
        let entry = Entry { epoch, is_running: true, transactional_id: transactional_id.into() };
        let held = Held { entry: entry.clone(), told_at: Instant::now(), is_read: false };
        self.held.insert(task, held);
        entry
    }

    /// A task is here no longer. Gives what is to be told, unless somebody else is known to have it.
    pub(super) fn release(&mut self, task: TaskId) -> Option<Entry> {
        let held = self.held.remove(&task)?;
        let last = self.told.get(&task).map_or(0, |owner| owner.epoch);
        (last <= held.entry.epoch).then_some(Entry { is_running: false, ..held.entry })
    }

    /// The log says something.
    pub(super) fn read(&mut self, task: TaskId, owner: Owner, node: &str) {
        if let Some(held) = self.held.get_mut(&task)
            && &*owner.node == node
            && owner.epoch == held.entry.epoch
        {
            held.is_read = true;
        }
        self.told.insert(task, owner);
    }

    /// What is to be told again: what is here, and the log does not say so for some time.
    pub(super) fn untold(&mut self, node: &str) -> Vec<(TaskId, Entry)> {
        let mut untold = Vec::new();
        for (task, held) in &mut self.held {
            let told = self.told.get(task);
            let is_told = told.is_some_and(|owner| {
                &*owner.node == node && owner.epoch == held.entry.epoch && owner.address.is_some()
            });
            if !is_told && held.told_at.elapsed() >= TOLD_AGAIN_AFTER {
                held.entry.epoch = told.map_or(0, |owner| owner.epoch).max(held.entry.epoch) + 1;
                (held.told_at, held.is_read) = (Instant::now(), false);
                untold.push((*task, held.entry.clone()));
            }
        }
        untold
    }
}

#[cfg(test)]
mod tests {
    use tidelog_core::{PartitionId, ServiceName};

    use super::*;

    const TASK: TaskId = TaskId { service: ServiceName::EntityStorage, partition: PartitionId(3) };

    fn owner(node: &str, epoch: u64, address: Option<&str>) -> Owner {
        Owner {
            task: TASK.to_string().into(),
            epoch,
            node: node.into(),
            address: address.map(Into::into),
            transactional_id: format!("id-of-{node}").into(),
        }
    }

    fn there(address: &str) -> Option<Place> {
        Some(Place::There(address.into()))
    }

    #[test]
    fn what_is_here_counts_until_somebody_else_takes_over() {
        let mut table = Table::default();
        assert_eq!(table.place(TASK, "a"), None);
        table.read(TASK, owner("b", 4, Some("b:1")), "a");
        assert_eq!(table.place(TASK, "a"), there("b:1"));
        assert_eq!(table.left_open(TASK, "a").as_deref(), Some("id-of-b"));

        assert_eq!(table.hold(TASK, "id").epoch, 5);
        assert_eq!(table.place(TASK, "a"), Some(Place::Here), "before the log says so");
        table.read(TASK, owner("a", 5, Some("a:1")), "a");
        assert_eq!(table.place(TASK, "a"), Some(Place::Here));

        table.read(TASK, owner("b", 6, Some("b:1")), "a");
        assert_eq!(table.place(TASK, "a"), there("b:1"), "whatever we still believe");
        assert_eq!(table.release(TASK), None, "it is not ours to tell");
    }

    #[test]
    fn what_was_given_away_is_nowhere_and_has_left_nothing_open() {
        let mut table = Table::default();
        table.read(TASK, owner("b", 1, Some("b:1")), "a");
        table.read(TASK, owner("b", 1, None), "a");
        assert_eq!((table.place(TASK, "a"), table.left_open(TASK, "a")), (None, None));
    }

    #[test]
    fn what_this_node_told_in_an_earlier_life_is_not_here() {
        let mut table = Table::default();
        table.read(TASK, owner("a", 1, Some("a:1")), "a");
        assert_eq!((table.place(TASK, "a"), table.left_open(TASK, "a")), (None, None));
        let entry = table.hold(TASK, "id");
        assert_eq!((entry.epoch, table.release(TASK).map(|it| it.is_running)), (2, Some(false)));
    }
}
