//! What a scripted node does with batches, entities and lists.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::scripted::{Broken, Fault, Seen, State, problem, reply};

impl State {
    /// Answers a call about a batch.
    pub(crate) fn batch(&mut self, seen: &Seen) -> Result<Response<Full<Bytes>>, Broken> {
        if let Some(left) = &mut self.batches_until_death {
            *left = left.checked_sub(1).ok_or(Broken)?;
        }
        let fault = self.faults.pop_front().unwrap_or(Fault::None);
        if matches!(fault, Fault::Refused) {
            return Ok(problem(StatusCode::SERVICE_UNAVAILABLE, "busy", "too much to do"));
        }
        let batch: Value = serde_json::from_str(&seen.body).expect("a batch is JSON");
        let parts = batch["parts"].as_array().cloned().unwrap_or_default();
        let poisoned = parts.iter().any(|part| !part["value"]["poison"].is_null());
        if poisoned {
            return Ok(problem(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "poison is too large"));
        }
        let key = seen.headers["idempotency-key"].clone();
        let mut answer = match self.answers.get(&key) {
            Some(answer) => answer.clone(),
            None => {
                let answers: Vec<_> = parts.iter().map(|part| self.part(part)).collect();
                let answer = json!({ "parts": answers });
                self.answers.insert(key, answer.clone());
                answer
            }
        };
        match fault {
            Fault::None | Fault::Refused => {}
            Fault::Unknown => {
                let detail = "no answer in time";
                return Ok(problem(StatusCode::GATEWAY_TIMEOUT, "outcome-unknown", detail));
            }
            Fault::Lost => return Err(Broken),
            Fault::Incomplete => {
                let part = answer["parts"].as_array_mut().and_then(|parts| parts.last_mut());
                let part = part.expect("a batch has parts");
                let unknown = json!({ "title": "Unknown", "status": 504, "retryable": true });
                *part = json!({ "entity": part["entity"], "status": 504, "problem": unknown });
            }
        }
        Ok(reply(StatusCode::OK, &answer))
    }

    fn part(&mut self, part: &Value) -> Value {
        let entity = part["entity"].as_str().expect("a part has an entity").to_owned();
        let before = self.entities.get(&entity).map_or(0, |(revision, _)| *revision);
        let failed = |status: u16, title: &str, detail: &str| {
            let problem = json!({ "title": title, "status": status, "detail": detail });
            json!({ "entity": part["entity"], "status": status, "problem": problem })
        };
        if part["value"]["bad"] == true {
            return failed(422, "A number cannot be kept", "it is bad");
        }
        if part["op"] == "create" && before > 0 {
            return failed(412, "A precondition does not hold", "it is there");
        }
        self.entities.insert(entity.clone(), (before + 1, part["value"].clone()));
        let status = if before == 0 { 201 } else { 200 };
        json!({ "entity": entity, "status": status, "revision": before + 1 })
    }

    /// Answers a call about an entity.
    pub(crate) fn entity(
        &mut self,
        method: &Method,
        id: &str,
        seen: &Seen,
    ) -> Response<Full<Bytes>> {
        if !self.databases.contains(id.split('/').next().unwrap_or_default()) {
            let detail = "there is no such database";
            return problem(StatusCode::NOT_FOUND, "unknown-database", detail);
        }
        let before = self.entities.get(id).cloned();
        let revision = before.as_ref().map_or(0, |(revision, _)| *revision);
        if let Some(expected) = seen.headers.get("if-match")
            && *expected != format!("\"{revision}\"")
        {
            return problem(StatusCode::PRECONDITION_FAILED, "precondition-failed", "not that one");
        }
        let value = match *method {
            Method::GET | Method::DELETE => match before {
                Some((_, value)) => value,
                None => return problem(StatusCode::NOT_FOUND, "not-found", "nothing is there"),
            },
            _ => serde_json::from_str(&seen.body).expect("a document is JSON"),
        };
        let (status, revision) = match *method {
            Method::GET => (StatusCode::OK, revision),
            Method::DELETE => (StatusCode::NO_CONTENT, revision + 1),
            _ if revision == 0 => (StatusCode::CREATED, 1),
            _ => (StatusCode::OK, revision + 1),
        };
        if *method == Method::DELETE {
            self.entities.remove(id);
        } else {
            self.entities.insert(id.to_owned(), (revision, value.clone()));
        }
        let mut reply = reply(status, &value);
        if status == StatusCode::NO_CONTENT {
            *reply.body_mut() = Full::default();
        }
        let etag = format!("\"{revision}\"").parse().expect("an ETag");
        reply.headers_mut().insert("etag", etag);
        reply
    }

    /// Answers a call about a list.
    pub(crate) fn list(&self, place: &str, query: &str) -> Response<Full<Bytes>> {
        let asked = |name: &str| {
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        let limit = asked("limit").and_then(|limit| limit.parse().ok()).unwrap_or(100);
        let limit = self.page_max.unwrap_or(limit).min(limit);
        // The cursor has a character that has to be escaped on its way.
        let from = asked("cursor").map(|cursor| cursor.replace("%2B", "/").replace("%2F", "/"));
        let from = from.unwrap_or_default();
        let mut left =
            self.entities.iter().filter(|(id, _)| id.starts_with(place) && **id > from).map(
                |(id, (revision, value))| json!({ "id": id, "revision": revision, "value": value }),
            );
        let page: Vec<_> = left.by_ref().take(limit).collect();
        let next = left.next().and(page.last()).map(|last| last["id"].clone());
        reply(StatusCode::OK, &json!({ "entities": page, "next": next }))
    }
}
