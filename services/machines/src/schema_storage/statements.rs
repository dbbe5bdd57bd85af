//! What users state of a collection's documents.

use tidelog_core::{
    CollectionId, Document, Effects, Probe, Problem, ProblemKind, Revision, State,
    message::{Condition, Outcome, StatementEdit},
    patch,
    topic::Offset,
};
use tidelog_schema::Statement;

use super::{
    learning::of_the_system,
    rows::{DEFINITIONS, DatabaseRow, DefinitionRow},
};

/// What is to be done to what is stated of a collection.
pub(super) struct Edit<'a> {
    pub(super) collection: &'a CollectionId,
    pub(super) edit: &'a StatementEdit,
    pub(super) condition: &'a Condition,
}

impl Edit<'_> {
    /// Changes what is stated, or tells why not.
    pub(super) fn carry_out(
        &self,
        database: DatabaseRow,
        offset: Offset,
        state: &mut State<'_>,
        effects: &mut Effects,
    ) -> Outcome {
        let Self { collection, edit, condition } = *self;
        let before = state.get(&DEFINITIONS, collection).unwrap_or_default();
        let exists_at = before.exists_at();
        let failed = |problem| Outcome::Failed { problem, revision: exists_at };
        if collection.is_system() {
            return failed(of_the_system(collection));
        }
        if matches!(edit, StatementEdit::Remove) && before.statement.is_none() {
            return failed(nothing_stated(collection));
        }
        if !condition.holds(exists_at) {
            return failed(precondition_failed(collection, exists_at));
        }
        let statement = match edited(before.statement, edit) {
            Ok(statement) => statement,
            Err(problem) => {
                Probe::StatementRefused.hit();
                return failed(problem);
            }
        };
        let revision = database.raise(&collection.database(), state);
        let after = DefinitionRow { revision, statement, learned: before.learned };
        let outcome = match (exists_at, after.exists_at()) {
            (_, None) => Outcome::Deleted(revision),
            (None, Some(_)) => Outcome::Created(revision),
            (Some(_), Some(_)) => Outcome::Updated(revision),
        };
        after.publish(collection, offset, state, effects);
        outcome
    }
}

/// The statement after an edit. One that says nothing is none.
fn edited(before: Option<Document>, edit: &StatementEdit) -> Result<Option<Document>, Problem> {
    let start = || before.unwrap_or_else(Document::empty_object).to_value();
    let document = match edit {
        StatementEdit::Replace(document) => document.clone(),
        StatementEdit::Patch(patch) => Document::from_value(&patch.apply(start()?)?)?,
        StatementEdit::Merge(document) => {
            Document::from_value(&patch::merge(start()?, &document.to_value()?)?)?
        }
        StatementEdit::Remove => return Ok(None),
    };
    let statement = Statement::check(&document)
        .map_err(|error| Problem::new(ProblemKind::InvalidSchema, error))?
        .to_document();
    Ok((statement != Document::empty_object()).then_some(statement))
}

fn nothing_stated(collection: &CollectionId) -> Problem {
    Problem::new(
        ProblemKind::NotFound,
        format_args!("nothing is stated of the documents of {collection}"),
    )
}

fn precondition_failed(collection: &CollectionId, exists_at: Option<Revision>) -> Problem {
    match exists_at {
        Some(revision) => Problem::new(
            ProblemKind::PreconditionFailed,
            format_args!(
                "the definition of {collection} is at revision {revision}, which the precondition \
                 does not allow; read it and decide again"
            ),
        ),
        None => Problem::new(
            ProblemKind::PreconditionFailed,
            format_args!(
                "the precondition is on a definition that exists, and nothing is stated or learned \
                 of {collection}"
            ),
        ),
    }
}
