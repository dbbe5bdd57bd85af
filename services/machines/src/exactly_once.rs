//! Exactly once for clients: RIFL (Lee et al., SOSP 2015), bounded by time.
//!
//! A part of a request is named (client, number, part). What became of it is kept in a completion
//! record, committed with the change that it describes, so that a part seen again gets its first
//! answer again and changes nothing. Parts that are writes are checked in this order:
//!
//! 1. its completion record: the same outcome again;
//! 2. its number is below the client's first incomplete one: `Stale`;
//! 3. task time is over 12 h past its first sending: `Expired`;
//! 4. its number is too far ahead of the client's first incomplete one: `TooFarAhead`.
//!
//! A refusal is final. `Stale` is, because the greatest `first_incomplete` that was seen is kept
//! for as long as anything that the client stamped could still be taken; `Expired` is, because task
//! time never goes back; `TooFarAhead` is, because from then on the client is barred from that
//! number on (it goes on under its next name). A client is forgotten, with its completion records,
//! once task time is 24 h past both its last write and the latest first sending that it stamped:
//! later than each of its records has to be, and long after each of its parts has expired.
//!
//! Idempotency keys ([`keys`]) are remembered beside that, for whoever asks under another name.

pub(crate) mod clients;
pub(crate) mod completions;
pub(crate) mod expiry;
pub(crate) mod keys;
#[cfg(test)]
mod tests;

use tidelog_core::{
    Probe, Problem, ProblemKind, State,
    limits::{COMPLETION_KEPT_FOR, REQUEST_EXPIRES_AFTER, REQUESTS_AHEAD_MAX},
    message::{Origin, Part},
};

pub(crate) use completions::{Admitted, Completion};

/// What is to be done with a part that is a write.
pub(crate) enum Admission {
    /// It was done before, with this outcome: answer it, and change nothing.
    Repeated(Completion),
    /// It must not be done any more, or not yet: answer why, and change nothing.
    Refused(Problem),
    /// It is new: do it, and tell what became of it.
    New(Admitted),
}

/// Checks a part that is a write, and notes how far its client is.
pub(crate) fn admit(state: &mut State<'_>, origin: &Origin, part: Part) -> Admission {
    let admitted = match completions::find(state, &origin.name, part) {
        Ok(completion) => {
            Probe::PartRepeated.hit();
            return Admission::Repeated(completion);
        }
        Err(admitted) => admitted,
    };
    let number = origin.name.number;
    let client = clients::find(state, &origin.name.client);
    let known = client.as_ref().map_or(0, |client| client.first_incomplete);
    let first_incomplete = known.max(origin.first_incomplete);
    Probe::ClientMovedOn.hit_if(origin.first_incomplete < known);
    if number < first_incomplete {
        Probe::PartStale.hit();
        clients::note(state, origin, client, None);
        return Admission::Refused(stale(origin, first_incomplete));
    }
    if state.task_time().since(origin.first_sent) > REQUEST_EXPIRES_AFTER {
        Probe::PartExpired.hit();
        return Admission::Refused(expired(state, origin));
    }
    let barred_from = client.as_ref().and_then(|client| client.barred_from);
    let is_ahead = number - first_incomplete > REQUESTS_AHEAD_MAX;
    if is_ahead || barred_from.is_some_and(|barred| number >= barred) {
        Probe::PartTooFarAhead.hit_if(is_ahead);
        Probe::PartBarred.hit_if(!is_ahead);
        clients::note(state, origin, client, Some(number));
        return Admission::Refused(too_far_ahead(origin, first_incomplete));
    }
    clients::note(state, origin, client, None);
    Admission::New(admitted)
}

fn stale(origin: &Origin, first_incomplete: u64) -> Problem {
    Problem::new(
        ProblemKind::Stale,
        format_args!(
            "the client said that its requests below number {first_incomplete} are over, and this \
             is number {}; nothing was changed",
            origin.name.number
        ),
    )
}

fn expired(state: &State<'_>, origin: &Origin) -> Problem {
    let (now, first_sent) = (state.task_time(), origin.first_sent);
    // For so long there would be a completion record.
    let (limit, advice) = if now.since(first_sent) <= COMPLETION_KEPT_FOR {
        let advice = "this part was not done before and never will be; send it as a new request";
        (REQUEST_EXPIRES_AFTER, advice)
    } else {
        let advice = "it will not be done now, and whether it was done before is not known any \
                      more; read first, and send a new request if it is still needed";
        (COMPLETION_KEPT_FOR, advice)
    };
    let hours = limit.as_secs() / 3_600;
    Problem::new(
        ProblemKind::Expired,
        format_args!(
            "the request was first sent at {first_sent}, and now it is {now}, over {hours} hours \
             later; {advice}"
        ),
    )
}

fn too_far_ahead(origin: &Origin, first_incomplete: u64) -> Problem {
    Problem::new(
        ProblemKind::TooFarAhead,
        format_args!(
            "the request has number {} while number {first_incomplete} is incomplete, and at most \
             {REQUESTS_AHEAD_MAX} may lie between; nothing was changed; go on under the client's \
             next name",
            origin.name.number
        ),
    )
}
