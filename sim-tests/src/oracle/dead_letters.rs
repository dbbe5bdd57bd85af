//! **Invariant.** Nothing is set aside but what was made to be: a dead letter is of a record that the
//! workload had spoilt, and every spoilt record has one.

use std::collections::BTreeSet;

use tidelog_core::{Message, Topic};

use super::Oracle;
use crate::{
    observed::{Observed, Spot},
    violation::Violation,
};

pub(super) const ORACLE: Oracle = Oracle {
    name: "dead-letters",
    holds: "What is set aside is what was spoilt, and all of it.",
    check: look,
};

fn look(observed: &Observed) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut aside = BTreeSet::new();
    for (_, _, message) in observed.log.messages(Topic::DeadLetters) {
        let Message::DeadLetter(letter) = message else { continue };
        let source = letter.source;
        let (topic, partition) = (source.topic, source.partition.0);
        let spot = Spot { topic, partition, offset: source.offset.0 };
        if !observed.spoilt.contains(&spot) {
            let message = format!("{} set {spot} aside: {}", letter.service, letter.reason);
            found.push(Violation::new(ORACLE.name, "good-record", observed.end_us, message));
        }
        aside.insert(spot);
    }
    if observed.after_heal.is_some() {
        found.extend(observed.spoilt.difference(&aside).map(|spot| {
            let message = format!("{spot} cannot be read, and has no dead letter");
            Violation::new(ORACLE.name, "silent", observed.end_us, message)
        }));
    }
    found
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tidelog_core::{
        Offset, PartitionId, Position, ServiceName, Timestamp, message::DeadLetter,
    };

    use super::*;
    use crate::{log::build::log, observed::AfterHeal};

    #[test]
    fn it_passes_letters_of_spoilt_records_and_fails_others_and_silence() {
        assert_eq!(signatures(&[7], &[7]), [""; 0]);
        assert_eq!(signatures(&[7], &[7, 7]), [""; 0]);
        assert_eq!(signatures(&[], &[8]), ["dead-letters/good-record"]);
        assert_eq!(signatures(&[7], &[]), ["dead-letters/silent"]);
    }

    fn signatures(spoilt: &[u64], letters: &[u64]) -> Vec<String> {
        let (topic, partition) = (Topic::EntityPatches, PartitionId(0));
        let letter = |offset: &u64| {
            Message::DeadLetter(DeadLetter {
                service: ServiceName::EntityStorage,
                source: Position { topic, partition, offset: Offset(*offset) },
                time: Timestamp::from_millis(1_000),
                reason: "no message".into(),
                key: "".into(),
                payload: Bytes::new(),
                payload_bytes: 0,
            })
        };
        let spot = |offset: &u64| Spot { topic, partition: 0, offset: *offset };
        let found = look(&Observed {
            log: log(letters.iter().map(letter).collect()),
            spoilt: spoilt.iter().map(spot).collect(),
            after_heal: Some(AfterHeal::default()),
            ..Observed::default()
        });
        found.into_iter().map(|violation| violation.signature.into()).collect()
    }
}
