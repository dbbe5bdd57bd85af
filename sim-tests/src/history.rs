//! What clients observed: operations with the times of their invocation and return, and outcomes.
//!
//! An operation that was sent again under its own name is one operation: it was invoked when it was
//! sent first, and it returned when an answer came. A batch is one operation for each of its parts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Action, Condition, Effect, Refusal};

/// Everything that the clients of a run observed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The operations, in the order of their invocation.
    pub operations: Vec<Operation>,
}

/// One operation on one entity, as its client saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Its number in the plan of the workload, for people.
    pub number: u32,
    /// The client.
    pub client: Box<str>,
    /// The request's name, once the client knows it.
    pub name: Option<Name>,
    /// The entity's id.
    pub entity: Box<str>,
    /// What was asked for.
    pub action: Action,
    /// Under which condition.
    pub condition: Condition,
    /// The idempotency key, with its scope: operations under one key are the same.
    pub key: Option<Box<str>>,
    /// Which way it took.
    pub route: Route,
    /// When it was invoked, in microseconds of virtual time.
    pub invoked_us: u64,
    /// When it returned, if it did.
    pub returned_us: Option<u64>,
    /// What its client was told.
    pub outcome: Outcome,
    /// Where the record stands that was answered.
    pub position: Option<Place>,
}

/// How a request, or a part of one, is named in the log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Name {
    /// The client and the count of its names, as in `app-1:0`.
    pub client: Box<str>,
    /// The client's number for the request.
    pub number: u64,
    /// The part, from 1.
    pub part: u32,
}

/// A record's place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The partition of `entity-patches`.
    pub partition: u32,
    /// The offset.
    pub offset: u64,
}

/// Which way an operation took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Route {
    /// A record of the log: it takes effect, or is read, in its place among the others.
    Log,
    /// A query to the task. It may see an older state, but none before these records.
    Query {
        /// What the task must have read.
        at_least: Vec<Place>,
    },
}

/// What a client was told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// It was done.
    Done {
        /// What it did.
        effect: Effect,
        /// The entity's revision after it.
        revision: u64,
        /// The document after it, if the answer had it.
        value: Option<serde_json::Value>,
    },
    /// The service looked at the entity and refused.
    Refused {
        /// Why.
        refusal: Refusal,
        /// The revision that the entity was at, if the answer had it.
        revision: Option<u64>,
    },
    /// Nothing was done, and never will be, for reasons that say nothing about the entity.
    NotDone(Box<str>),
    /// It may have taken effect, or may yet.
    Unknown,
    /// Its client still waited when the run was over, or was gone.
    Incomplete,
}

impl History {
    /// The operations of each entity.
    #[must_use]
    pub fn by_entity(&self) -> BTreeMap<&str, Vec<&Operation>> {
        let mut entities: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
        for operation in &self.operations {
            entities.entry(&operation.entity).or_default().push(operation);
        }
        entities
    }

    /// The operations that are known by name, each under it.
    #[must_use]
    pub fn by_name(&self) -> BTreeMap<&Name, &Operation> {
        let named = self.operations.iter();
        named.filter_map(|operation| Some((operation.name.as_ref()?, operation))).collect()
    }
}

impl Operation {
    /// Whether it can change something.
    #[must_use]
    pub fn is_write(&self) -> bool {
        self.action.is_write()
    }

    /// Whether its client knows that it was done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.outcome, Outcome::Done { .. })
    }

    /// Whether it may have taken effect without its client knowing.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self.outcome {
            Outcome::Unknown | Outcome::Incomplete => true,
            Outcome::Done { .. } | Outcome::Refused { .. } | Outcome::NotDone(_) => false,
        }
    }

    /// When it had returned at the latest; never, if it has not.
    #[must_use]
    pub fn end_us(&self) -> u64 {
        match self.outcome {
            Outcome::Unknown | Outcome::Incomplete => u64::MAX,
            Outcome::Done { .. } | Outcome::Refused { .. } | Outcome::NotDone(_) => {
                self.returned_us.unwrap_or(u64::MAX)
            }
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Done { effect, revision, value } => {
                write!(f, "{effect:?} at revision {revision}")?;
                value.as_ref().map_or(Ok(()), |value| write!(f, ": {value}"))
            }
            Self::Refused { refusal, revision } => {
                write!(f, "refused ({refusal:?})")?;
                revision.map_or(Ok(()), |revision| write!(f, " at revision {revision}"))
            }
            Self::NotDone(why) => write!(f, "not done ({why})"),
            Self::Unknown => f.write_str("unknown"),
            Self::Incomplete => f.write_str("nothing yet"),
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}/{}", self.client, self.number, self.part)
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "operation {} ({} {} by {})",
            self.number,
            self.action.name(),
            self.entity,
            self.client
        )?;
        match &self.name {
            Some(name) => write!(f, ", request {name}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
pub(crate) mod build {
    //! Short ways to write histories by hand.

    use serde_json::Value;

    use super::{History, Name, Operation, Outcome, Place, Route};
    use crate::model::{Action, Condition, Effect, Refusal};

    /// An operation that is called and returns at these times, and was done.
    pub(crate) fn done(
        times: (u64, u64),
        action: Action,
        effect: Effect,
        revision: u64,
        value: Option<Value>,
    ) -> Operation {
        told(times, action, Outcome::Done { effect, revision, value })
    }

    /// An operation that was refused.
    pub(crate) fn refused(
        times: (u64, u64),
        action: Action,
        refusal: Refusal,
        revision: Option<u64>,
    ) -> Operation {
        told(times, action, Outcome::Refused { refusal, revision })
    }

    /// An operation whose outcome nobody knows.
    pub(crate) fn unknown(invoked_us: u64, action: Action) -> Operation {
        told((invoked_us, invoked_us + 1), action, Outcome::Unknown)
    }

    pub(crate) fn told(times: (u64, u64), action: Action, outcome: Outcome) -> Operation {
        Operation {
            number: 0,
            client: "app".into(),
            name: None,
            entity: "shop/orders/eu/1".into(),
            action,
            condition: Condition::None,
            key: None,
            route: Route::Log,
            invoked_us: times.0,
            returned_us: Some(times.1),
            outcome,
            position: None,
        }
    }

    impl Operation {
        pub(crate) fn under(mut self, condition: Condition) -> Self {
            self.condition = condition;
            self
        }

        pub(crate) fn keyed(mut self, key: &str) -> Self {
            self.key = Some(key.into());
            self
        }

        pub(crate) fn named(mut self, number: u64) -> Self {
            self.name = Some(name(number));
            self
        }

        pub(crate) fn queried(mut self, at_least: &[u64]) -> Self {
            let place = |offset: &u64| Place { partition: 0, offset: *offset };
            self.route = Route::Query { at_least: at_least.iter().map(place).collect() };
            self
        }
    }

    /// The only part of the request of that number of the client `app:0`.
    pub(crate) fn name(number: u64) -> Name {
        Name { client: "app:0".into(), number, part: 1 }
    }

    /// A history, numbered.
    pub(crate) fn history(operations: Vec<Operation>) -> History {
        let mut history = History { operations };
        for (number, operation) in (0..).zip(&mut history.operations) {
            operation.number = number;
        }
        history
    }
}
