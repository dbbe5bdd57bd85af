//! Reading a document straight into shapes.
//!
//! No value is built in between: each string and number is looked at where it stands in the text.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tidelog_core::{Document, Timestamp};

use super::{Members, NotLearned, Shape, Tally};
use crate::limits::DEPTH_MAX;

/// What happened to a document.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// It came, at this time.
    Came(Timestamp),
    /// It went.
    Gone,
}

/// Counts a document into the shape of a collection's documents, and tells whether it has more
/// shapes than before.
pub(super) fn document(
    root: &mut Shape,
    document: &Document,
    step: Step,
) -> Result<bool, NotLearned> {
    let mut json = serde_json::Deserializer::from_str(document.as_str());
    let mut has_grown = false;
    Here { shape: root, depth: 0, step, has_grown: &mut has_grown }.deserialize(&mut json)?;
    json.end()?;
    Ok(has_grown)
}

/// A place in the document, and the shape of what stands there.
struct Here<'a> {
    shape: &'a mut Shape,
    depth: usize,
    step: Step,
    has_grown: &'a mut bool,
}

impl Here<'_> {
    /// Counts a value, and tells whether it came.
    fn count(&mut self, tally: impl Fn(&mut Shape) -> &mut Tally) -> bool {
        let tally = tally(self.shape);
        match self.step {
            Step::Came(time) => {
                tally.came();
                let since = self.shape.since.get_or_insert(time);
                *since = time.min(*since);
                true
            }
            Step::Gone => {
                tally.gone();
                false
            }
        }
    }

    fn integer(mut self, value: i128) {
        if self.count(|shape| &mut shape.integers) {
            self.shape.extent.include_integer(value);
            self.shape.values.include_integer(value);
        }
    }
}

impl<'de> DeserializeSeed<'de> for Here<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Here<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(mut self) -> Result<(), E> {
        self.count(|shape| &mut shape.nulls);
        Ok(())
    }

    fn visit_bool<E>(mut self, _: bool) -> Result<(), E> {
        self.count(|shape| &mut shape.booleans);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.integer(value.into());
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.integer(value.into());
        Ok(())
    }

    fn visit_f64<E>(mut self, value: f64) -> Result<(), E> {
        if self.count(|shape| &mut shape.doubles) {
            self.shape.extent.include_double(value);
        }
        Ok(())
    }

    fn visit_str<E>(mut self, value: &str) -> Result<(), E> {
        if self.count(|shape| &mut shape.strings) {
            let text = self.shape.text.get_or_insert_default();
            // A document has at most a mebibyte.
            let length = u32::try_from(value.chars().count()).unwrap_or(u32::MAX);
            text.lengths.include(length);
            text.formats.include(value);
            self.shape.values.include_string(value);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        let has_come = self.count(|shape| &mut shape.arrays);
        let Self { shape, depth, step, has_grown } = self;
        let mut length: u32 = 0;
        if depth == DEPTH_MAX {
            while elements.next_element::<IgnoredAny>()?.is_some() {
                length = length.saturating_add(1);
            }
        } else {
            let known = shape.elements.take();
            let was_known = known.is_some();
            let mut inner = known.unwrap_or_default();
            loop {
                let here = Here { shape: &mut inner, depth: depth + 1, step, has_grown };
                if elements.next_element_seed(here)?.is_none() {
                    break;
                }
                length = length.saturating_add(1);
            }
            *has_grown |= !was_known && length > 0;
            shape.elements = (was_known || length > 0).then_some(inner);
        }
        if has_come {
            shape.lengths.include(length);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        self.count(|shape| &mut shape.objects);
        let Self { shape, depth, step, has_grown } = self;
        if depth == DEPTH_MAX {
            while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        loop {
            let key = Key { members: &mut shape.members, has_grown };
            let Some(shape) = members.next_key_seed(key)? else { return Ok(()) };
            members.next_value_seed(Here { shape, depth: depth + 1, step, has_grown })?;
        }
    }
}

/// A key of an object, which leads to the shape of its value.
struct Key<'a, 'b> {
    members: &'a mut Members,
    has_grown: &'b mut bool,
}

impl<'de, 'a> DeserializeSeed<'de> for Key<'a, '_> {
    type Value = &'a mut Shape;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Key<'a, '_> {
    type Value = &'a mut Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        match self.members {
            Members::Map(values) => Ok(values),
            Members::Fields(fields) => {
                if !fields.contains_key(key) {
                    *self.has_grown = true;
                    fields.insert(key.into(), Shape::default());
                }
                Ok(fields.get_mut(key).expect("it was there, or was put there"))
            }
        }
    }
}
