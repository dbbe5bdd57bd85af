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
    /// What the log says under the highest epoch; of those of the same epoch, what it says last.
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
    /// When it was told; never, where it has to be told again.
    told_at: Option<Instant>,
    /// Whether it has been read in the log, and nothing behind it that was told late.
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
        let held = Held { entry: entry.clone(), told_at: Some(Instant::now()), is_read: false };
        self.held.insert(task, held);
        entry
    }

    /// A task is here no longer. Gives what is to be told, unless somebody else is known to have it.
    pub(super) fn release(&mut self, task: TaskId) -> Option<Entry> {
        let held = self.held.remove(&task)?;
        let last = self.told.get(&task).map_or(0, |owner| owner.epoch);
        (last <= held.entry.epoch).then_some(Entry { is_running: false, ..held.entry })
    }

    /// The log says something. Says whether something is to be told again at once.
    ///
    /// What comes under a lower epoch was told late, as by a node that could not reach the brokers when it was to
    /// tell it: somebody has taken over since. It does not count, and whoever has the task tells so again: what
    /// stands last in the log is all that compaction leaves of a task.
    pub(super) fn read(&mut self, task: TaskId, owner: Owner, node: &str) -> bool {
        let best = self.told.get(&task);
        let held = self.held.get_mut(&task);
        let is_ours = |owner: &Owner, held: &Held| {
            &*owner.node == node && owner.epoch == held.entry.epoch && owner.address.is_some()
        };
        let epoch = owner.epoch;
        let is_late = best.is_some_and(|best| epoch < best.epoch);
        let mut is_to_be_told = false;
        if let Some(held) = held {
            if is_ours(&owner, held) {
                // We did not know the epoch before.
                is_to_be_told = is_late;
                held.is_read = !is_late;
            } else if best.is_some_and(|best| is_ours(best, held) && epoch <= best.epoch) {
                // Whoever takes over has read what we have told, and has a higher one.
                is_to_be_told = true;
            }
            if is_to_be_told {
                (held.told_at, held.is_read) = (None, false);
            }
        }
        if !is_late {
            self.told.insert(task, owner);
        }
        is_to_be_told
    }

    /// What is to be told again: what is here, and the log does not say so for some time, or says something
    /// else behind it.
    pub(super) fn untold(&mut self, node: &str) -> Vec<(TaskId, Entry)> {
        let mut untold = Vec::new();
        for (task, held) in &mut self.held {
            let told = self.told.get(task);
            let is_told = told.is_some_and(|owner| {
                &*owner.node == node && owner.epoch == held.entry.epoch && owner.address.is_some()
            });
            let is_due = held.told_at.is_none_or(|at| at.elapsed() >= TOLD_AGAIN_AFTER);
            if is_due && !(is_told && held.is_read) {
                held.entry.epoch = told.map_or(0, |owner| owner.epoch).max(held.entry.epoch) + 1;
                (held.told_at, held.is_read) = (Some(Instant::now()), false);
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

    /// A node that could not reach the brokers tells what it was to tell once it can.
    #[test]
    fn what_is_told_late_does_not_count_and_is_not_left_to_stand_last() {
        for address in [Some("b:1"), None] {
            let (mut ours, mut others) = (Table::default(), Table::default());
            others.read(TASK, owner("b", 4, Some("b:1")), "c");
            ours.read(TASK, owner("b", 4, Some("b:1")), "a");
            assert_eq!(ours.hold(TASK, "id").epoch, 5);
            let mut read = |epoch, node, address| {
                others.read(TASK, owner(node, epoch, address), "c");
                (ours.read(TASK, owner(node, epoch, address), "a"), others.place(TASK, "c"))
            };
            assert_eq!(read(5, "a", Some("a:1")), (false, there("a:1")));
            assert_eq!(read(4, "b", address), (true, there("a:1")));
            let again: Vec<_> = ours.untold("a").iter().map(|(_, entry)| entry.epoch).collect();
            assert_eq!((again, ours.untold("a").len()), (vec![6], 0), "it is told once");
            assert_eq!(ours.place(TASK, "a"), Some(Place::Here));
        }
    }

    #[test]
    fn whoever_takes_over_without_having_read_all_tells_it_again_at_once() {
        let mut table = Table::default();
        table.read(TASK, owner("b", 3, Some("b:1")), "a");
        assert_eq!(table.hold(TASK, "id").epoch, 4);
        table.read(TASK, owner("c", 5, Some("c:1")), "a");
        assert!(table.read(TASK, owner("a", 4, Some("a:1")), "a"), "others go by the higher epoch");
        let again: Vec<_> = table.untold("a").iter().map(|(_, entry)| entry.epoch).collect();
        assert_eq!(again, [6]);
        assert_eq!(table.place(TASK, "a"), Some(Place::Here));
        assert!(!table.read(TASK, owner("a", 6, Some("a:1")), "a"));
        // One that takes over in good order is not contradicted: it may be we who have lost the task.
        assert!(!table.read(TASK, owner("b", 7, Some("b:1")), "a"));
        assert_eq!(table.untold("a"), []);
        assert_eq!(table.place(TASK, "a"), there("b:1"));
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
