//! The change feed of a zone: pages, tokens, waiting, and streams of events.

use std::{future::IntoFuture, time::Duration};

use serde_json::{Value, json};

use crate::{
    events::EventReader,
    system::{System, script},
};

const FEED: &str = "/v1/zones/shop/orders/eu/changes";

#[test]
fn what_changes_in_a_zone_is_told_in_order_and_numbered() {
    script(async |shop| {
        let empty = shop.get(FEED).await.is(200).json();
        assert_eq!((&empty["changes"], &empty["more"]), (&json!([]), &json!(false)));
        write(&shop, 1).await;
        shop.put("/v1/entities/shop/orders/eu/1", "2").await.is(200);
        shop.delete("/v1/entities/shop/orders/eu/1").await.is(204);
        shop.put("/v1/entities/shop/orders/us/1", "2").await.is(201);
        let page = upto(&shop, FEED, 3).await;
        let told: Vec<_> = changes(&page).iter().map(|change| change["change"].clone()).collect();
        assert_eq!(told, ["created", "updated", "deleted"]);
        let first = &page["changes"][0];
        assert_eq!(first["entity"], "shop/orders/eu/1");
        assert_eq!((&first["sequence"], &first["revision"]), (&json!(1), &json!(1)));
        assert!(first["time"].is_string(), "{first}");
        // The token of the empty feed goes on with what came since.
        let since = format!("{FEED}?since={}", text(&empty["next"]));
        assert_eq!(shop.get(&since).await.is(200).json(), page);
    });
}

#[test]
fn a_reader_goes_on_page_by_page_and_misses_nothing() {
    script(async |shop| {
        for n in 1..=7 {
            write(&shop, n).await;
        }
        upto(&shop, FEED, 7).await;
        let (mut path, mut seen) = (format!("{FEED}?limit=3"), Vec::new());
        loop {
            let page = shop.get(&path).await.is(200).json();
            seen.extend(changes(&page).iter().map(|change| change["sequence"].as_u64()));
            path = format!("{FEED}?limit=3&since={}", text(&page["next"]));
            if page["more"] == false {
                break;
            }
        }
        assert_eq!(seen, (1..=7).map(Some).collect::<Vec<_>>());
        let now = shop.get(&format!("{FEED}?since=now")).await.is(200).json();
        assert_eq!(now["changes"], json!([]));
        write(&shop, 8).await;
        let later = upto(&shop, &format!("{FEED}?since={}", text(&now["next"])), 1).await;
        assert_eq!(later["changes"][0]["sequence"], 8);
    });
}

#[test]
fn the_documents_come_along_on_request() {
    script(async |shop| {
        write(&shop, 1).await;
        write(&shop, 2).await;
        shop.delete("/v1/entities/shop/orders/eu/1").await.is(204);
        let page = upto(&shop, &format!("{FEED}?documents=true"), 3).await;
        assert_eq!(page["changes"][0]["document"], Value::Null, "it is gone by now");
        assert_eq!(page["changes"][1]["document"], json!({"revision": 1, "value": 2}));
    });
}

#[test]
fn a_token_that_is_none_or_of_another_zone_or_too_old_says_so() {
    script(async |shop| {
        let first = shop.get(FEED).await.is(200).json();
        write(&shop, 1).await;
        let page = upto(&shop, FEED, 1).await;
        let token = text(&page["next"]).to_owned();
        for bad in ["nonsense", "AAAAAAAAAAAAAAAAAAAA", ""] {
            let answer = shop.get(&format!("{FEED}?since={bad}")).await;
            answer.fails(400, "invalid-change-token", "begin again with since=now");
        }
        let other = format!("/v1/zones/shop/orders/us/changes?since={token}");
        shop.get(&other).await.fails(400, "invalid-change-token", "not one that this zone's feed");
        for n in 2..=30 {
            write(&shop, n).await;
        }
        upto(&shop, &format!("{FEED}?limit=1000"), 20).await;
        for token in [text(&first["next"]), &token] {
            let answer = shop.get(&format!("{FEED}?since={token}")).await;
            answer.fails(410, "change-token-expired", "ask with since=now");
        }
    });
}

#[test]
fn what_is_asked_badly_is_refused_with_words() {
    script(async |shop| {
        let refused = async |query: &str, words: &str| {
            shop.get(&format!("{FEED}?{query}")).await.fails(400, "bad-request", words);
        };
        refused("limit=0", "limit is a number from 1 to 1000").await;
        refused("wait=61", "wait is a number from 0 to 60").await;
        refused("documents=1", "documents is true or false").await;
        refused("sinse=now", "means nothing here").await;
        refused("limit=1&limit=2", "more than once").await;
        let unknown = shop.get("/v1/zones/nowhere/orders/eu/changes").await;
        unknown.fails(404, "unknown-database", "there is no database nowhere");
    });
}

#[test]
fn who_waits_is_answered_as_soon_as_something_changes() {
    script(async |shop| {
        let now = shop.get(&format!("{FEED}?since=now&wait=0")).await.is(200).json();
        let path = format!("{FEED}?since={}&wait=60", text(&now["next"]));
        let waiting = shop.get(&path).into_future();
        let writing = async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            write(&shop, 1).await;
        };
        let (answer, ()) = tokio::join!(waiting, writing);
        assert_eq!(answer.is(200).json()["changes"][0]["sequence"], 1);
        let nothing = shop.get(&format!("{FEED}?since=now&wait=1")).await.is(200).json();
        assert_eq!(nothing["changes"], json!([]));
    });
}

#[test]
fn a_stream_tells_what_was_then_that_it_is_up_to_date_then_what_comes() {
    script(async |shop| {
        write(&shop, 1).await;
        upto(&shop, FEED, 1).await;
        let mut events = EventReader::open(&shop, FEED, None).await;
        let first = events.next().await;
        assert_eq!((&*first.name, &first.data["sequence"]), ("change", &json!(1)));
        let current = events.next().await;
        assert_eq!((&*current.name, &current.data), ("up-to-date", &json!({"sequence": 1})));
        for n in 2..=5 {
            write(&shop, n).await;
        }
        let mut last = current;
        for n in 2..=5 {
            last = events.next().await;
            assert_eq!((&*last.name, &last.data["sequence"]), ("change", &json!(n)));
        }
        drop(events);
        write(&shop, 6).await;
        let mut events = EventReader::open(&shop, FEED, Some(&last.id)).await;
        let mut next = events.next().await;
        // It may be up to date for a moment before the change has come.
        if next.name == "up-to-date" {
            next = events.next().await;
        }
        assert_eq!((&*next.name, &next.data["sequence"]), ("change", &json!(6)));
    });
}

#[test]
fn a_reader_that_was_away_for_too_long_is_told_to_begin_anew() {
    script(async |shop| {
        write(&shop, 1).await;
        let token = text(&upto(&shop, FEED, 1).await["next"]).to_owned();
        for n in 2..=40 {
            write(&shop, n).await;
        }
        let page = upto(&shop, &format!("{FEED}?limit=1000"), 20).await;
        let oldest = page["changes"][0]["sequence"].as_u64().expect("a number");
        let mut events = EventReader::open(&shop, FEED, Some(&token)).await;
        let reset = events.next().await;
        assert_eq!(reset.name, "reset");
        assert!(reset.data["oldest"].as_u64() <= Some(21), "{reset:?}");
        assert!(events.next().await.data["sequence"].as_u64() >= Some(oldest));
    });
}

#[test]
fn streams_and_those_who_wait_are_let_go_when_the_gateway_stops() {
    script(async |shop| {
        let mut events = EventReader::open(&shop, FEED, None).await;
        assert_eq!(events.next().await.name, "up-to-date");
        let waiting = shop.get(&format!("{FEED}?since=now&wait=60")).into_future();
        let stopping = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            shop.stop();
            shop.stopped().await;
        };
        let (answer, ()) = tokio::join!(waiting, stopping);
        assert_eq!(answer.is(200).json()["changes"], json!([]));
        assert!(events.is_over().await);
    });
}

/// Writes one entity of the zone.
async fn write(shop: &System, n: u64) {
    let answer = shop.put(&format!("/v1/entities/shop/orders/eu/{n}"), n.to_string()).await;
    assert!(matches!(answer.status, 200 | 201), "{answer:?}");
}

/// Asks until a page has so many changes.
async fn upto(shop: &System, path: &str, count: usize) -> Value {
    loop {
        let page = shop.get(path).await.is(200).json();
        if changes(&page).len() >= count && page["more"] == false {
            return page;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn changes(page: &Value) -> &[Value] {
    page["changes"].as_array().expect("a list")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}
