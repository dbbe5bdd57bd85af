//! Answering queries from snapshots of the tasks of this process.

use std::fmt;

use tidelog_core::{
    Answer, Position, Query, Service, ServiceName, State, Timestamp,
    port::{AskError, BoxFuture, Queries, Snapshots, TaskId},
};

/// A service that can be asked from any thread.
pub type LocalService = Box<dyn Service + Send + Sync>;

/// Asks the tasks of this process: takes a snapshot, and lets the service answer from it.
pub struct LocalQueries<S> {
    snapshots: S,
    services: Vec<(ServiceName, LocalService)>,
}

impl<S: Snapshots> LocalQueries<S> {
    /// Answers for these services, each under its own name.
    #[must_use]
    pub fn new(snapshots: S, services: impl IntoIterator<Item = LocalService>) -> Self {
        let named = |service: LocalService| (service.spec().name, service);
        Self { snapshots, services: services.into_iter().map(named).collect() }
    }

    fn service(&self, name: ServiceName) -> Option<&LocalService> {
        self.services.iter().find(|(of, _)| *of == name).map(|(_, service)| service)
    }
}

impl<S: Snapshots> Queries for LocalQueries<S> {
    fn ask<'a>(
        &'a self,
        task: TaskId,
        query: Query,
        at_least: Option<Position>,
    ) -> BoxFuture<'a, Result<Answer, AskError>> {
        Box::pin(async move {
            let service = self.service(task.service).ok_or(AskError::NotOwner(task))?;
            let tables = self.snapshots.snapshot(task, at_least).await?;
            let state = State::new(&tables, Timestamp::ZERO);
            let answer = service.query(&state, &query);
            let unavailable = |why: String| Err(AskError::Unavailable(why.into()));
            if let Some(fault) = state.fault() {
                return unavailable(fault.to_string());
            }
            match answer {
                Answer::Unreadable => unavailable(format!("the state of {task} cannot be read")),
                Answer::NotOffered => unavailable(format!("{} is not asked that", task.service)),
                answer => Ok(answer),
            }
        })
    }
}

impl<S> fmt::Debug for LocalQueries<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.services.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}
