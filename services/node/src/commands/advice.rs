//! What a person may do about a problem.

use tidelog_core::{DatabaseId, EntityId};

use crate::client::Problem;
use crate::failure::Failure;

/// The failure for a problem about an entity.
pub(super) fn about_entity(problem: Box<Problem>, entity: &EntityId) -> Failure {
    let advice = match problem.name() {
        "not-found" => Some(format!("look what there is with `tidelog list {}`", entity.zone())),
        "precondition-failed" | "path-missing" | "test-failed" | "wrong-type" => {
            Some(format!("look at what is there, and its revision, with `tidelog get {entity}`"))
        }
        _ => return about_database(problem, &entity.database()),
    };
    Failure::Refused { problem, advice }
}

/// The failure for a problem about a database, or something in it.
pub(super) fn about_database(problem: Box<Problem>, database: &DatabaseId) -> Failure {
    let advice = match problem.name() {
        "unknown-database" => Some(format!("make it with `tidelog provision {database}`")),
        "idempotency-key-reused" => {
            Some("use another --idempotency-key: this one belongs to another write".to_owned())
        }
        "invalid-cursor" => Some("begin the list again without --cursor".to_owned()),
        _ if problem.is_temporary() => Some(match problem.retry_after {
            Some(seconds) => format!("try again in {seconds} s"),
            None => "try again in a moment".to_owned(),
        }),
        _ => None,
    };
    Failure::Refused { problem, advice }
}

/// Adds to the failure of [`crate::client::ask`] what may be done about it.
pub(super) fn advised(failure: Failure, database: &DatabaseId) -> Failure {
    if let Failure::Refused { problem, advice: None } = failure {
        about_database(problem, database)
    } else {
        failure
    }
}
