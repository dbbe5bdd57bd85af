//! **Invariant.** What was learned is not published too often: of a collection no two definitions come within
//! the pace of definitions, and in an epoch no two that say the same of documents, and only count otherwise,
//! within the pace of counts. The times are those that the publications bear, which are of the clock that
//! the pace is kept by: on its way into the log one may be held up, and the next one not. Where clocks are
//! wrong nothing can be told.

use std::collections::{BTreeMap, btree_map::Entry};

use serde_json::Value;
use tidelog_core::Timestamp;

use super::Oracle;
use crate::{
    log::{published, value},
    observed::Observed,
    violation::Violation,
};

pub(super) const ORACLE: Oracle = Oracle {
    name: "paced",
    holds: "What was learned is published at its pace, and counts alone more seldom.",
    check: look,
};

/// A publication of a collection.
struct Publication {
    epoch: u64,
    number: u64,
    time: Timestamp,
    without_notes: Value,
}

fn look(observed: &Observed) -> Vec<Violation> {
    let Some(paces) = observed.settled.as_ref().and_then(|settled| settled.paces) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut last: BTreeMap<&str, Publication> = BTreeMap::new();
    for (record, learned) in published(&observed.log) {
        let publication = Publication {
            epoch: learned.epoch.0,
            number: learned.number,
            time: learned.time,
            without_notes: without_notes(value(&learned.definition)),
        };
        let collection = learned.collection.as_str();
        let before = match last.entry(collection) {
            Entry::Vacant(entry) => {
                entry.insert(publication);
                continue;
            }
            Entry::Occupied(mut entry) => entry.insert(publication),
        };
        let publication = &last[collection];
        let (kind, pace) = if publication.is_of_same_documents(&before) {
            ("counts", paces.counts)
        } else {
            ("definition", paces.definition)
        };
        if publication.time < before.time.plus(pace) {
            let ms = publication.time.as_millis().saturating_sub(before.time.as_millis());
            let message = format!(
                "{collection}, at offset {}: number {} of epoch {} comes {ms} ms after number {} of epoch \
                 {}, and may after {} ms",
                record.offset,
                publication.number,
                publication.epoch,
                before.number,
                before.epoch,
                pace.as_millis()
            );
            found.push(Violation::new(ORACLE.name, kind, observed.end_us, message));
        }
    }
    found
}

impl Publication {
    fn is_of_same_documents(&self, before: &Self) -> bool {
        self.epoch == before.epoch && self.without_notes == before.without_notes
    }
}

/// A definition as it speaks of documents. Nothing but notes has their name in what is written here.
fn without_notes(mut definition: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.remove("x-tidelog");
                members.values_mut().for_each(strip);
            }
            Value::Array(elements) => elements.iter_mut().for_each(strip),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    strip(&mut definition);
    definition
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use tidelog_core::{CollectionId, Document, Message, Revision, message::LearnedDefinition};

    use super::*;
    use crate::{
        log::build::log,
        observed::{Paces, Settled},
    };

    #[test]
    fn it_passes_what_keeps_the_pace() {
        let at = |ms| told(1, ms, "a", 1);
        let others = told(1, 1_000, "b", 2);
        assert_eq!(signatures(&[at(0), others, told(1, 5_000, "b", 3)]), [""; 0]);
        assert_eq!(signatures(&[at(0), told(2, 1_000, "a", 1)]), [""; 0]);
        let elsewhere =
            LearnedDefinition { collection: collection("shop/people"), ..told(1, 10, "a", 1) };
        assert_eq!(signatures(&[at(0), elsewhere]), [""; 0]);
    }

    #[test]
    fn it_fails_what_comes_too_early() {
        let at = |ms| told(1, ms, "a", 1);
        assert_eq!(signatures(&[at(0), told(1, 999, "b", 1)]), ["paced/definition"]);
        assert_eq!(signatures(&[at(0), told(2, 999, "a", 1)]), ["paced/definition"]);
        assert_eq!(signatures(&[at(0), told(1, 3_999, "a", 2)]), ["paced/counts"]);
    }

    fn told(epoch: u64, ms: u64, title: &str, count: u64) -> LearnedDefinition {
        let definition = json!({ "title": title, "x-tidelog": { "count": count } });
        LearnedDefinition {
            collection: collection("shop/orders"),
            epoch: Revision(epoch),
            number: 1,
            definition: Document::from_value(&definition).expect("a document"),
            time: Timestamp::from_millis(ms),
        }
    }

    fn collection(name: &str) -> CollectionId {
        name.parse().expect("a collection")
    }

    fn signatures(publications: &[LearnedDefinition]) -> Vec<String> {
        let paces = Paces {
            definition: Duration::from_secs(1),
            counts: Duration::from_secs(4),
            partitions: 1,
        };
        let observed = Observed {
            log: log(publications.iter().cloned().map(Message::LearnedDefinition).collect()),
            settled: Some(Settled { paces: Some(paces), ..Settled::default() }),
            ..Observed::default()
        };
        look(&observed).into_iter().map(|violation| violation.signature.into()).collect()
    }
}
