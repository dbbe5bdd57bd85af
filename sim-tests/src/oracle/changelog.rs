//! **Invariant.** The tables of a task are the fold of its committed changelog, up to the changelog's
//! position in the store: the last write of each row, and nothing else.

use std::collections::BTreeMap;

use bytes::Bytes;
use tidelog_core::Topic;

use super::Oracle;
use crate::{
    log::Logged,
    observed::{Observed, StoreView},
    violation::Violation,
};

pub(super) const ORACLE: Oracle =
    Oracle { name: "changelog", holds: "A store is the fold of its changelog.", check: look };

/// The first byte of the keys of rows; the table's code and the row's key follow.
const ROW: u8 = 1;

fn look(observed: &Observed) -> Vec<Violation> {
    observed.stores.iter().filter_map(|store| compare(observed, store)).collect()
}

fn compare(observed: &Observed, store: &StoreView) -> Option<Violation> {
    let topic = Topic::Changelog(store.task.service);
    let records = observed.log.records(topic, store.task.partition);
    let folded = fold(records, store.changelog.unwrap_or(0));
    let (table, key) = first_difference(&folded, &store.rows)?;
    let (ours, theirs) = (folded.get(&(table, key.clone())), store.rows.get(&(table, key.clone())));
    let kind = match (ours, theirs) {
        (Some(_), None) => "row-missing",
        (None, _) => "row-too-many",
        (Some(_), Some(_)) => "row-differs",
    };
    let message = format!(
        "the store of {} has for {} row {key:?} of table {table} {theirs:?}, and the changelog up to \
         {:?} has {ours:?}",
        store.node, store.task, store.changelog
    );
    Some(Violation::new(ORACLE.name, kind, observed.end_us, message))
}

/// The last write of each row before an offset.
fn fold(records: &[Logged], before: u64) -> BTreeMap<(u8, Bytes), Bytes> {
    let mut rows = BTreeMap::new();
    for record in records.iter().take_while(|record| record.offset < before) {
        let (Some(&ROW), Some(table)) = (record.key.first(), record.key.get(1)) else { continue };
        let row = (*table, record.key.slice(2..));
        match &record.payload {
            Some(value) => rows.insert(row, value.clone()),
            None => rows.remove(&row),
        };
    }
    rows
}

/// The first row in which two stores differ.
pub(super) fn first_difference(
    one: &BTreeMap<(u8, Bytes), Bytes>,
    other: &BTreeMap<(u8, Bytes), Bytes>,
) -> Option<(u8, Bytes)> {
    let missing = one.iter().find(|(key, value)| other.get(key) != Some(value));
    let found = missing.or_else(|| other.iter().find(|(key, _)| !one.contains_key(key)));
    found.map(|(key, _)| key.clone())
}

#[cfg(test)]
pub(super) mod tests {
    use tidelog_core::{PartitionId, ServiceName, port::TaskId};

    use super::*;
    use crate::log::LogView;

    #[test]
    fn it_passes_the_fold_of_the_changelog_and_fails_anything_else() {
        assert_eq!(signatures(4, &[("b", "2")]), [""; 0]);
        assert_eq!(signatures(3, &[("a", "1"), ("b", "2")]), [""; 0]);
        assert_eq!(signatures(4, &[("a", "1"), ("b", "2")]), ["changelog/row-too-many"]);
        assert_eq!(signatures(4, &[]), ["changelog/row-missing"]);
        assert_eq!(signatures(4, &[("b", "3")]), ["changelog/row-differs"]);
    }

    pub(in crate::oracle) fn store(changelog: u64, rows: &[(&str, &str)]) -> StoreView {
        let row = |(key, value): &(&str, &str)| ((0, bytes(key)), bytes(value));
        StoreView {
            task: TaskId { service: ServiceName::EntityStorage, partition: PartitionId(0) },
            node: "node1".into(),
            changelog: Some(changelog),
            positions: BTreeMap::new(),
            rows: rows.iter().map(row).collect(),
        }
    }

    fn signatures(changelog: u64, rows: &[(&str, &str)]) -> Vec<String> {
        let record = |offset, key: &str, value: Option<&str>| {
            (offset, bytes(&format!("\u{1}\0{key}")), value.map(bytes))
        };
        let records = [
            record(0, "a", Some("1")),
            (1, Bytes::from_static(&[0]), Some(bytes("progress"))),
            record(2, "b", Some("2")),
            record(3, "a", None),
        ];
        let mut log = LogView::default();
        log.insert_rows(Topic::Changelog(ServiceName::EntityStorage), PartitionId(0), records);
        let stores = vec![store(changelog, rows)];
        let found = look(&Observed { log, stores, ..Observed::default() });
        found.into_iter().map(|violation| violation.signature.into()).collect()
    }

    fn bytes(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }
}
