mod definitions;

use insta::assert_snapshot;
use tidelog_core::{
    Answer, Message, Query, Timestamp,
    message::{SchemaChange, encode_row},
    query::Page,
};

use super::{SchemaStorage, rows::DatabaseRow};
use crate::harness::{
    Harness, Step, at, batch, check_crashes, check_repeats, dump_line, hours, line, record, schema,
    script,
};

#[test]
fn a_database_is_provisioned_once() {
    assert_snapshot!(script(SchemaStorage, &steps()), @r#"
    1000: schema app:0:1:1000 Read shop
      answer app:0:1:1000 part 1/1: shop failed, unknown-database: there is no database shop;
            provision it first (@0 at 1000)
    1001: schema app:0:2:1000 Provision shop
      learning on for shop, epoch 1
      schema update shop at r1, created 1001, by app:0:2 at 1001
      answer app:0:2:1000 part 1/1: shop created at r1 (@1 at 1001)
    1002: schema app:0:2:1000 Provision shop
      answer app:0:2:1000 part 1/1: shop created at r1 (@2 at 1002)
    1003: schema app:0:3:1000 Provision shop
      answer app:0:3:1000 part 1/1: shop read at r1 (@3 at 1003)
    1004: schema app:0:4:1000 Read shop
      answer app:0:4:1000 part 1/1: shop read at r1 (@4 at 1004)
    1005: batch app:0:5:1000 for shop of 0 parts
      dead letter of schema-storage: schema-storage does not read messages for entity-batches
            (entity-batches:0:5)
    43200002: schema app:0:6:1 Provision bank
      answer app:0:6:1 part 1/1: bank failed, expired-request: the request was first sent at 1,
            and now it is 43200002, over 12 hours later; this part was not done before and never
            will be; send it as a new request (@6 at 43200002)
    "#);
}

#[test]
fn a_crash_after_any_step_is_harmless() {
    check_crashes(SchemaStorage, &steps());
}

#[test]
fn a_record_handled_again_changes_nothing_and_is_answered_again() {
    check_repeats(SchemaStorage, &steps(), |first, again| {
        assert_eq!(again.last().map(line), first.last().map(line), "the answer comes again");
        assert_eq!(again.len(), 1, "and nothing else");
    });
}

#[test]
fn databases_are_listed_in_pages() {
    let mut harness = Harness::new(SchemaStorage);
    for (number, database) in (1..).zip(["b", "a", "c-d", "c"]) {
        let patch = schema(number, database, SchemaChange::Provision);
        harness.record(at(1_000 + number), Message::SchemaPatch(patch));
    }
    let page = |after: Option<&str>, limit| {
        let query = Query::Databases { after: after.map(Into::into), limit };
        let Answer::Databases(Page { items, looked_to }) = harness.query(&query) else {
            panic!("a page of databases");
        };
        let items: Vec<_> = items.iter().map(|view| view.id.as_str()).collect();
        format!("{} | {}", items.join(" "), looked_to.as_deref().unwrap_or("end"))
    };
    assert_eq!(page(None, 9), "a b c c-d | end");
    assert_eq!(page(None, 4), "a b c c-d | end");
    assert_eq!(page(None, 2), "a b | b");
    assert_eq!(page(Some("b"), 1), "c | c");
    assert_eq!(page(Some("c"), 1), "c-d | end");
    let query = Query::Database("b".parse().expect("a good id"));
    let Answer::Database(Some(view)) = harness.query(&query) else { panic!("a database") };
    assert_eq!((view.revision.0, view.created), (1, at(1_001)));
    let query = Query::Database("x".parse().expect("a good id"));
    assert_eq!(harness.query(&query), Answer::Database(None));
}

#[test]
fn rows_keep_their_bytes() {
    let created = Timestamp::from_millis(1_000);
    let row = DatabaseRow { revision: tidelog_core::Revision(1), created };
    assert_eq!(dump_line(&encode_row(&row)), "\\x01\\x01\\xe8\\x07");
}

fn steps() -> Vec<Step> {
    let late = |number| {
        let mut patch = schema(number, "bank", SchemaChange::Provision);
        patch.origin.first_sent = at(1);
        patch
    };
    vec![
        record(1_000, schema(1, "shop", SchemaChange::Read)),
        record(1_001, schema(2, "shop", SchemaChange::Provision)),
        record(1_002, schema(2, "shop", SchemaChange::Provision)),
        record(1_003, schema(3, "shop", SchemaChange::Provision)),
        record(1_004, schema(4, "shop", SchemaChange::Read)),
        record(1_005, batch(5, Vec::new())),
        record(hours(12) + 2, late(6)),
    ]
}
