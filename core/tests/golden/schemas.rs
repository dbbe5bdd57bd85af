//! The messages of schemas and of learning.

use tidelog_core::{
    Document, Message, PartitionId, Revision, Timestamp,
    message::{
        Condition, DefinitionUpdate, LearnedDefinition, LearningChange, LearningScope,
        LearningSwitch, Lesson, LessonSource, MarkedUpdate, SchemaChange, SchemaPatch,
        StatementEdit, UpdateKind, WalkEnded,
    },
    patch::JsonPatch,
    topic::Offset,
};

use super::{document, origin, update};

pub(super) fn messages() -> Vec<(&'static str, Message)> {
    let json_patch = br#"[{"op":"remove","path":"/required"}]"#;
    let json_patch = JsonPatch::parse(json_patch).expect("a good patch");
    let walk = LessonSource::Walk { partition: PartitionId(3), number: 300 };
    let record = LessonSource::Update { partition: PartitionId(3), offset: Offset(1_042) };
    vec![
        ("state", state(StatementEdit::Replace(schema()))),
        ("state-by-patch", state(StatementEdit::Patch(json_patch))),
        ("state-by-merge", state(StatementEdit::Merge(schema()))),
        ("state-nothing", state(StatementEdit::Remove)),
        (
            "switch-learning",
            patch(SchemaChange::SwitchLearning { scope: scope(), to: LearningChange::Anew }),
        ),
        ("definition", definition()),
        ("learning-switched", switch(scope())),
        ("learning-switched-for-a-database", switch(LearningScope::Database(id("shop")))),
        ("marked", marked()),
        ("lesson", lesson(record, Some(document("1")))),
        ("lesson-of-a-walk", lesson(walk, None)),
        ("walk-ended", walk_ended()),
        ("learned", learned()),
    ]
}

fn state(edit: StatementEdit) -> Message {
    patch(SchemaChange::State {
        collection: id("shop/orders"),
        edit,
        condition: Condition::revision(Revision(7)),
    })
}

fn patch(change: SchemaChange) -> Message {
    Message::SchemaPatch(SchemaPatch { origin: origin(), database: id("shop"), change })
}

fn definition() -> Message {
    Message::DefinitionUpdate(DefinitionUpdate {
        collection: id("shop/orders"),
        revision: Revision(300),
        statement: Some(schema()),
        learned: None,
        offset: Offset(1_042),
        time: time(),
    })
}

fn switch(scope: LearningScope) -> Message {
    Message::LearningSwitch(LearningSwitch {
        scope,
        epoch: Revision(7),
        is_on: true,
        follows: true,
    })
}

fn marked() -> Message {
    let Message::EntityUpdate(update) = update(UpdateKind::Updated, Some("1"), Some("2")) else {
        panic!("it is an update");
    };
    Message::MarkedUpdate(MarkedUpdate { update, epoch: Revision(7) })
}

fn lesson(source: LessonSource, before: Option<Document>) -> Message {
    Message::Lesson(Lesson {
        collection: id("shop/orders"),
        epoch: Revision(7),
        source,
        before,
        after: Some(document("2")),
        time: time(),
    })
}

fn walk_ended() -> Message {
    Message::WalkEnded(WalkEnded {
        scope: scope(),
        epoch: Revision(7),
        follows: false,
        partition: PartitionId(3),
    })
}

fn learned() -> Message {
    Message::LearnedDefinition(LearnedDefinition {
        collection: id("shop/orders"),
        epoch: Revision(7),
        number: 2,
        definition: schema(),
        time: time(),
    })
}

fn scope() -> LearningScope {
    LearningScope::Collection(id("shop/orders"))
}

fn schema() -> Document {
    document(r#"{"type":"object"}"#)
}

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a good id")
}

fn time() -> Timestamp {
    Timestamp::from_millis(1_764_000_000_456)
}
