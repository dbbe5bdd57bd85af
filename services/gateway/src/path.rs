//! Ids and parameters in URLs.

use std::{borrow::Cow, collections::BTreeMap, fmt::Display, ops::RangeInclusive, str::FromStr};

use tidelog_core::{EntityId, Problem, ProblemKind};

use crate::failure::Failure;

/// Reads the id that stands in a path between two texts, its segments percent-decoded one by one:
/// an encoded slash never makes two segments of one.
pub(crate) fn id<T>(path: &str, before: &str, after: &str) -> Result<T, Failure>
where
    T: FromStr<Err: Display>,
{
    let text = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    // The routes have these texts in them, so a path that came here has them too.
    let text = text.unwrap_or_default();
    let decoded = if text.contains('%') { decoded_segments(text)? } else { Cow::Borrowed(text) };
    decoded.parse().map_err(Failure::bad_request)
}

/// Refuses writes to what the system keeps for itself.
pub(crate) fn check_writable(id: &EntityId) -> Result<(), Problem> {
    let collection = id.collection();
    let name = collection.as_str().split('/').nth(1).unwrap_or_default();
    if !name.starts_with('$') || name == ZONE_SUBSCRIPTIONS {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::BadRequest,
        format_args!("the collection {name} belongs to the system, and is only read"),
    ))
}

/// The one collection of the system's that its clients write.
const ZONE_SUBSCRIPTIONS: &str = "$zoneSubscription";

fn decoded_segments(text: &str) -> Result<Cow<'_, str>, Failure> {
    let mut segments = Vec::with_capacity(4);
    for (index, segment) in (1..).zip(text.split('/')) {
        let decoded = decoded(segment, Plus::IsPlus).ok_or_else(|| {
            Failure::bad_request(format_args!("segment {index} is not percent-encoded UTF-8"))
        })?;
        if decoded.contains('/') {
            return Err(Failure::bad_request(format_args!(
                "segment {index} has the character '/', encoded as %2F; no id has it in a segment"
            )));
        }
        segments.push(decoded);
    }
    Ok(Cow::Owned(segments.join("/")))
}

/// The parameters that the query of a list can have. Others are refused: a misspelt one would
/// otherwise change what is answered.
#[derive(Debug, Default)]
pub(crate) struct Parameters<'q> {
    /// `limit`
    pub limit: Option<Cow<'q, str>>,
    /// `cursor`
    pub cursor: Option<Cow<'q, str>>,
}

impl<'q> Parameters<'q> {
    pub(crate) fn read(query: &'q str) -> Result<Self, Failure> {
        let mut parameters = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name, Plus::IsSpace).unwrap_or(Cow::Borrowed(name));
            let place = match &*name {
                "limit" => &mut parameters.limit,
                "cursor" => &mut parameters.cursor,
                other => {
                    let name: String = other.chars().take(NAME_CHARS_SHOWN).collect();
                    return Err(Failure::bad_request(format_args!(
                        "the URL's parameter {name:?} means nothing here; a list has limit and \
                         cursor"
                    )));
                }
            };
            if place.is_some() {
                return Err(Failure::bad_request(format_args!(
                    "the URL has {name} more than once"
                )));
            }
            *place = Some(decoded(value, Plus::IsSpace).ok_or_else(|| {
                Failure::bad_request(format_args!("the URL's {name} is not percent-encoded UTF-8"))
            })?);
        }
        Ok(parameters)
    }
}

/// The parameters of a URL's query, by their names.
pub(crate) type Named<'q> = BTreeMap<&'static str, Cow<'q, str>>;

/// Reads a query that can have these parameters. Others are refused.
pub(crate) fn named<'q>(
    query: Option<&'q str>,
    known: &[&'static str],
) -> Result<Named<'q>, Failure> {
    let mut named = Named::new();
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decoded(name, Plus::IsSpace).unwrap_or(Cow::Borrowed(name));
        let Some(known) = known.iter().find(|known| **known == name) else {
            let name: String = name.chars().take(NAME_CHARS_SHOWN).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(Failure::bad_request(format_args!(
                "the URL's parameter {name:?} means nothing here; what there is: {known}"
            )));
        };
        let value = decoded(value, Plus::IsSpace).ok_or_else(|| {
            Failure::bad_request(format_args!("the URL's {known} is not percent-encoded UTF-8"))
        })?;
        if named.insert(known, value).is_some() {
            return Err(Failure::bad_request(format_args!("the URL has {known} more than once")));
        }
    }
    Ok(named)
}

/// A parameter that is a number.
pub(crate) fn number(
    named: &Named<'_>,
    name: &str,
    range: RangeInclusive<u64>,
) -> Result<Option<u64>, Failure> {
    let Some(text) = named.get(name) else { return Ok(None) };
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| is_number && range.contains(number));
    number.map(Some).ok_or_else(|| {
        let (from, to) = range.into_inner();
        Failure::bad_request(format_args!("{name} is a number from {from} to {to}"))
    })
}

/// How much of a parameter's name a problem repeats.
const NAME_CHARS_SHOWN: usize = 40;

/// What a plus sign stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Plus {
    /// In paths.
    IsPlus,
    /// In queries, as forms write them.
    IsSpace,
}

/// Without percent-encoding; `None` if that is malformed or no UTF-8 comes out.
fn decoded(text: &str, plus: Plus) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            b'+' if plus == Plus::IsSpace => b' ',
            other => other,
        });
    }
    String::from_utf8(plain).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tidelog_core::ZoneId;

    use super::*;

    fn entity(path: &str) -> Result<EntityId, Failure> {
        id(path, "/v1/entities/", "")
    }

    #[test]
    fn segments_are_percent_decoded_one_by_one() {
        let plain = entity("/v1/entities/shop/orders/eu/42").expect("an id");
        assert_eq!(plain.as_str(), "shop/orders/eu/42");
        assert_eq!(entity("/v1/entities/%73hop/orders/e%75/4%32").expect("an id"), plain);
        let zone: ZoneId =
            id("/v1/zones/shop/%24x/eu/entities", "/v1/zones/", "/entities").expect("an id");
        assert_eq!(zone.as_str(), "shop/$x/eu");
    }

    #[test]
    fn a_segment_that_is_none_is_refused_with_words() {
        let detail = |path: &str| entity(path).expect_err(path).detail().to_owned();
        assert!(detail("/v1/entities/shop/orders/eu").contains("has 4 segments"));
        assert!(detail("/v1/entities/shop/orders/eu/42/").contains("this has 5"));
        assert!(detail("/v1/entities/shop/orders%2Feu/42").contains("segment 2 has the character"));
        assert!(detail("/v1/entities/shop/orders/eu/a+b").contains("the character '+'"));
        assert!(detail("/v1/entities/shop/orders/eu/%2E%2E").contains("'.' or '..'"));
        assert!(detail("/v1/entities/shop/orders/eu/%zz").contains("not percent-encoded"));
        assert!(detail("/v1/entities/shop/orders/eu/%ff").contains("not percent-encoded"));
        assert!(detail("/v1/entities/shop/orders/eu/%4").contains("not percent-encoded"));
    }

    #[test]
    fn parameters_are_decoded_and_unknown_ones_refused() {
        let read = Parameters::read("l%69mit=1%30&&cursor=a+b").expect("well-formed");
        assert_eq!(read.limit.as_deref(), Some("10"));
        assert_eq!(read.cursor.as_deref(), Some("a b"));
        assert!(Parameters::read("limit=1&limit=2").is_err());
        let failure = Parameters::read("limt=1").expect_err("misspelt");
        assert!(failure.detail().contains("\"limt\" means nothing here; a list has limit and"));
        assert!(Parameters::read("cursor=%f").is_err());
    }

    proptest! {
        #[test]
        fn any_path_is_an_id_or_refused(path in "[a%2/.+$]{0,24}") {
            if let Ok(id) = entity(&format!("/v1/entities/{path}")) {
                prop_assert_eq!(id.as_str().split('/').count(), 4);
            }
            let _ = Parameters::read(&path);
        }

        #[test]
        fn an_encoded_id_is_that_id(name in "[A-Za-z0-9_~-]{1,20}") {
            let encoded: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let id = entity(&format!("/v1/entities/shop/orders/eu/{encoded}"));
            prop_assert_eq!(id.ok().map(|id| id.name().to_owned()), Some(name));
        }
    }
}
