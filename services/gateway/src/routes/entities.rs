//! One entity: read, replace, patch, delete; and adding one to a zone.

use axum::{
    http::{HeaderValue, header},
    routing::{MethodRouter, get},
};
use tidelog_core::{
    Document, EntityId, ProblemKind, ZoneId,
    message::{Change, Condition, IdempotencyKey, PartRequest},
    patch::{JsonPatch, Operations},
    query::EntityView,
};
use uuid::Uuid;

use crate::{
    again::Again,
    answered::About,
    failure::Failure,
    gateway::{Answer, Arrival, Gateway},
    headers::{
        condition::{condition, no_condition},
        media::{self, PatchType},
    },
    limits::{DOCUMENT_BODY_BYTES_MAX, PATCH_BODY_BYTES_MAX},
    path, respond,
    send::{Awaited, Manner, fingerprint},
};

/// The methods of an entity.
pub(super) fn route() -> MethodRouter<Gateway> {
    get(read).put(replace).patch(patch).delete(delete)
}

async fn read(arrival: Arrival) -> Answer {
    let id = entity_id(&arrival)?;
    let headers = arrival.headers();
    let condition = condition(headers)?;
    let at_least = arrival.at_least(About::Entity(id.as_str()))?;
    let gateway = &arrival.gateway;
    let entity = gateway.driver().read(&id, at_least, gateway.deadline()).await?;
    let Some(EntityView { revision, value, .. }) = entity else {
        gateway.check_database(&id.database()).await?;
        let detail = format_args!("there is no entity {id}");
        return Err(Failure::new(ProblemKind::NotFound, detail));
    };
    if condition.holds(Some(revision)) {
        let text = respond::text(value);
        let text = if text.len() > UNCOUNTED_BYTES_MAX { gateway.hold(text)? } else { text };
        return Ok(respond::entity(revision, text));
    }
    if condition.matches.is_some_and(|wanted| !wanted.holds(Some(revision))) {
        let detail = format_args!("{id} is at revision {revision}, which If-Match does not name");
        let failure = Failure::new(ProblemKind::PreconditionFailed, detail);
        return Err(failure.at(Some(revision)));
    }
    Ok(respond::not_modified(revision, value.len()))
}

async fn replace(mut arrival: Arrival) -> Answer {
    let body = arrival.body(DOCUMENT_BODY_BYTES_MAX).await?;
    let id = entity_id(&arrival)?;
    let headers = arrival.headers();
    media::json(headers)?;
    let condition = condition(headers)?;
    let manner = manner(&arrival, "PUT", id.as_str(), "application/json", &body.bytes)?;
    let document = Document::parse(&body.bytes)?;
    let request = PartRequest { change: Change::Replace(document.clone()), condition };
    carry_out(&arrival.gateway, manner, id, request, Some(document)).await
}

async fn patch(mut arrival: Arrival) -> Answer {
    let body = arrival.body(PATCH_BODY_BYTES_MAX).await?;
    let id = entity_id(&arrival)?;
    let headers = arrival.headers();
    let kind = media::patch_type(headers)?;
    let condition = condition(headers)?;
    let manner = manner(&arrival, "PATCH", id.as_str(), kind.essence(), &body.bytes)?;
    let change = match kind {
        PatchType::JsonPatch => Change::Patch(JsonPatch::parse(&body.bytes)?),
        PatchType::MergePatch => Change::Merge(Document::parse(&body.bytes)?),
        PatchType::Operations => Change::Operations(Operations::parse(&body.bytes)?),
    };
    carry_out(&arrival.gateway, manner, id, PartRequest { change, condition }, None).await
}

async fn delete(mut arrival: Arrival) -> Answer {
    let body = arrival.body(DOCUMENT_BODY_BYTES_MAX).await?;
    if !body.bytes.is_empty() {
        return Err(Failure::bad_request(
            "a DELETE has no body; to change an entity there is PATCH",
        ));
    }
    let id = entity_id(&arrival)?;
    let condition = condition(arrival.headers())?;
    let manner = manner(&arrival, "DELETE", id.as_str(), "", b"")?;
    let request = PartRequest { change: Change::Delete, condition };
    carry_out(&arrival.gateway, manner, id, request, None).await
}

/// POST to a zone: an entity with a new id. Under a key the id derives from it, so that a repeat is
/// about the same entity.
pub(super) async fn add(mut arrival: Arrival) -> Answer {
    let body = arrival.body(DOCUMENT_BODY_BYTES_MAX).await?;
    let zone: ZoneId = path::id(arrival.path(), "/v1/zones/", "/entities")?;
    let headers = arrival.headers();
    media::json(headers)?;
    no_condition(headers)?;
    let manner = manner(&arrival, "POST", zone.as_str(), "application/json", &body.bytes)?;
    let document = Document::parse(&body.bytes)?;
    let name = manner.key.as_ref().map_or_else(Uuid::now_v7, |key| derived_name(&zone, key));
    let id = zone.entity(&name.to_string()).map_err(Failure::bad_request)?;
    let location = HeaderValue::try_from(format!("/v1/entities/{id}"));
    let location = location.expect("an id is visible ASCII");
    let request =
        PartRequest { change: Change::Create(document.clone()), condition: Condition::default() };
    let mut response = carry_out(&arrival.gateway, manner, id, request, Some(document)).await?;
    // One that was accepted says where its outcome will be, which is more.
    response.headers_mut().entry(header::LOCATION).or_insert(location);
    Ok(response)
}

async fn carry_out(
    gateway: &Gateway,
    manner: Manner,
    id: EntityId,
    request: PartRequest,
    sent: Option<Document>,
) -> Answer {
    path::check_writable(&id)?;
    gateway.check_database(&id.database()).await?;
    let start = manner.turn(gateway).await?;
    let call = gateway.driver().request(id, request, manner.with(sent.is_some()));
    match manner.outcome(gateway, start, call).await? {
        Awaited::Answered(answered) => respond::answered(answered, sent, manner.prefer),
        Awaited::Accepted(response) => Ok(response),
    }
}

fn entity_id(arrival: &Arrival) -> Result<EntityId, Failure> {
    path::id(arrival.path(), "/v1/entities/", "")
}

fn manner(
    arrival: &Arrival,
    method: &str,
    target: &str,
    media_type: &str,
    body: &[u8],
) -> Result<Manner, Failure> {
    let headers = arrival.headers();
    let scope = || format!("{method} {target}");
    let is_conditional = [header::IF_MATCH, header::IF_NONE_MATCH]
        .into_iter()
        .any(|name| headers.contains_key(name));
    let again = match method {
        "PUT" | "DELETE" => Again::AsIs,
        _ if is_conditional => Again::AsIs,
        _ => Again::ReadFirst,
    };
    Manner::read(headers, again, scope, || fingerprint(headers, media_type, body))
}

/// The name of the entity that a POST to a zone under a key creates: a UUID of version 8, of the
/// digest of both.
fn derived_name(zone: &ZoneId, key: &IdempotencyKey) -> Uuid {
    let mut hasher = blake3::Hasher::new_derive_key("tidelog 2026 entity id from list and key");
    hasher.update(zone.as_str().as_bytes());
    hasher.update(b"\n");
    hasher.update(key.key.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// Bytes of a document whose answer is not counted among those held: on all connections together they
/// are no more than what is.
const UNCOUNTED_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use tidelog_core::message::Fingerprint;

    use super::*;

    #[test]
    fn the_id_that_derives_from_list_and_key_never_changes() {
        let key = IdempotencyKey {
            scope: "POST shop/orders/eu".into(),
            key: "abc".into(),
            fingerprint: Fingerprint::of(&[]),
        };
        let name = |zone: &str| derived_name(&zone.parse().expect("a zone"), &key).to_string();
        assert_eq!(name("shop/orders/eu"), name("shop/orders/eu"));
        assert_ne!(name("shop/orders/eu"), name("shop/orders/us"));
        // Pinned: after an update of the gateway a repeat must be about the same entity.
        assert_eq!(name("shop/orders/eu"), "8ee5118d-5f1a-802a-93bb-7acbdc86cc59");
    }
}
