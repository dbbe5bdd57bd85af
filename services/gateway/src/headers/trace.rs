//! The trace that a request belongs to (W3C Trace Context).

use axum::http::HeaderMap;
use tidelog_core::{TraceContext, headers::TRACEPARENT};

/// The trace that the request says it belongs to, which the records that come of it will say too.
///
/// What cannot be read is taken as if it was not there: the standard wants that, for nobody should get
/// no answer because of a header that is about answers alone.
pub(crate) fn trace(headers: &HeaderMap) -> Option<TraceContext> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    value.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const ONE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn of(values: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACEPARENT, HeaderValue::from_static(value));
        }
        trace(&headers).map(|trace| trace.to_string())
    }

    #[test]
    fn one_trace_is_taken_and_anything_else_is_none() {
        assert_eq!(of(&[ONE]).as_deref(), Some(ONE));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["nonsense"]), None);
        assert_eq!(of(&[ONE, ONE]), None, "two of them say nothing");
    }
}
