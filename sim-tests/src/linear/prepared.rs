//! Operations sorted by what their answers tell.

use std::collections::BTreeMap;

use super::{Hints, Impossible, Kind};
use crate::{
    history::{Operation, Outcome, Route},
    model::{Reply, State},
};

/// The operations on one entity.
#[derive(Debug, Default)]
pub(super) struct Prepared<'h> {
    /// The writes that were done, by the revision that they made.
    pub(super) writes: BTreeMap<u64, Event<'h>>,
    /// The writes of which nobody knows, in the order of their invocation.
    pub(super) open: Vec<Event<'h>>,
    /// What was seen at a revision.
    pub(super) pinned: BTreeMap<u64, Vec<Event<'h>>>,
    /// What was seen where there was nothing.
    pub(super) floating: Vec<Event<'h>>,
}

/// An operation, or all of one idempotency key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event<'h> {
    pub(super) operation: &'h Operation,
    /// It happens not before this.
    pub(super) from_us: u64,
    /// It happens not after this.
    pub(super) until_us: u64,
}

impl Prepared<'_> {
    /// The last revision that anybody was told of.
    pub(super) fn last(&self) -> u64 {
        let last = |key: Option<&u64>| key.copied().unwrap_or(0);
        last(self.writes.keys().next_back()).max(last(self.pinned.keys().next_back()))
    }
}

impl Event<'_> {
    /// Whether its answer is that of this state; if it is a write that was done, the state before it.
    pub(super) fn fits(&self, reply: &Reply, state: &State) -> Result<(), Kind> {
        match (&self.operation.outcome, reply) {
            (Outcome::Done { effect, revision, value }, Reply::Done(did, after)) => {
                if effect != did || *revision != after.revision {
                    return Err(Kind::WrongAnswer);
                }
                let differs = value.is_some() && *value != after.value;
                if differs { Err(Kind::WrongValue) } else { Ok(()) }
            }
            (Outcome::Refused { refusal, revision }, Reply::Refused(why)) => {
                let fits = refusal == why && *revision == state.exists_at();
                if fits { Ok(()) } else { Err(Kind::WrongAnswer) }
            }
            (Outcome::Unknown | Outcome::Incomplete, Reply::Done(..)) => Ok(()),
            _ => Err(Kind::WrongAnswer),
        }
    }
}

/// Sorts the operations on one entity.
pub(super) fn prepare<'h>(
    operations: &[&'h Operation],
    hints: &Hints,
) -> Result<Prepared<'h>, Impossible> {
    let mut prepared = Prepared::default();
    for event in events(operations, hints)? {
        let operation = event.operation;
        match &operation.outcome {
            Outcome::Done { revision, .. } if operation.is_write() => {
                if let Some(other) = prepared.writes.insert(*revision, event) {
                    return Err(twice(*revision, other.operation, operation));
                }
            }
            Outcome::Done { revision, .. } | Outcome::Refused { revision: Some(revision), .. } => {
                prepared.pinned.entry(*revision).or_default().push(event);
            }
            Outcome::Refused { revision: None, .. } => prepared.floating.push(event),
            Outcome::Unknown | Outcome::Incomplete if operation.is_write() => {
                prepared.open.push(event);
            }
            Outcome::Unknown | Outcome::Incomplete | Outcome::NotDone(_) => {}
        }
    }
    prepared.open.sort_by_key(|event| event.from_us);
    prepared.floating.sort_by_key(|event| event.from_us);
    Ok(prepared)
}

/// The operations, those of one idempotency key as one.
fn events<'h>(operations: &[&'h Operation], hints: &Hints) -> Result<Vec<Event<'h>>, Impossible> {
    let mut events = Vec::new();
    let mut keyed: BTreeMap<&str, Vec<&'h Operation>> = BTreeMap::new();
    for operation in operations {
        match &operation.key {
            Some(key) if operation.is_write() => keyed.entry(key).or_default().push(operation),
            _ => events.push(Event::of(operation)),
        }
    }
    for group in keyed.into_values() {
        events.extend(merged(&group, hints)?);
    }
    Ok(events)
}

fn merged<'h>(group: &[&'h Operation], hints: &Hints) -> Result<Option<Event<'h>>, Impossible> {
    let told = |operation: &&&Operation| {
        matches!(operation.outcome, Outcome::Done { .. } | Outcome::Refused { .. })
    };
    let of_all = |operation: &'h Operation| Event {
        operation,
        from_us: group.iter().map(|it| it.invoked_us).min().unwrap_or(0),
        until_us: group.iter().filter(told).map(|it| it.end_us()).min().unwrap_or(u64::MAX),
    };
    let has_value = |it: &&&Operation| matches!(it.outcome, Outcome::Done { value: Some(_), .. });
    let Some(first) = group.iter().find(has_value).or_else(|| group.iter().find(told)) else {
        let is_hinted = |it: &Operation| it.name.as_ref().is_some_and(|it| hints.contains_key(it));
        let mut open: Vec<_> = group.iter().filter(|it| it.is_open()).collect();
        open.sort_by_key(|it| !is_hinted(it));
        return Ok(open.first().map(|it| of_all(it)));
    };
    if let Some(other) = group.iter().filter(told).find(|other| !same(first, other)) {
        return Err(Impossible {
            kind: Kind::KeyDisagrees,
            message: format!(
                "{first} and {other} are the same by their idempotency key, and were answered {} \
                 and {}",
                first.outcome, other.outcome
            ),
            at_us: other.end_us(),
        });
    }
    Ok(Some(of_all(first)))
}

/// Whether two answers are the same, the document left out where one has none.
fn same(one: &Operation, other: &Operation) -> bool {
    match (&one.outcome, &other.outcome) {
        (
            Outcome::Done { effect, revision, value },
            Outcome::Done { effect: did, revision: at, value: seen },
        ) => {
            let is_same_value = value.is_none() || seen.is_none() || value == seen;
            effect == did && revision == at && is_same_value
        }
        (one, other) => one == other,
    }
}

impl<'h> Event<'h> {
    fn of(operation: &'h Operation) -> Self {
        let from_us = match operation.route {
            Route::Log => operation.invoked_us,
            Route::Query { .. } => 0,
        };
        Self { operation, from_us, until_us: operation.end_us() }
    }
}

fn twice(revision: u64, one: &Operation, other: &Operation) -> Impossible {
    Impossible {
        kind: Kind::RevisionTwice,
        message: format!("revision {revision} was made by {one}, and by {other}"),
        at_us: one.end_us().max(other.end_us()),
    }
}
