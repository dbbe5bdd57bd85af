//! **Invariant.** What was learned is not published too often: of a collection no two definitions come within
//! the pace of definitions, and in an epoch no two that say the same of documents, and only count otherwise,
//! within the pace of counts. The times are those that the publications bear, which are of the clock that
//! the pace is kept by: on its way into the log one may be held up, and the next one not. Whoever is far behind
//! writes earlier times than those it acts at, so what comes too early has to be in the log too early as well.
//! Where clocks are wrong nothing can be told.

use std::collections::BTreeMap;

use serde_json::Value;
use tidelog_core::Timestamp;

use super::Oracle;
use crate::{
    log::{published, value},
    model::learner::without_notes,
    observed::{Observed, Paces},
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
    /// When the log took it.
    appended: Timestamp,
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
            appended: Timestamp::from_millis(record.time_ms),
            without_notes: without_notes(value(&learned.definition)),
        };
        let collection = learned.collection.as_str();
        if let Some((kind, early)) =
            last.get(collection).and_then(|before| publication.too_early(before, paces))
        {
            let message = format!("{collection}, at offset {}: {early}", record.offset);
            found.push(Violation::new(ORACLE.name, kind, observed.end_us, message));
        }
        last.insert(collection, publication);
    }
    found
}

impl Publication {
    /// By how much it comes too early after the one before, if it does.
    fn too_early(&self, before: &Self, paces: Paces) -> Option<(&'static str, String)> {
        let says_the_same =
            self.epoch == before.epoch && self.without_notes == before.without_notes;
        let (kind, pace) = match says_the_same {
            true => ("counts", paces.counts),
            false => ("definition", paces.definition),
        };
        // Who is so far behind that the clock is not believed says earlier times than it acts at.
        let earliest = before.time.plus(pace);
        (self.time < earliest && self.appended < earliest).then(|| {
            let ms = self.time.as_millis().saturating_sub(before.time.as_millis());
            let message = format!(
                "number {} of epoch {} comes {ms} ms after number {} of epoch {}, and may after {} ms",
                self.number,
                self.epoch,
                before.number,
                before.epoch,
                pace.as_millis()
            );
            (kind, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use tidelog_core::{
        CollectionId, Document, Message, PartitionId, Revision, Topic, message::LearnedDefinition,
        port::Record,
    };

    use super::*;
    use crate::{
        log::{LogView, build::record},
        observed::Settled,
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
    fn it_passes_what_was_behind() {
        let late = |ms, title| (told(1, ms, title, 1), ms + 40_000);
        assert_eq!(judged(&[late(0, "a"), late(20, "b")]), [""; 0]);
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

    /// Of publications that are appended at once.
    fn signatures(publications: &[LearnedDefinition]) -> Vec<String> {
        let at_once = |it: &LearnedDefinition| (it.clone(), it.time.as_millis());
        judged(&publications.iter().map(at_once).collect::<Vec<_>>())
    }

    fn judged(publications: &[(LearnedDefinition, u64)]) -> Vec<String> {
        let paces = Paces {
            definition: Duration::from_secs(1),
            counts: Duration::from_secs(4),
            partitions: 1,
        };
        let records = (0..).zip(publications).map(|(offset, (learned, appended))| Record {
            time: Timestamp::from_millis(*appended),
            ..record(offset, &Message::LearnedDefinition(learned.clone()))
        });
        let mut log = LogView::default();
        log.insert(Topic::SchemaPatches, PartitionId(0), records);
        let observed = Observed {
            log,
            settled: Some(Settled { paces: Some(paces), ..Settled::default() }),
            ..Observed::default()
        };
        look(&observed).into_iter().map(|violation| violation.signature.into()).collect()
    }
}
