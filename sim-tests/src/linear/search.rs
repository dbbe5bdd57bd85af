//! The search for an order, revision by revision.

use std::{
    collections::BTreeSet,
    hash::{Hash, Hasher},
};

use xxhash_rust::xxh3::Xxh3;

use super::{
    Hints, Impossible, Kind, Verdict,
    prepared::{Event, Prepared},
};
use crate::model::{Reply, State};

/// Looks for an order.
pub(super) fn search(prepared: &Prepared<'_>, hints: &Hints) -> Verdict {
    let hint =
        |event: &Event<'_>| event.operation.name.as_ref().and_then(|name| hints.get(name)).copied();
    let mut search = Search {
        prepared,
        hints: prepared.open.iter().map(hint).collect(),
        last: prepared.last(),
        steps_left: STEPS_MAX,
        tried: BTreeSet::new(),
        furthest: None,
    };
    let start = Point {
        state: State::default(),
        earliest_us: 0,
        used: vec![false; prepared.open.len()],
        floating: (0..prepared.floating.len()).collect(),
    };
    if search.goes_on(start) {
        return Verdict::Linearizable;
    }
    match search.furthest {
        Some((_, impossible)) if search.steps_left > 0 => Verdict::Impossible(impossible),
        _ => Verdict::Undecided,
    }
}

/// States that are looked at before the search gives up.
const STEPS_MAX: u32 = 20_000;

struct Search<'p, 'h> {
    prepared: &'p Prepared<'h>,
    /// For each unknown write, the revision that it is said to have made.
    hints: Vec<Option<u64>>,
    last: u64,
    steps_left: u32,
    /// Digests of branches that led nowhere, or are being tried.
    tried: BTreeSet<u64>,
    /// The highest revision at which an order ended, and why it did.
    furthest: Option<(u64, Impossible)>,
}

/// An order up to some revision.
#[derive(Clone)]
struct Point {
    state: State,
    /// The state began at this time at the earliest.
    earliest_us: u64,
    /// Which of the unknown writes have had their place.
    used: Vec<bool>,
    /// Which answers without a revision have no place yet.
    floating: Vec<usize>,
}

impl<'h> Search<'_, 'h> {
    fn goes_on(&mut self, mut point: Point) -> bool {
        loop {
            if self.steps_left == 0 {
                return false;
            }
            self.steps_left -= 1;
            let Some(until_us) = self.pinned(&point) else { return false };
            let Some(dear) = self.place(&mut point, until_us) else { return false };
            let is_at_end = point.state.revision >= self.last;
            if is_at_end && point.floating.len() == dear.len() {
                return true;
            }
            let known = self.prepared.writes.get(&(point.state.revision + 1)).copied();
            if let (Some(write), true) = (known, dear.is_empty()) {
                // Nothing to choose: no need to come back here.
                match self.next(&point, until_us, &write) {
                    Some(next) => point = next,
                    None => return false,
                }
                continue;
            }
            // The more of them have their place here the better, unless that delays what follows.
            for placed in (0..=dear.len()).rev() {
                let mut point = point.clone();
                point.floating.retain(|index| !dear[..placed].contains(index));
                let dearest = dear[..placed].last().map(|index| self.prepared.floating[*index]);
                let lasts_us = dearest.map_or(0, |event| event.from_us).max(until_us);
                if self.branches(&point, lasts_us, known.as_ref()) {
                    return true;
                }
            }
            return false;
        }
    }

    /// Tries every write that can come next. The state lasts until `until_us` at least.
    fn branches(&mut self, point: &Point, until_us: u64, known: Option<&Event<'h>>) -> bool {
        if !self.tried.insert(point.digest(until_us)) {
            return false;
        }
        if let Some(write) = known {
            return self.next(point, until_us, write).is_some_and(|next| self.goes_on(next));
        }
        let mut tried: Vec<Event<'h>> = Vec::new();
        let revision = Some(point.state.revision + 1);
        let hinted =
            (0..self.hints.len()).find(|it| self.hints[*it] == revision && !point.used[*it]);
        let others = (0..self.prepared.open.len()).filter(|it| Some(*it) != hinted);
        for index in hinted.into_iter().chain(others) {
            let write = self.prepared.open[index];
            // Of writes that do the same, the one that was invoked first is as good as any.
            let is_same = |other: &Event<'_>| {
                let (one, other) = (write.operation, other.operation);
                (&one.action, &one.condition) == (&other.action, &other.condition)
            };
            if point.used[index] || tried.iter().any(is_same) {
                continue;
            }
            tried.push(write);
            if let Some(mut next) = self.next(point, until_us, &write) {
                next.used[index] = true;
                if self.goes_on(next) {
                    return true;
                }
            }
        }
        self.nobody(point);
        false
    }

    /// Checks what was seen at the revision. Gives the time until which the state lasts at least.
    fn pinned(&mut self, point: &Point) -> Option<u64> {
        let mut until_us = point.earliest_us;
        for event in self.prepared.pinned.get(&point.state.revision).into_iter().flatten() {
            let operation = event.operation;
            let reply = point.state.apply(&operation.action, &operation.condition);
            if let Err(kind) = event.fits(&reply, &point.state) {
                self.fails(point, kind, event);
                return None;
            }
            if point.earliest_us > event.until_us {
                self.fails(point, Kind::WrongOrder, event);
                return None;
            }
            until_us = until_us.max(event.from_us);
        }
        Some(until_us)
    }

    /// Gives a place to the answers without a revision that cost nothing here. Gives those that could
    /// be placed here too, but make the state last longer, the cheapest first.
    fn place(&mut self, point: &mut Point, until_us: u64) -> Option<Vec<usize>> {
        let (mut dear, mut left) = (Vec::new(), Vec::new());
        for index in std::mem::take(&mut point.floating) {
            let event = self.prepared.floating[index];
            let operation = event.operation;
            let reply = point.state.apply(&operation.action, &operation.condition);
            if point.earliest_us > event.until_us {
                self.fails(point, Kind::NeverMissing, &event);
                return None;
            }
            match event.fits(&reply, &point.state) {
                Ok(()) if event.from_us <= until_us => {}
                Ok(()) => {
                    dear.push(index);
                    left.push(index);
                }
                Err(_) => left.push(index),
            }
        }
        point.floating = left;
        Some(dear)
    }

    /// The state after a write, if it can be the next.
    fn next(&mut self, point: &Point, until_us: u64, write: &Event<'h>) -> Option<Point> {
        let operation = write.operation;
        let reply = point.state.apply(&operation.action, &operation.condition);
        if let Err(kind) = write.fits(&reply, &point.state) {
            if !operation.is_open() {
                self.fails(point, kind, write);
            }
            return None;
        }
        let earliest_us = until_us.max(write.from_us);
        if earliest_us > write.until_us {
            self.fails(point, Kind::WrongOrder, write);
            return None;
        }
        let Reply::Done(_, state) = reply else { return None };
        Some(Point { state, earliest_us, ..point.clone() })
    }

    fn fails(&mut self, point: &Point, kind: Kind, event: &Event<'_>) {
        let State { revision, value } = &point.state;
        let operation = event.operation;
        self.note(revision + 1, || Impossible {
            kind,
            message: format!(
                "{operation}, invoked at {} us, was answered at {} us: {}. At revision {revision}, \
                 which began at {} us at the earliest, the entity is {}",
                operation.invoked_us,
                operation.end_us(),
                operation.outcome,
                point.earliest_us,
                shown(value.as_ref())
            ),
            at_us: operation.end_us(),
        });
    }

    /// No write can come next.
    fn nobody(&mut self, point: &Point) {
        let State { revision, value } = &point.state;
        if *revision >= self.last {
            if let Some(index) = point.floating.first() {
                let event = self.prepared.floating[*index];
                self.fails(point, Kind::NeverMissing, &event);
            }
            return;
        }
        self.note(*revision, || Impossible {
            kind: Kind::NobodyWrote,
            message: format!(
                "revision {} was there, and no operation can have made it; before it the entity is {}",
                revision + 1,
                shown(value.as_ref())
            ),
            at_us: point.earliest_us,
        });
    }

    fn note(&mut self, revision: u64, impossible: impl FnOnce() -> Impossible) {
        if self.furthest.as_ref().is_none_or(|(at, _)| *at < revision) {
            self.furthest = Some((revision, impossible()));
        }
    }
}

fn shown(value: Option<&serde_json::Value>) -> String {
    value.map_or_else(|| "nothing".into(), ToString::to_string)
}

impl Point {
    fn digest(&self, until_us: u64) -> u64 {
        let mut hash = Xxh3::new();
        // The same writes in another order can come to another document.
        let value = self.state.value.as_ref().map(ToString::to_string);
        (self.state.revision, value, until_us, &self.used, &self.floating).hash(&mut hash);
        hash.finish()
    }
}
