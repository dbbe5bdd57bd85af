//! Whether a pattern matches some text in exponentially many ways.
//!
//! That is so if there is a round from a place back to itself that can be gone in two ways by the same text
//! (Weber and Seidl 1991; for patterns Weideman et al. 2016). An engine that goes back and tries again tries
//! all ways before it says no.

use std::collections::{BTreeMap, BTreeSet};

use super::positions::Positions;

/// What is wrong with a pattern's rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ambiguity {
    /// There are exponentially many ways.
    Exponential,
    /// It would take too long to find out.
    NotFoundOut,
}

/// Looks for rounds that can be gone in two ways.
pub(super) fn find(positions: &Positions) -> Option<Ambiguity> {
    let component = components(positions);
    let is_within = |from: usize, to: usize| component[from] == component[to];
    // Two ways from a character to the next of the same round, as from a to a in (a+)+.
    let is_twofold = (0..)
        .zip(&positions.next)
        .any(|(from, next)| next.iter().any(|(to, ways)| *ways > 1 && is_within(from, *to)));
    if is_twofold {
        return Some(Ambiguity::Exponential);
    }
    let mut pairs = Pairs { positions, component: &component, both: BTreeMap::new(), steps: 0 };
    match pairs.part_and_meet() {
        Ok(false) => None,
        Ok(true) => Some(Ambiguity::Exponential),
        Err(TooLong) => Some(Ambiguity::NotFoundOut),
    }
}

/// Two who go through the pattern by the same text, within a component.
struct Pairs<'p> {
    positions: &'p Positions,
    component: &'p [usize],
    /// Whether two places have a character in common.
    both: BTreeMap<(usize, usize), bool>,
    steps: usize,
}

struct TooLong;

impl Pairs<'_> {
    /// Whether two can part and meet again.
    fn part_and_meet(&mut self) -> Result<bool, TooLong> {
        let mut seen = BTreeSet::new();
        let mut left: Vec<_> = (0..self.positions.next.len()).map(|it| (it, it)).collect();
        while let Some(pair) = left.pop() {
            for next in self.after(pair)? {
                let are_together = next.0 == next.1;
                // Every pair here has come from where the two stood together.
                if are_together && pair.0 != pair.1 {
                    return Ok(true);
                }
                if !are_together && seen.insert(next) {
                    left.push(next);
                }
            }
        }
        Ok(false)
    }

    fn after(&mut self, (one, other): (usize, usize)) -> Result<Vec<(usize, usize)>, TooLong> {
        let positions = self.positions;
        let mut pairs = Vec::new();
        for to in
            positions.next[one].keys().filter(|to| self.component[**to] == self.component[one])
        {
            for too in positions.next[other].keys() {
                self.steps += 1;
                if self.component[*too] == self.component[one] && self.have_both(*to, *too)? {
                    // Which of the two is which does not matter.
                    pairs.push((*to.min(too), *to.max(too)));
                }
            }
        }
        Ok(pairs)
    }

    fn have_both(&mut self, one: usize, other: usize) -> Result<bool, TooLong> {
        if self.steps > STEPS_MAX {
            return Err(TooLong);
        }
        let key = (one.min(other), one.max(other));
        if let Some(both) = self.both.get(&key) {
            return Ok(*both);
        }
        let (mut one, other) =
            (self.positions.characters[one].clone(), &self.positions.characters[other]);
        self.steps += one.ranges().len() + other.ranges().len();
        one.intersect(other);
        let both = !one.ranges().is_empty();
        self.both.insert(key, both);
        Ok(both)
    }
}

/// The strongly connected component of each place (Kosaraju's way).
fn components(positions: &Positions) -> Vec<usize> {
    let count = positions.next.len();
    let forward: Vec<Vec<usize>> =
        positions.next.iter().map(|next| next.keys().copied().collect()).collect();
    let mut backward = vec![Vec::new(); count];
    for (from, next) in (0..).zip(&forward) {
        next.iter().for_each(|to: &usize| backward[*to].push(from));
    }
    let mut seen = vec![false; count];
    let mut finished = Vec::new();
    (0..count).for_each(|from| visit(from, &forward, &mut seen, &mut finished));
    let mut seen = vec![false; count];
    let mut component = vec![0; count];
    for from in finished.into_iter().rev() {
        let mut members = Vec::new();
        visit(from, &backward, &mut seen, &mut members);
        members.into_iter().for_each(|member| component[member] = from);
    }
    component
}

/// Adds all that can be reached and was not seen, each after what it leads to.
fn visit(from: usize, next: &[Vec<usize>], seen: &mut [bool], finished: &mut Vec<usize>) {
    if std::mem::replace(&mut seen[from], true) {
        return;
    }
    let mut way = vec![(from, 0)];
    while let Some((here, gone)) = way.last_mut() {
        let here = *here;
        let to = next[here].get(*gone).copied();
        *gone += 1;
        match to {
            None => {
                finished.push(here);
                way.pop();
            }
            Some(to) if seen[to] => {}
            Some(to) => {
                seen[to] = true;
                way.push((to, 0));
            }
        }
    }
}

/// How much is looked at: some milliseconds.
const STEPS_MAX: usize = 400_000;
