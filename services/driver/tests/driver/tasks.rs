//! Tasks that answer queries: a fixed set of entities, and the databases of the world.

use std::collections::BTreeSet;

use tidelog_driver::core::{
    Answer, Document, EntityId, Layout, Position, Query, Revision, ServiceName, Timestamp,
    port::{AskError, BoxFuture, Queries, TaskId},
    query::{DatabaseView, EntityView, Page, RequestView},
};

use crate::world::{World, layout};

pub(crate) struct Tasks {
    pub(crate) world: World,
    pub(crate) entities: BTreeSet<EntityId>,
    /// How many rows a task looks at before it answers with a shorter page.
    pub(crate) rows_max: usize,
    /// What is remembered of every request.
    pub(crate) request: Option<RequestView>,
    pub(crate) is_down: bool,
    /// What is wrong inside of all tasks.
    pub(crate) fault: Option<Box<str>>,
    /// Whether no question gets an answer.
    pub(crate) is_silent: bool,
}

impl Tasks {
    pub(crate) fn new(world: World) -> Self {
        Self {
            world,
            entities: BTreeSet::new(),
            rows_max: 10_000,
            request: None,
            is_down: false,
            fault: None,
            is_silent: false,
        }
    }

    fn answer(&self, task: TaskId, query: Query, at_least: Option<Position>) -> Answer {
        let is_here = |text: &str| layout().partition(text) == task.partition;
        let ours = || self.entities.iter().filter(|id| is_here(id.as_str()));
        match query {
            Query::Entity(id) => {
                assert!(is_here(id.as_str()) && task.service == ServiceName::EntityStorage);
                let is_known = self.entities.contains(&id);
                let revision = seen(at_least);
                Answer::Entity(is_known.then(|| EntityView { revision, ..view(&id) }))
            }
            Query::Entities { scope, after, limit } => {
                let within = format!("{}/", scope.as_str());
                let all = ours().filter(|id| id.as_str().starts_with(&within));
                let view = |id: &EntityId| EntityView { revision: seen(at_least), ..view(id) };
                Answer::Entities(self.page(all, EntityId::as_str, view, after, limit))
            }
            Query::Collections { database, after, limit } => {
                let all = ours().filter(|id| id.database() == database).map(EntityId::collection);
                let names: BTreeSet<Box<str>> = all.map(|name| name.as_str().into()).collect();
                Answer::Names(self.page(names.iter(), |name| name, Box::clone, after, limit))
            }
            Query::Zones { collection, after, limit } => {
                let all = ours().filter(|id| id.collection() == collection).map(EntityId::zone);
                let names: BTreeSet<Box<str>> = all.map(|name| name.as_str().into()).collect();
                Answer::Names(self.page(names.iter(), |name| name, Box::clone, after, limit))
            }
            Query::Database(id) => {
                let is_known = self.world.state().databases.contains(&id);
                let revision = at_least.map_or(Revision(1), |_| seen(at_least));
                let created = Timestamp::ZERO;
                Answer::Database(is_known.then_some(DatabaseView { id, revision, created }))
            }
            Query::Databases { .. } => Answer::Unreadable,
            Query::Request(_) => Answer::Request(self.request.clone()),
            Query::Definition(_)
            | Query::Definitions { .. }
            | Query::Learning(_)
            | Query::Changes { .. }
            | Query::Notifications(_)
            | Query::Device(_)
            | Query::Devices(_) => Answer::NotOffered,
        }
    }

    fn page<'a, I: 'a, T>(
        &self,
        all: impl Iterator<Item = &'a I>,
        text: impl Fn(&I) -> &str,
        item: impl Fn(&I) -> T,
        after: Option<Box<str>>,
        limit: u32,
    ) -> Page<T> {
        let most = self.rows_max.min(limit as usize);
        let after = after.as_deref();
        let mut rest = all.filter(|id| after.is_none_or(|after| text(id) > after));
        let taken: Vec<&I> = rest.by_ref().take(most).collect();
        let last = taken.last().map(|id| text(id).into());
        let looked_to = if rest.next().is_some() { last } else { None };
        Page { items: taken.into_iter().map(item).collect(), looked_to }
    }
}

impl Queries for Tasks {
    fn ask<'a>(
        &'a self,
        task: TaskId,
        query: Query,
        at_least: Option<Position>,
    ) -> BoxFuture<'a, Result<Answer, AskError>> {
        assert!(task.partition.0 < Layout::partitions(layout()));
        if self.is_silent {
            return Box::pin(std::future::pending());
        }
        if let Some(fault) = &self.fault {
            return Box::pin(std::future::ready(Err(AskError::Unavailable(fault.clone()))));
        }
        let answer = match self.is_down {
            true => Err(AskError::NotOwner(task)),
            false => Ok(self.answer(task, query, at_least)),
        };
        Box::pin(std::future::ready(answer))
    }
}

/// The revision tells the test what was to be waited for.
fn seen(at_least: Option<Position>) -> Revision {
    Revision(at_least.map_or(0, |position| position.offset.0))
}

fn view(id: &EntityId) -> EntityView {
    EntityView { id: id.clone(), revision: Revision(0), value: Document::empty_object() }
}
