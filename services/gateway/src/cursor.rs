//! Where a page of a list ended, as an opaque text.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tidelog_core::limits::{ENTITY_ID_BYTES_MAX, PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX};

use crate::{failure::Failure, path::Parameters, problem::Kind};

/// Which part of a list is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Slice {
    /// Only what comes after this text.
    pub after: Option<Box<str>>,
    /// At most so many items.
    pub limit: usize,
}

impl Slice {
    /// Reads `limit` and `cursor`; `list` is the path of the list that the cursor must be of.
    pub(crate) fn read(query: Option<&str>, list: &str) -> Result<Self, Failure> {
        let parameters = Parameters::read(query.unwrap_or_default())?;
        let limit = match parameters.limit {
            None => PAGE_ITEMS_DEFAULT,
            Some(text) => limit(&text).ok_or_else(|| {
                Failure::bad_request(format_args!("limit is a number from 1 to {PAGE_ITEMS_MAX}"))
            })?,
        };
        let after = parameters.cursor.map(|cursor| read(&cursor, list)).transpose()?;
        Ok(Self { after, limit })
    }
}

/// The cursor that goes on behind `after` in a list.
pub(crate) fn print(after: &str, list: &str) -> String {
    let mut bytes = check(after, list).to_vec();
    bytes.extend_from_slice(after.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read(cursor: &str, list: &str) -> Result<Box<str>, Failure> {
    let decoded =
        if cursor.len() <= CURSOR_BYTES_MAX { URL_SAFE_NO_PAD.decode(cursor).ok() } else { None };
    let after = decoded.as_deref().and_then(|bytes| {
        let (checked, after) = bytes.split_first_chunk::<CHECK_BYTES>()?;
        let after = str::from_utf8(after).ok()?;
        (*checked == check(after, list)).then(|| after.into())
    });
    after.ok_or_else(|| {
        Failure::new(
            Kind::InvalidCursor,
            "the cursor is not one that this list gave out; begin again without it",
        )
    })
}

fn limit(text: &str) -> Option<usize> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|limit| is_number && (1..=PAGE_ITEMS_MAX).contains(limit))
}

/// What tells that a cursor is one of this list. It keeps mistakes out, not intruders: a forged
/// cursor shows nothing that the list would not.
fn check(after: &str, list: &str) -> [u8; CHECK_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(list.len() as u64).to_le_bytes());
    hasher.update(list.as_bytes());
    hasher.update(after.as_bytes());
    let mut bytes = [0; CHECK_BYTES];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..CHECK_BYTES]);
    bytes
}

const CHECK_BYTES: usize = 6;

/// No list has a longer text to go on from.
const CURSOR_BYTES_MAX: usize = (ENTITY_ID_BYTES_MAX + CHECK_BYTES) * 4 / 3 + 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIST: &str = "/v1/zones/shop/orders/eu/entities";

    fn slice(query: &str) -> Result<Slice, Failure> {
        Slice::read(Some(query), LIST)
    }

    #[test]
    fn a_page_has_a_hundred_items_unless_another_number_is_asked_for() {
        assert_eq!(Slice::read(None, LIST).expect("a slice").limit, 100);
        assert_eq!(slice("limit=1").expect("a slice").limit, 1);
        assert_eq!(slice("limit=1000").expect("a slice").limit, 1_000);
        for query in ["limit=0", "limit=1001", "limit=", "limit=-1", "limit=%2B1", "limit=ten"] {
            let failure = slice(query).expect_err(query);
            assert_eq!(failure.detail(), "limit is a number from 1 to 1000", "{query}");
        }
    }

    #[test]
    fn a_cursor_belongs_to_its_list() {
        let after = "shop/orders/eu/42";
        let query = format!("cursor={}", print(after, LIST));
        assert_eq!(slice(&query).expect("a slice").after.as_deref(), Some(after));
        let other = Slice::read(Some(&query), "/v1/zones/shop/orders/us/entities");
        assert_eq!(other.expect_err("of another list").kind(), Kind::InvalidCursor);
        assert_eq!(slice("cursor=").expect_err("empty").kind(), Kind::InvalidCursor);
    }

    proptest! {
        #[test]
        fn a_made_up_cursor_is_refused(cursor in "[A-Za-z0-9_-]{0,40}") {
            let query = format!("cursor={cursor}");
            prop_assert!(slice(&query).is_err());
        }

        #[test]
        fn any_query_is_read_or_refused(query in ".{0,60}") {
            let _ = slice(&query);
        }

        #[test]
        fn a_cursor_reads_back_as_printed(after in ".{0,100}") {
            let read = read(&print(&after, LIST), LIST).expect("a cursor");
            prop_assert_eq!(&*read, after.as_str());
        }
    }
}
