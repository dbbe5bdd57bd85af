//! What put, patch and delete have in common: they are named, so that each is done once.

use hyper::header::{HeaderValue, IF_MATCH};
use serde_json::{Map, Value};
use tidelog_core::EntityId;

use super::advice;
use crate::cli;
use crate::client::{Call, CallError, Client, IDEMPOTENCY_KEY, Problem, Reply, nonce};
use crate::failure::Failure;

/// The path of an entity.
pub(super) fn path(entity: &EntityId) -> String {
    format!("/v1/entities/{entity}")
}

/// Sends a write under its name; where its fate is unknown, tells how to ask again.
pub(super) async fn send(
    client: &Client,
    call: Call,
    entity: &EntityId,
    write: &cli::Write,
) -> Result<Reply, Failure> {
    let key = write.idempotency_key.clone();
    let key = key.unwrap_or_else(|| format!("tidelog-{:016x}", nonce()));
    let mut call = call.header(IDEMPOTENCY_KEY, header_value(&key)?);
    if let Some(precondition) = write.if_match {
        call = call.header(IF_MATCH, header_value(&precondition.if_match())?);
    }
    let again = || {
        format!(
            "it is not known whether it was done. Run the command again with --idempotency-key \
             {key}: it is then done once, whatever happened"
        )
    };
    match client.send(&call).await {
        Ok(reply) => reply.success().map_err(|problem| match problem.name() {
            "outcome-unknown" => Failure::Refused { problem, advice: Some(again()) },
            _ => advice::about_entity(problem, entity),
        }),
        Err(error @ CallError::Connect { .. }) => Err(error.into()),
        Err(error @ (CallError::Lost { .. } | CallError::TimedOut { .. })) => {
            Err(Failure::Unreachable { what: error.to_string(), advice: again() })
        }
    }
}

/// The document in a reply.
pub(super) fn document(reply: &Reply) -> Result<Value, Failure> {
    // Not by serde_json's own hand: for that, an object can be a `RawValue` in disguise.
    tidelog_core::document::parse_value(&reply.body).map_err(|_| foreign(reply))
}

/// The failure for an answer that no node gives.
pub(super) fn foreign(reply: &Reply) -> Failure {
    Failure::Refused { problem: Box::new(Problem::of(reply)), advice: None }
}

/// A write's result for scripts: `{"id","created","revision","replayed"}`, without what is unknown.
pub(super) fn result(
    entity: &EntityId,
    created: Option<bool>,
    reply: &Reply,
) -> Map<String, Value> {
    let mut result = Map::new();
    result.insert("id".to_owned(), entity.to_string().into());
    if let Some(created) = created {
        result.insert("created".to_owned(), created.into());
    }
    if let Some(revision) = reply.revision() {
        result.insert("revision".to_owned(), revision.into());
    }
    result.insert("replayed".to_owned(), was_replayed(reply).into());
    result
}

/// A write's result for people.
pub(super) fn words(done: &str, entity: &EntityId, reply: &Reply) -> String {
    let revision = reply.revision().map(|revision| format!(" at revision {revision}"));
    let replayed = if was_replayed(reply) { " (it was done before under this key)" } else { "" };
    format!("{done} {entity}{}{replayed}", revision.unwrap_or_default())
}

/// The value of a header field.
pub(super) fn header_value(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text)
        .map_err(|_| Failure::WrongCall(format!("{text:?} cannot be sent in a header field")))
}

fn was_replayed(reply: &Reply) -> bool {
    reply.text("idempotent-replayed").is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::{HeaderMap, StatusCode};

    use super::*;

    #[test]
    fn a_document_is_read_as_it_is_whatever_its_keys_are() {
        let text = r#"{"$serde_json::private::RawValue":"5"}"#;
        let (status, headers) = (StatusCode::OK, HeaderMap::new());
        let reply = Reply { status, headers, body: Bytes::from_static(text.as_bytes()) };
        let value = document(&reply).map(|value| value.to_string());
        assert!(value.is_ok_and(|value| value == text));
    }
}
