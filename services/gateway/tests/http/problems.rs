//! Unknown routes and methods, readiness, and the pages about problems.

use tidelog_core::{PartitionId, ServiceName, port::TaskId};
use tidelog_gateway::{Ailing, Ailments, Readiness, Settings};
use tokio::sync::watch;

use crate::system::{script, script_with, settings, unconnected};

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
fn while_tasks_do_not_do_their_work_readyz_names_them() {
    let (service, partition) = (ServiceName::EntityStorage, PartitionId(2));
    let task = |partition| Ailing::Task(TaskId { service, partition });
    let stopped = (task(partition), "it has stopped: \"why\"".into());
    let restored = (task(PartitionId(1)), "it is restored".into());
    let waits = (Ailing::Service(service), "it waits".into());
    let (ailments, told) = watch::channel(Ailments::default());
    let settings =
        Settings { readiness: Readiness::of(move || told.borrow().clone()), ..settings() };
    script_with(settings, async |shop| {
        ailments.send_replace([stopped, restored].into());
        let answer = shop.get("/readyz").await;
        let words = "entity-storage/1: it is restored; 1 more";
        let answer = answer.fails(503, "tasks-not-running", words).has("retry-after", "1");
        let tasks = serde_json::json!([
            {"task": "entity-storage/1", "reason": "it is restored"},
            {"task": "entity-storage/2", "reason": "it has stopped: \"why\""},
        ]);
        assert_eq!(answer.json()["tasks"], tasks);
        shop.get("/v1/databases").await.is(200);
        ailments.send_replace([waits].into());
        let answer = shop.get("/readyz").await.fails(503, "tasks-not-running", "it waits");
        let tasks = serde_json::json!([{"service": "entity-storage", "reason": "it waits"}]);
        assert_eq!(answer.json()["tasks"], tasks);
        ailments.send_replace(Ailments::default());
        shop.get("/readyz").await.is(200);
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

#[test]
fn what_was_meant_most_likely_is_told() {
    script(async |shop| {
        let (zone, name) = ("POST to /v1/zones/{db}/{c}/{z}/entities", "unknown-route");
        shop.post("/v1/entities/", "1").await.fails(404, name, zone);
        let entity = "/v1/entities/shop/orders/eu/42";
        shop.post(entity, "1").await.fails(405, "method-not-allowed", zone);
        shop.get("/v1/databases/").await.fails(404, name, "leave out the slash at its end");
        shop.get("/v1//databases").await.fails(404, name, "two slashes in a row");
    });
}

#[test]
fn the_id_of_a_problem_alone_names_no_request() {
    script(async |shop| {
        let problem = shop.put("/v1/entities/shop/orders/eu/42", "x").await.is(400).json();
        let id = problem["request_id"].as_str().expect("an id");
        let answer = shop.get(&format!("/v1/requests/{id}")).await;
        answer.fails(404, "not-found", "names an answer only");
    });
}

#[test]
fn a_parameter_that_a_list_does_not_have_is_refused() {
    script(async |shop| {
        let answer = shop.get("/v1/databases?limt=1").await;
        answer.fails(400, "bad-request", "a list has limit and cursor");
        shop.get("/v1/databases?l%69mit=1").await.is(200);
    });
}
