//! **Invariant.** Sixty seconds of virtual time after the last fault every task has read all that its
//! inputs hold, and every operation has its outcome.

use super::Oracle;
use crate::{observed::Observed, violation::Violation};

pub(super) const ORACLE: Oracle = Oracle {
    name: "caught-up",
    holds: "After the faults everything is caught up within 60 seconds of virtual time.",
    check: look,
};

/// How long it may take, in microseconds of virtual time.
pub(crate) const CATCHES_UP_WITHIN_US: u64 = 60_000_000;

fn look(observed: &Observed) -> Vec<Violation> {
    let Some(after) = &observed.after_heal else { return Vec::new() };
    assert!(
        after.looked_us >= after.healed_us + CATCHES_UP_WITHIN_US
            || (after.behind.is_empty() && after.waiting.is_empty()),
        "whoever looks gives them the time"
    );
    let states = after.states.join("; ");
    let mut found = Vec::new();
    if let Some(first) = after.behind.first() {
        let at = first.position.map_or_else(|| "owned by nobody".into(), |at| format!("at {at}"));
        let message = format!(
            "{} is {at} of {}, which ends at {}, and {} inputs of tasks are behind. {states}",
            first.task,
            first.topic,
            first.end,
            after.behind.len()
        );
        let kind = format!("behind/{}", first.task.service);
        found.push(Violation::new(ORACLE.name, &kind, after.looked_us, message));
    }
    if let Some(first) = after.waiting.first() {
        let count = after.waiting.len();
        let message = format!("operation {first} has no outcome, one of {count}. {states}");
        found.push(Violation::new(ORACLE.name, "waiting", after.looked_us, message));
    }
    found
}

#[cfg(test)]
mod tests {
    use tidelog_core::{PartitionId, ServiceName, Topic, port::TaskId};

    use super::*;
    use crate::observed::{AfterHeal, Behind};

    #[test]
    fn it_passes_who_is_through_and_fails_who_is_not() {
        assert_eq!(signatures(Vec::new(), Vec::new()), [""; 0]);
        let task = TaskId { service: ServiceName::EntityStorage, partition: PartitionId(0) };
        let behind = Behind { task, topic: Topic::EntityPatches, position: Some(3), end: 5 };
        assert_eq!(signatures(vec![behind], Vec::new()), ["caught-up/behind/entity-storage"]);
        assert_eq!(signatures(Vec::new(), vec![7]), ["caught-up/waiting"]);
    }

    fn signatures(behind: Vec<Behind>, waiting: Vec<u32>) -> Vec<String> {
        let looked_us = 5 + CATCHES_UP_WITHIN_US;
        let after = AfterHeal { healed_us: 5, looked_us, behind, waiting, states: Vec::new() };
        let found = look(&Observed { after_heal: Some(after), ..Observed::default() });
        found.into_iter().map(|violation| violation.signature.into()).collect()
    }
}
