//! Letting web pages of other origins use the gateway (the Fetch standard's CORS protocol).

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{headers::host::check_host, origin::Origin, settings::CorsOrigin};

/// Which origins are let in.
#[derive(Clone, Debug)]
pub(crate) struct Cors(Arc<Origins>);

#[derive(Debug)]
enum Origins {
    Any,
    Only(Vec<Origin>),
}

impl Cors {
    /// `None` if none are, and nothing has to be done.
    pub(crate) fn new(setting: &CorsOrigin) -> Option<Self> {
        let origins = match setting {
            CorsOrigin::Off => return None,
            CorsOrigin::Any => Origins::Any,
            CorsOrigin::Only(origins) => Origins::Only(origins.clone()),
        };
        Some(Self(Arc::new(origins)))
    }

    /// What an answer to this origin says that it lets in.
    fn allows(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        match &*self.0 {
            Origins::Any => Some(HeaderValue::from_static("*")),
            Origins::Only(origins) => {
                let asks: Origin = origin.to_str().ok()?.parse().ok()?;
                origins.contains(&asks).then(|| origin.clone())
            }
        }
    }

    /// Says that the answer depends on who asks, where it does.
    fn vary(&self, headers: &mut HeaderMap) {
        if matches!(*self.0, Origins::Only(_)) {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
    }
}

/// Answers preflights, and lets the pages of allowed origins read what others are answered.
pub(crate) async fn apply(State(cors): State<Cors>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if let Err(failure) = check_host(request.version(), headers) {
        return failure.into_response();
    }
    let allowed = headers.get(header::ORIGIN).and_then(|origin| cors.allows(origin));
    let is_preflight = request.method() == Method::OPTIONS
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match &allowed {
        Some(_) if is_preflight => preflight(),
        Some(_) | None => next.run(request).await,
    };
    let headers = response.headers_mut();
    cors.vary(headers);
    if let Some(origin) = allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if !is_preflight {
            let exposed = HeaderValue::from_static(EXPOSED);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
    }
    response
}

fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, PUT, POST, PATCH, DELETE"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// What a page may send.
const ALLOWED: &str = "Content-Type, If-Match, If-None-Match, Idempotency-Key, Prefer, Tidelog-Position, Tidelog-User, \
     Tidelog-Device, Last-Event-ID, traceparent";

/// What a page may read.
const EXPOSED: &str =
    "ETag, Location, Retry-After, Preference-Applied, Idempotent-Replayed, Tidelog-Position";
