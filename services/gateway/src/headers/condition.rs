//! `If-Match` and `If-None-Match` (RFC 9110, section 13.1).

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use tidelog_core::{
    Revision,
    limits::PRECONDITION_REVISIONS_MAX,
    message::{Condition, Match},
};

use super::trimmed;
use crate::failure::Failure;

/// Reads both conditions.
pub(crate) fn condition(headers: &HeaderMap) -> Result<Condition, Failure> {
    let matches = tags(headers, header::IF_MATCH, Comparison::Strong)?;
    let none_match = tags(headers, header::IF_NONE_MATCH, Comparison::Weak)?;
    Ok(Condition { matches, none_match })
}

/// Refuses conditions where there is nothing that they could be about.
pub(crate) fn no_condition(headers: &HeaderMap) -> Result<(), Failure> {
    for name in [header::IF_MATCH, header::IF_NONE_MATCH] {
        if headers.contains_key(&name) {
            return Err(Failure::bad_request(format_args!(
                "{name} means nothing here: it is about one entity; in a batch each part has its \
                 own if_revision and if_exists"
            )));
        }
    }
    Ok(())
}

/// The strong entity tag of a revision.
pub(crate) fn entity_tag(revision: Revision) -> HeaderValue {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(revision.0).as_bytes();
    let mut tag = [b'"'; 22];
    tag[1..=digits.len()].copy_from_slice(digits);
    HeaderValue::from_bytes(&tag[..digits.len() + 2]).expect("digits in quotes are visible ASCII")
}

/// How two entity tags are compared (RFC 9110, section 8.8.3.2). Ours are strong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    /// A weak tag matches nothing.
    Strong,
    /// A weak tag is as good as a strong one.
    Weak,
}

fn tags(
    headers: &HeaderMap,
    name: HeaderName,
    comparison: Comparison,
) -> Result<Option<Match>, Failure> {
    let mut fields = headers.get_all(&name).iter().peekable();
    if fields.peek().is_none() {
        return Ok(None);
    }
    let malformed = || {
        Failure::bad_request(format_args!(
            "{name} is '*' or a list of entity tags in quotes, as in {name}: \"3\", \"4\""
        ))
    };
    let mut found = Tags::default();
    for field in fields {
        found.read(field.as_bytes(), comparison).ok_or_else(malformed)?;
    }
    if found.revisions.len() > PRECONDITION_REVISIONS_MAX {
        return Err(Failure::bad_request(format_args!(
            "{name} has {} entity tags and {PRECONDITION_REVISIONS_MAX} are allowed",
            found.revisions.len()
        )));
    }
    match (found.any, found.tags) {
        (true, 0) => Ok(Some(Match::Any)),
        (false, 1..) => Ok(Some(Match::Revisions(found.revisions))),
        (true, 1..) | (false, 0) => Err(malformed()),
    }
}

#[derive(Default)]
struct Tags {
    any: bool,
    tags: usize,
    revisions: Vec<Revision>,
}

impl Tags {
    /// Reads one field's list; `None` if it is malformed. Empty elements are allowed (RFC 9110,
    /// section 5.6.1).
    fn read(&mut self, mut rest: &[u8], comparison: Comparison) -> Option<()> {
        loop {
            rest = trimmed(rest);
            match rest {
                [] => return Some(()),
                [b',', after @ ..] => {
                    rest = after;
                    continue;
                }
                [b'*', after @ ..] if !self.any => {
                    self.any = true;
                    rest = after;
                }
                [b'W', b'/', b'"', after @ ..] => {
                    rest = self.tag(after, comparison == Comparison::Weak)?;
                }
                [b'"', after @ ..] => rest = self.tag(after, true)?,
                _ => return None,
            }
            rest = trimmed(rest);
            if !matches!(rest, [] | [b',', ..]) {
                return None;
            }
        }
    }

    /// Reads a tag up to its closing quote; gives what comes after it.
    fn tag<'b>(&mut self, text: &'b [u8], can_match: bool) -> Option<&'b [u8]> {
        let end = text.iter().position(|byte| *byte == b'"')?;
        let (tag, after) = (&text[..end], &text[end + 1..]);
        // RFC 9110 allows any visible character but the quote, and bytes beyond ASCII.
        if tag.iter().any(|byte| matches!(byte, 0..=b' ' | 0x7f)) {
            return None;
        }
        self.tags += 1;
        if can_match {
            self.revisions.extend(revision(tag).filter(|it| !self.revisions.contains(it)));
        }
        Some(after)
    }
}

/// The revision that a tag of ours stands for. Another one's tag is right, and matches nothing.
fn revision(tag: &[u8]) -> Option<Revision> {
    let canonical = tag.iter().all(u8::is_ascii_digit) && !tag.starts_with(b"0");
    str::from_utf8(tag).ok().filter(|_| canonical)?.parse().ok().map(Revision)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(name: HeaderName, fields: &[&str]) -> Result<Condition, Failure> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(&name, field.parse().expect("a header value"));
        }
        condition(&headers)
    }

    fn revisions(of: &[u64]) -> Option<Match> {
        Some(Match::Revisions(of.iter().copied().map(Revision).collect()))
    }

    #[test]
    fn lists_of_tags_are_read_over_several_fields() {
        let cases: [(&[&str], _); 9] = [
            (&[], None),
            (&["*"], Some(Match::Any)),
            (&[" * "], Some(Match::Any)),
            (&["\"3\""], revisions(&[3])),
            (&["\"3\" , \"4\"", ",\"5\","], revisions(&[3, 4, 5])),
            (&["\"3\",\"3\""], revisions(&[3])),
            (&["\"a,b\",\"3\""], revisions(&[3])),
            (&["\"*\""], revisions(&[])),
            (&["\"03\", \"\", \"0\", \"99999999999999999999\""], revisions(&[])),
        ];
        for (fields, expected) in cases {
            let condition = read(header::IF_MATCH, fields).expect("well-formed");
            assert_eq!(condition.matches, expected, "{fields:?}");
        }
    }

    #[test]
    fn a_weak_tag_never_matches_where_the_comparison_is_strong() {
        let weak = ["W/\"3\", \"4\""];
        let condition = read(header::IF_MATCH, &weak).expect("well-formed");
        assert_eq!(condition.matches, revisions(&[4]));
        let condition = read(header::IF_NONE_MATCH, &weak).expect("well-formed");
        assert_eq!(condition.none_match, revisions(&[3, 4]));
    }

    #[test]
    fn a_condition_that_cannot_be_read_is_refused() {
        let bad: [&[&str]; 10] = [
            &["3"],
            &[""],
            &[","],
            &["\"3"],
            &["\"3\" \"4\""],
            &["*, \"3\""],
            &["*", "*"],
            &["w/\"3\""],
            &["W/3"],
            &["\"a b\""],
        ];
        for fields in bad {
            let failure = read(header::IF_MATCH, fields).expect_err("malformed");
            assert!(failure.detail().contains("if-match is '*' or a list"), "{fields:?}");
        }
    }

    #[test]
    fn a_condition_may_list_so_many_revisions_and_no_more() {
        let list =
            |count: usize| (1..=count).map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(",");
        let most = list(PRECONDITION_REVISIONS_MAX);
        assert!(read(header::IF_MATCH, &[&most]).is_ok());
        let failure = read(header::IF_MATCH, &[&list(PRECONDITION_REVISIONS_MAX + 1)]);
        assert!(failure.expect_err("too many").detail().contains("17 entity tags and 16"));
    }

    proptest! {
        #[test]
        fn the_tag_of_a_revision_is_read_as_that_revision(number in 1..=u64::MAX) {
            let tag = entity_tag(Revision(number));
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MATCH, tag);
            let condition = condition(&headers).expect("well-formed");
            prop_assert_eq!(condition.matches, revisions(&[number]));
        }

        #[test]
        fn any_bytes_are_read_or_refused(
            fields in prop::collection::vec(
                prop::collection::vec(
                    prop_oneof![any::<u8>(), prop::sample::select(b"\"*W/,12 \t".as_slice())],
                    0..24,
                ),
                0..4,
            ),
        ) {
            let mut headers = HeaderMap::new();
            for value in fields.iter().filter_map(|bytes| HeaderValue::from_bytes(bytes).ok()) {
                headers.append(header::IF_MATCH, value.clone());
                headers.append(header::IF_NONE_MATCH, value);
            }
            let _ = condition(&headers);
        }
    }
}
