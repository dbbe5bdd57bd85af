use tidelog_core::{
    Answer, Message, Query,
    message::Change,
    query::{Page, Scope},
};

use crate::{
    entity_storage::EntityStorage,
    harness::{Harness, ask, at, create, id},
};

#[test]
fn an_entity_is_found_while_it_exists() {
    let mut harness = filled(&["shop/orders/eu/1"]);
    let Answer::Entity(Some(view)) = harness.query(&Query::Entity(id("shop/orders/eu/1"))) else {
        panic!("there is one");
    };
    assert_eq!((view.revision.0, view.value.as_str()), (1, "{}"));
    write(&mut harness, 100, "shop/orders/eu/1", Change::Delete);
    let query = Query::Entity(id("shop/orders/eu/1"));
    assert_eq!(harness.query(&query), Answer::Entity(None));
}

#[test]
fn a_list_goes_in_pages_and_skips_what_is_deleted() {
    let mut harness = filled(&[
        "shop/orders/eu/1",
        "shop/orders/eu/2",
        "shop/orders/eu/3",
        "shop/orders/eu/4",
        "shop/orders/eu-west/5",
        "shop/orders-old/eu/6",
        "shop/order/eu/7",
        "shopping/orders/eu/8",
    ]);
    write(&mut harness, 100, "shop/orders/eu/2", Change::Delete);
    write(&mut harness, 101, "shop/orders/eu/4", Change::Delete);
    let zone = || Scope::Zone("shop/orders/eu".parse().expect("a good id"));
    let page = |scope, after: Option<&str>, limit| {
        ids(harness.query(&Query::Entities { scope, after: after.map(Into::into), limit }))
    };
    assert_eq!(page(zone(), None, 10), "shop/orders/eu/1 shop/orders/eu/3 | end");
    assert_eq!(page(zone(), None, 2), "shop/orders/eu/1 shop/orders/eu/3 | shop/orders/eu/3");
    assert_eq!(page(zone(), Some("shop/orders/eu/3"), 2), "| end");
    assert_eq!(page(zone(), None, 1), "shop/orders/eu/1 | shop/orders/eu/1");
    assert_eq!(page(zone(), Some("shop/orders/eu/1"), 1), "shop/orders/eu/3 | shop/orders/eu/3");
    assert_eq!(page(zone(), None, 0), "shop/orders/eu/1 | shop/orders/eu/1");
    assert_eq!(page(zone(), Some("shop/orders/et"), 9), "shop/orders/eu/1 shop/orders/eu/3 | end");
    assert_eq!(page(zone(), Some("shop/orders/ev"), 9), "| end");
    let collection = || Scope::Collection("shop/orders".parse().expect("a good id"));
    let all = "shop/orders/eu-west/5 shop/orders/eu/1 shop/orders/eu/3 | end";
    assert_eq!(page(collection(), None, 10), all);
}

#[test]
fn zones_and_collections_are_listed_in_the_order_of_their_ids() {
    let harness = filled(&[
        "shop/a/eu/1",
        "shop/a/eu-west/1",
        "shop/a-b/eu/1",
        "shop/a-b/eu/2",
        "shop/a-b-c/eu/1",
        "shop/a.b/eu/1",
        "shop/a0/eu/1",
        "shop/$sub/phone/1",
        "shop-x/a/eu/1",
        "shopping/a/eu/1",
    ]);
    let zones = |collection: &str, after: Option<&str>, limit| {
        let collection = collection.parse().expect("a good id");
        names(harness.query(&Query::Zones { collection, after: after.map(Into::into), limit }))
    };
    assert_eq!(zones("shop/a", None, 9), "shop/a/eu shop/a/eu-west | end");
    assert_eq!(zones("shop/a", None, 1), "shop/a/eu | shop/a/eu");
    assert_eq!(zones("shop/a", Some("shop/a/eu"), 1), "shop/a/eu-west | end");
    let collections = |after: Option<&str>, limit| {
        let database = "shop".parse().expect("a good id");
        names(harness.query(&Query::Collections { database, after: after.map(Into::into), limit }))
    };
    let all = "shop/$sub shop/a shop/a-b shop/a-b-c shop/a.b shop/a0 | end";
    assert_eq!(collections(None, 9), all);
    let mut walked = Vec::new();
    let mut after = None;
    loop {
        let page = collections(after.as_deref(), 1);
        let (name, looked_to) = page.split_once(" | ").expect("both are printed");
        walked.push(name.to_owned());
        if looked_to == "end" {
            break;
        }
        after = Some(looked_to.to_owned());
    }
    assert_eq!(format!("{} | end", walked.join(" ")), all);
    assert_eq!(collections(Some("shop/a0"), 9), "| end");
    assert_eq!(collections(Some("shop/b"), 9), "| end");
    assert_eq!(collections(Some("zoo"), 9), "| end");
}

#[test]
fn questions_to_other_services_are_not_answered() {
    let query = Query::Database("shop".parse().expect("a good id"));
    assert_eq!(Harness::new(EntityStorage).query(&query), Answer::NotOffered);
}

pub(super) fn filled(entities: &[&str]) -> Harness<EntityStorage> {
    let mut harness = Harness::new(EntityStorage);
    for (number, entity) in (1..).zip(entities) {
        write(&mut harness, number, entity, create("{}"));
    }
    harness.commit();
    harness
}

fn write(harness: &mut Harness<EntityStorage>, number: u64, entity: &str, change: Change) {
    harness.record(at(1_000), Message::EntityPatch(ask(number, entity, change)));
}

fn ids(answer: Answer) -> String {
    let Answer::Entities(page) = answer else { panic!("a page of entities") };
    print(page.items.iter().map(|view| view.id.as_str().to_owned()).collect(), page.looked_to)
}

pub(super) fn names(answer: Answer) -> String {
    let Answer::Names(Page { items, looked_to }) = answer else { panic!("a page of names") };
    print(items.into_iter().map(Into::into).collect(), looked_to)
}

fn print(items: Vec<String>, looked_to: Option<Box<str>>) -> String {
    let looked_to = looked_to.as_deref().unwrap_or("end");
    format!("{} | {looked_to}", items.join(" ")).trim_start().to_owned()
}
