//! What is the matter with the tasks of this node.

use tidelog_core::port::TaskId;
use tidelog_gateway::{Ailing, Ailments};
use tidelog_runtime::{TaskState, Watch};
use tokio::sync::watch;

/// Hears from the runners what becomes of their tasks, and tells the gateway.
#[derive(Debug)]
pub(crate) struct Health {
    ailments: watch::Sender<Ailments>,
    /// Whether there are other nodes that may have what is not here.
    is_of_cluster: bool,
}

impl Health {
    /// The health of a node that is to have these tasks, none of which is there yet.
    pub(crate) fn of(tasks: impl IntoIterator<Item = TaskId>) -> Self {
        let starting =
            tasks.into_iter().map(|task| (Ailing::Task(task), "it is being started".into()));
        Self { ailments: watch::Sender::new(starting.collect()), is_of_cluster: false }
    }

    /// The health of a node that has whatever the cluster gives it.
    pub(crate) fn of_member() -> Self {
        Self { ailments: watch::Sender::default(), is_of_cluster: true }
    }

    /// What is the matter now.
    pub(crate) fn ailments(&self) -> Ailments {
        self.ailments.borrow().clone()
    }
}

impl Watch for Health {
    fn task(&self, task: TaskId, state: TaskState) {
        let ailment: Option<Box<str>> = match state {
            TaskState::Running => None,
            TaskState::Restoring => Some("it is being restored".into()),
            TaskState::Stopped(reason) => Some(format!("it has stopped: {reason}").into()),
            TaskState::Failed(reason) => {
                Some(format!("it failed and is to be restored: {reason}").into())
            }
            TaskState::Gone if self.is_of_cluster => None,
            // All tasks belong here: there is no other node that has it now.
            TaskState::Gone => Some("it is not here".into()),
        };
        self.ailments.send_modify(|ailments| {
            match ailment {
                Some(ailment) => ailments.insert(Ailing::Task(task), ailment),
                None => ailments.remove(&Ailing::Task(task)),
            };
        });
    }
}

#[cfg(test)]
mod tests {
    use tidelog_core::{PartitionId, ServiceName};

    use super::*;

    #[test]
    fn a_task_is_well_while_it_runs_and_at_no_other_time() {
        let task = TaskId { service: ServiceName::EntityStorage, partition: PartitionId(3) };
        let health = Health::of([task]);
        let ailing = Ailing::Task(task);
        let ailment = || health.ailments().get(&ailing).map(|ailment| ailment.to_string());
        assert_eq!(ailment().as_deref(), Some("it is being started"));
        let states = [
            (TaskState::Restoring, Some("it is being restored")),
            (TaskState::Running, None),
            (TaskState::Failed("x".into()), Some("it failed and is to be restored: x")),
            (TaskState::Running, None),
            (TaskState::Stopped("y".into()), Some("it has stopped: y")),
            (TaskState::Gone, Some("it is not here")),
        ];
        for (state, expected) in states {
            health.task(task, state);
            assert_eq!(ailment().as_deref(), expected);
        }
    }

    #[test]
    fn a_task_that_has_gone_from_a_member_of_a_cluster_is_for_others_to_care_for() {
        let task = TaskId { service: ServiceName::EntityStorage, partition: PartitionId(3) };
        let health = Health::of_member();
        let is_well = || health.ailments().is_empty();
        assert!(is_well());
        health.task(task, TaskState::Restoring);
        assert!(!is_well());
        health.task(task, TaskState::Gone);
        assert!(is_well());
    }
}
