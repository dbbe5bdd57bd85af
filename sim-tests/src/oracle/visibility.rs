//! **Invariant.** Whatever a reader got is committed: the same record is there at the end, it was not
//! aborted, and it stood before the last stable offset when it was read. Each reader gets the records of
//! a partition with rising offsets, from where it began.

use super::Oracle;
use crate::{
    observed::{Observed, Seen, digest},
    violation::Violation,
};
use tidelog_core::{PartitionId, Retention};

pub(super) const ORACLE: Oracle = Oracle {
    name: "visibility",
    holds: "No record is seen that was aborted, or is beyond the stable offset.",
    check: look,
};

fn look(observed: &Observed) -> Vec<Violation> {
    observed.seen.iter().filter_map(|seen| wrong(observed, seen)).collect()
}

fn wrong(observed: &Observed, seen: &Seen) -> Option<Violation> {
    let Seen { reader, spot, .. } = seen;
    let record = observed.log.at(spot.topic, PartitionId(spot.partition), spot.offset);
    let (kind, what) = match record {
        // Compaction and retention take records away that were there.
        None if spot.topic.retention() != Retention::Long => return beyond(seen),
        None => ("aborted", "is not in the log".to_owned()),
        Some(record) => {
            let payload = record.payload.as_deref().unwrap_or_default();
            if digest(&record.key, payload) == seen.digest {
                return beyond(seen);
            }
            ("another", "is another one in the log".to_owned())
        }
    };
    let message = format!("the record that {reader} got from {spot} {what}");
    Some(Violation::new(ORACLE.name, kind, seen.at_us, message))
}

fn beyond(seen: &Seen) -> Option<Violation> {
    let stable = seen.stable.filter(|stable| seen.spot.offset >= *stable)?;
    let Seen { reader, spot, at_us, .. } = seen;
    let message = format!("{reader} got {spot} when the last stable offset was {stable}");
    Some(Violation::new(ORACLE.name, "beyond-stable", *at_us, message))
}

#[cfg(test)]
mod tests {
    use tidelog_core::Topic;

    use super::*;
    use crate::{
        log::build::{create, log},
        observed::Spot,
    };

    #[test]
    fn it_passes_committed_records_and_fails_all_others() {
        let message = create(1);
        let right = digest(message.key().as_bytes(), &message.encode());
        assert_eq!(signatures(0, right, Some(1)), [""; 0]);
        assert_eq!(signatures(0, right, None), [""; 0]);
        assert_eq!(signatures(0, right, Some(0)), ["visibility/beyond-stable"]);
        assert_eq!(signatures(0, right + 1, Some(1)), ["visibility/another"]);
        assert_eq!(signatures(1, right, Some(2)), ["visibility/aborted"]);
    }

    fn signatures(offset: u64, digest: u64, stable: Option<u64>) -> Vec<String> {
        let spot = Spot { topic: Topic::EntityPatches, partition: 0, offset };
        let seen = vec![Seen { reader: "node1".into(), at_us: 5, spot, digest, stable }];
        let found = look(&Observed { log: log(vec![create(1)]), seen, ..Observed::default() });
        found.into_iter().map(|violation| violation.signature.into()).collect()
    }
}
