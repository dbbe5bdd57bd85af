//! **Invariant.** What was learned of a collection is not published before everything that was there when its
//! epoch began has been read: a publication is younger than the words of all tasks of entity-storage that
//! their walks have ended. Where clocks are wrong this cannot be told from the times in the log.

use std::collections::BTreeSet;

use tidelog_core::{
    Layout, Message, Topic,
    message::{LearnedDefinition, LearningScope},
};

use super::Oracle;
use crate::{
    log::{Logged, published},
    observed::{Observed, Paces},
    violation::Violation,
};

pub(super) const ORACLE: Oracle = Oracle {
    name: "walked",
    holds: "What was learned is published once the documents that were there have been read.",
    check: look,
};

fn look(observed: &Observed) -> Vec<Violation> {
    let Some(paces) = observed.settled.as_ref().and_then(|settled| settled.paces) else {
        return Vec::new();
    };
    let early = published(&observed.log)
        .filter_map(|(record, learned)| premature(observed, record, learned, paces));
    early.map(|it| Violation::new(ORACLE.name, "premature", observed.end_us, it)).collect()
}

/// Whether something is published while a task still walks over what was there.
fn premature(
    observed: &Observed,
    record: &Logged,
    learned: &LearnedDefinition,
    paces: Paces,
) -> Option<String> {
    let LearnedDefinition { collection, epoch, number, .. } = learned;
    let layout = Layout::new(paces.partitions)?;
    let scopes = [
        LearningScope::Database(collection.database()),
        LearningScope::Collection(collection.clone()),
    ];
    let lessons =
        observed.log.records(Topic::SchemaLearning, layout.partition(collection.as_str()));
    let is_whole = |scope: &LearningScope| {
        let ended: BTreeSet<_> = lessons
            .iter()
            .filter(|it| it.time_ms <= record.time_ms)
            .filter_map(|it| match it.message.as_ref()?.as_ref().ok()? {
                Message::WalkEnded(ended) if ended.scope == *scope && ended.epoch == *epoch => {
                    Some(ended.partition)
                }
                _ => None,
            })
            .collect();
        ended.len() == paces.partitions as usize
    };
    (!scopes.iter().any(is_whole)).then(|| {
        format!(
            "{collection} in epoch {epoch}: number {number} was published before the walks had ended"
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidelog_core::{
        CollectionId, Document, PartitionId, Revision, Timestamp, message::WalkEnded,
    };

    use super::*;
    use crate::{
        log::{LogView, build::record},
        observed::Settled,
    };

    #[test]
    fn it_passes_what_is_published_after_the_walks() {
        assert_eq!(signatures(&[9_000], &[(0, 8_000), (1, 9_000)]), [""; 0]);
    }

    #[test]
    fn it_fails_what_is_published_before_all_walks_have_ended() {
        let one = [9_000];
        assert_eq!(signatures(&one, &[(0, 1_000)]), ["walked/premature"]);
        assert_eq!(signatures(&one, &[(0, 1_000), (0, 1_000)]), ["walked/premature"]);
        assert_eq!(signatures(&one, &[(0, 1_000), (1, 9_001)]), ["walked/premature"]);
    }

    /// What is published, by time, where walks of partitions have ended at these times.
    fn signatures(publications: &[u64], ends: &[(u32, u64)]) -> Vec<String> {
        let collection: CollectionId = "shop/orders".parse().expect("a collection");
        let mut log = LogView::default();
        for (offset, time) in (0..).zip(publications) {
            let definition = json!({ "title": "a" });
            let learned = Message::LearnedDefinition(LearnedDefinition {
                collection: collection.clone(),
                epoch: Revision(1),
                number: offset + 1,
                definition: Document::from_value(&definition).expect("a document"),
                time: Timestamp::from_millis(*time),
            });
            let mut record = record(offset, &learned);
            record.time = Timestamp::from_millis(*time);
            log.insert(Topic::SchemaPatches, PartitionId(0), [record]);
        }
        let layout = Layout::new(2).expect("two");
        for (offset, (partition, time)) in (0..).zip(ends) {
            let ended = Message::WalkEnded(WalkEnded {
                scope: LearningScope::Database(collection.database()),
                epoch: Revision(1),
                follows: false,
                partition: PartitionId(*partition),
            });
            let mut record = record(offset, &ended);
            record.time = Timestamp::from_millis(*time);
            log.insert(Topic::SchemaLearning, layout.partition(collection.as_str()), [record]);
        }
        let paces = Paces { partitions: 2, ..Paces::default() };
        let settled = Some(Settled { paces: Some(paces), ..Settled::default() });
        let observed = Observed { log, settled, ..Observed::default() };
        look(&observed).into_iter().map(|violation| violation.signature.into()).collect()
    }
}
