//! Sending a request into the log, and waiting for its answer as long as its sender wants.

use axum::{http::HeaderMap, response::Response};
use tidelog_core::{
    Timestamp, TraceContext,
    message::{Fingerprint, IdempotencyKey},
};
use tidelog_driver::{Call, Error, With};

use crate::{
    again::Again,
    answered::Told,
    failure::Failure,
    gateway::Gateway,
    headers::{key::idempotency_key, prefer::Prefer, sender::Sender, trace::trace},
    keys::{Turn, in_flight},
    respond,
};

/// How a request is to be sent and answered, as its header says.
#[derive(Debug)]
pub(crate) struct Manner {
    pub prefer: Prefer,
    pub key: Option<IdempotencyKey>,
    /// How it may be sent again if it gets no answer.
    pub again: Again,
    trace: Option<TraceContext>,
    sender: Sender,
}

impl Manner {
    /// Reads the header. `again` tells how the request could be sent again without key; `scope` what
    /// a key is for; `fields` what tells requests under it apart.
    pub(crate) fn read(
        headers: &HeaderMap,
        again: Again,
        scope: impl FnOnce() -> String,
        fields: impl FnOnce() -> Fingerprint,
    ) -> Result<Self, Failure> {
        let key = idempotency_key(headers)?.map(|key| IdempotencyKey {
            scope: scope().into(),
            key,
            fingerprint: fields(),
        });
        let again = if key.is_some() { Again::UnderKey } else { again };
        let (prefer, sender) = (Prefer::read(headers), Sender::read(headers)?);
        Ok(Self { prefer, key, again, trace: trace(headers), sender })
    }

    /// How the driver is to send it. `is_known` says that the document is known without the answer.
    pub(crate) fn with(&self, is_known: bool) -> With {
        // A replay, and who asks later, get the document from the answer alone.
        let is_known = is_known && self.key.is_none() && self.prefer.patience().is_none();
        With {
            key: self.key.clone(),
            wants_value: !(is_known || self.prefer.is_minimal()),
            remember: self.prefer.patience().is_some(),
            trace: self.trace,
            user: self.sender.user.clone(),
            device: self.sender.device.clone(),
        }
    }

    /// Waits until it may be sent, which is never while the log cannot be reached: until no other request under the key is under way.
    pub(crate) async fn turn(&self, gateway: &Gateway) -> Result<Start, Failure> {
        gateway.check_log()?;
        let timeout = gateway.settings().answer_timeout;
        let deadline = gateway.driver().now().plus(timeout);
        let turn = match (&self.key, self.prefer.patience()) {
            (Some(key), None) => Some(gateway.keys().turn(key, timeout).await?),
            // Who does not wait for the answer does not wait for that of another either.
            (Some(_), Some(_)) | (None, _) => None,
        };
        Ok(Start { deadline, turn })
    }

    /// Waits for the answer as long as the sender wants.
    pub(crate) async fn outcome<A: Told>(
        &self,
        gateway: &Gateway,
        start: Start,
        mut call: Call<A>,
    ) -> Result<Awaited<A>, Failure> {
        let Some(patience) = self.prefer.patience() else {
            let answer = call.answer(start.deadline).await;
            let answer = answer.map_err(|error| self.failure(&start, error))?;
            gateway.highest().add(&answer);
            return Ok(Awaited::Answered(answer));
        };
        if !patience.is_zero() {
            match call.answer(gateway.driver().now().plus(patience)).await {
                Ok(answer) => {
                    gateway.highest().add(&answer);
                    return Ok(Awaited::Answered(answer));
                }
                Err(Error::OutcomeUnknown { .. }) => {}
                Err(error) => return Err(failure(error, self.again)),
            }
        }
        // What is told to be accepted is carried out even if this process ends now.
        let id = call.appended(start.deadline).await;
        let id = id.map_err(|error| failure(error, self.again))?;
        call.detach();
        Ok(Awaited::Accepted(respond::accepted(&id, self.prefer)))
    }

    fn failure(&self, start: &Start, error: Error) -> Failure {
        match error {
            // That the one before it had no answer either is the better explanation.
            Error::OutcomeUnknown { request, .. }
                if start.turn.as_ref().is_some_and(|turn| turn.has_waited) =>
            {
                in_flight().of_request(&request)
            }
            error => failure(error, self.again),
        }
    }
}

/// What a request failed with, which could be sent again like this.
pub(crate) fn failure(error: Error, again: Again) -> Failure {
    match error {
        Error::OutcomeUnknown { request, .. } => again.unknown(Some(&request)),
        Error::ConnectionLost | Error::AlreadyAnswered => again.unknown(None),
        error => error.into(),
    }
}

/// A request that may be sent.
#[derive(Debug)]
pub(crate) struct Start {
    /// When it is to be answered, one way or another.
    deadline: Timestamp,
    turn: Option<Turn>,
}

/// What has come of waiting.
pub(crate) enum Awaited<A> {
    /// The answer.
    Answered(A),
    /// It takes longer; this says so.
    Accepted(Response),
}

/// What tells requests under a key apart: the body, its media type, and the preconditions.
pub(crate) fn fingerprint(headers: &HeaderMap, media_type: &str, body: &[u8]) -> Fingerprint {
    use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
    let mut fields: Vec<&[u8]> = vec![media_type.as_bytes(), body];
    for name in [IF_MATCH, IF_NONE_MATCH] {
        // The empty field stands between the two, so that none can be taken for the other.
        fields.push(b"");
        fields.extend(headers.get_all(name).iter().map(|value| value.as_bytes()));
    }
    Fingerprint::of(&fields)
}
