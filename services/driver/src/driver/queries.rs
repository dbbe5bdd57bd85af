//! Reads that need no log.

use std::{future::poll_fn, pin::pin, task::Poll};

use futures_util::future::{self, Either, try_join_all};
use tidelog_core::{
    CollectionId, DatabaseId, EntityId, RequestId, ServiceName, Timestamp, Topic,
    limits::{PAGE_BYTES_MAX, PAGE_ITEMS_MAX, REQUEST_PENDING_FOR},
    port::{AskError, TaskId},
    query::{Answer, DatabaseView, EntityView, Page, Query, Scope},
};

use super::Driver;
use crate::{
    answer::{Listing, RequestState},
    error::Error,
    merge::{Item, Room, merge},
    positions::Positions,
};

/// A query that is not answered by its deadline gives [`Error::Unavailable`].
impl Driver {
    /// An entity, if it exists. With `at_least`, the positions of answers, what those answers told is
    /// seen; a position that is not of this entity's partition says nothing about it. The same goes
    /// for lists.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if the entity's task cannot be asked, or does not get that far;
    /// [`Error::NoSuchPosition`] if nothing can.
    pub async fn read(
        &self,
        id: &EntityId,
        at_least: impl Into<Positions>,
        deadline: Timestamp,
    ) -> Result<Option<EntityView>, Error> {
        let partition = self.layout().partition(id.as_str());
        let task = TaskId { service: ServiceName::EntityStorage, partition };
        let Answer::Entity(entity) =
            self.ask(task, Query::Entity(id.clone()), &at_least.into(), deadline).await?
        else {
            return Err(another_question());
        };
        Ok(entity)
    }

    /// A page of a zone's or a collection's entities, in the byte order of their ids, after the id
    /// `after`.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if a task cannot be asked, or does not get as far as `at_least`.
    pub async fn list(
        &self,
        scope: &Scope,
        after: Option<&str>,
        limit: usize,
        at_least: impl Into<Positions>,
        deadline: Timestamp,
    ) -> Result<Listing<EntityView>, Error> {
        let at_least = at_least.into();
        let ask = |after: Option<Box<str>>, limit| {
            let query = Query::Entities { scope: scope.clone(), after, limit };
            self.ask_all(ServiceName::EntityStorage, query, &at_least, deadline, |answer| {
                if let Answer::Entities(page) = answer { Some(page) } else { None }
            })
        };
        let mut listing = Listing { items: Vec::new(), next: after.map(Into::into) };
        let mut room = Room { items: limit.clamp(1, PAGE_ITEMS_MAX), bytes: PAGE_BYTES_MAX };
        // Each task is asked for a little more than its share; another round makes up for what
        // that, or deleted entities, have left out.
        for _ in 0..LIST_ROUNDS_MAX {
            let share = share(room.items, self.layout().partitions());
            let pages = ask(listing.next.take(), share).await?;
            let page = merge(pages, room);
            room.items -= page.items.len();
            room.bytes = room.bytes.saturating_sub(page.items.iter().map(Item::bytes).sum());
            listing.items.extend(page.items);
            listing.next = page.next;
            if listing.next.is_none() || room.items == 0 || room.bytes == 0 {
                break;
            }
        }
        Ok(listing)
    }

    /// A page of the names of a database's collections that have entities.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if a task cannot be asked, or does not get as far as `at_least`.
    pub async fn collections(
        &self,
        database: &DatabaseId,
        after: Option<&str>,
        limit: usize,
        at_least: impl Into<Positions>,
        deadline: Timestamp,
    ) -> Result<Listing<Box<str>>, Error> {
        let (database, after) = (database.clone(), after.map(Into::into));
        let query = |limit| Query::Collections { database, after, limit };
        self.names(query, limit, &at_least.into(), deadline).await
    }

    /// A page of the names of a collection's zones that have entities.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if a task cannot be asked, or does not get as far as `at_least`.
    pub async fn zones(
        &self,
        collection: &CollectionId,
        after: Option<&str>,
        limit: usize,
        at_least: impl Into<Positions>,
        deadline: Timestamp,
    ) -> Result<Listing<Box<str>>, Error> {
        let (collection, after) = (collection.clone(), after.map(Into::into));
        let query = |limit| Query::Zones { collection, after, limit };
        self.names(query, limit, &at_least.into(), deadline).await
    }

    /// A database, if it has been provisioned: from the table that the connection follows, or,
    /// where it is not there or `at_least` is given, by asking schema-storage.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if it is not in the table, and schema-storage cannot be asked, or does
    /// not get as far as `at_least`.
    pub async fn database(
        &self,
        id: &DatabaseId,
        at_least: impl Into<Positions>,
        deadline: Timestamp,
    ) -> Result<Option<DatabaseView>, Error> {
        let at_least = at_least.into();
        if at_least.is_empty()
            && let Some(view) = self.shared.handle.databases.borrow().get(id)
        {
            return Ok(Some(view.clone()));
        }
        let partition = self.layout().partition(id.as_str());
        let task = TaskId { service: ServiceName::SchemaStorage, partition };
        let query = Query::Database(id.clone());
        let Answer::Database(view) = self.ask(task, query, &at_least, deadline).await? else {
            return Err(another_question());
        };
        Ok(view)
    }

    /// Whether the table that the connection follows has the database. Cheap; but one that was
    /// provisioned only now may be missing: see [`database`](Self::database).
    #[must_use]
    pub fn has_database(&self, id: &DatabaseId) -> bool {
        self.shared.handle.databases.borrow().get(id).is_some()
    }

    /// A page of the databases.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if a task cannot be asked, or does not get as far as `at_least`.
    pub async fn databases(
        &self,
        after: Option<&str>,
        limit: usize,
        at_least: impl Into<Positions>,
        deadline: Timestamp,
    ) -> Result<Listing<DatabaseView>, Error> {
        let room = Room { items: limit.clamp(1, PAGE_ITEMS_MAX), bytes: PAGE_BYTES_MAX };
        let query = Query::Databases { after: after.map(Into::into), limit: count(room.items) };
        let at_least = at_least.into();
        let pages =
            self.ask_all(ServiceName::SchemaStorage, query, &at_least, deadline, |answer| {
                if let Answer::Databases(page) = answer { Some(page) } else { None }
            });
        Ok(merge(pages.await?, room))
    }

    /// What became of a request: of a batch, or of one that was to be remembered.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if the response accumulator cannot be asked.
    pub async fn outcome(
        &self,
        id: &RequestId,
        deadline: Timestamp,
    ) -> Result<RequestState, Error> {
        let partition = self.layout().partition(id.name.client.prefix());
        let task = TaskId { service: ServiceName::ResponseAccumulator, partition };
        let query = Query::Request(id.clone());
        let Answer::Request(view) = self.ask(task, query, &Positions::default(), deadline).await?
        else {
            return Err(another_question());
        };
        let may_be_under_way = self.now() < id.first_sent.plus(REQUEST_PENDING_FOR);
        Ok(match view {
            Some(view) if !may_be_under_way || view.answers.iter().all(Option::is_some) => {
                RequestState::Done(view)
            }
            Some(_) => RequestState::Pending,
            None if may_be_under_way => RequestState::Pending,
            None => RequestState::Expired,
        })
    }

    async fn names(
        &self,
        query: impl FnOnce(u32) -> Query,
        limit: usize,
        at_least: &Positions,
        deadline: Timestamp,
    ) -> Result<Listing<Box<str>>, Error> {
        let room = Room { items: limit.clamp(1, PAGE_ITEMS_MAX), bytes: PAGE_BYTES_MAX };
        let query = query(count(room.items));
        let pages = self.ask_all(ServiceName::EntityStorage, query, at_least, deadline, |answer| {
            if let Answer::Names(page) = answer { Some(page) } else { None }
        });
        Ok(merge(pages.await?, room))
    }

    /// Asks every task of a service at the same time.
    async fn ask_all<T>(
        &self,
        service: ServiceName,
        query: Query,
        at_least: &Positions,
        deadline: Timestamp,
        page: impl Fn(Answer) -> Option<Page<T>>,
    ) -> Result<Vec<Page<T>>, Error> {
        let asked = self.layout().all().map(|partition| {
            let answer = self.ask_task(TaskId { service, partition }, query.clone(), at_least);
            let page = &page;
            async move { page(answer.await?).ok_or_else(another_question) }
        });
        self.until(deadline, try_join_all(asked)).await
    }

    pub(super) async fn ask(
        &self,
        task: TaskId,
        query: Query,
        at_least: &Positions,
        deadline: Timestamp,
    ) -> Result<Answer, Error> {
        self.until(deadline, self.ask_task(task, query, at_least)).await
    }

    /// Waits for a query's answer until `deadline`. A timer is made only if it is not there at once.
    pub(super) async fn until<T>(
        &self,
        deadline: Timestamp,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut answer = pin!(answer);
        let first = poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await;
        if let Poll::Ready(answer) = first {
            return answer;
        }
        match future::select(answer, self.shared.handle.clock.wait_until(deadline)).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Err(unavailable("no answer came in time")),
        }
    }

    /// Asks a task. A position that is not of its partition says nothing about it.
    async fn ask_task(
        &self,
        task: TaskId,
        query: Query,
        at_least: &Positions,
    ) -> Result<Answer, Error> {
        let at_least = told_by(task.service).and_then(|topic| at_least.of(topic, task.partition));
        match self.shared.queries.ask(task, query, at_least).await {
            Ok(Answer::Unreadable) => Err(unreadable(task, "its state could not be read")),
            Ok(Answer::NotOffered) => Err(unavailable("the task answers no such question")),
            Ok(answer) => Ok(answer),
            Err(AskError::Beyond { position, end }) => Err(Error::NoSuchPosition { position, end }),
            Err(AskError::Unavailable(reason)) => Err(unreadable(task, &reason)),
            Err(error @ (AskError::NotOwner(_) | AskError::NotReached { .. })) => {
                Err(unavailable(&error.to_string()))
            }
        }
    }
}

/// The topic that the positions in a service's answers are of.
fn told_by(service: ServiceName) -> Option<Topic> {
    match service {
        ServiceName::EntityStorage => Some(Topic::EntityPatches),
        ServiceName::SchemaStorage => Some(Topic::SchemaPatches),
        ServiceName::ZoneWatch => Some(Topic::ZoneChanges),
        ServiceName::Coalescing => Some(Topic::ChangesByDevice),
        ServiceName::Device => Some(Topic::Connections),
        ServiceName::EntityBatch
        | ServiceName::SchemaLearningPartitioner
        | ServiceName::SchemaLearning
        | ServiceName::ResponseAccumulator
        | ServiceName::ChangesInZone
        | ServiceName::ChangeStream => None,
    }
}

/// What went wrong inside of the store is for the log of the one who runs it; whoever asks may be
/// anybody.
fn unreadable(task: TaskId, reason: &str) -> Error {
    tracing::warn!(%task, reason, "a task could not be asked");
    unavailable(
        "the part of the store that has this cannot be read at this time; the node's log says why",
    )
}

pub(super) fn another_question() -> Error {
    unavailable("the task answered another question")
}

fn unavailable(reason: &str) -> Error {
    Error::Unavailable(reason.into())
}

/// What to ask each of the partitions for, so that together they most often have `limit` items:
/// their share, and about two standard deviations more.
fn share(limit: usize, partitions: u32) -> u32 {
    let mean = limit.div_ceil(partitions as usize);
    count(limit.min(mean + 2 * mean.isqrt() + 2))
}

fn count(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}

impl Item for EntityView {
    fn text(&self) -> &str {
        self.id.as_str()
    }

    fn bytes(&self) -> usize {
        self.value.len()
    }
}

impl Item for DatabaseView {
    fn text(&self) -> &str {
        self.id.as_str()
    }

    fn bytes(&self) -> usize {
        self.id.as_str().len()
    }
}

impl Item for Box<str> {
    fn text(&self) -> &str {
        self
    }

    fn bytes(&self) -> usize {
        self.len()
    }
}

/// How often a list asks before it answers with a shorter page.
const LIST_ROUNDS_MAX: usize = 8;
