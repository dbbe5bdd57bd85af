use std::{
    collections::BTreeMap,
    ops::{Bound, ControlFlow},
};

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::id::DatabaseId;

const TABLE: Table<DatabaseId, u32> = Table::new(TableId::Databases);

#[test]
fn a_write_hides_what_the_store_has() {
    let store = Rows::of(&[("a", 1), ("b", 2), ("c", 3)]);
    let mut state = State::new(&store, Timestamp::ZERO);
    state.put(&TABLE, &id("b"), &20);
    state.remove(&TABLE, &id("c"));
    state.put(&TABLE, &id("d"), &4);
    assert_eq!(state.get(&TABLE, &id("a")), Some(1));
    assert_eq!(state.get(&TABLE, &id("b")), Some(20));
    assert_eq!(state.get(&TABLE, &id("c")), None);
    assert!(!state.contains(&TABLE, &id("c")));
    assert_eq!(all(&state), [("a", 1), ("b", 20), ("d", 4)]);
}

#[test]
fn a_commit_under_way_is_seen_below_the_batch() {
    let store = Rows::of(&[("a", 1), ("b", 2)]);
    let mut state = State::new(&store, Timestamp::ZERO);
    state.put(&TABLE, &id("a"), &10);
    state.remove(&TABLE, &id("b"));
    let in_flight = state.into_overlay();
    let mut state = State::resume(&store, Some(&in_flight), Overlay::default(), Timestamp::ZERO);
    assert_eq!(all(&state), [("a", 10)]);
    state.put(&TABLE, &id("b"), &200);
    assert_eq!(all(&state), [("a", 10), ("b", 200)]);
    assert_eq!(state.into_overlay().len(), 1);
}

#[test]
fn what_is_kept_of_a_row_is_what_the_row_says() {
    let store = Rows::of(&[("a", 1)]);
    let mut state = State::new(&store, Timestamp::ZERO);
    assert_eq!(state.get_kept(&TABLE, &id("a")), Some(1));
    state.put_kept(&TABLE, &id("a"), 2);
    assert_eq!(state.get(&TABLE, &id("a")), Some(2));
    assert_eq!(state.get_kept(&TABLE, &id("a")), Some(2), "as it was kept");
    assert_eq!(state.get_kept(&TABLE, &id("a")), Some(2), "as it was written");
    state.put_kept(&TABLE, &id("a"), 3);
    state.put(&TABLE, &id("a"), &4);
    assert_eq!(state.get_kept(&TABLE, &id("a")), Some(4), "written over");
    state.put_kept(&TABLE, &id("a"), 5);
    let in_flight = state.into_overlay();
    let mut state = State::resume(&store, Some(&in_flight), Overlay::default(), Timestamp::ZERO);
    assert_eq!(state.get_kept(&TABLE, &id("a")), Some(5));
    assert_eq!(state.get_kept(&TABLE, &id("a")), Some(5), "others see the commit under way, too");
    state.remove(&TABLE, &id("a"));
    assert_eq!(state.get_kept(&TABLE, &id("a")), None);
    assert_eq!(state.get_kept(&TABLE, &id("b")), None);
}

#[test]
fn a_read_that_fails_marks_the_state_and_finds_nothing() {
    let state = State::new(&Broken, Timestamp::ZERO);
    assert_eq!(state.fault(), None);
    assert_eq!(state.get(&TABLE, &id("a")), None);
    assert!(state.fault().is_some());
}

#[test]
fn a_row_of_a_newer_release_marks_the_state() {
    let mut store = Rows::of(&[]);
    store.0.insert(id("a").to_bytes(), Bytes::from_static(&[99, 0]));
    let state = State::new(&store, Timestamp::ZERO);
    assert_eq!(state.get(&TABLE, &id("a")), None);
    let fault = state.fault().expect("a fault").to_string();
    assert!(fault.contains("format version 99"), "{fault}");
}

proptest! {
    #[test]
    fn a_state_is_a_map(
        stored in proptest::collection::btree_map("[a-e]{1,2}", 0u32..100, 0..12),
        flying in proptest::collection::vec(("[a-e]{1,2}", proptest::option::of(0u32..100)), 0..12),
        written in proptest::collection::vec(("[a-e]{1,2}", proptest::option::of(0u32..100)), 0..12),
        from in "[a-e]{1,2}",
        to in "[a-e]{1,2}",
        limit in 1usize..5,
    ) {
        let pairs: Vec<_> = stored.iter().map(|(k, v)| (k.as_str(), *v)).collect();
        let store = Rows::of(&pairs);
        let mut model = stored.clone();
        let mut apply = |state: &mut State<'_>, writes: &[(String, Option<u32>)]| {
            for (key, value) in writes {
                match value {
                    Some(value) => {
                        state.put(&TABLE, &id(key), value);
                        model.insert(key.clone(), *value);
                    }
                    None => {
                        state.remove(&TABLE, &id(key));
                        model.remove(key);
                    }
                }
            }
        };
        let mut state = State::new(&store, Timestamp::ZERO);
        apply(&mut state, &flying);
        let in_flight = state.into_overlay();
        let mut state =
            State::resume(&store, Some(&in_flight), Overlay::default(), Timestamp::ZERO);
        apply(&mut state, &written);
        let expected: Vec<_> = model
            .iter()
            .filter(|(key, _)| **key >= from && **key < to)
            .map(|(key, value)| (id(key), *value))
            .take(limit)
            .collect();
        let found = state.range(
            &TABLE,
            Bound::Included(from.as_bytes()),
            Bound::Excluded(to.as_bytes()),
            limit,
        );
        prop_assert_eq!(found, expected);
        prop_assert_eq!(state.fault(), None);
    }
}

fn id(text: &str) -> DatabaseId {
    text.parse().expect("a good id")
}

fn all(state: &State<'_>) -> Vec<(&'static str, u32)> {
    state
        .range(&TABLE, Bound::Unbounded, Bound::Unbounded, 100)
        .into_iter()
        .map(|(key, value)| (&*key.to_string().leak(), value))
        .collect()
}

struct Rows(BTreeMap<Vec<u8>, Bytes>);

impl Rows {
    fn of(rows: &[(&str, u32)]) -> Self {
        Self(rows.iter().map(|(key, value)| (id(key).to_bytes(), encode_row(value))).collect())
    }
}

impl Tables for Rows {
    fn get(&self, _table: TableId, key: &[u8]) -> Result<Option<Bytes>, ReadFault> {
        Ok(self.0.get(key).cloned())
    }

    fn range(
        &self,
        _table: TableId,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        visit: &mut dyn FnMut(&[u8], Bytes) -> ControlFlow<()>,
    ) -> Result<(), ReadFault> {
        let inside = |key: &[u8]| {
            (match from {
                Bound::Included(from) => key >= from,
                Bound::Excluded(from) => key > from,
                Bound::Unbounded => true,
            }) && (match to {
                Bound::Included(to) => key <= to,
                Bound::Excluded(to) => key < to,
                Bound::Unbounded => true,
            })
        };
        for (key, value) in self.0.iter().filter(|(key, _)| inside(key)) {
            if visit(key, value.clone()).is_break() {
                break;
            }
        }
        Ok(())
    }
}

struct Broken;

impl Tables for Broken {
    fn get(&self, _table: TableId, _key: &[u8]) -> Result<Option<Bytes>, ReadFault> {
        Err(ReadFault("the disk is on fire".into()))
    }

    fn range(
        &self,
        _table: TableId,
        _from: Bound<&[u8]>,
        _to: Bound<&[u8]>,
        _visit: &mut dyn FnMut(&[u8], Bytes) -> ControlFlow<()>,
    ) -> Result<(), ReadFault> {
        Err(ReadFault("the disk is on fire".into()))
    }
}
