//! Objects and lists whose values are left as they are written.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use tidelog_core::document::DocumentError;

/// The members of an object, to be taken out one by one.
#[derive(Debug)]
pub(super) struct Members<'t>(Vec<(Cow<'t, str>, &'t RawValue)>);

impl<'t> Members<'t> {
    /// The members of what should be an object, none of them there twice.
    pub(super) fn of(text: &'t RawValue) -> Result<Self, MembersError> {
        if !text.get().starts_with('{') {
            return Err(MembersError::NotAnObject);
        }
        let read: Result<Self, _> = serde_json::from_str(text.get());
        let members = read.map_err(|error| MembersError::Json(error.to_string()))?;
        let mut names: Vec<&str> = members.0.iter().map(|(name, _)| &**name).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(MembersError::Twice(shortened(pair[0]))),
            None => Ok(members),
        }
    }

    /// Takes a member out.
    pub(super) fn take(&mut self, name: &str) -> Option<&'t RawValue> {
        let index = self.0.iter().position(|(it, _)| it == name)?;
        Some(self.0.swap_remove(index).1)
    }

    /// The name of a member that was not taken out.
    pub(super) fn left(&self) -> Option<String> {
        self.0.first().map(|(name, _)| shortened(name))
    }
}

/// Why a text's members cannot be taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum MembersError {
    #[error("this is no object")]
    NotAnObject,
    #[error("the key {0:?} stands twice in the same object")]
    Twice(String),
    #[error("{0}")]
    Json(String),
}

impl<'de: 't, 't> Deserialize<'de> for Members<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            if members.len() == MEMBERS_MAX {
                return Err(A::Error::custom(format_args!("more than {MEMBERS_MAX} members")));
            }
            members.push((name, map.next_value()?));
        }
        Ok(Members(members))
    }
}

/// A member's name, borrowed unless it has escapes.
struct Name<'t>(Cow<'t, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Name(Cow::Borrowed(name)))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Name(Cow::Owned(name.to_owned())))
    }
}

/// A body as JSON text of which the grammar has been checked, but not numbers, keys and depth.
pub(super) fn checked(body: &[u8]) -> Result<&RawValue, DocumentError> {
    let text = str::from_utf8(body)
        .map_err(|error| DocumentError::NotUtf8 { position: error.valid_up_to() })?;
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let message = error.to_string();
        let place = format!(" at line {line} column {column}");
        let message = message.strip_suffix(&place).unwrap_or(&message).to_owned();
        DocumentError::Syntax { line, column, message }
    })
}

/// The elements of what should be a list.
pub(super) fn elements(text: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(text.get()).ok()
}

fn shortened(name: &str) -> String {
    const CHARS_MAX: usize = 100;
    match name.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// A part has five members at most; an object with more is wrong without looking at all of them.
const MEMBERS_MAX: usize = 16;
