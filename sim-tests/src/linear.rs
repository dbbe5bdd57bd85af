//! Linearizability of one entity, with unknown outcomes.
//!
//! The question: is there a point in time for every operation, between its invocation and its return,
//! such that all of them, carried out at once at those points, would have been answered as they were? An
//! operation whose outcome is not known has a point at any time after its invocation, or none.
//!
//! In general that needs a search through all orders. Here revisions are dense and most answers tell
//! one, so the order of the writes is known from the answers. What is left to find is
//!
//! - which unknown operation made a revision that nobody was told of (tried out, and mostly decided at
//!   once by the next document that somebody read), and
//! - where among the states an answer belongs that says "not there", which has no revision.
//!
//! Going through the revisions in their order, each change happens as early as it can: that leaves the
//! most room for everything after it. So the check takes one pass where nothing is ambiguous.
//!
//! Operations under one idempotency key are one operation with several callers: it happens before the
//! first of them is answered, and all of them get the same answer.
//!
//! Queries are no part of this order: they may see an older state. What is asked of them here is that
//! the state was one, and not one of the future.

mod prepared;
mod search;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::history::{Name, Operation};

/// What the check came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// There is such an order.
    Linearizable,
    /// There is none.
    Impossible(Impossible),
    /// It was not found out within the bounds of the search.
    Undecided,
}

/// Why there is no order.
#[derive(Clone, Debug, PartialEq)]
pub struct Impossible {
    /// The kind of contradiction.
    pub kind: Kind,
    /// The furthest that any order got, and what did not go on there.
    pub message: String,
    /// When the operation was answered that contradicts.
    pub at_us: u64,
}

/// The kinds of contradiction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Two operations were told that they made the same revision.
    RevisionTwice,
    /// Operations under one idempotency key were answered differently.
    KeyDisagrees,
    /// An answer is not that of the state in its place.
    WrongAnswer,
    /// The document in an answer is not that of the state in its place.
    WrongValue,
    /// An answer came before something that had happened by the time that it tells of.
    WrongOrder,
    /// Nobody can have made a revision that was there.
    NobodyWrote,
    /// Something was not found at a time when it was there.
    NeverMissing,
}

impl Kind {
    /// The kind's name, for signatures.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RevisionTwice => "revision-twice",
            Self::KeyDisagrees => "key-disagrees",
            Self::WrongAnswer => "wrong-answer",
            Self::WrongValue => "wrong-value",
            Self::WrongOrder => "wrong-order",
            Self::NobodyWrote => "nobody-wrote",
            Self::NeverMissing => "never-missing",
        }
    }
}

/// Which revision a request made, as somebody says who may be wrong.
pub type Hints = BTreeMap<Name, u64>;

/// Checks the operations on one entity.
#[must_use]
pub fn check(operations: &[&Operation]) -> Verdict {
    check_with(operations, &Hints::new())
}

/// As [`check`], and tries first what the hints say about unknown operations. They shorten the search,
/// and change nothing else: an order that is found is one, whoever thought of it.
#[must_use]
pub fn check_with(operations: &[&Operation], hints: &Hints) -> Verdict {
    match prepared::prepare(operations, hints) {
        Ok(prepared) => search::search(&prepared, hints),
        Err(impossible) => Verdict::Impossible(impossible),
    }
}
