use insta::assert_snapshot;
use tidelog_core::{
    Message, Revision,
    message::{
        Condition, LearnedDefinition, LearningChange, LearningScope, SchemaChange, StatementEdit,
        encode_row,
    },
    patch::JsonPatch,
};

use LearningChange::{Anew, AsDatabase, Off, On};

use super::super::{
    SchemaStorage,
    rows::{DefinitionRow, Learned, SwitchRow},
};
use crate::harness::{
    Step, at, check_crashes, check_repeats, document, dump_line, line, record, schema, script,
};

#[test]
fn what_users_state_and_what_is_learned_stand_side_by_side() {
    assert_snapshot!(script(SchemaStorage, &steps()));
}

#[test]
fn a_crash_after_any_step_is_harmless() {
    check_crashes(SchemaStorage, &steps());
}

#[test]
fn a_record_handled_again_changes_nothing_and_is_answered_again() {
    check_repeats(SchemaStorage, &steps(), |first, again| {
        let is_answered = matches!(first.last(), Some(Message::PartialResponse(_)));
        let answer = first.last().filter(|_| is_answered).map(line);
        assert_eq!(again.last().map(line), answer, "an answer comes again");
        assert!(again.len() <= 1, "and nothing else");
    });
}

#[test]
fn rows_keep_their_bytes() {
    let learned = Learned { epoch: Revision(7), number: 2, definition: document("{}") };
    let row = DefinitionRow {
        revision: Revision(300),
        statement: Some(document("true")),
        learned: Some(learned),
    };
    assert_eq!(dump_line(&encode_row(&row)), "\\x01\\xac\\x02\\x01\\x04true\\x01\\x07\\x02\\x02{}");
    let row = SwitchRow { epoch: Revision(7), is_on: true, follows: false };
    assert_eq!(dump_line(&encode_row(&row)), "\\x01\\x07\\x01\\x00");
}

fn steps() -> Vec<Step> {
    let mut steps = vec![
        state(1, StatementEdit::Replace(document(r#"{"type":"object"}"#)), Condition::default()),
        schema(2, "shop", SchemaChange::Provision),
    ];
    let any = Condition::default;
    let merge = |text| StatementEdit::Merge(document(text));
    let patch =
        |text: &str| StatementEdit::Patch(JsonPatch::parse(text.as_bytes()).expect("a good patch"));
    steps.extend([
        state(3, StatementEdit::Remove, any()),
        state(4, StatementEdit::Replace(document(r#"{"type":"object"}"#)), any()),
        state(5, merge(r#"{"properties":{"age":{"type":"strng"}}}"#), any()),
        state(
            6,
            merge(r#"{"properties":{"age":{"maximum":120}}}"#),
            Condition::revision(Revision(1)),
        ),
        state(
            7,
            merge(r#"{"properties":{"age":{"maximum":120}}}"#),
            Condition::revision(Revision(2)),
        ),
        state(
            7,
            merge(r#"{"properties":{"age":{"maximum":120}}}"#),
            Condition::revision(Revision(2)),
        ),
        state(8, patch(r#"[{"op":"test","path":"/type","value":"array"}]"#), any()),
        state(9, patch(r#"[{"op":"remove","path":"/properties"}]"#), any()),
    ]);
    let mut steps: Vec<_> = (0..).zip(steps).map(|(at, patch)| record(1_000 + at, patch)).collect();
    let another = SchemaChange::State {
        collection: "bank/orders".parse().expect("a good id"),
        edit: StatementEdit::Remove,
        condition: any(),
    };
    steps.push(record(1_100, schema(10, "shop", another)));
    steps.extend([
        // Learning is on from the beginning, begins again, then is on for the collection by itself.
        record(1_101, learned(1, 1)),
        record(1_102, switch(11, "shop", Anew)),
        record(1_103, learned(6, 1)),
        record(1_104, learned(6, 1)),
        record(1_105, learned(6, 3)),
        record(1_106, learned(6, 2)),
        record(1_107, switch(12, "shop/orders", On)),
        record(1_108, learned(6, 4)),
        record(1_109, learned(9, 1)),
        record(1_110, state(13, StatementEdit::Remove, any())),
        record(1_111, switch(14, "shop/orders", Off)),
        record(1_112, switch(15, "shop/orders", Off)),
        record(1_113, learned(9, 2)),
        record(1_114, switch(16, "shop/$zoneSubscription", On)),
        record(1_115, switch(17, "bank/orders", On)),
        record(1_116, switch(18, "shop/orders", Anew)),
        // Given back, it has an epoch of its own until the database's is switched.
        record(1_117, switch(19, "shop/orders", AsDatabase)),
        record(1_118, switch(20, "shop/orders", AsDatabase)),
        record(1_119, learned(13, 1)),
        record(1_120, switch(21, "shop", AsDatabase)),
        record(1_121, switch(22, "shop", On)),
        record(1_122, switch(23, "shop", Off)),
        record(1_123, learned(13, 2)),
        record(1_124, switch(24, "shop/orders", Anew)),
    ]);
    steps
}

fn state(
    number: u64,
    edit: StatementEdit,
    condition: Condition,
) -> tidelog_core::message::SchemaPatch {
    let collection = "shop/orders".parse().expect("a good id");
    schema(number, "shop", SchemaChange::State { collection, edit, condition })
}

fn switch(number: u64, scope: &str, to: LearningChange) -> tidelog_core::message::SchemaPatch {
    let scope = match scope.parse() {
        Ok(collection) => LearningScope::Collection(collection),
        Err(_) => LearningScope::Database(scope.parse().expect("a good id")),
    };
    schema(number, "shop", SchemaChange::SwitchLearning { scope, to })
}

fn learned(epoch: u64, number: u64) -> Message {
    Message::LearnedDefinition(LearnedDefinition {
        collection: "shop/orders".parse().expect("a good id"),
        epoch: Revision(epoch),
        number,
        definition: document(&format!(r#"{{"maximum":{number}}}"#)),
        time: at(900),
    })
}
