//! What a partition of requests comes to, carried out one after the other and each at most once.

use std::collections::BTreeMap;

use super::{Action, Condition, Effect, Refusal, Reply, State};
use crate::history::Name;

/// A request as it stands in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Its offset.
    pub offset: u64,
    /// Its append time, in milliseconds.
    pub time_ms: u64,
    /// Its name.
    pub name: Name,
    /// The client's lowest number without an outcome.
    pub first_incomplete: u64,
    /// When it was first sent, by its client's clock.
    pub first_sent_ms: u64,
    /// The idempotency key with its scope and part, and the fingerprint.
    pub key: Option<(Box<str>, Box<str>)>,
    /// The entity.
    pub entity: Box<str>,
    /// What is asked for.
    pub action: Action,
    /// Under which condition.
    pub condition: Condition,
}

/// What a partition comes to.
#[derive(Clone, Debug, Default)]
pub struct Folded {
    /// The states of each entity, one for each change, in their order.
    pub steps: BTreeMap<Box<str>, Vec<Step>>,
    /// What became of each write, by its name: its first carrying out.
    pub outcomes: BTreeMap<Name, Told>,
}

/// A change.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The offset of the request that made it.
    pub offset: u64,
    /// The request.
    pub name: Name,
    /// What it did.
    pub effect: Effect,
    /// The state after it.
    pub after: State,
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// It was done at this offset.
    Done {
        /// The offset.
        offset: u64,
        /// What it did.
        effect: Effect,
        /// The revision after it.
        revision: u64,
    },
    /// It was refused, for what was there.
    Refused {
        /// Why.
        refusal: Refusal,
        /// The revision, where the entity exists.
        exists_at: Option<u64>,
    },
    /// It was not carried out, for reasons of its own: too late, or another request under its key.
    NotDone(&'static str),
}

/// Task time after a first sending from which on a part is refused.
const EXPIRES_AFTER_MS: u64 = 12 * 3_600_000;

/// Carries the requests of one partition out.
#[must_use]
pub fn fold(asked: &[Asked]) -> Folded {
    let mut world = World::default();
    for request in asked.iter().filter(|request| request.action.is_write()) {
        world.take(request);
    }
    world.folded
}

#[derive(Default)]
struct World {
    folded: Folded,
    states: BTreeMap<Box<str>, State>,
    first_incomplete: BTreeMap<Box<str>, u64>,
    keys: BTreeMap<Box<str>, (Box<str>, Told)>,
    task_time_ms: u64,
}

impl World {
    fn take(&mut self, request: &Asked) {
        self.task_time_ms = self.task_time_ms.max(request.time_ms);
        if self.folded.outcomes.contains_key(&request.name) {
            return;
        }
        let known = self.first_incomplete.entry(request.name.client.clone()).or_default();
        *known = request.first_incomplete.max(*known);
        let told = if request.name.number < *known {
            Told::NotDone("stale")
        } else if self.task_time_ms.saturating_sub(request.first_sent_ms) > EXPIRES_AFTER_MS {
            Told::NotDone("expired")
        } else {
            self.carry_out_under_key(request)
        };
        self.folded.outcomes.insert(request.name.clone(), told);
    }

    fn carry_out_under_key(&mut self, request: &Asked) -> Told {
        let Some((key, fingerprint)) = &request.key else { return self.carry_out(request) };
        match self.keys.get(key) {
            Some((same, told)) if same == fingerprint => told.clone(),
            Some(_) => Told::NotDone("key reused"),
            None => {
                let told = self.carry_out(request);
                self.keys.insert(key.clone(), (fingerprint.clone(), told.clone()));
                told
            }
        }
    }

    fn carry_out(&mut self, request: &Asked) -> Told {
        let Asked { offset, name, entity, action, condition, .. } = request;
        let state = self.states.entry(entity.clone()).or_default();
        match state.apply(action, condition) {
            Reply::Refused(refusal) => Told::Refused { refusal, exists_at: state.exists_at() },
            Reply::Done(effect, after) => {
                *state = after.clone();
                let (offset, name, revision) = (*offset, name.clone(), after.revision);
                let steps = self.folded.steps.entry(entity.clone()).or_default();
                steps.push(Step { offset, name, effect, after });
                Told::Done { offset, effect, revision }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_seen_again_changes_nothing() {
        let folded = fold(&[request(1, 1), request(2, 2), request(3, 1)]);
        let steps = &folded.steps["shop/orders/eu/1"];
        assert_eq!(steps.len(), 2);
        assert_eq!(steps[1].after.value, Some(json!({"n": 2})));
    }

    #[test]
    fn a_request_below_the_first_incomplete_one_is_stale() {
        let late = request(2, 1);
        let told = Asked { first_incomplete: 5, ..request(1, 5) };
        let folded = fold(&[told, late]);
        assert_eq!(folded.steps["shop/orders/eu/1"].len(), 1);
        assert_eq!(folded.outcomes[&request(2, 1).name], Told::NotDone("stale"));
    }

    #[test]
    fn requests_of_one_key_are_one() {
        let keyed = |offset, number, print: &str| Asked {
            key: Some(("PUT x\nk\n1".into(), print.into())),
            ..request(offset, number)
        };
        let folded = fold(&[keyed(1, 1, "a"), keyed(2, 2, "a"), keyed(3, 3, "b")]);
        assert_eq!(folded.steps["shop/orders/eu/1"].len(), 1);
        let told = |number| &folded.outcomes[&request(0, number).name];
        assert_eq!(told(1), told(2));
        assert_eq!(*told(3), Told::NotDone("key reused"));
    }

    fn request(offset: u64, number: u64) -> Asked {
        Asked {
            offset,
            time_ms: offset,
            name: Name { client: "app:0".into(), number, part: 1 },
            first_incomplete: 1,
            first_sent_ms: 0,
            key: None,
            entity: "shop/orders/eu/1".into(),
            action: Action::Operate(json!([{"op": "increment", "path": "/n", "by": 1}])),
            condition: Condition::None,
        }
    }
}
