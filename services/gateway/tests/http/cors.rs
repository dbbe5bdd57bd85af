//! Web pages of other origins.

use tidelog_gateway::{CorsOrigin, Settings};

use crate::system::{script, script_with, settings};

const PATH: &str = "/v1/entities/shop/orders/eu/42";
const ALLOWED: &str = "access-control-allow-origin";

fn only(origin: &str) -> Settings {
    Settings { cors_origin: CorsOrigin::from_list(&[origin]).expect("an origin"), ..settings() }
}

#[test]
fn no_origin_is_let_in_unless_it_is_set() {
    script(async |shop| {
        shop.get(PATH).with("origin", "https://app.example").await.is(404).lacks(ALLOWED);
    });
}

#[test]
fn a_page_of_an_allowed_origin_may_read_answers_and_their_headers() {
    script_with(only("https://app.example"), async |shop| {
        let answer = shop.put(PATH, "1").with("origin", "https://app.example").await.is(201);
        let answer = answer.has(ALLOWED, "https://app.example").has("vary", "Origin");
        answer.has(
            "access-control-expose-headers",
            "ETag, Location, Retry-After, Preference-Applied, Idempotent-Replayed, Tidelog-Position",
        );
        let failed = shop.get("/nowhere").with("origin", "https://app.example").await.is(404);
        failed.has(ALLOWED, "https://app.example");
        let other = shop.get(PATH).with("origin", "https://evil.example").await.is(200);
        other.lacks(ALLOWED).has("vary", "Origin");
        shop.get(PATH).await.is(200).lacks(ALLOWED).has("vary", "Origin");
    });
}

#[test]
fn an_origin_is_let_in_however_it_is_written() {
    for set in ["https://APP.example", "https://app.example:443", "https://app.example/"] {
        script_with(only(set), async |shop| {
            for asks in ["https://app.example", "https://app.example:443", "https://App.Example"] {
                shop.get(PATH).with("origin", asks).await.is(404).has(ALLOWED, asks);
            }
            for asks in ["http://app.example", "https://app.example:444", "null", "nonsense"] {
                shop.get(PATH).with("origin", asks).await.is(404).lacks(ALLOWED);
            }
        });
    }
}

#[test]
fn a_preflight_is_answered() {
    script_with(only("*"), async |shop| {
        let ask = shop.ask("OPTIONS", PATH).with("origin", "https://app.example");
        let answer = ask.with("access-control-request-method", "PATCH").await.is(204);
        let answer = answer.has(ALLOWED, "*").lacks("vary").says("");
        let answer =
            answer.has("access-control-allow-methods", "GET, HEAD, PUT, POST, PATCH, DELETE");
        let headers = answer.header("access-control-allow-headers").expect("a list").to_lowercase();
        for name in [
            "content-type",
            "if-match",
            "idempotency-key",
            "prefer",
            "tidelog-position",
            "tidelog-device",
        ] {
            assert!(headers.contains(name), "{name}");
        }
    });
}

#[test]
fn a_preflight_of_another_origin_gets_no_permission() {
    script_with(only("https://app.example"), async |shop| {
        let ask = shop.ask("OPTIONS", PATH).with("origin", "https://evil.example");
        let answer = ask.with("access-control-request-method", "PUT").await;
        answer.is(405).lacks(ALLOWED).has("vary", "Origin");
    });
}
