//! **Invariant.** A record that the log said it has is there at the end, at the offset that was told and
//! with the same bytes.

use super::Oracle;
use crate::{
    observed::{Appended, Observed, digest},
    violation::Violation,
};
use tidelog_core::{PartitionId, Retention};

pub(super) const ORACLE: Oracle = Oracle {
    name: "durable",
    holds: "What the log said it has is there, where it said.",
    check: look,
};

fn look(observed: &Observed) -> Vec<Violation> {
    observed.appended.iter().filter_map(|appended| wrong(observed, appended)).collect()
}

fn wrong(observed: &Observed, appended: &Appended) -> Option<Violation> {
    let Appended { client, at_us, spot, digest: told } = appended;
    if spot.topic.retention() != Retention::Long {
        return None;
    }
    let record = observed.log.at(spot.topic, PartitionId(spot.partition), spot.offset);
    let (kind, what) = match record {
        None => ("lost", "it is not there"),
        Some(record) => {
            let payload = record.payload.as_deref().unwrap_or_default();
            if digest(&record.key, payload) == *told {
                return None;
            }
            ("another", "another record is there")
        }
    };
    let message = format!("{client} was told that its record is in {spot}, and {what}");
    Some(Violation::new(ORACLE.name, kind, *at_us, message))
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
    fn it_passes_what_is_there_and_fails_what_is_not() {
        let message = create(1);
        let right = digest(message.key().as_bytes(), &message.encode());
        assert_eq!(signatures(0, right), [""; 0]);
        assert_eq!(signatures(0, right + 1), ["durable/another"]);
        assert_eq!(signatures(7, right), ["durable/lost"]);
    }

    fn signatures(offset: u64, digest: u64) -> Vec<String> {
        let spot = Spot { topic: Topic::EntityPatches, partition: 0, offset };
        let appended = vec![Appended { client: "app".into(), at_us: 5, spot, digest }];
        let found = look(&Observed { log: log(vec![create(1)]), appended, ..Observed::default() });
        found.into_iter().map(|violation| violation.signature.into()).collect()
    }
}
