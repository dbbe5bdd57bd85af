//! Distinct strings, while they are few.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::limits::{VALUE_BYTES_MAX, VALUES_MAX};

/// The distinct strings that were seen, or that they are too many, or one of them too long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Values {
    /// These.
    Few(BTreeSet<Box<str>>),
    /// More than are listed.
    Many,
}

impl Default for Values {
    fn default() -> Self {
        Self::Few(BTreeSet::new())
    }
}

impl Values {
    pub(crate) fn include(&mut self, text: &str) {
        let Self::Few(values) = self else { return };
        if values.contains(text) {
            return;
        }
        if values.len() < VALUES_MAX && is_listed(text) {
            values.insert(text.into());
        } else {
            *self = Self::Many;
        }
    }

    pub(crate) fn join(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Few(values), Self::Few(others)) => {
                values.extend(others);
                if values.len() > VALUES_MAX {
                    *self = Self::Many;
                }
            }
            (Self::Few(_), Self::Many) => *self = Self::Many,
            (Self::Many, Self::Few(_) | Self::Many) => {}
        }
    }

    pub(crate) fn few(&self) -> Option<&BTreeSet<Box<str>>> {
        match self {
            Self::Few(values) => Some(values),
            Self::Many => None,
        }
    }
}

fn is_listed(text: &str) -> bool {
    text.len() <= VALUE_BYTES_MAX && !text.contains(|c: char| c.is_control())
}
