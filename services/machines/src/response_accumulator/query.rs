//! Reads that need no log.

use tidelog_core::{Answer, Query, RequestId, State, query::RequestView};

use super::{
    aggregate,
    rows::{AGGREGATES, AggregateKey},
};

/// Answers a query, or says that the state could not be read.
pub(super) fn answer(state: &State<'_>, query: &Query) -> Answer {
    let answer = match query {
        Query::Request(id) => Answer::Request(request(state, id)),
        Query::Entity(_)
        | Query::Entities { .. }
        | Query::Collections { .. }
        | Query::Zones { .. }
        | Query::Database(_)
        | Query::Databases { .. }
        | Query::Definition(_)
        | Query::Definitions { .. }
        | Query::Learning(_)
        | Query::Changes { .. }
        | Query::Notifications(_)
        | Query::Device(_)
        | Query::Devices(_) => Answer::NotOffered,
    };
    if state.fault().is_some() { Answer::Unreadable } else { answer }
}

fn request(state: &State<'_>, id: &RequestId) -> Option<RequestView> {
    let key = AggregateKey(id.clone());
    let aggregate = state.get(&AGGREGATES, &key)?;
    let answers = aggregate::answers(&key, &aggregate, state);
    Some(RequestView { is_batch: aggregate.is_batch, parts: aggregate.of, answers })
}
