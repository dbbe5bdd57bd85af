//! The same question answered by trying every order (Wing and Gong, 1993), for small histories.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{append, create, verdict};
use crate::{
    dice::Dice,
    history::{Operation, Outcome, build::told},
    linear::Verdict,
    model::{Action, Condition, Reply, State},
};

#[test]
fn the_check_says_what_trying_every_order_says() {
    let (mut good, mut bad) = (0, 0);
    for seed in 0..10_000 {
        let mut dice = Dice::new(seed, "history");
        let mut history = random(&mut dice);
        if dice.percent(60) {
            spoil(&mut history, &mut dice);
        }
        let expected = is_linearizable(&history);
        let found = verdict(&history);
        let agrees = matches!(
            (&found, expected),
            (Verdict::Linearizable, true) | (Verdict::Impossible(_), false)
        );
        assert!(agrees, "seed {seed}: {expected}, but {found:?} of {history:#?}");
        if expected { good += 1 } else { bad += 1 }
    }
    assert!(good > 1_000 && bad > 1_000, "{good} good ones, {bad} bad ones");
}

/// A history that happened: operations with points in time, answered by the model.
fn random(dice: &mut Dice) -> Vec<Operation> {
    let (mut state, mut keys) = (State::default(), BTreeMap::new());
    let mut history = Vec::new();
    for point in 1..=3 + dice.below(6) {
        let point = point * 10;
        let key = dice.percent(15).then_some("k");
        let (action, condition) = match key {
            Some(_) => (append("k"), Condition::None),
            None => asked(dice, &state),
        };
        let outcome = match key.and_then(|key| keys.get(key)) {
            Some(outcome) => Clone::clone(outcome),
            None => {
                let (outcome, after) = carry_out(&state, &action, &condition);
                if !dice.percent(15) {
                    state = after;
                    key.map(|key| keys.insert(key, outcome.clone()));
                    outcome
                } else {
                    // It never got there.
                    Outcome::Unknown
                }
            }
        };
        let outcome = if dice.percent(20) { Outcome::Unknown } else { outcome };
        let times = (point.saturating_sub(dice.below(25)), point + dice.below(25));
        let operation = told(times, action, outcome).under(condition);
        history.push(match key {
            Some(key) => operation.keyed(key),
            None => operation,
        });
    }
    history
}

fn asked(dice: &mut Dice, state: &State) -> (Action, Condition) {
    let action = match dice.below(9) {
        0 | 1 => create(),
        2 => append("a"),
        3 => append("b"),
        4 => Action::Operate(json!([{"op": "increment", "path": "/n", "by": 1}])),
        5 => Action::Merge(json!({"m": dice.below(2)})),
        6 => Action::Delete,
        _ => Action::Read,
    };
    let condition = match dice.below(10) {
        0 => Condition::At(state.revision),
        1 => Condition::At(1),
        2 => Condition::Missing,
        3 => Condition::Exists,
        _ => Condition::None,
    };
    (action, condition)
}

/// Changes an answer or a time, which may or may not make the history impossible.
fn spoil(history: &mut [Operation], dice: &mut Dice) {
    let count = u64::try_from(history.len()).expect("few");
    let operation = &mut history[usize::try_from(dice.below(count)).expect("few")];
    match dice.below(4) {
        0 => operation.invoked_us += dice.below(30),
        1 => operation.returned_us = operation.returned_us.map(|at| at.saturating_sub(15)),
        _ => match &mut operation.outcome {
            Outcome::Done { revision, value, .. } => {
                if dice.percent(50) {
                    *revision = (*revision + 1).saturating_sub(2 * dice.below(2)).max(1);
                } else if value.is_some() {
                    *value = Some(json!({"log": ["a"]}));
                }
            }
            Outcome::Refused { revision, .. } => {
                *revision = if dice.percent(50) { None } else { Some(1 + dice.below(3)) };
            }
            Outcome::Unknown | Outcome::Incomplete | Outcome::NotDone(_) => {}
        },
    }
    let invoked = operation.invoked_us;
    operation.returned_us = operation.returned_us.map(|at| at.max(invoked));
}

fn carry_out(state: &State, action: &Action, condition: &Condition) -> (Outcome, State) {
    match state.apply(action, condition) {
        Reply::Refused(refusal) => {
            (Outcome::Refused { refusal, revision: state.exists_at() }, state.clone())
        }
        Reply::Done(effect, after) => {
            let (revision, value) = (after.revision, after.value.clone());
            (Outcome::Done { effect, revision, value }, after)
        }
    }
}

fn is_linearizable(history: &[Operation]) -> bool {
    let mut world = World { history, dead: BTreeSet::new() };
    world.goes_on(0, &State::default(), None)
}

struct World<'h> {
    history: &'h [Operation],
    dead: BTreeSet<String>,
}

impl World<'_> {
    /// Whether what is not `done` can go on from here. `kept` is the outcome under the only key.
    fn goes_on(&mut self, done: u32, state: &State, kept: Option<&Outcome>) -> bool {
        let left = |index: &usize| done & (1 << index) == 0;
        let rest: Vec<_> = (0..self.history.len()).filter(left).collect();
        let deadline = rest.iter().map(|index| self.history[*index].end_us()).min();
        let Some(deadline) = deadline.filter(|at| *at < u64::MAX) else { return true };
        let key = format!("{done} {state:?} {kept:?}");
        if self.dead.contains(&key) {
            return false;
        }
        for index in rest {
            let operation = &self.history[index];
            if operation.invoked_us > deadline {
                continue;
            }
            let replayed = kept.filter(|_| operation.key.is_some());
            let (outcome, after) = match replayed {
                Some(outcome) => (outcome.clone(), state.clone()),
                None => carry_out(state, &operation.action, &operation.condition),
            };
            let fits = match &operation.outcome {
                Outcome::Unknown | Outcome::Incomplete => true,
                told if replayed.is_some() => is_same(told, &outcome),
                told => *told == outcome,
            };
            if fits {
                let kept = if operation.key.is_some() { Some(&outcome) } else { kept };
                if self.goes_on(done | 1 << index, &after, kept) {
                    return true;
                }
            }
        }
        self.dead.insert(key);
        false
    }
}

/// Whether a repeat may have been told this: the outcome again, with its document or without.
fn is_same(told: &Outcome, first: &Outcome) -> bool {
    match (told, first) {
        (
            Outcome::Done { effect, revision, value },
            Outcome::Done { effect: did, revision: at, value: kept },
        ) => effect == did && revision == at && (value.is_none() || value == kept),
        (told, first) => told == first,
    }
}
