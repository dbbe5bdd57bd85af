//! What all routes share, and a request as it arrives at one.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderValue, Method, header, request},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use tidelog_core::{CollectionId, DatabaseId, ProblemKind, Timestamp};
use tidelog_driver::{Driver, Positions};

use crate::{
    answered::{About, Highest},
    body,
    budget::Budget,
    closing::Closing,
    failure::Failure,
    headers::{host::check_host, position::positions},
    keys::Keys,
    limits::{HEADER_BYTES_MAX, HEADER_FIELDS_MAX},
    problem::Kind,
    settings::Settings,
};

/// What all routes share. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Gateway(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    driver: Driver,
    settings: Settings,
    keys: Keys,
    highest: Highest,
    bodies: Budget,
    answers: Budget,
    closing: Closing,
}

impl Gateway {
    pub(crate) fn new(driver: Driver, settings: Settings, closing: Closing) -> Self {
        let bodies = Budget::of_requests(settings.bodies_bytes_max);
        let answers = Budget::of_answers(settings.answers_bytes_max);
        let (keys, highest) = (Keys::default(), Highest::new(driver.layout()));
        Self(Arc::new(Shared { driver, settings, keys, highest, bodies, answers, closing }))
    }

    pub(crate) fn driver(&self) -> &Driver {
        &self.0.driver
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Until when what is asked for now is to be answered.
    pub(crate) fn deadline(&self) -> Timestamp {
        self.driver().now().plus(self.settings().answer_timeout)
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// How far the log was in what has been answered.
    pub(crate) fn highest(&self) -> &Highest {
        &self.0.highest
    }

    /// Whether the gateway is about to stop.
    pub(crate) fn closing(&self) -> &Closing {
        &self.0.closing
    }

    /// Has the body of an answer to a read count among those that have not been taken.
    pub(crate) fn hold(&self, answer: impl Into<Bytes>) -> Result<Bytes, Failure> {
        self.0.answers.hold(answer)
    }

    /// Refuses what is about a database that has not been provisioned.
    pub(crate) async fn check_database(&self, database: &DatabaseId) -> Result<(), Failure> {
        let driver = self.driver();
        if driver.has_database(database)
            || driver.database(database, None, self.deadline()).await?.is_some()
        {
            Ok(())
        } else {
            Err(unknown_database(database))
        }
    }

    /// Refuses what is about a collection of a database that has not been provisioned.
    pub(crate) async fn check_collection(&self, collection: &CollectionId) -> Result<(), Failure> {
        self.check_database(&collection.database()).await
    }

    /// Refuses what would be written while the log cannot be reached.
    pub(crate) fn check_log(&self) -> Result<(), Failure> {
        let away = self.settings().readiness.log_away();
        away.map_or(Ok(()), |reason| Err(Failure::new(Kind::LogUnreachable, reason)))
    }

    /// Refuses everything until the databases are known.
    pub(crate) fn check_ready(&self) -> Result<(), Failure> {
        if self.driver().is_ready() {
            return Ok(());
        }
        self.check_log()?;
        Err(Failure::new(Kind::NotReady, "the gateway still reads which databases there are"))
    }
}

pub(crate) fn unknown_database(database: &DatabaseId) -> Failure {
    Failure::new(
        ProblemKind::UnknownDatabase,
        format_args!("there is no database {database}; PUT /v1/databases/{database} makes it"),
    )
}

/// A request that may be served: the gateway is ready, and the header is not too large.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub gateway: Gateway,
    pub head: request::Parts,
    body: Body,
}

impl Arrival {
    pub(crate) fn path(&self) -> &str {
        self.head.uri.path()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The positions that a read is to be at or after: those that its sender wants, and those that
    /// were answered here.
    pub(crate) fn at_least(&self, about: About<'_>) -> Result<Positions, Failure> {
        let mut positions = positions(self.headers(), self.gateway.driver().layout())?;
        self.gateway.highest().extend(&mut positions, about);
        Ok(positions)
    }

    /// Reads the body, once.
    pub(crate) async fn body(&mut self, bytes_max: usize) -> Result<body::Read, Failure> {
        let body = std::mem::take(&mut self.body);
        let (timeout, budget) = (self.gateway.settings().body_timeout, &self.gateway.0.bodies);
        body::read(&self.head.headers, body, bytes_max, timeout, budget).await
    }

    /// Reads the body without keeping it, before the request is refused.
    pub(crate) async fn discard_body(&mut self) {
        let body = std::mem::take(&mut self.body);
        let timeout = self.gateway.settings().body_timeout;
        body::discard(&self.head.headers, body, timeout).await;
    }
}

impl FromRequest<Gateway> for Arrival {
    type Rejection = Failure;

    async fn from_request(request: Request, gateway: &Gateway) -> Result<Self, Failure> {
        let (head, body) = request.into_parts();
        let mut arrival = Self { gateway: gateway.clone(), head, body };
        let check = check_header(&arrival.head).and_then(|()| gateway.check_ready());
        if let Err(failure) = check {
            arrival.discard_body().await;
            return Err(failure);
        }
        Ok(arrival)
    }
}

fn check_header(head: &request::Parts) -> Result<(), Failure> {
    check_host(head.version, &head.headers)?;
    check_coding(&head.headers)?;
    let fields = head.headers.len();
    if fields > HEADER_FIELDS_MAX {
        return Err(Failure::new(
            Kind::HeaderTooLarge,
            format_args!("the header has {fields} fields and {HEADER_FIELDS_MAX} are allowed"),
        ));
    }
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let bytes = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
    let bytes = target + bytes.sum::<usize>();
    if bytes > HEADER_BYTES_MAX {
        return Err(Failure::new(
            Kind::HeaderTooLarge,
            format_args!(
                "the URL and the header fields have {bytes} bytes and {HEADER_BYTES_MAX} are \
                 allowed"
            ),
        ));
    }
    Ok(())
}

/// Refuses a body in a transfer coding that hyper does not take off: it would be read as it came.
fn check_coding(headers: &HeaderMap) -> Result<(), Failure> {
    let codings = headers.get_all(header::TRANSFER_ENCODING);
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    if codings.iter().all(is_chunked) && codings.iter().count() <= 1 {
        return Ok(());
    }
    let why = "a body is sent as it is, or chunked; no other Transfer-Encoding is taken";
    Err(Failure::bad_request(why).closing())
}

/// What a route answers, or how it fails.
pub(crate) type Answer = Result<Response, Failure>;

/// Answers what has no route.
pub(crate) async fn unknown_route(mut arrival: Arrival) -> Result<Infallible, Failure> {
    arrival.discard_body().await;
    let hint = hint(&arrival);
    let path: String = arrival.path().chars().take(PATH_CHARS_SHOWN).collect();
    Err(Failure::new(Kind::UnknownRoute, format_args!("there is nothing under {path}{hint}")))
}

/// What was meant, most likely.
fn hint(arrival: &Arrival) -> &'static str {
    let path = arrival.path();
    let is_entity = path == "/v1/entities" || path.starts_with("/v1/entities/");
    if arrival.head.method == Method::POST && is_entity {
        "; to add an entity, POST to /v1/zones/{db}/{c}/{z}/entities"
    } else if path.contains("//") {
        "; it has two slashes in a row"
    } else if path.len() > 1 && path.ends_with('/') {
        "; leave out the slash at its end"
    } else {
        ""
    }
}

/// Answers a method that a route does not have. The field Allow is added by the router.
pub(crate) async fn method_not_allowed(mut arrival: Arrival) -> Response {
    arrival.discard_body().await;
    let method = arrival.head.method.as_str();
    let path: String = arrival.path().chars().take(PATH_CHARS_SHOWN).collect();
    let hint = hint(&arrival);
    let detail = format_args!("{path} has no {method}; the field Allow lists what it has{hint}");
    Failure::new(Kind::MethodNotAllowed, detail).into_response()
}

/// How much of a path a problem repeats.
const PATH_CHARS_SHOWN: usize = 200;
