//! `Tidelog-Position`: how far the log was when a write was answered.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tidelog_core::{Layout, Position};

use super::single;
use crate::{failure::Failure, problem::Kind};

/// Reads the position that a client wants its read to be at or after, in a log of this layout.
pub(crate) fn position(headers: &HeaderMap, layout: Layout) -> Result<Option<Position>, Failure> {
    let Some(value) = single(headers, TIDELOG_POSITION)? else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    let malformed = |error| Failure::bad_request(format_args!("Tidelog-Position: {error}"));
    let position: Position = text.trim().parse().map_err(malformed)?;
    if position.partition.0 >= layout.partitions() {
        let partition = position.partition;
        return Err(Failure::new(
            Kind::UnknownPosition,
            format_args!(
                "there is no partition {partition} in this log; read without the position"
            ),
        ));
    }
    Ok(Some(position))
}

/// The header's value.
pub(crate) fn position_value(position: Position) -> HeaderValue {
    HeaderValue::try_from(position.to_string()).expect("a position is visible ASCII")
}

/// The header's name.
pub(crate) const TIDELOG_POSITION: HeaderName = HeaderName::from_static("tidelog-position");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn layout() -> Layout {
        Layout::new(8).expect("eight partitions")
    }

    #[test]
    fn a_position_comes_back_as_it_was_told() {
        let told: Position = "entity-patches:3:1042".parse().expect("a position");
        let mut headers = HeaderMap::new();
        headers.insert(TIDELOG_POSITION, position_value(told));
        assert_eq!(position(&headers, layout()).expect("well-formed"), Some(told));
    }

    #[test]
    fn a_made_up_position_is_refused() {
        let mut headers = HeaderMap::new();
        headers.insert(TIDELOG_POSITION, HeaderValue::from_static("latest"));
        let failure = position(&headers, layout()).expect_err("malformed");
        assert!(failure.detail().contains("topic:partition:offset"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_position_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let mut headers = HeaderMap::new();
                headers.insert(TIDELOG_POSITION, value);
                let _ = position(&headers, layout());
            }
        }
    }
}
