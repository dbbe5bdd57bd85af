//! W3C Trace Context: what comes of a request belongs to the trace that it says.

use tidelog_core::{Message, Topic, port::Record};

use crate::system::{System, script};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The traces of the records of a topic that belong to requests.
fn traces(system: &System, topic: Topic) -> Vec<Option<String>> {
    let records = system.records(topic).into_iter();
    let is_of_request = |record: &Record| {
        let message = Message::decode(topic, &record.payload).expect("it can be read");
        message.request().is_some()
    };
    let records = records.filter(is_of_request);
    records.map(|record| record.trace.map(|trace| trace.to_string())).collect()
}

#[test]
fn all_that_comes_of_a_write_belongs_to_its_trace() {
    script(async |system| {
        let write = system.put("/v1/entities/shop/orders/eu/1", "{}").with("traceparent", TRACE);
        write.await.is(201);
        let of_write = [Topic::EntityPatches, Topic::EntityUpdates, Topic::PartialResponses];
        for topic in of_write {
            let traced = traces(&system, topic).into_iter().flatten().count();
            assert_eq!(traced, 1, "{topic}");
        }
        let other = system.put("/v1/entities/shop/orders/eu/2", "{}").with("traceparent", "x");
        other.await.is(201);
        let mut updates = traces(&system, Topic::EntityUpdates);
        updates.sort();
        assert_eq!(updates, [None, Some(TRACE.to_owned())], "what is no trace is none");
    });
}

#[test]
fn the_parts_of_a_batch_belong_to_the_trace_of_the_batch() {
    script(async |system| {
        let parts = r#"{"parts":[
            {"op":"create","entity":"shop/orders/eu/1","value":{}},
            {"op":"create","entity":"shop/orders/us/2","value":{}}]}"#;
        let batch = system.post("/v1/databases/shop/batch", parts).with("traceparent", TRACE);
        batch.await.is(200);
        for topic in [Topic::EntityBatches, Topic::EntityPatches, Topic::CompleteResponses] {
            let traces = traces(&system, topic);
            assert!(!traces.is_empty(), "{topic}");
            assert!(traces.iter().all(|it| it.as_deref() == Some(TRACE)), "{topic}: {traces:?}");
        }
    });
}

#[test]
fn provisioning_belongs_to_its_trace() {
    script(async |system| {
        system.put("/v1/databases/other", "").with("traceparent", TRACE).await.is(201);
        let traced = traces(&system, Topic::SchemaUpdates).into_iter().flatten();
        assert_eq!(traced.collect::<Vec<_>>(), [TRACE]);
    });
}
