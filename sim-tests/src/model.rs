//! What an entity is by the description of the system: a sequential model, which shares no code with
//! the product.

mod clients;
pub mod devices;
mod fold;
pub mod inbox;
pub mod learner;
mod patch;
pub mod schema;
pub mod zones;

pub use fold::{Asked, Folded, Forget, KEY_KEPT_FOR_MS, Step, Told, fold, fold_with};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An entity's state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// How often it was changed.
    pub revision: u64,
    /// Its document, if it exists.
    pub value: Option<Value>,
}

/// What is asked of an entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// Read it.
    Read,
    /// Create it; it must not exist.
    Create(Value),
    /// Make this its document.
    Replace(Value),
    /// Apply a JSON Patch.
    Patch(Value),
    /// Apply a JSON Merge Patch.
    Merge(Value),
    /// Apply increments and changes of sets.
    Operate(Value),
    /// Delete it.
    Delete,
}

/// What must hold for it to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// Nothing.
    None,
    /// The entity exists.
    Exists,
    /// The entity does not exist.
    Missing,
    /// The entity is at this revision.
    At(u64),
    /// The entity does not exist, or not at this revision.
    NotAt(u64),
}

/// What something that was done did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Effect {
    /// It was read.
    Read,
    /// It came to be.
    Created,
    /// It was changed.
    Updated,
    /// It was deleted.
    Deleted,
}

/// Why something was not done, of what has to do with the entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Refusal {
    /// It does not exist.
    NotFound,
    /// The condition does not hold.
    Condition,
    /// A `test` found another value.
    Test,
    /// A path leads nowhere.
    Path,
    /// A value is of the wrong type.
    Type,
    /// A number would not be kept.
    Number,
}

/// What a state makes of an action.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// It is done, and this is the state after it.
    Done(Effect, State),
    /// It is not.
    Refused(Refusal),
}

impl State {
    /// Carries something out.
    #[must_use]
    pub fn apply(&self, action: &Action, condition: &Condition) -> Reply {
        let needs_entity = matches!(action, Action::Read | Action::Delete);
        if needs_entity && self.value.is_none() {
            return Reply::Refused(Refusal::NotFound);
        }
        if !condition.holds(self) {
            return Reply::Refused(Refusal::Condition);
        }
        match self.value_after(action) {
            Ok(_) if *action == Action::Read => Reply::Done(Effect::Read, self.clone()),
            Ok(value) => {
                let effect = match (&self.value, &value) {
                    (_, None) => Effect::Deleted,
                    (None, Some(_)) => Effect::Created,
                    (Some(_), Some(_)) => Effect::Updated,
                };
                Reply::Done(effect, Self { revision: self.revision + 1, value })
            }
            Err(refusal) => Reply::Refused(refusal),
        }
    }

    /// The revision, where it exists.
    #[must_use]
    pub fn exists_at(&self) -> Option<u64> {
        self.value.as_ref().map(|_| self.revision)
    }

    fn value_after(&self, action: &Action) -> Result<Option<Value>, Refusal> {
        let start = || self.value.clone().unwrap_or_else(|| Value::Object(serde_json::Map::new()));
        Ok(match action {
            Action::Read => self.value.clone(),
            Action::Create(_) if self.value.is_some() => return Err(Refusal::Condition),
            Action::Create(value) | Action::Replace(value) => Some(value.clone()),
            Action::Patch(operations) => Some(patch::patch(start(), operations)?),
            Action::Operate(operations) => Some(patch::operate(start(), operations)?),
            Action::Merge(change) => Some(patch::merge(start(), change)),
            Action::Delete => None,
        })
    }
}

impl Action {
    /// Whether it can change something.
    #[must_use]
    pub fn is_write(&self) -> bool {
        *self != Self::Read
    }

    /// Its name, for people.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create(_) => "create",
            Self::Replace(_) => "replace",
            Self::Patch(_) => "patch",
            Self::Merge(_) => "merge",
            Self::Operate(_) => "operate",
            Self::Delete => "delete",
        }
    }
}

impl Condition {
    fn holds(&self, state: &State) -> bool {
        match self {
            Self::None => true,
            Self::Exists => state.value.is_some(),
            Self::Missing => state.value.is_none(),
            Self::At(revision) => state.exists_at() == Some(*revision),
            Self::NotAt(revision) => state.exists_at() != Some(*revision),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_entity_lives_dies_and_lives_again_with_its_revision_going_on() {
        let mut state = State::default();
        for (action, effect) in [
            (Action::Create(json!({"n": 1})), Effect::Created),
            (Action::Merge(json!({"m": 2})), Effect::Updated),
            (Action::Delete, Effect::Deleted),
            (Action::Replace(json!([])), Effect::Created),
        ] {
            let Reply::Done(did, after) = state.apply(&action, &Condition::None) else {
                panic!("{action:?} is refused");
            };
            assert_eq!(did, effect);
            assert_eq!(after.revision, state.revision + 1);
            state = after;
        }
        assert_eq!(state, State { revision: 4, value: Some(json!([])) });
    }

    #[test]
    fn refusals_are_those_of_the_state() {
        let missing = State { revision: 2, value: None };
        let there = State { revision: 3, value: Some(json!({})) };
        let refusal = |state: &State, action, condition| match state.apply(&action, &condition) {
            Reply::Refused(refusal) => Some(refusal),
            Reply::Done(..) => None,
        };
        let new = || Action::Create(json!(1));
        assert_eq!(refusal(&missing, Action::Read, Condition::Exists), Some(Refusal::NotFound));
        assert_eq!(refusal(&missing, Action::Delete, Condition::None), Some(Refusal::NotFound));
        assert_eq!(refusal(&missing, new(), Condition::At(2)), Some(Refusal::Condition));
        assert_eq!(refusal(&missing, new(), Condition::NotAt(2)), None);
        assert_eq!(refusal(&there, new(), Condition::None), Some(Refusal::Condition));
        assert_eq!(refusal(&there, Action::Delete, Condition::NotAt(3)), Some(Refusal::Condition));
        assert_eq!(refusal(&there, Action::Delete, Condition::At(3)), None);
    }
}
