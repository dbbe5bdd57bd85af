//! What calls are answered with.

use tidelog_core::{
    Document, EntityId, Position, ProblemKind, RequestId, Revision,
    message::{Outcome, PartAnswer, UpdateKind},
    query::{EntityView, RequestView},
};

use crate::{error::Error, positions::Positions};

/// The answer to a request for one entity, or for one database's schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The request.
    pub request: RequestId,
    /// What became of it.
    pub answer: PartAnswer,
    /// Where the record stands that was answered: whoever has read that far sees what it did.
    pub position: Position,
}

/// The answer to a request of many parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchAnswered {
    /// The request.
    pub request: RequestId,
    /// What became of the parts, in their order; of a part without an answer it is not known.
    ///
    /// A batch that was refused as a whole has one failed answer, however many parts it had.
    pub parts: Vec<Option<PartAnswer>>,
    /// Where the parts stand that have an answer: whoever has read that far sees what they did. Empty
    /// if that is not known of all of them.
    pub positions: Positions,
}

/// A change that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The request that made it.
    pub request: RequestId,
    /// What became of the entity.
    pub kind: UpdateKind,
    /// Its revision after the change.
    pub revision: Revision,
    /// Its document after the change, where it was asked for.
    pub value: Option<Document>,
    /// Where the request stands: whoever has read that far sees the change.
    pub position: Position,
}

/// A database that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provisioned {
    /// The revision of its schema.
    pub revision: Revision,
    /// Whether it was not there before.
    pub is_new: bool,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing<T> {
    /// What is on it, in the byte order of the ids. It may be shorter than was asked for.
    pub items: Vec<T>,
    /// The `after` of the next page; `None` on the last one.
    pub next: Option<Box<str>>,
}

/// What is known of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestState {
    /// It may be under way; or parts of it are.
    Pending,
    /// It is over. A part without an answer never got one that is known.
    Done(RequestView),
    /// It was sent so long ago that its outcome, if it ever had one, is forgotten.
    Expired,
}

impl Answered {
    /// The answer as that to a change.
    ///
    /// # Errors
    ///
    /// [`Error::Problem`] if nothing was changed.
    pub fn changed(self) -> Result<Changed, Error> {
        let (kind, revision) = match self.answer.outcome {
            Outcome::Created(revision) => (UpdateKind::Created, revision),
            Outcome::Updated(revision) | Outcome::Read(revision) => (UpdateKind::Updated, revision),
            Outcome::Deleted(revision) => (UpdateKind::Deleted, revision),
            Outcome::Failed { problem, revision } => {
                return Err(Error::Problem { problem, revision });
            }
        };
        let (request, value, position) = (self.request, self.answer.value, self.position);
        Ok(Changed { request, kind, revision, value, position })
    }

    /// The answer as that to a read of `id` that wanted the document; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Problem`] if it could not be read.
    pub fn entity(self, id: &EntityId) -> Result<Option<EntityView>, Error> {
        match (self.answer.outcome, self.answer.value) {
            (Outcome::Failed { problem, revision }, _) => {
                match problem.kind == ProblemKind::NotFound {
                    true => Ok(None),
                    false => Err(Error::Problem { problem, revision }),
                }
            }
            (outcome, Some(value)) => {
                let revision = outcome.revision().unwrap_or(Revision::NONE);
                Ok(Some(EntityView { id: id.clone(), revision, value }))
            }
            (_, None) => Err(Error::Unavailable("the answer is without the document".into())),
        }
    }

    /// The answer as that to provisioning a database.
    ///
    /// # Errors
    ///
    /// [`Error::Problem`] if it was refused.
    pub fn provisioned(self) -> Result<Provisioned, Error> {
        let is_new = matches!(self.answer.outcome, Outcome::Created(_));
        let changed = self.changed()?;
        Ok(Provisioned { revision: changed.revision, is_new })
    }
}

impl BatchAnswered {
    /// Whether every part has its answer.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.parts.iter().all(Option::is_some)
    }
}
