//! What goes into the state machine, and what comes out.

use std::time::Duration;

use tidelog_core::{
    RequestId, Timestamp,
    message::{CompleteResponse, PartialResponse},
    port::{Append, AppendOutcome},
};

use super::{Request, Slot, Token};
use crate::{
    answer::{Answered, BatchAnswered},
    error::Error,
};

/// What can happen. `R` is what a call is told something through; it is handed back as it came.
#[derive(Debug)]
pub(crate) enum Input<R> {
    /// A request is to be sent, and its answer told to `reply`.
    Submit { token: Token, request: Request, reply: R },
    /// Somebody wants to know a request's name.
    Name { token: Token, reply: R },
    /// Somebody waits, and is to be told through `reply` when the deadline has passed, or when what
    /// is waited for has happened and is not the answer, which has a way of its own.
    Wait { token: Token, awaits: Awaits, deadline: Timestamp, reply: R },
    /// Nobody wants the answer any more, but the request is to be carried out.
    Detach(Token),
    /// Nobody cares any more what becomes of the request.
    Abandon(Token),
    /// What became of records that were appended, in the order of `slots`.
    Appended { slots: Vec<Slot>, outcomes: Vec<AppendOutcome> },
    /// An answer to one part has come.
    Partial(PartialResponse),
    /// The answer to a batch has come.
    Complete(CompleteResponse),
    /// Time has passed.
    Tick,
    /// No more requests are to be taken.
    Close,
    /// Nothing will be sent or answered any more.
    Finish,
}

/// What somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaits {
    /// That the request is known to be in the log.
    Append,
    /// Its answer.
    Answer,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Output<R> {
    /// Append this record and say what became of it.
    Append(Slot, Append),
    /// Tell this.
    Tell(R, Told),
}

/// What a call is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Its request's name.
    Named(RequestId),
    /// Its request is in the log for good.
    Appended(RequestId),
    /// Its deadline has passed. It can wait again.
    Overdue(RequestId),
    /// Its answer, which is the last that it is told.
    Answer(Result<Reply, Error>),
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// To one of a single part.
    One(Answered),
    /// To one of many parts.
    Batch(BatchAnswered),
}

impl Reply {
    /// The request that is answered.
    pub(crate) fn request(&self) -> &RequestId {
        match self {
            Self::One(answered) => &answered.request,
            Self::Batch(answered) => &answered.request,
        }
    }
}

/// What can be set about the tracking.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// How many requests may be under way.
    pub(crate) in_flight_max: usize,
    /// After how long a request is sent again for the first time.
    pub(crate) resend_after: Duration,
}
