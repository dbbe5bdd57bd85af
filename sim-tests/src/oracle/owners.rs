//! **Invariant.** A task has one owner whose commits count. Whoever restores it begins where the last
//! real commit ended; once somebody has restored it, nobody who restored it before commits anything
//! beyond that; positions never go back.

use std::collections::BTreeMap;

use tidelog_core::{Topic, port::TaskId};

use super::Oracle;
use crate::{
    observed::{Act, LedgerEntry, Observed},
    violation::Violation,
};

pub(super) const ORACLE: Oracle = Oracle {
    name: "owners",
    holds: "A partition has one owner, and only its commits count.",
    check: look,
};

/// What is known of a task.
#[derive(Default)]
struct Task<'l> {
    /// The session that restored it last.
    owner: Option<&'l str>,
    /// The greatest positions that are known to be real.
    positions: BTreeMap<Topic, u64>,
    /// Where the last owner began.
    began: BTreeMap<Topic, u64>,
}

fn look(observed: &Observed) -> Vec<Violation> {
    let mut tasks: BTreeMap<TaskId, Task<'_>> = BTreeMap::new();
    let entries = observed.ledger.entries.iter();
    entries.filter_map(|entry| tasks.entry(entry.task).or_default().take(entry)).collect()
}

impl<'l> Task<'l> {
    fn take(&mut self, entry: &'l LedgerEntry) -> Option<Violation> {
        match &entry.act {
            Act::Restored(positions) => self.restored(entry, positions),
            Act::Committed(positions) => self.committed(entry, positions),
            Act::Rejected(_) | Act::Unknown(_) => None,
        }
    }

    fn restored(
        &mut self,
        entry: &'l LedgerEntry,
        positions: &BTreeMap<Topic, u64>,
    ) -> Option<Violation> {
        let lost = self.behind(positions);
        self.owner = Some(&entry.session);
        self.began.clone_from(positions);
        raise(&mut self.positions, positions);
        lost.map(|(topic, known, now)| {
            let what = format!("restored it at {now} of {topic}, and a commit had got to {known}");
            violation(entry, "forgotten", &what)
        })
    }

    fn committed(
        &mut self,
        entry: &LedgerEntry,
        positions: &BTreeMap<Topic, u64>,
    ) -> Option<Violation> {
        let is_owner = self.owner == Some(&*entry.session);
        // The outcome of a commit from before somebody else restored it may be told late.
        let is_before = |topic: &Topic, at: &u64| self.began.get(topic).is_some_and(|it| at <= it);
        if !is_owner && !positions.iter().all(|(topic, at)| is_before(topic, at)) {
            let owner = self.owner.unwrap_or("nobody");
            let what = format!("committed {positions:?}, and {owner} is its owner");
            return Some(violation(entry, "two-owners", &what));
        }
        let back = self.behind(positions).filter(|_| is_owner);
        raise(&mut self.positions, positions);
        back.map(|(topic, known, now)| {
            let what = format!("committed {now} of {topic} after {known}");
            violation(entry, "back", &what)
        })
    }

    /// The first input whose position is behind what is known.
    fn behind(&self, positions: &BTreeMap<Topic, u64>) -> Option<(Topic, u64, u64)> {
        self.positions.iter().find_map(|(topic, known)| {
            let now = positions.get(topic).copied().unwrap_or(0);
            (now < *known).then_some((*topic, *known, now))
        })
    }
}

fn raise(positions: &mut BTreeMap<Topic, u64>, to: &BTreeMap<Topic, u64>) {
    for (topic, at) in to {
        let known = positions.entry(*topic).or_default();
        *known = (*known).max(*at);
    }
}

fn violation(entry: &LedgerEntry, kind: &str, what: &str) -> Violation {
    let message = format!("{}: {} {what}", entry.task, entry.session);
    Violation::new(ORACLE.name, kind, entry.at_us, message)
}

#[cfg(test)]
mod tests {
    use tidelog_core::{PartitionId, ServiceName};

    use super::*;
    use crate::observed::CommitLedger;

    #[test]
    fn it_passes_owners_one_after_the_other() {
        let good = [
            ("a", Act::Restored(at(0))),
            ("a", Act::Committed(at(5))),
            ("a", Act::Unknown(at(9))),
            ("b", Act::Restored(at(9))),
            // Told late, and from before.
            ("a", Act::Committed(at(9))),
            ("b", Act::Committed(at(12))),
            ("a", Act::Rejected(at(20))),
        ];
        assert_eq!(signatures(&good), [""; 0]);
    }

    #[test]
    fn it_fails_zombies_forgotten_commits_and_positions_that_go_back() {
        let zombie = [
            ("a", Act::Restored(at(0))),
            ("b", Act::Restored(at(0))),
            ("a", Act::Committed(at(5))),
        ];
        assert_eq!(signatures(&zombie), ["owners/two-owners"]);
        let forgotten = [
            ("a", Act::Restored(at(0))),
            ("a", Act::Committed(at(5))),
            ("b", Act::Restored(at(3))),
        ];
        assert_eq!(signatures(&forgotten), ["owners/forgotten"]);
        let back = [
            ("a", Act::Restored(at(0))),
            ("a", Act::Committed(at(5))),
            ("a", Act::Committed(at(4))),
        ];
        assert_eq!(signatures(&back), ["owners/back"]);
    }

    fn at(offset: u64) -> BTreeMap<Topic, u64> {
        [(Topic::EntityPatches, offset)].into()
    }

    fn signatures(acts: &[(&str, Act)]) -> Vec<String> {
        let task = TaskId { service: ServiceName::EntityStorage, partition: PartitionId(0) };
        let entry = |(at_us, (session, act)): (u64, &(&str, Act))| LedgerEntry {
            at_us,
            session: (*session).into(),
            task,
            act: act.clone(),
        };
        let ledger = CommitLedger { entries: (0..).zip(acts).map(entry).collect() };
        let found = look(&Observed { ledger, ..Observed::default() });
        found.into_iter().map(|violation| violation.signature.into()).collect()
    }
}
