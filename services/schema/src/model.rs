//! What was learned of a collection: a tree of counted shapes.
//!
//! A model is made of *changes*: a document that came is added, one that went is removed. For each
//! place in the documents (the root, a field of an object, the elements of an array) a [`Shape`]
//! keeps two kinds of things:
//!
//! - **counts** of what came and what went, by kind of value. They add up, so they are the same in
//!   whatever order the changes come, also where a document is seen going before it is seen coming;
//! - **joins** over everything that ever came: smallest and largest number, lengths, formats that
//!   every string has, the distinct values while they are few. A join is commutative, associative
//!   and idempotent: it only ever widens.
//!
//! What is too much is given up, and that is a join too: what an object with too many keys becomes
//! (a map, whose values share one shape) depends on what was ever in it, and not on the order. See
//! `settle.rs` for how the size of the whole is bounded by that.
//!
//! So a model is a function of the *set* of changes. Counts do not forgive a change that is learned
//! twice; whoever feeds a model sees to that.

mod absorb;
mod formats;
mod numbers;
mod settle;
mod shape;
mod span;
mod tally;
#[cfg(test)]
mod tests;
mod values;

pub(crate) use formats::Formats;
pub(crate) use numbers::{Extent, integer};
pub(crate) use shape::{Members, Shape, Text};
pub(crate) use span::Span;
pub(crate) use tally::Tally;
pub(crate) use values::Values;

use serde::{Deserialize, Serialize};
use tidelog_core::{Document, Timestamp};

use absorb::Step;

/// What was learned of a collection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Model {
    root: Shape,
}

impl Model {
    /// Learns that a document was there `before` a change and one is there `after` it.
    ///
    /// # Errors
    ///
    /// If a document is no JSON, which none is that went through storage. The model is gone then,
    /// for half of the change may be in it.
    pub fn learn(
        mut self,
        before: Option<&Document>,
        after: Option<&Document>,
        time: Timestamp,
    ) -> Result<Self, NotLearned> {
        let mut has_grown = false;
        if let Some(document) = before {
            has_grown |= absorb::document(&mut self.root, document, Step::Gone)?;
        }
        if let Some(document) = after {
            has_grown |= absorb::document(&mut self.root, document, Step::Came(time))?;
        }
        if has_grown {
            settle::settle(&mut self.root);
        }
        Ok(self)
    }

    /// The model of what this and another model were made of, together.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.root.merge(other.root);
        settle::settle(&mut self.root);
        self
    }

    /// How many documents there are.
    #[must_use]
    pub fn documents(&self) -> u64 {
        self.root.count()
    }

    /// How many shapes it consists of.
    #[must_use]
    pub fn shapes(&self) -> usize {
        self.root.size()
    }

    pub(crate) fn root(&self) -> &Shape {
        &self.root
    }
}

/// A document that is no JSON.
#[derive(Debug, thiserror::Error)]
#[error("the document cannot be learned from: {0}")]
pub struct NotLearned(#[from] serde_json::Error);
