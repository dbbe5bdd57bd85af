//! One entity: PUT, GET, HEAD, DELETE, POST to a zone.

use std::time::Duration;

use crate::system::script;

const PATH: &str = "/v1/entities/shop/orders/eu/42";

#[test]
fn an_entitys_body_is_its_document_and_its_revision_the_etag() {
    script(async |shop| {
        let created = shop.put(PATH, "{ \"n\" : 1 }").await.is(201);
        let created = created.has("etag", "\"1\"").has("content-type", "application/json");
        created.lacks("preference-applied").lacks("idempotent-replayed").says("{\"n\":1}");
        shop.get(PATH).await.is(200).has("etag", "\"1\"").says("{\"n\":1}");
        shop.put(PATH, "[1.0]").await.is(200).has("etag", "\"2\"").says("[1.0]");
        shop.get(PATH).await.is(200).has("etag", "\"2\"").says("[1.0]");
    });
}

#[test]
fn head_is_get_without_the_body() {
    script(async |shop| {
        shop.put(PATH, "{\"n\":1}").await.is(201);
        let answer = shop.ask("HEAD", PATH).await.is(200).has("etag", "\"1\"");
        answer.has("content-length", "7").says("");
        shop.ask("HEAD", "/v1/entities/shop/orders/eu/43").await.is(404).says("");
    });
}

#[test]
fn delete_answers_204_and_404_where_nothing_was() {
    script(async |shop| {
        shop.delete(PATH).await.fails(404, "not-found", "no entity shop/orders/eu/42");
        shop.put(PATH, "1").await.is(201);
        let deleted = shop.delete(PATH).await.is(204);
        deleted.lacks("content-length").lacks("content-type").lacks("etag").says("");
        shop.get(PATH).await.fails(404, "not-found", "no entity shop/orders/eu/42");
        shop.delete(PATH).await.is(404);
    });
}

#[test]
fn the_revision_goes_on_after_a_deletion() {
    script(async |shop| {
        shop.put(PATH, "1").await.has("etag", "\"1\"");
        shop.delete(PATH).await.is(204);
        shop.put(PATH, "2").await.is(201).has("etag", "\"3\"");
    });
}

#[test]
fn a_post_to_a_zone_creates_an_entity_with_a_new_id() {
    script(async |shop| {
        let zone = "/v1/zones/shop/orders/eu/entities";
        let first = shop.post(zone, "{\"n\":1}").await.is(201).has("etag", "\"1\"");
        let location = first.header("location").expect("a location").to_owned();
        assert!(location.starts_with("/v1/entities/shop/orders/eu/"), "{location}");
        shop.get(&location).await.is(200).says("{\"n\":1}");
        let second = shop.post(zone, "{\"n\":1}").await.is(201).says("{\"n\":1}");
        assert_ne!(second.header("location"), Some(&*location));
    });
}

#[test]
fn ids_are_percent_decoded_and_wrong_ones_refused_with_words() {
    script(async |shop| {
        shop.put("/v1/entities/sho%70/orders/eu/%34%32", "1").await.is(201);
        shop.get(PATH).await.is(200);
        let bad = async |path: &str, words: &str| {
            shop.put(path, "1").await.fails(400, "bad-request", words);
            shop.get(path).await.fails(400, "bad-request", words);
        };
        bad("/v1/entities/shop/orders/eu", "an entity has 4 segments").await;
        bad("/v1/entities/shop/orders/eu/42/", "this has 5").await;
        bad("/v1/entities/shop/orders/eu/a%20b", "segment 4 has the character ' '").await;
        bad("/v1/entities/shop/orders/eu/a%2Fb", "segment 4 has the character '/'").await;
        bad("/v1/entities/shop/orders/eu/%ff", "segment 4 is not percent-encoded UTF-8").await;
        bad(&format!("/v1/entities/shop/orders/eu/{}", "x".repeat(129)), "has 129 bytes").await;
    });
}

#[test]
fn a_read_is_at_least_as_new_as_the_position_that_it_names() {
    script(async |shop| {
        let written = shop.put(PATH, "1").await.is(201);
        let position = written.header("tidelog-position").expect("a position").to_owned();
        assert!(position.starts_with("entity-patches:"), "{position}");
        shop.get(PATH).with("tidelog-position", &position).await.is(200).says("1");
        let answer = shop.get(PATH).with("tidelog-position", "now").await;
        answer.fails(400, "bad-request", "topic:partition:offset");
        let (rest, _) = position.rsplit_once(':').expect("an offset");
        let beyond = shop.get(PATH).with("tidelog-position", &format!("{rest}:99999")).await;
        beyond.fails(400, "unknown-position", "forget it and read without").lacks("retry-after");
        for partition in 0..3 {
            let last = format!("entity-patches:{partition}:{}", u64::MAX);
            let list = shop.get("/v1/zones/shop/orders/eu/entities");
            list.with("tidelog-position", &last).await.fails(400, "unknown-position", &last);
        }
        let elsewhere = shop.get(PATH).with("tidelog-position", "entity-patches:3:0").await;
        elsewhere.fails(400, "unknown-position", "there is no partition 3");
    });
}

#[test]
fn a_position_that_the_log_has_and_the_task_has_not_read_is_waited_for() {
    script(async |shop| {
        shop.put(PATH, "1").await.is(201);
        shop.stall(Duration::from_secs(30));
        let written = shop.put(PATH, "2").with("prefer", "respond-async").await.is(202);
        written.lacks("tidelog-position");
        let position = shop.last_record(PATH);
        let answer = shop.get(PATH).with("tidelog-position", &position).await;
        answer.fails(503, "unavailable", "has not got to").has("retry-after", "1");
    });
}

#[test]
fn what_is_in_no_database_is_told_apart_from_what_is_not_there() {
    script(async |shop| {
        let other = "/v1/entities/store/orders/eu/42";
        let words = "PUT /v1/databases/store makes it";
        shop.get(other).await.fails(404, "unknown-database", words);
        shop.put(other, "1").await.fails(404, "unknown-database", words);
        shop.patch(other, "merge-patch", "{}").await.fails(404, "unknown-database", words);
        shop.delete(other).await.fails(404, "unknown-database", words);
        shop.post("/v1/zones/store/orders/eu/entities", "1").await.is(404);
        shop.put("/v1/databases/store", "").await.is(201);
        shop.put(other, "1").await.is(201);
    });
}
