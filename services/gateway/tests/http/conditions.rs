//! If-Match and If-None-Match.

use crate::system::script;

const PATH: &str = "/v1/entities/shop/orders/eu/42";
const NOWHERE: &str = "/v1/entities/shop/orders/eu/43";

#[test]
fn a_write_whose_if_match_does_not_hold_is_refused() {
    script(async |shop| {
        shop.put(PATH, "1").await.is(201);
        shop.put(PATH, "2").with("if-match", "\"1\"").await.is(200).has("etag", "\"2\"");
        let failed = shop.put(PATH, "3").with("if-match", "\"1\"").await;
        let failed = failed.fails(412, "precondition-failed", "is at revision 2");
        assert_eq!(failed.json()["revision"], 2);
        shop.put(PATH, "3").with("if-match", "\"7\", \"2\"").await.is(200).has("etag", "\"3\"");
        shop.put(PATH, "4").with("if-match", "W/\"3\"").await.is(412);
        shop.put(PATH, "4").with("if-match", "*").await.is(200);
        shop.put(NOWHERE, "4").with("if-match", "*").await.is(412);
        shop.patch(NOWHERE, "merge-patch", "{}").with("if-match", "\"1\"").await.is(412);
        shop.delete(PATH).with("if-match", "\"1\"").await.is(412);
        shop.delete(PATH).with("if-match", "\"4\"").await.is(204);
    });
}

#[test]
fn put_with_if_none_match_star_only_creates() {
    script(async |shop| {
        shop.put(PATH, "1").with("if-none-match", "*").await.is(201);
        let failed = shop.put(PATH, "2").with("if-none-match", "*").await;
        failed.fails(412, "precondition-failed", "revision 1");
        shop.get(PATH).await.says("1");
        shop.put(PATH, "2").with("if-none-match", "W/\"1\"").await.is(412);
        shop.put(PATH, "2").with("if-none-match", "\"7\"").await.is(200);
    });
}

#[test]
fn a_get_of_what_the_client_has_already_answers_304() {
    script(async |shop| {
        shop.put(PATH, "{\"n\":1}").await.is(201);
        for tag in ["\"1\"", "W/\"1\"", "\"7\", \"1\"", "*"] {
            let answer = shop.get(PATH).with("if-none-match", tag).await.is(304);
            answer.has("etag", "\"1\"").lacks("content-type").says("");
        }
        shop.get(PATH).with("if-none-match", "\"2\"").await.is(200).says("{\"n\":1}");
        shop.ask("HEAD", PATH).with("if-none-match", "\"1\"").await.is(304);
        shop.get(NOWHERE).with("if-none-match", "*").await.is(404);
    });
}

#[test]
fn a_get_whose_if_match_does_not_hold_answers_412() {
    script(async |shop| {
        shop.put(PATH, "1").await.is(201);
        shop.get(PATH).with("if-match", "\"1\"").await.is(200);
        shop.get(PATH).with("if-match", "\"2\"").await.fails(412, "precondition-failed", "1");
        shop.get(PATH).with("if-match", "W/\"1\"").await.is(412);
        shop.get(NOWHERE).with("if-match", "*").await.is(404);
        let both = shop.get(PATH).with("if-match", "\"1\"").with("if-none-match", "\"1\"").await;
        both.is(304);
    });
}

#[test]
fn a_condition_that_cannot_be_read_is_refused_and_never_ignored() {
    script(async |shop| {
        for tag in ["1", "\"1", "*, \"1\"", ""] {
            let answer = shop.put(PATH, "1").with("if-match", tag).await;
            answer.fails(400, "bad-request", "if-match is '*' or a list of entity tags");
            shop.get(PATH).with("if-none-match", tag).await.is(400);
        }
        let many: Vec<_> = (1..=17).map(|n| format!("\"{n}\"")).collect();
        let answer = shop.put(PATH, "1").with("if-match", &many.join(",")).await;
        answer.fails(400, "bad-request", "17 entity tags and 16 are allowed");
        shop.get(PATH).await.is(404);
        let zone = "/v1/zones/shop/orders/eu/entities";
        shop.post(zone, "1").with("if-none-match", "*").await.fails(
            400,
            "bad-request",
            "one entity",
        );
    });
}
