//! Devices, their subscriptions, and what they have not read.

use std::{future::IntoFuture, time::Duration};

use serde_json::{Value, json};
use tidelog_core::{Message, Topic, message::ZoneMessage, port::Record};

use crate::{
    events::EventReader,
    system::{System, script},
};

const PHONE: &str = "/v1/users/ann/devices/phone";
const SUBSCRIPTION: &str = "/v1/entities/shop/$zoneSubscription/phone/1";
const NOTIFICATIONS: &str = "/v1/devices/phone/notifications";
const ACK: &str = "/v1/devices/phone/notifications/ack";

#[test]
fn a_device_is_new_then_known_then_forgotten() {
    script(async |shop| {
        shop.get(PHONE).await.fails(404, "not-found", "ann/phone is not known");
        let said = r#"{"app_version":"1.2","databases":["shop"]}"#;
        let new = shop.put(PHONE, said).await.is(201).json();
        assert_eq!((&new["user"], &new["device"]), (&json!("ann"), &json!("phone")));
        assert_eq!((&new["app_version"], &new["databases"]), (&json!("1.2"), &json!(["shop"])));
        let known = shop.put(PHONE, "{}").await.is(200).json();
        assert_eq!((&known["added"], &known["databases"]), (&new["added"], &json!(["shop"])));
        assert_eq!(shop.get(PHONE).await.is(200).json(), known);
        shop.put("/v1/users/ann/devices/tablet", "").await.is(201);
        shop.put("/v1/users/bob/devices/laptop", "").await.is(201);
        let devices = shop.get("/v1/users/ann/devices").await.is(200).json();
        let names: Vec<_> =
            list(&devices["devices"]).iter().map(|it| it["device"].clone()).collect();
        assert_eq!(names, ["phone", "tablet"]);
        shop.delete(PHONE).await.is(204);
        shop.delete(PHONE).await.is(204);
        shop.get(PHONE).await.is(404);
        shop.put(PHONE, "{}").await.is(201);
    });
}

#[test]
fn with_a_device_go_its_subscriptions_and_what_it_has_not_read() {
    script(async |shop| {
        shop.put(PHONE, r#"{"databases":["shop"]}"#).await.is(201);
        shop.put(SUBSCRIPTION, r#"{"zone":"shop/orders/eu"}"#).await.is(201);
        let other = "/v1/entities/shop/$zoneSubscription/tablet/1";
        shop.put(other, r#"{"zone":"shop/orders/eu"}"#).await.is(201);
        settle(&shop, 2).await;
        write(&shop, 1).await;
        told(&shop, 1).await;
        shop.delete(PHONE).await.is(204);
        while shop.get(SUBSCRIPTION).await.status != 404 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        shop.get(other).await.is(200);
        loop {
            let view = shop.get(NOTIFICATIONS).await.is(200).json();
            if view["overflowed"] == true {
                assert_eq!((&view["last"], &view["zones"]), (&json!(1), &json!([])));
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
}

#[test]
fn a_device_is_told_what_it_asked_for_until_it_has_read_it() {
    script(async |shop| {
        let nothing = shop.get(NOTIFICATIONS).await.is(200).json();
        let empty = json!({"last": 0, "acknowledged": 0, "overflowed": false, "zones": []});
        assert_eq!(nothing, empty);
        shop.put(SUBSCRIPTION, r#"{"collection":"shop/orders"}"#).await.is(201);
        settle(&shop, 3).await;
        for n in 1..=3 {
            write(&shop, n).await;
        }
        let view = told(&shop, 3).await;
        let zone = &view["zones"][0];
        assert_eq!((&zone["zone"], &zone["created"]), (&json!("shop/orders/eu"), &json!(3)));
        assert_eq!(
            (&zone["first"], &zone["last"], &zone["number"]),
            (&json!(1), &json!(3), &json!(3))
        );
        let view = shop.post(ACK, r#"{"through":2}"#).await.is(200).json();
        assert_eq!((&view["acknowledged"], list(&view["zones"]).len()), (&json!(2), 1));
        let view = shop.post(ACK, r#"{"through":3}"#).await.is(200).json();
        assert_eq!((&view["acknowledged"], &view["zones"]), (&json!(3), &json!([])));
        let future = shop.post(ACK, r#"{"through":4}"#).await;
        future.fails(400, "bad-request", "was told 3 notifications so far");
        shop.post(ACK, "{}").await.fails(400, "bad-request", "member through");
    });
}

#[test]
fn who_waits_for_news_is_answered_and_streams_go_on_where_they_were() {
    script(async |shop| {
        shop.put(SUBSCRIPTION, r#"{"zone":"shop/orders/eu"}"#).await.is(201);
        settle(&shop, 1).await;
        let waiting = shop.get(&format!("{NOTIFICATIONS}?wait=60")).into_future();
        let writing = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            write(&shop, 1).await;
        };
        let (answer, ()) = tokio::join!(waiting, writing);
        assert_eq!(answer.is(200).json()["last"], 1);
        let mut events = EventReader::open(&shop, NOTIFICATIONS, None).await;
        let first = events.next().await;
        assert_eq!((&*first.name, &*first.id), ("notification", "1"));
        write(&shop, 2).await;
        assert_eq!(events.next().await.data["last"], 2);
        drop(events);
        write(&shop, 3).await;
        told(&shop, 3).await;
        let mut events = EventReader::open(&shop, NOTIFICATIONS, Some("2")).await;
        assert_eq!(events.next().await.id, "3");
        let bad = shop.get(&format!("{NOTIFICATIONS}?after=9")).await;
        bad.fails(400, "bad-request", "9 is not one of them");
    });
}

#[test]
fn what_is_no_device_and_no_subscription_is_refused_with_words() {
    script(async |shop| {
        let refused = async |path: &str, body: &str, words: &str| {
            shop.put(path, body).await.fails(400, "bad-request", words);
        };
        refused("/v1/users/ann/devices/default", "{}", "no device is called default").await;
        refused(PHONE, "[]", "a device connects with an object").await;
        refused(PHONE, r#"{"database":["shop"]}"#, "unknown field").await;
        refused(PHONE, r#"{"databases":["a/b"]}"#, "1 segment").await;
        shop.put(PHONE, r#"{"databases":["nowhere"]}"#).await.is(404);
        refused(SUBSCRIPTION, "{}", "has either a zone").await;
        refused(SUBSCRIPTION, r#"{"zone":"shop/orders"}"#, "a zone has 3 segments").await;
        refused(SUBSCRIPTION, r#"{"collection":"shop/$zoneSubscription"}"#, "of the system").await;
        refused(SUBSCRIPTION, r#"{"zone":"blog/posts/eu"}"#, "its own database").await;
        let nobody = "/v1/entities/shop/$zoneSubscription/default/1";
        refused(nobody, r#"{"zone":"shop/orders/eu"}"#, "names no device").await;
    });
}

/// Waits until so many messages about subscriptions are in the log: what is written then comes after.
async fn settle(shop: &System, count: usize) {
    let is_subscription = |record: &Record| {
        let message = Message::decode(Topic::ZoneChanges, &record.payload);
        matches!(message, Ok(Message::Zone(ZoneMessage::Subscription(_))))
    };
    while shop.records(Topic::ZoneChanges).iter().filter(|it| is_subscription(it)).count() < count {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn write(shop: &System, n: u64) {
    let answer = shop.put(&format!("/v1/entities/shop/orders/eu/{n}"), n.to_string()).await;
    assert!(matches!(answer.status, 200 | 201), "{answer:?}");
}

/// Waits until the device was told so much.
async fn told(shop: &System, last: u64) -> Value {
    loop {
        let view = shop.get(NOTIFICATIONS).await.is(200).json();
        if view["last"].as_u64() >= Some(last) {
            return view;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}
