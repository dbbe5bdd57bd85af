//! `Tidelog-Position`: how far the log was when a write was answered.
//!
//! A write of one entity has one position, `entity-patches:3:1042`. Those of a batch stand in one
//! field with commas between, at most one of each partition; an element without a topic has that of
//! the one before: `entity-patches:0:77,3:1042`. A reader sends what it was told, from one answer or
//! from several.

use std::fmt::Write;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tidelog_core::{Layout, Position, Topic};
use tidelog_driver::Positions;

use crate::{failure::Failure, problem::Kind};

/// Reads the positions that a client wants its read to be at or after, in a log of this layout.
pub(crate) fn positions(headers: &HeaderMap, layout: Layout) -> Result<Positions, Failure> {
    let mut positions = Positions::default();
    for value in headers.get_all(TIDELOG_POSITION) {
        let text = value.to_str().unwrap_or(NOT_TEXT);
        let mut topic = None;
        let mut is_any = false;
        for element in text.split(',').map(str::trim).filter(|element| !element.is_empty()) {
            let position = element_of(element, topic)?;
            check_partition(position, layout)?;
            topic = Some(position.topic);
            is_any = true;
            positions.add(position);
        }
        if !is_any {
            return Err(malformed());
        }
    }
    Ok(positions)
}

/// The header's value for a single write.
pub(crate) fn position_value(position: Position) -> HeaderValue {
    HeaderValue::try_from(position.to_string()).expect("a position is visible ASCII")
}

/// The header's value for a batch; `None` if there is no position, or if there are so many that the
/// proxies on the way might not take the answer with them.
pub(crate) fn positions_value(positions: &Positions) -> Option<HeaderValue> {
    let mut text = String::new();
    let mut before = None;
    for position in positions.iter() {
        let Position { topic, partition, offset } = position;
        let comma = if text.is_empty() { "" } else { "," };
        let written = match before.replace(topic) {
            Some(before) if before == topic => write!(text, "{comma}{partition}:{offset}"),
            Some(_) | None => write!(text, "{comma}{position}"),
        };
        written.expect("a String takes all that is written to it");
        if text.len() > POSITIONS_BYTES_MAX {
            return None;
        }
    }
    let value = || HeaderValue::try_from(&text).expect("positions are visible ASCII");
    (!text.is_empty()).then(value)
}

fn element_of(element: &str, before: Option<Topic>) -> Result<Position, Failure> {
    let parsed = match before {
        Some(topic) if element.bytes().filter(|byte| *byte == b':').count() == 1 => {
            format!("{topic}:{element}").parse()
        }
        Some(_) | None => element.parse(),
    };
    parsed.map_err(|_| malformed())
}

fn check_partition(position: Position, layout: Layout) -> Result<(), Failure> {
    if position.partition.0 < layout.partitions() {
        return Ok(());
    }
    let partition = position.partition;
    Err(Failure::new(
        Kind::UnknownPosition,
        format_args!("there is no partition {partition} in this log; read without the position"),
    ))
}

fn malformed() -> Failure {
    Failure::bad_request(
        "Tidelog-Position: a position is written topic:partition:offset, as in \
         entity-patches:3:1042, and there may be several with commas between",
    )
}

/// The header's name.
pub(crate) const TIDELOG_POSITION: HeaderName = HeaderName::from_static("tidelog-position");

/// Bytes of an answer's positions. Proxies take a header of 4 KiB or more.
const POSITIONS_BYTES_MAX: usize = 3 * 1024;

/// What no position is.
const NOT_TEXT: &str = "?";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tidelog_core::{Offset, PartitionId, limits::PARTITIONS_MAX};

    use super::*;

    fn layout() -> Layout {
        Layout::new(PARTITIONS_MAX).expect("the most partitions")
    }

    fn read(values: &[&str]) -> Result<Positions, Failure> {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_str(value).expect("a value");
            headers.append(TIDELOG_POSITION, value);
        }
        positions(&headers, layout())
    }

    fn patches(positions: impl IntoIterator<Item = (u32, u64)>) -> Positions {
        let position = |(partition, offset)| Position {
            topic: Topic::EntityPatches,
            partition: PartitionId(partition),
            offset: Offset(offset),
        };
        positions.into_iter().map(position).collect()
    }

    #[test]
    fn a_position_comes_back_as_it_was_told() {
        let told: Position = "entity-patches:3:1042".parse().expect("a position");
        let mut headers = HeaderMap::new();
        headers.insert(TIDELOG_POSITION, position_value(told));
        assert_eq!(positions(&headers, layout()).expect("well-formed"), told.into());
    }

    #[test]
    fn several_are_one_list_of_which_the_latest_of_each_partition_counts() {
        let told = patches([(0, 77), (3, 1_042)]);
        let value = positions_value(&told).expect("there are some");
        assert_eq!(value, "entity-patches:0:77,3:1042");
        for values in [
            &["entity-patches:0:77,3:1042"][..],
            &["entity-patches:0:77", "entity-patches:3:1042"],
            &["entity-patches:3:9 , entity-patches:0:77,, 3:1042,"],
        ] {
            assert_eq!(read(values).expect("well-formed"), told, "{values:?}");
        }
        let mixed = read(&["entity-patches:0:77,schema-patches:1:2,3:4"]).expect("well-formed");
        let value = positions_value(&mixed).expect("there are some");
        assert_eq!(value, "entity-patches:0:77,schema-patches:1:2,3:4");
    }

    #[test]
    fn more_positions_than_a_proxy_takes_are_left_out() {
        let many = |count| patches((0..count).map(|partition| (partition, 1_000_000)));
        assert!(positions_value(&many(PARTITIONS_MAX)).is_none());
        let value = positions_value(&many(200)).expect("there is room");
        assert_eq!(read(&[value.to_str().expect("text")]).expect("well-formed"), many(200));
        assert!(positions_value(&Positions::default()).is_none());
    }

    #[test]
    fn a_made_up_position_is_refused() {
        for made_up in ["latest", "", ",", "3:1042", "entity-patches:1:2:3", "entity-patches:0:1,9"]
        {
            let failure = read(&[made_up]).expect_err(made_up);
            assert!(failure.detail().contains("topic:partition:offset"), "{made_up}");
        }
        let failure = read(&["entity-patches:1024:0"]).expect_err("there is no such partition");
        assert_eq!(failure.kind(), Kind::UnknownPosition);
    }

    proptest! {
        #[test]
        fn any_bytes_are_positions_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let mut headers = HeaderMap::new();
                headers.insert(TIDELOG_POSITION, value);
                let _ = positions(&headers, layout());
            }
        }

        #[test]
        fn any_positions_read_back_as_printed(
            told in prop::collection::btree_map(0..PARTITIONS_MAX, any::<u64>(), 1..40),
        ) {
            let told = patches(told);
            let value = positions_value(&told).expect("there is room");
            prop_assert_eq!(read(&[value.to_str().expect("text")]).expect("well-formed"), told);
        }
    }
}
