//! Lists of entities, collections and zones.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::system::{System, script};

const ZONE: &str = "/v1/zones/shop/orders/eu/entities";

async fn fill(shop: &Arc<System>, zone: &str, count: usize) {
    for n in 0..count {
        shop.put(&format!("/v1/entities/shop/{zone}/{n:03}"), format!("{{\"n\":{n}}}"))
            .await
            .is(201);
    }
}

/// The ids on all pages of a list, and how many pages there were.
async fn walk(shop: &Arc<System>, path: &str, member: &str) -> (Vec<Value>, usize) {
    let (mut ids, mut pages, mut next) = (Vec::new(), 0, path.to_owned());
    loop {
        let page = shop.get(&next).await.is(200).json();
        ids.extend(page[member].as_array().expect("a list").iter().cloned());
        pages += 1;
        match page["next"].as_str() {
            Some(cursor) => next = format!("{path}&cursor={cursor}"),
            None => return (ids, pages),
        }
    }
}

#[test]
fn a_list_has_ids_revisions_and_documents() {
    script(async |shop| {
        shop.get(ZONE).await.is(200).says(r#"{"entities":[],"next":null}"#);
        shop.put("/v1/entities/shop/orders/eu/42", r#"{"n":1}"#).await.is(201);
        let list =
            r#"{"entities":[{"id":"shop/orders/eu/42","revision":1,"value":{"n":1}}],"next":null}"#;
        shop.get(ZONE).await.is(200).has("content-type", "application/json").says(list);
        shop.get("/v1/collections/shop/orders/entities").await.is(200).says(list);
        shop.delete("/v1/entities/shop/orders/eu/42").await.is(204);
        shop.get(ZONE).await.is(200).says(r#"{"entities":[],"next":null}"#);
    });
}

#[test]
fn lists_go_in_byte_order_page_by_page_and_miss_nothing() {
    script(async |shop| {
        fill(&shop, "orders/eu", 7).await;
        fill(&shop, "orders/us", 4).await;
        let (entities, pages) = walk(&shop, &format!("{ZONE}?limit=3"), "entities").await;
        let ids: Vec<_> = entities.iter().map(|entity| entity["id"].clone()).collect();
        let expected: Vec<_> = (0..7).map(|n| json!(format!("shop/orders/eu/{n:03}"))).collect();
        assert_eq!(ids, expected);
        assert_eq!(pages, 3);
        let all = walk(&shop, "/v1/collections/shop/orders/entities?limit=2", "entities").await.0;
        assert_eq!(all.len(), 11);
        assert!(all.is_sorted_by_key(|entity| entity["id"].to_string()));
    });
}

#[test]
fn the_next_page_is_linked() {
    script(async |shop| {
        fill(&shop, "orders/eu", 2).await;
        let page = shop.get(&format!("{ZONE}?limit=1")).await.is(200);
        let link = page.header("link").expect("a link").to_owned();
        let target = link.strip_prefix('<').and_then(|rest| rest.strip_suffix(">; rel=\"next\""));
        let last = shop.get(target.expect("a target")).await.is(200).lacks("link");
        assert_eq!(last.json()["entities"][0]["id"], "shop/orders/eu/001");
        assert_eq!(last.json()["next"], json!(null));
    });
}

#[test]
fn a_list_is_at_least_as_new_as_the_position_that_it_names() {
    script(async |shop| {
        let lists = [
            ZONE,
            "/v1/collections/shop/orders/entities",
            "/v1/collections/shop/orders/zones",
            "/v1/databases/shop/collections",
        ];
        let written = shop.put("/v1/entities/shop/orders/eu/42", "1").await.is(201);
        let position = written.header("tidelog-position").expect("a position").to_owned();
        for list in lists {
            shop.get(list).with("tidelog-position", &position).await.is(200);
            shop.get(list).with("tidelog-position", "now").await.is(400);
            // It says nothing about tasks of other topics.
            shop.get(list).with("tidelog-position", "schema-patches:0:99999").await.is(200);
        }
        let provisioned = shop.put("/v1/databases/store", "").await.is(201);
        let schema = provisioned.header("tidelog-position").expect("a position").to_owned();
        shop.get("/v1/databases").with("tidelog-position", &schema).await.is(200);

        let (rest, _) = position.rsplit_once(':').expect("an offset");
        let beyond = lists.map(|list| (list, format!("{rest}:99999")));
        let beyond = beyond.into_iter().chain([("/v1/databases", "schema-patches:0:99999".into())]);
        // At once, for each is waited for.
        let answers = beyond.map(async |(list, position): (&str, String)| {
            shop.get(list).with("tidelog-position", &position).await
        });
        for answer in join_all(answers).await {
            answer.fails(400, "unknown-position", "forget it and read without");
        }
    });
}

#[test]
fn collections_and_zones_are_listed() {
    script(async |shop| {
        shop.get("/v1/databases/shop/collections").await.says(r#"{"collections":[],"next":null}"#);
        for path in ["orders/eu/1", "orders/us/1", "carts/eu/1"] {
            shop.put(&format!("/v1/entities/shop/{path}"), "1").await.is(201);
        }
        let collections = shop.get("/v1/databases/shop/collections").await.is(200);
        collections.says(r#"{"collections":["shop/carts","shop/orders"],"next":null}"#);
        let zones = shop.get("/v1/collections/shop/orders/zones").await.is(200);
        zones.says(r#"{"zones":["shop/orders/eu","shop/orders/us"],"next":null}"#);
        let (zones, pages) =
            walk(&shop, "/v1/collections/shop/orders/zones?limit=1", "zones").await;
        assert_eq!((zones.len(), pages), (2, 2));
    });
}

#[test]
fn a_limit_out_of_range_and_a_made_up_cursor_are_refused() {
    script(async |shop| {
        for limit in ["0", "1001", "x", ""] {
            let answer = shop.get(&format!("{ZONE}?limit={limit}")).await;
            answer.fails(400, "bad-request", "limit is a number from 1 to 1000");
        }
        shop.get(&format!("{ZONE}?limit=1000")).await.is(200);
        let answer = shop.get(&format!("{ZONE}?cursor=c2hvcA")).await;
        answer.fails(400, "invalid-cursor", "not one that this list gave out");
        fill(&shop, "orders/eu", 2).await;
        let next = shop.get(&format!("{ZONE}?limit=1")).await.json()["next"].clone();
        let next = next.as_str().expect("a cursor");
        let other = format!("/v1/zones/shop/orders/us/entities?cursor={next}");
        shop.get(&other).await.fails(400, "invalid-cursor", "begin again");
    });
}

#[test]
fn lists_in_no_database_are_told_apart_from_empty_ones() {
    script(async |shop| {
        for path in [
            "/v1/zones/store/orders/eu/entities",
            "/v1/collections/store/orders/entities",
            "/v1/collections/store/orders/zones",
            "/v1/databases/store/collections",
        ] {
            shop.get(path).await.fails(404, "unknown-database", "no database store");
        }
        shop.get("/v1/zones/shop/or%20ders/eu/entities").await.fails(
            400,
            "bad-request",
            "segment 2",
        );
    });
}
