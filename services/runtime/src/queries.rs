//! Queries on the tasks of one process.

use tidelog_core::{
    Answer, Position, Query, Service, ServiceName, State, Timestamp,
    port::{AskError, BoxFuture, Queries, Snapshots, TaskId},
};

/// Answers queries from the durable state of the tasks of this process, on the asker's thread.
pub struct LocalQueries<N> {
    snapshots: N,
    services: Vec<(ServiceName, Box<dyn Service + Send + Sync>)>,
}

impl<N: Snapshots> LocalQueries<N> {
    /// Answers for these services.
    pub fn new(
        snapshots: N,
        services: impl IntoIterator<Item = Box<dyn Service + Send + Sync>>,
    ) -> Self {
        let named = |service: Box<dyn Service + Send + Sync>| (service.spec().name, service);
        Self { snapshots, services: services.into_iter().map(named).collect() }
    }
}

impl<N: Snapshots> Queries for LocalQueries<N> {
    fn ask<'a>(
        &'a self,
        task: TaskId,
        query: Query,
        at_least: Option<Position>,
    ) -> BoxFuture<'a, Result<Answer, AskError>> {
        Box::pin(async move {
            let service = self.services.iter().find(|(name, _)| *name == task.service);
            let Some((_, service)) = service else { return Err(AskError::NotOwner(task)) };
            let tables = self.snapshots.snapshot(task, at_least).await?;
            let state = State::new(&tables, Timestamp::ZERO);
            match service.query(&state, &query) {
                Answer::Unreadable => {
                    let fault = state.fault().map(|fault| fault.to_string()).unwrap_or_default();
                    Err(AskError::Unavailable(fault.into()))
                }
                Answer::NotOffered => {
                    let words = format!("{} answers no such question", task.service);
                    Err(AskError::Unavailable(words.into()))
                }
                answer => Ok(answer),
            }
        })
    }
}
