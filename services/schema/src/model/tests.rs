//! The laws of models: a model is a function of the set of changes.

mod laws;
mod limits;

use serde_json::Value;
use tidelog_core::{Document, Timestamp};

use super::Model;

/// A change of one document.
#[derive(Clone, Debug)]
struct Change {
    before: Option<Document>,
    after: Option<Document>,
    time: Timestamp,
}

impl Change {
    fn creation(value: &Value) -> Self {
        Self { before: None, after: Some(document(value)), time: Timestamp::from_millis(1_000) }
    }
}

fn learned<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Model {
    changes.into_iter().fold(Model::default(), learn)
}

fn learn(model: Model, change: &Change) -> Model {
    model
        .learn(change.before.as_ref(), change.after.as_ref(), change.time)
        .expect("documents are JSON")
}

fn document(value: &Value) -> Document {
    Document::from_value(value).expect("it is small")
}
