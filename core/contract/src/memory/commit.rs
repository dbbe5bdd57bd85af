//! A commit under way.

use std::collections::BTreeMap;

use tidelog_core::{
    PartitionId, ServiceName, Timestamp,
    port::{Commit, CommitOutcome, SessionError},
};

use super::{
    control::{Committed, Fate},
    flaw::Flaw,
    world::World,
};

pub(super) struct Committing {
    pub(super) commit: Commit,
    /// The ownerships under which it was begun.
    pub(super) epochs: BTreeMap<PartitionId, u64>,
    pub(super) fate: Fate,
    pub(super) due: Timestamp,
}

impl Committing {
    /// Makes it real, if it may be and is to be.
    pub(super) fn conclude(
        mut self,
        world: &mut World,
        service: ServiceName,
        member: u64,
    ) -> Result<CommitOutcome, SessionError> {
        let takes_all = world.has(Flaw::TakesCommitsOfTheEvicted);
        let group = world.group(service);
        let owns = |(partition, epoch): (&_, &_)| group.owns(member, *partition, *epoch);
        if !takes_all && !self.epochs.iter().all(owns) {
            let reason = "one of its partitions has another owner";
            return Ok(CommitOutcome::Rejected(reason.into()));
        }
        if matches!(self.fate, Fate::Committed | Fate::UnknownAndDone) {
            if world.has(Flaw::ShowsCommitsUnderWay) {
                self.commit.tasks.iter_mut().for_each(|task| task.sends.clear());
            }
            world.apply(service, &self.commit.tasks);
            let (at, tasks) = (world.now, self.commit.tasks);
            world.controls.history.push(Committed { service, at, tasks });
        }
        let reason: Box<str> = "a test wants it so".into();
        match self.fate {
            Fate::Committed => Ok(CommitOutcome::Committed),
            Fate::Rejected => Ok(CommitOutcome::Rejected(reason)),
            Fate::UnknownAndDone | Fate::UnknownAndNot => Ok(CommitOutcome::Unknown(reason)),
            Fate::SessionLost => Err(SessionError::Lost(reason)),
        }
    }
}
