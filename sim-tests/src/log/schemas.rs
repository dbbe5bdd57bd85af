//! What the log says of schemas, in the words of the model.

use std::collections::BTreeMap;

use tidelog_core::{
    Message, PartitionId, Topic,
    message::{
        self, DefinitionUpdate, LearnedDefinition, LearningChange, SchemaPatch, StatementEdit,
    },
};

use super::{LogView, Logged, asked::condition_of, parsed, value};
use crate::{
    history::Name,
    model::schema::{Change, Edit, Entry, Learned, Schemas, Switching, What},
};

/// What a partition of `schema-patches` says, record by record.
#[must_use]
pub fn schema_entries(log: &LogView, partition: PartitionId) -> Vec<Entry> {
    log.records(Topic::SchemaPatches, partition).iter().filter_map(entry).collect()
}

/// What every partition of `schema-patches` comes to that has records.
#[must_use]
pub fn schemas(log: &LogView) -> BTreeMap<u32, Schemas> {
    let partitions = log.partitions(Topic::SchemaPatches);
    let partitions = partitions.filter(|(_, records)| !records.is_empty());
    partitions.map(|(it, _)| (it.0, Schemas::fold(&schema_entries(log, it)))).collect()
}

/// The records of `schema-updates` about definitions that are still there, the last of a collection last.
pub fn definition_updates(log: &LogView) -> impl Iterator<Item = &DefinitionUpdate> {
    log.messages(Topic::SchemaUpdates).filter_map(|(_, _, message)| match message {
        Message::DefinitionUpdate(update) => Some(update),
        _ => None,
    })
}

/// What was learned and published, with its record, in the order of the log.
pub fn published(log: &LogView) -> impl Iterator<Item = (&Logged, &LearnedDefinition)> {
    log.messages(Topic::SchemaPatches).filter_map(|(_, record, message)| match message {
        Message::LearnedDefinition(learned) => Some((record, learned)),
        _ => None,
    })
}

fn entry(record: &Logged) -> Option<Entry> {
    let what = match record.message.as_ref()?.as_ref().ok()? {
        Message::SchemaPatch(patch) => request(patch)?,
        Message::LearnedDefinition(learned) => What::Learned {
            collection: learned.collection.as_str().into(),
            learned: Learned {
                epoch: learned.epoch.0,
                number: learned.number,
                definition: value(&learned.definition),
            },
        },
        _ => return None,
    };
    Some(Entry { offset: record.offset, time_ms: record.time_ms, what })
}

/// A request that can change something.
fn request(patch: &SchemaPatch) -> Option<What> {
    let origin = &patch.origin;
    let change = match &patch.change {
        message::SchemaChange::Read => return None,
        message::SchemaChange::Provision => Change::Provision,
        message::SchemaChange::State { collection, edit, condition } => Change::State {
            collection: collection.as_str().into(),
            edit: edit_of(edit),
            condition: condition_of(condition),
        },
        message::SchemaChange::SwitchLearning { scope, to } => Change::Switch {
            scope: scope.as_str().into(),
            to: match to {
                LearningChange::On => Switching::On,
                LearningChange::Off => Switching::Off,
                LearningChange::Anew => Switching::Anew,
                LearningChange::AsDatabase => Switching::AsDatabase,
            },
        },
    };
    Some(What::Request {
        name: Name {
            client: origin.name.client.to_string().into(),
            number: origin.name.number,
            part: 1,
        },
        first_incomplete: origin.first_incomplete,
        first_sent_ms: origin.first_sent.as_millis(),
        database: patch.database.as_str().into(),
        change,
    })
}

fn edit_of(edit: &StatementEdit) -> Edit {
    match edit {
        StatementEdit::Replace(document) => Edit::Replace(value(document)),
        StatementEdit::Merge(document) => Edit::Merge(value(document)),
        StatementEdit::Patch(patch) => Edit::Patch(parsed(patch.as_str())),
        StatementEdit::Remove => Edit::Remove,
    }
}
