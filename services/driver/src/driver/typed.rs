//! The level for people: one request each, with a deadline and a typed outcome.

use tidelog_core::{
    DatabaseId, Document, EntityId, Timestamp,
    message::{BatchPart, Change, Condition, Outcome, PartAnswer, PartRequest, SchemaChange},
    patch::{JsonPatch, Operations},
    query::EntityView,
};

use super::Driver;
use crate::{
    answer::{Answered, Changed, Provisioned},
    error::Error,
    options::With,
};

/// A deadline that passes gives [`Error::OutcomeUnknown`] with `given_up`: the request is not sent
/// again, and nobody can ask for it as the same request any more. Who wants to uses
/// [`Driver::request`], whose [`Call`](crate::Call) can be asked again.
impl Driver {
    /// Makes sure that a database exists.
    ///
    /// # Errors
    ///
    /// If it was refused, or its outcome is not known.
    pub async fn provision(
        &self,
        database: &DatabaseId,
        deadline: Timestamp,
    ) -> Result<Provisioned, Error> {
        let (change, with) = (SchemaChange::Provision, With::default());
        let mut call = self.schema_request(database.clone(), change, with);
        call.answer(deadline).await.map_err(Error::given_up)?.provisioned()
    }

    /// Creates an entity, which must not exist.
    ///
    /// # Errors
    ///
    /// If it was refused, or its outcome is not known.
    pub async fn create(
        &self,
        id: &EntityId,
        document: Document,
        deadline: Timestamp,
    ) -> Result<Changed, Error> {
        self.change(id, Change::Create(document), Condition::default(), deadline).await
    }

    /// Makes this an entity's document, whether it exists or not.
    ///
    /// # Errors
    ///
    /// If it was refused, or its outcome is not known.
    pub async fn replace(
        &self,
        id: &EntityId,
        document: Document,
        condition: Condition,
        deadline: Timestamp,
    ) -> Result<Changed, Error> {
        self.change(id, Change::Replace(document), condition, deadline).await
    }

    /// Applies a JSON Patch (RFC 6902). The answer has the document.
    ///
    /// # Errors
    ///
    /// If it was refused, or its outcome is not known.
    pub async fn patch(
        &self,
        id: &EntityId,
        patch: JsonPatch,
        condition: Condition,
        deadline: Timestamp,
    ) -> Result<Changed, Error> {
        self.change(id, Change::Patch(patch), condition, deadline).await
    }

    /// Applies a JSON Merge Patch (RFC 7396). The answer has the document.
    ///
    /// # Errors
    ///
    /// If it was refused, or its outcome is not known.
    pub async fn merge(
        &self,
        id: &EntityId,
        patch: Document,
        condition: Condition,
        deadline: Timestamp,
    ) -> Result<Changed, Error> {
        self.change(id, Change::Merge(patch), condition, deadline).await
    }

    /// Applies increments and changes of sets. The answer has the document.
    ///
    /// # Errors
    ///
    /// If it was refused, or its outcome is not known.
    pub async fn operate(
        &self,
        id: &EntityId,
        operations: Operations,
        condition: Condition,
        deadline: Timestamp,
    ) -> Result<Changed, Error> {
        self.change(id, Change::Operations(operations), condition, deadline).await
    }

    /// Adds to the number that the JSON pointer leads to, exactly once. The answer has the
    /// document.
    ///
    /// # Errors
    ///
    /// If it was refused, or its outcome is not known.
    pub async fn increment(
        &self,
        id: &EntityId,
        pointer: &str,
        by: impl Into<serde_json::Number>,
        deadline: Timestamp,
    ) -> Result<Changed, Error> {
        let operations = increment(pointer, by.into())?;
        self.operate(id, operations, Condition::default(), deadline).await
    }

    /// Deletes an entity, which must exist.
    ///
    /// # Errors
    ///
    /// If it was refused, or its outcome is not known.
    pub async fn delete(
        &self,
        id: &EntityId,
        condition: Condition,
        deadline: Timestamp,
    ) -> Result<Changed, Error> {
        self.change(id, Change::Delete, condition, deadline).await
    }

    /// An entity, if it exists, read through the log: in its place among the changes.
    ///
    /// # Errors
    ///
    /// If it was refused, or no answer has come.
    pub async fn read_strict(
        &self,
        id: &EntityId,
        deadline: Timestamp,
    ) -> Result<Option<EntityView>, Error> {
        self.ask_for(id, Change::Read.into(), true, deadline).await?.entity(id)
    }

    /// Carries out a batch: its answers, in the order of the parts. Each part succeeds or fails in
    /// itself.
    ///
    /// # Errors
    ///
    /// If it was refused as a whole, or if it is not known what became of it or of one of its
    /// parts: [`Driver::batch_request`] tells those that are known.
    pub async fn batch(
        &self,
        database: &DatabaseId,
        parts: Vec<BatchPart>,
        deadline: Timestamp,
    ) -> Result<Vec<PartAnswer>, Error> {
        self.check_database(database, deadline).await?;
        let count = parts.len();
        let with = With { wants_value: true, ..With::default() };
        let mut call = self.batch_request(database.clone(), parts, with);
        let answered = call.answer(deadline).await.map_err(Error::given_up)?;
        let request = answered.request;
        let parts: Option<Vec<_>> = answered.parts.into_iter().collect();
        let mut parts = parts.ok_or(Error::OutcomeUnknown { request, given_up: true })?;
        match parts.pop() {
            Some(PartAnswer { outcome: Outcome::Failed { problem, revision }, .. })
                if parts.is_empty() && count != 1 =>
            {
                Err(Error::Problem { problem, revision })
            }
            last => {
                parts.extend(last);
                Ok(parts)
            }
        }
    }

    async fn change(
        &self,
        id: &EntityId,
        change: Change,
        condition: Condition,
        deadline: Timestamp,
    ) -> Result<Changed, Error> {
        // Who creates or replaces has the document already.
        let wants_value =
            matches!(change, Change::Patch(_) | Change::Merge(_) | Change::Operations(_));
        let request = PartRequest { change, condition };
        self.ask_for(id, request, wants_value, deadline).await?.changed()
    }

    async fn ask_for(
        &self,
        id: &EntityId,
        request: PartRequest,
        wants_value: bool,
        deadline: Timestamp,
    ) -> Result<Answered, Error> {
        self.check_database(&id.database(), deadline).await?;
        let with = With { wants_value, ..With::default() };
        let mut call = self.request(id.clone(), request, with);
        call.answer(deadline).await.map_err(Error::given_up)
    }

    /// Refuses what is for a database that was never provisioned.
    async fn check_database(&self, id: &DatabaseId, deadline: Timestamp) -> Result<(), Error> {
        if self.has_database(id) {
            return Ok(());
        }
        match self.database(id, None, deadline).await? {
            Some(_) => Ok(()),
            None => Err(Error::UnknownDatabase(id.clone())),
        }
    }
}

fn increment(pointer: &str, by: serde_json::Number) -> Result<Operations, Error> {
    let operation = serde_json::json!([{ "op": "increment", "path": pointer, "by": by }]);
    Operations::parse(operation.to_string().as_bytes())
        .map_err(|error| Error::problem(error.into()))
}
