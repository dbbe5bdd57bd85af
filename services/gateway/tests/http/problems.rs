//! Unknown routes and methods, readiness, and the pages about problems.

use crate::system::{script, settings, unconnected};

#[test]
fn an_unknown_route_is_a_problem() {
    script(async |shop| {
        for path in ["/", "/v1", "/v1/entities", "/v2/databases", "/v1/zones/shop/orders/eu"] {
            shop.get(path).await.fails(404, "unknown-route", &format!("nothing under {path}"));
        }
        shop.post("/nowhere", "x".repeat(100_000)).await.fails(404, "unknown-route", "/nowhere");
    });
}

#[test]
fn a_wrong_method_is_a_problem_that_lists_the_right_ones() {
    script(async |shop| {
        let entity = "/v1/entities/shop/orders/eu/42";
        let answer = shop.post(entity, "1").await;
        let answer = answer.fails(405, "method-not-allowed", "has no POST");
        answer.has("allow", "GET,HEAD,PUT,PATCH,DELETE");
        shop.delete("/v1/databases/shop").await.is(405).has("allow", "PUT,GET,HEAD");
        shop.ask("OPTIONS", entity).await.is(405).lacks("access-control-allow-origin");
        shop.ask("FLY", entity).await.fails(405, "method-not-allowed", "FLY");
        shop.post("/healthz", "").await.fails(405, "method-not-allowed", "POST");
    });
}

#[test]
fn until_the_databases_are_known_only_healthz_answers() {
    unconnected(settings(), async |system| {
        system.get("/healthz").await.is(200).says(r#"{"status":"alive"}"#);
        for path in ["/readyz", "/v1/databases", "/v1/entities/shop/orders/eu/42", "/nowhere"] {
            let answer = system.get(path).await;
            let answer = answer.fails(503, "not-ready", "which databases there are");
            answer.has("retry-after", "1");
        }
        system.put("/v1/databases/shop", "").await.is(503);
        system.connect().await;
        system.get("/readyz").await.is(200).says(r#"{"status":"ready"}"#);
        system.get("/v1/databases").await.is(200);
    });
}

#[test]
fn the_type_of_a_problem_leads_to_its_page() {
    script(async |shop| {
        let problem = shop.get("/v1/entities/shop/orders/eu/42").await.is(404).json();
        let page = shop.get(problem["type"].as_str().expect("a type")).await.is(200);
        let page = page.has("content-type", "text/markdown; charset=utf-8");
        assert!(page.body.starts_with("## not-found\n"), "{}", page.body);
        assert!(!page.body.contains("precondition-failed\n"), "{}", page.body);
        shop.get("/problems/none").await.fails(404, "not-found", "no such type");
    });
}
