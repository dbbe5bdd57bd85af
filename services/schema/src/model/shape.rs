//! What values stand in one place of the documents.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidelog_core::Timestamp;

use super::{Extent, Formats, Span, Tally, Values};

/// What values stand in one place, counted by kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shape {
    /// The time of the first change that brought a value here.
    pub(crate) since: Option<Timestamp>,
    pub(crate) nulls: Tally,
    pub(crate) booleans: Tally,
    pub(crate) integers: Tally,
    pub(crate) doubles: Tally,
    /// Of integers and doubles.
    pub(crate) extent: Extent,
    pub(crate) strings: Tally,
    /// Of integers and strings.
    pub(crate) values: Values,
    /// What there is to know where there are strings.
    pub(crate) text: Option<Box<Text>>,
    pub(crate) objects: Tally,
    pub(crate) members: Members,
    pub(crate) arrays: Tally,
    pub(crate) lengths: Span<u32>,
    pub(crate) elements: Option<Box<Self>>,
}

/// What strings have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Text {
    pub(crate) lengths: Span<u32>,
    pub(crate) formats: Formats,
}

/// What is known of the members of objects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Members {
    /// They are fields, each with a shape of its own.
    Fields(BTreeMap<Box<str>, Shape>),
    /// They are a map: the keys are data, and the values share a shape.
    Map(Box<Shape>),
}

impl Default for Members {
    fn default() -> Self {
        Self::Fields(BTreeMap::new())
    }
}

impl Shape {
    /// How many values are here.
    pub(crate) fn count(&self) -> u64 {
        self.tallies().iter().map(|tally| tally.count()).sum()
    }

    /// How many shapes this one consists of, itself included.
    pub(crate) fn size(&self) -> usize {
        let members: usize = match &self.members {
            Members::Fields(fields) => fields.values().map(Self::size).sum(),
            Members::Map(values) => values.size(),
        };
        1 + members + self.elements.as_deref().map_or(0, Self::size)
    }

    /// Adds the counts of another shape, and joins the rest.
    pub(crate) fn merge(&mut self, other: Self) {
        self.since = match (self.since, other.since) {
            (Some(since), Some(others)) => Some(since.min(others)),
            (since, None) | (None, since) => since,
        };
        self.nulls.add(other.nulls);
        self.booleans.add(other.booleans);
        self.integers.add(other.integers);
        self.doubles.add(other.doubles);
        self.extent.join(other.extent);
        self.strings.add(other.strings);
        self.values.join(other.values);
        merge_boxed(&mut self.text, other.text, Text::join);
        self.objects.add(other.objects);
        self.members.merge(other.members);
        self.arrays.add(other.arrays);
        self.lengths.join(other.lengths);
        merge_boxed(&mut self.elements, other.elements, Self::merge);
    }

    fn tallies(&self) -> [Tally; 7] {
        [
            self.nulls,
            self.booleans,
            self.integers,
            self.doubles,
            self.strings,
            self.objects,
            self.arrays,
        ]
    }
}

impl Text {
    fn join(&mut self, other: Self) {
        self.lengths.join(other.lengths);
        self.formats.join(other.formats);
    }
}

impl Members {
    /// What becomes of fields where they are met by a map is a map.
    fn merge(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Fields(fields), Self::Fields(others)) => {
                for (name, shape) in others {
                    fields.entry(name).or_default().merge(shape);
                }
            }
            (Self::Map(values), Self::Map(others)) => values.merge(*others),
            (Self::Map(values), Self::Fields(fields)) => merge_all(values, fields),
            (Self::Fields(fields), Self::Map(mut values)) => {
                merge_all(&mut values, std::mem::take(fields));
                *self = Self::Map(values);
            }
        }
    }

    /// Makes a map of fields.
    pub(super) fn make_map(&mut self) {
        if let Self::Fields(fields) = self {
            let mut values = Box::default();
            merge_all(&mut values, std::mem::take(fields));
            *self = Self::Map(values);
        }
    }
}

fn merge_all(values: &mut Shape, fields: BTreeMap<Box<str>, Shape>) {
    fields.into_values().for_each(|shape| values.merge(shape));
}

/// A side that is missing has seen nothing.
fn merge_boxed<T>(this: &mut Option<Box<T>>, other: Option<Box<T>>, merge: impl Fn(&mut T, T)) {
    match (this.as_deref_mut(), other) {
        (Some(this), Some(other)) => merge(this, *other),
        (None, Some(other)) => *this = Some(other),
        (_, None) => {}
    }
}
