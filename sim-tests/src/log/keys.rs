//! Idempotency keys that were in use for longer than a key is kept.

use std::collections::{BTreeMap, BTreeSet};

use tidelog_core::Topic;

use super::{LogView, asked};
use crate::{
    history::{History, Name},
    model::KEY_KEPT_FOR_MS,
};

/// The keys under which something was sent, or stands in the log, a longer time apart than a key is kept.
/// Their clients cannot know whether two requests under one were one: time has leaped between the call
/// and the sending of one of them, say. The log knows, and what it says of them is judged there.
#[must_use]
pub fn keys_over_days<'h>(history: &'h History, log: &LogView) -> BTreeSet<&'h str> {
    let times = times(log);
    let mut spans: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for operation in &history.operations {
        let (Some(key), Some(name)) = (&operation.key, &operation.name) else { continue };
        let Some((from, until)) = times.get(name) else { continue };
        let span = spans.entry(key).or_insert((*from, *until));
        *span = (span.0.min(*from), span.1.max(*until));
    }
    let long = spans.into_iter().filter(|(_, (from, until))| until - from > KEY_KEPT_FOR_MS);
    long.map(|(key, _)| key).collect()
}

/// The first and the last time that the records of each request tell: when it was sent, and when it was
/// appended.
fn times(log: &LogView) -> BTreeMap<Name, (u64, u64)> {
    let mut times: BTreeMap<Name, (u64, u64)> = BTreeMap::new();
    for (partition, _) in log.partitions(Topic::EntityPatches) {
        for asked in asked(log, partition) {
            let (from, until) = times.entry(asked.name).or_insert((u64::MAX, 0));
            for time in [asked.first_sent_ms, asked.time_ms] {
                (*from, *until) = (time.min(*from), time.max(*until));
            }
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidelog_core::{PartitionId, Timestamp, message::Change};

    use super::*;
    use crate::{
        history::build::{done, history},
        log::build::{patch, record},
        model::{Action, Effect},
    };

    #[test]
    fn a_key_is_over_a_day_when_its_requests_are() {
        let keyed = |number| {
            let effect = Effect::Updated;
            done((0, 9), Action::Merge(json!({})), effect, 1, None).named(number).keyed("PUT x k")
        };
        let both = history(vec![keyed(1), keyed(2)]);
        let hours = |hours| {
            let mut log = LogView::default();
            for (number, offset, wait) in [(1, 0, 0), (2, 1, hours)] {
                let record = record(offset, &patch(number, Change::Read));
                let time = Timestamp::from_millis(record.time.as_millis() + wait * 3_600_000);
                let record = tidelog_core::port::Record { time, ..record };
                log.insert(Topic::EntityPatches, PartitionId(0), [record]);
            }
            keys_over_days(&both, &log).len()
        };
        assert_eq!((hours(23), hours(25)), (0, 1));
    }
}
