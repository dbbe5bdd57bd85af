//! Queries on tasks of this process.

use tidelog_contract::memory::Memory;
use tidelog_core::{
    Answer, DatabaseId, Effects, Input, Offset, PartitionId, Position, Query, Revision, Service,
    ServiceName, Spec, State, TableId, Timestamp, Topic,
    port::{AskError, Queries, TaskId},
    query::DatabaseView,
    state::Table,
};

use super::support::{COUNTS, Counter, append, counts, database, memory, run, task, until_read};
use crate::{LocalQueries, Settings};

/// Answers what a [`Counter`] counted. It says that it cannot read `broken`, and takes the row of
/// `shop` for something else if it is asked about `garbled`, which it does not notice.
struct Asked;

const GARBLED: Table<DatabaseId, (u64, String)> = Table::new(TableId::Databases);

impl Service for Asked {
    fn spec(&self) -> &'static Spec {
        Counter::default().spec()
    }

    fn handle(&self, _: Timestamp, _: Input, _: &mut State<'_>, _: &mut Effects) {
        unreachable!("it is only asked");
    }

    fn query(&self, state: &State<'_>, query: &Query) -> Answer {
        let Query::Database(id) = query else { return Answer::NotOffered };
        if *id == database("broken") {
            return Answer::Unreadable;
        }
        if *id == database("garbled") {
            let found = state.get(&GARBLED, &database("shop"));
            assert_eq!(found, None);
            return Answer::Database(None);
        }
        let view = |count| DatabaseView {
            id: id.clone(),
            revision: Revision(count),
            created: Timestamp::ZERO,
        };
        Answer::Database(state.get(&COUNTS, id).map(view))
    }
}

fn queries(memory: &Memory) -> LocalQueries<Memory> {
    let services: [Box<dyn Service + Send + Sync>; 1] = [Box::new(Asked)];
    LocalQueries::new(memory.clone(), services)
}

/// Asks while a runner counts two records, after they were committed.
fn ask(task: TaskId, query: Query, at_least: Option<Position>) -> Result<Answer, AskError> {
    let memory = memory(1);
    let mut answer = None;
    run(&memory, &Settings::default(), async {
        append(&memory, [counts(0, "shop"), counts(0, "shop")]).await;
        until_read(&memory).await;
        answer = Some(queries(&memory).ask(task, query, at_least).await);
    });
    answer.expect("the script was run to its end")
}

#[test]
fn a_query_is_answered_from_what_was_committed() {
    let position =
        |offset| Some(Position { topic: Topic::SchemaPatches, partition: PartitionId(0), offset });
    for at_least in [None, position(Offset(1))] {
        let answer = ask(task(0), Query::Database(database("shop")), at_least);
        let Ok(Answer::Database(Some(view))) = answer else { panic!("{answer:?}") };
        assert_eq!(view.revision, Revision(2));
    }
    let answer = ask(task(0), Query::Database(database("other")), None);
    assert_eq!(answer, Ok(Answer::Database(None)));
    let at_least = position(Offset(2));
    let answer = ask(task(0), Query::Database(database("shop")), at_least);
    let position = at_least.expect("a position");
    assert_eq!(answer, Err(AskError::Beyond { position, end: Offset(2) }));
}

#[test]
fn a_question_that_cannot_be_answered_is_unavailable() {
    let query = Query::Databases { after: None, limit: 1 };
    let answer = ask(task(0), query, None);
    assert_eq!(answer, Err(AskError::Unavailable("schema-storage is not asked that".into())));
    let answer = ask(task(0), Query::Database(database("broken")), None);
    let words = "the state of schema-storage/0 cannot be read";
    assert_eq!(answer, Err(AskError::Unavailable(words.into())));
    let answer = ask(task(0), Query::Database(database("garbled")), None);
    assert!(matches!(answer, Err(AskError::Unavailable(_))), "{answer:?}");
}

#[test]
fn a_service_that_is_not_here_is_not_the_owner() {
    let other = TaskId { service: ServiceName::Device, partition: PartitionId(0) };
    let answer = ask(other, Query::Database(database("shop")), None);
    assert_eq!(answer, Err(AskError::NotOwner(other)));
}
