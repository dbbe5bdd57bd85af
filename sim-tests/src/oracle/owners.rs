//! **Invariant.** A task has one owner whose commits count: each record of its inputs is covered by one
//! real commit. Whoever commits began where the last real commit had ended; positions never go back.
//!
//! That somebody restores a task is no sign of owning it: one that was away restores what it had, before
//! it learns that it has lost it. What counts is what it commits then.

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
    /// How far each session knows the task to be.
    known: BTreeMap<&'l str, &'l BTreeMap<Topic, u64>>,
    /// What the real commits cover of each input.
    covered: BTreeMap<Topic, Vec<Covered<'l>>>,
}

/// Records that a real commit covers.
#[derive(Clone, Copy)]
struct Covered<'l> {
    from: u64,
    to: u64,
    session: &'l str,
}

fn look(observed: &Observed) -> Vec<Violation> {
    let mut tasks: BTreeMap<TaskId, Task<'_>> = BTreeMap::new();
    let entries = observed.ledger.entries.iter();
    entries.filter_map(|entry| tasks.entry(entry.task).or_default().take(entry)).collect()
}

impl<'l> Task<'l> {
    fn take(&mut self, entry: &'l LedgerEntry) -> Option<Violation> {
        let violation = match &entry.act {
            Act::Restored(_) => None,
            Act::Committed(positions) => self.committed(entry, positions),
            Act::Rejected(_) | Act::Unknown(_) => return None,
        };
        if let Act::Restored(positions) | Act::Committed(positions) = &entry.act {
            self.known.insert(&entry.session, positions);
        }
        violation
    }

    fn committed(
        &mut self,
        entry: &'l LedgerEntry,
        positions: &BTreeMap<Topic, u64>,
    ) -> Option<Violation> {
        let mut found = None;
        for (topic, to) in positions {
            let known = self.known.get(&*entry.session);
            let from = known.and_then(|known| known.get(topic)).copied().unwrap_or(0);
            let covered = self.covered.entry(*topic).or_default();
            let twice = covered.iter().find(|it| it.from.max(from) < it.to.min(*to));
            if *to < from {
                let what = format!("committed {to} of {topic} after {from}");
                found = Some(violation(entry, "back", &what));
            } else if let Some(Covered { from: others, to: end, session }) = twice {
                let what = format!(
                    "committed {from} to {to} of {topic}, and {session} had committed {others} to {end}"
                );
                found = Some(violation(entry, "two-owners", &what));
            }
            if from < *to {
                covered.push(Covered { from, to: *to, session: &entry.session });
            }
        }
        found
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
    fn it_passes_a_zombie_that_restores_and_then_commits_nothing() {
        let good = [
            ("a", Act::Restored(at(0))),
            ("b", Act::Restored(at(0))),
            ("b", Act::Committed(at(5))),
            ("a", Act::Rejected(at(3))),
            ("a", Act::Restored(at(5))),
            ("b", Act::Committed(at(8))),
        ];
        assert_eq!(signatures(&good), [""; 0]);
    }

    #[test]
    fn it_fails_zombies_forgotten_commits_and_positions_that_go_back() {
        let zombie = [
            ("a", Act::Restored(at(0))),
            ("b", Act::Restored(at(0))),
            ("b", Act::Committed(at(7))),
            ("a", Act::Committed(at(5))),
        ];
        assert_eq!(signatures(&zombie), ["owners/two-owners"]);
        let forgotten = [
            ("a", Act::Restored(at(0))),
            ("a", Act::Committed(at(5))),
            ("b", Act::Restored(at(3))),
            ("b", Act::Committed(at(9))),
        ];
        assert_eq!(signatures(&forgotten), ["owners/two-owners"]);
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
