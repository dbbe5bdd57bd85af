//! Distinct integers and strings, while they are few.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::limits::{VALUE_BYTES_MAX, VALUES_MAX};

/// The distinct values that were seen, or that they are too many, or one of them too long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Values {
    /// These.
    Few(Few),
    /// More than are listed.
    Many,
}

/// Values that are few: as many as are listed, both kinds together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Few {
    pub(crate) integers: BTreeSet<i128>,
    pub(crate) strings: BTreeSet<Box<str>>,
}

impl Default for Values {
    fn default() -> Self {
        Self::Few(Few::default())
    }
}

impl Values {
    pub(crate) fn include_integer(&mut self, value: i128) {
        let Self::Few(few) = self else { return };
        if few.integers.insert(value) {
            self.bound();
        }
    }

    pub(crate) fn include_string(&mut self, text: &str) {
        let Self::Few(few) = self else { return };
        if few.strings.contains(text) {
            return;
        }
        if is_listed(text) {
            few.strings.insert(text.into());
            self.bound();
        } else {
            *self = Self::Many;
        }
    }

    pub(crate) fn join(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Few(few), Self::Few(others)) => {
                few.integers.extend(others.integers);
                few.strings.extend(others.strings);
                self.bound();
            }
            (Self::Few(_), Self::Many) => *self = Self::Many,
            (Self::Many, Self::Few(_) | Self::Many) => {}
        }
    }

    pub(crate) fn few(&self) -> Option<&Few> {
        match self {
            Self::Few(few) => Some(few),
            Self::Many => None,
        }
    }

    fn bound(&mut self) {
        if self.few().is_some_and(|few| few.len() > VALUES_MAX) {
            *self = Self::Many;
        }
    }
}

impl Few {
    pub(crate) fn len(&self) -> usize {
        self.integers.len() + self.strings.len()
    }
}

fn is_listed(text: &str) -> bool {
    text.len() <= VALUE_BYTES_MAX && !text.contains(|c: char| c.is_control())
}
