//! What documents are like: reading and changing schemas.

use tidelog_core::{
    CollectionId, DatabaseId, Revision, ServiceName, Timestamp, Topic,
    message::{Condition, LearningChange, LearningScope, SchemaChange, StatementEdit},
    port::TaskId,
    query::{Answer, DefinitionView, LearningView, Query},
};

use super::{Driver, queries::another_question};
use crate::{answer::Changed, error::Error, options::With, positions::Positions};

/// Definitions come from what the connection follows, without a request; schema-storage is asked for
/// what is not there, or not as new as `at_least`. `tidelog_driver::schema` makes JSON Schemas of them.
impl Driver {
    /// What is stated and learned of a collection's documents, if anything is.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if schema-storage is to be asked, and cannot be.
    pub async fn definition(
        &self,
        id: &CollectionId,
        at_least: impl Into<Positions>,
        deadline: Timestamp,
    ) -> Result<Option<DefinitionView>, Error> {
        let (task, at_least) = (self.schema_task(&id.database()), at_least.into());
        let offset = at_least.of(Topic::SchemaPatches, task.partition).map(|at| at.offset);
        let known = self.shared.handle.databases.borrow().definition(id, offset);
        if known.is_some() {
            return Ok(known);
        }
        let query = Query::Definition(id.clone());
        let Answer::Definition(view) = self.ask(task, query, &at_least, deadline).await? else {
            return Err(another_question());
        };
        Ok(view)
    }

    /// The same of all collections of a database, in the byte order of their ids.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if schema-storage is to be asked, and cannot be.
    pub async fn definitions(
        &self,
        database: &DatabaseId,
        at_least: impl Into<Positions>,
        deadline: Timestamp,
    ) -> Result<Vec<DefinitionView>, Error> {
        let (task, at_least) = (self.schema_task(database), at_least.into());
        // Where a position is named, `database` asks the task, too: what is followed may be older than the
        // revision that it told, under which these would be taken for the newest.
        if at_least.is_empty()
            && let Some(known) = self.shared.handle.databases.borrow().definitions(database)
        {
            return Ok(known);
        }
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let query = Query::Definitions { database: database.clone(), after, limit: PAGE };
            let Answer::Definitions(page) = self.ask(task, query, &at_least, deadline).await?
            else {
                return Err(another_question());
            };
            all.extend(page.items);
            after = page.looked_to;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    /// Whether schemas are learned; nothing if there is no such database.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if schema-storage cannot be asked.
    pub async fn learning(
        &self,
        scope: &LearningScope,
        at_least: impl Into<Positions>,
        deadline: Timestamp,
    ) -> Result<Option<LearningView>, Error> {
        let task = self.schema_task(&scope.database());
        let query = Query::Learning(scope.clone());
        let Answer::Learning(view) = self.ask(task, query, &at_least.into(), deadline).await?
        else {
            return Err(another_question());
        };
        Ok(view)
    }

    /// Changes what is stated of a collection's documents.
    ///
    /// # Errors
    ///
    /// If it was refused, or its outcome is not known.
    pub async fn state(
        &self,
        collection: &CollectionId,
        edit: StatementEdit,
        condition: Condition,
        deadline: Timestamp,
    ) -> Result<Changed, Error> {
        let collection = collection.clone();
        let database = collection.database();
        let change = SchemaChange::State { collection, edit, condition };
        self.change_schema(database, change, deadline).await
    }

    /// Switches learning, or has it begin again. Gives the revision of the schema after that, which is
    /// the epoch that begins, if one does.
    ///
    /// # Errors
    ///
    /// If it was refused, or its outcome is not known.
    pub async fn switch_learning(
        &self,
        scope: &LearningScope,
        to: LearningChange,
        deadline: Timestamp,
    ) -> Result<Revision, Error> {
        let change = SchemaChange::SwitchLearning { scope: scope.clone(), to };
        Ok(self.change_schema(scope.database(), change, deadline).await?.revision)
    }

    async fn change_schema(
        &self,
        database: DatabaseId,
        change: SchemaChange,
        deadline: Timestamp,
    ) -> Result<Changed, Error> {
        let mut call = self.schema_request(database, change, With::default());
        call.answer(deadline).await.map_err(Error::given_up)?.changed()
    }

    fn schema_task(&self, database: &DatabaseId) -> TaskId {
        let partition = self.layout().partition(database.as_str());
        TaskId { service: ServiceName::SchemaStorage, partition }
    }
}

/// Definitions that are asked for at once.
const PAGE: u32 = 100;
