//! The laws of definitions: what is shown of a collection holds for each of its documents, and says what
//! the user states, neither more nor less.

mod generated;

use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::Value;
use tidelog_core::{Document, Timestamp};
use tidelog_schema::{Model, Notes, Statement, combined};

use generated::{Step, statement, steps, value};

proptest! {
    #[test]
    fn every_document_that_is_there_has_what_was_learned(steps in steps()) {
        let (model, documents) = learned(&steps);
        for notes in [Notes::With, Notes::Without] {
            let definition = model.definition(notes).to_value().expect("JSON");
            let validator = validator(&definition);
            for document in &documents {
                prop_assert!(validator.is_valid(document), "{document} has not {definition}");
            }
        }
    }

    #[test]
    fn what_is_learned_takes_no_word_of_a_statement_back_and_adds_none_that_was_not_so(
        steps in steps(),
        stated in statement(),
        others in prop::collection::vec(value(), 0..6),
    ) {
        let (model, documents) = learned(&steps);
        let document = Document::from_value(&stated).expect("it is small");
        let Ok(statement) = Statement::check(&document) else { return Ok(()) };
        let stated = validator(&statement.to_document().to_value().expect("JSON"));
        let definition = combined(Some(&model.definition(Notes::With)), Some(&statement));
        let both = validator(&definition);
        for document in documents.iter().chain(&others) {
            prop_assert!(
                stated.is_valid(document) || !both.is_valid(document),
                "{document} is not as stated, and is {definition}"
            );
        }
        for document in &documents {
            prop_assert!(
                both.is_valid(document) || !stated.is_valid(document),
                "{document} is there and as stated, and is not {definition}"
            );
        }
    }

    #[test]
    fn what_is_shown_can_be_stated_and_changes_nothing(steps in steps(), stated in statement()) {
        let (model, _) = learned(&steps);
        let learned = model.definition(Notes::With);
        let document = Document::from_value(&stated).expect("it is small");
        let Ok(statement) = Statement::check(&document) else { return Ok(()) };
        let shown = combined(Some(&learned), Some(&statement));
        let again = Statement::check(&Document::from_value(&shown).expect("it is small"));
        let again = again.expect("what is shown is taken");
        prop_assert_eq!(without_notes(combined(Some(&learned), Some(&again))), without_notes(shown));
    }
}

/// What was learned from the steps, and the documents that are there then.
fn learned(steps: &[Step]) -> (Model, Vec<Value>) {
    let mut documents = vec![None; generated::ENTITIES];
    let mut model = Model::default();
    for Step { entity, after } in steps {
        let before = std::mem::replace(&mut documents[*entity], after.clone());
        let [before, after] = [&before, after].map(|value| {
            value.as_ref().map(|value| Document::from_value(value).expect("it is small"))
        });
        let time = Timestamp::from_millis(1_000);
        model = model.learn(before.as_ref(), after.as_ref(), time).expect("it is JSON");
    }
    (model, documents.into_iter().flatten().collect())
}

fn validator(schema: &Value) -> Validator {
    jsonschema::draft202012::meta::validate(schema).expect("it is JSON Schema 2020-12");
    jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(schema)
        .expect("a validator takes it")
}

fn without_notes(schema: Value) -> Value {
    match schema {
        Value::Object(members) => {
            let members = members.into_iter().filter(|(name, _)| name != "x-tidelog");
            members.map(|(name, value)| (name, without_notes(value))).collect()
        }
        Value::Array(elements) => elements.into_iter().map(without_notes).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => schema,
    }
}
