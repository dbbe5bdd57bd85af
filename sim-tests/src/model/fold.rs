//! What a partition of requests comes to, carried out one after the other and each at most once.

use std::collections::BTreeMap;

use super::{Action, Condition, Effect, Refusal, Reply, State, clients::Clients};
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

/// Task time for which an idempotency key is kept.
pub const KEY_KEPT_FOR_MS: u64 = 24 * 3_600_000;

/// All entities of a zone are to go, because a device was forgotten.
#[derive(Clone, Debug, PartialEq)]
pub struct Forget {
    /// Where it stands among the requests.
    pub offset: u64,
    /// By which name: one that came before with a number as high is not carried out again.
    pub name: Name,
    /// The zone.
    pub zone: Box<str>,
}

/// Carries the requests of one partition out.
#[must_use]
pub fn fold(asked: &[Asked]) -> Folded {
    fold_with(asked, &[])
}

/// Carries the requests of one partition out, and forgets zones among them.
#[must_use]
pub fn fold_with(asked: &[Asked], forgets: &[Forget]) -> Folded {
    let mut world = World::default();
    let mut forgets = forgets.iter().peekable();
    for request in asked.iter().filter(|request| request.action.is_write()) {
        while let Some(forget) = forgets.next_if(|forget| forget.offset < request.offset) {
            world.forget(forget);
        }
        world.take(request);
    }
    forgets.for_each(|forget| world.forget(forget));
    world.folded
}

#[derive(Default)]
struct World {
    folded: Folded,
    states: BTreeMap<Box<str>, State>,
    clients: Clients,
    keys: BTreeMap<Box<str>, Keyed>,
    /// What each task of device has had forgotten last.
    forgotten: BTreeMap<Box<str>, u64>,
}

/// What was asked for first under a key.
struct Keyed {
    fingerprint: Box<str>,
    made_ms: u64,
    told: Told,
}

impl Keyed {
    /// Whether a request comes, and was sent, when the key is over.
    fn is_over(&self, request: &Asked, task_time_ms: u64) -> bool {
        let over_ms = self.made_ms + KEY_KEPT_FOR_MS;
        task_time_ms > over_ms && request.first_sent_ms > over_ms
    }
}

impl World {
    fn take(&mut self, request: &Asked) {
        self.clients.time_is(request.time_ms);
        if self.folded.outcomes.contains_key(&request.name) {
            return;
        }
        let Asked { name, first_incomplete, first_sent_ms, .. } = request;
        let told = match self.clients.refused(name, *first_incomplete, *first_sent_ms) {
            Some(why) => Told::NotDone(why),
            None => self.carry_out_under_key(request),
        };
        self.folded.outcomes.insert(request.name.clone(), told);
    }

    fn forget(&mut self, forget: &Forget) {
        let Forget { offset, name, zone } = forget;
        let last = self.forgotten.entry(name.client.clone()).or_default();
        if name.number <= *last {
            return;
        }
        *last = name.number;
        let is_of =
            |entity: &str| entity.strip_prefix(&**zone).is_some_and(|rest| rest.starts_with('/'));
        for (entity, state) in self.states.iter_mut().filter(|(entity, _)| is_of(entity)) {
            if state.value.take().is_some() {
                state.revision += 1;
                let (name, after) = (name.clone(), state.clone());
                let step = Step { offset: *offset, name, effect: Effect::Deleted, after };
                self.folded.steps.entry(entity.clone()).or_default().push(step);
            }
        }
    }

    fn carry_out_under_key(&mut self, request: &Asked) -> Told {
        let Some((key, fingerprint)) = &request.key else { return self.carry_out(request) };
        let known =
            self.keys.get(key).filter(|known| !known.is_over(request, self.clients.task_time_ms()));
        match known {
            Some(known) if known.fingerprint == *fingerprint => known.told.clone(),
            Some(_) => Told::NotDone("key reused"),
            None => {
                let told = self.carry_out(request);
                let (fingerprint, made_ms) = (fingerprint.clone(), self.clients.task_time_ms());
                self.keys.insert(key.clone(), Keyed { fingerprint, made_ms, told: told.clone() });
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
    use crate::model::clients::AHEAD_MAX;

    #[test]
    fn a_request_seen_again_changes_nothing() {
        let folded = fold(&[request(1, 1), request(2, 2), request(3, 1)]);
        let steps = &folded.steps["shop/orders/eu/1"];
        assert_eq!(steps.len(), 2);
        assert_eq!(steps[1].after.value, Some(json!({"n": 2})));
    }

    #[test]
    fn a_zone_is_forgotten_once_with_all_that_is_in_it_then() {
        let name = Name { client: "device:0".into(), number: 1, part: 1 };
        let forget = |offset| Forget { offset, name: name.clone(), zone: "shop/orders/eu".into() };
        let elsewhere = Asked { entity: "shop/orders/eus/1".into(), ..request(2, 2) };
        let asked = [request(1, 1), elsewhere, request(4, 3), request(7, 4)];
        let folded = fold_with(&asked, &[forget(3), forget(5)]);
        let steps = &folded.steps["shop/orders/eu/1"];
        let effects: Vec<_> = steps.iter().map(|step| (step.offset, step.effect)).collect();
        let (created, updated) = (Effect::Created, Effect::Updated);
        assert_eq!(effects, [(1, created), (3, Effect::Deleted), (4, created), (7, updated)]);
        assert_eq!(folded.steps["shop/orders/eus/1"].len(), 1);
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

    #[test]
    fn a_key_holds_for_a_day_and_for_whoever_sent_within_it() {
        let keyed = |number, time_ms, first_sent_ms| Asked {
            key: Some(("PUT x\nk\n1".into(), "a".into())),
            time_ms,
            first_sent_ms,
            ..request(number, number)
        };
        let over = KEY_KEPT_FOR_MS + 1;
        let folded = fold(&[keyed(1, 0, 0), keyed(2, over, over - 1), keyed(3, over, over)]);
        let offsets = folded.steps["shop/orders/eu/1"].iter().map(|step| step.offset);
        assert_eq!(offsets.collect::<Vec<_>>(), [1, 3]);
    }

    #[test]
    fn a_request_far_ahead_bars_those_above_it() {
        let far = AHEAD_MAX + 2;
        let late = Asked { first_incomplete: 100, ..request(4, far + 1) };
        let folded = fold(&[request(1, 1), request(2, far), request(3, far - 1), late]);
        let told = |number| &folded.outcomes[&request(0, number).name];
        assert_eq!(*told(far), Told::NotDone("too far ahead"));
        assert!(matches!(told(far - 1), Told::Done { .. }));
        assert_eq!(*told(far + 1), Told::NotDone("too far ahead"), "for good");
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
