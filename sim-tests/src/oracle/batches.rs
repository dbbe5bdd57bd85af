//! **Invariant.** A batch is answered whole, or as incomplete and later whole: each complete response has
//! all parts in their order, what is answered once stays so, and every answer is the one that its part
//! was given. Once the system has caught up, the last answer to every batch is whole.

use std::collections::BTreeMap;

use tidelog_core::{
    Message, RequestName, Topic,
    message::{CompleteResponse, Outcome, PartAnswer},
};

use super::Oracle;
use crate::{observed::Observed, violation::Violation};

pub(super) const ORACLE: Oracle = Oracle {
    name: "batches",
    holds: "A batch is answered whole, or as incomplete and later whole.",
    check: look,
};

fn look(observed: &Observed) -> Vec<Violation> {
    let given = given(observed);
    let mut last: BTreeMap<&RequestName, &CompleteResponse> = BTreeMap::new();
    let mut found = Vec::new();
    for (_, _, message) in observed.log.messages(Topic::CompleteResponses) {
        let Message::CompleteResponse(response) = message else { continue };
        let name = &response.request.name;
        let before = last.insert(name, response);
        let wrong = parts(response, before).or_else(|| answers(response, given.get(name)));
        if let Some((kind, what)) = wrong {
            let message = format!("the batch {name}: {what}");
            found.push(Violation::new(ORACLE.name, kind, observed.end_us, message));
        }
    }
    if observed.after_heal.is_some() {
        found.extend(last.values().filter(|last| !last.is_whole()).map(|last| {
            let known = last.parts.iter().flatten().count();
            let name = &last.request.name;
            let message = format!("the batch {name} was left at {known} of {}", last.parts.len());
            Violation::new(ORACLE.name, "never-whole", observed.end_us, message)
        }));
    }
    found.extend(clients(observed));
    found
}

/// Compares a complete response with the one before it.
fn parts(
    response: &CompleteResponse,
    before: Option<&CompleteResponse>,
) -> Option<(&'static str, String)> {
    let before = before?;
    if before.parts.len() != response.parts.len() {
        let (had, has) = (before.parts.len(), response.parts.len());
        return Some(("parts", format!("it had {had} parts, and has {has}")));
    }
    let pairs = before.parts.iter().zip(&response.parts);
    pairs.zip(1..).find_map(|((before, now), part): (_, u32)| match (before, now) {
        (Some(_), None) => Some(("forgotten", format!("part {part} had an answer, and has none"))),
        (Some(before), Some(now)) if before.outcome != now.outcome => {
            let (before, now) = (&before.outcome, &now.outcome);
            Some(("changed", format!("part {part} was {before:?}, and is {now:?}")))
        }
        _ => None,
    })
}

/// The answers that were given to the parts of each request, in the order of the parts.
type Given<'l> = BTreeMap<u32, Vec<&'l PartAnswer>>;

fn given(observed: &Observed) -> BTreeMap<&RequestName, Given<'_>> {
    let mut given: BTreeMap<&RequestName, Given<'_>> = BTreeMap::new();
    for (_, _, message) in observed.log.messages(Topic::PartialResponses) {
        if let Message::PartialResponse(response) = message {
            let parts = given.entry(&response.request.name).or_default();
            parts.entry(response.part.number).or_default().push(&response.answer);
        }
    }
    given
}

/// Compares a complete response with the answers to its parts.
fn answers(
    response: &CompleteResponse,
    given: Option<&Given<'_>>,
) -> Option<(&'static str, String)> {
    let outcomes = |part: u32| {
        let of = given.and_then(|given| given.get(&part)).into_iter().flatten();
        of.map(|answer| &answer.outcome).collect::<Vec<&Outcome>>()
    };
    let answered = (1..).zip(&response.parts).filter_map(|(part, it)| Some((part, it.as_ref()?)));
    answered.into_iter().find_map(|(part, answer)| {
        let given = outcomes(part);
        let outcome = &answer.outcome;
        (!given.contains(&outcome))
            .then(|| ("made-up", format!("part {part} is {outcome:?}, and was answered {given:?}")))
    })
}

/// Checks what clients got: all parts in every answer.
fn clients(observed: &Observed) -> Vec<Violation> {
    let mut found = Vec::new();
    for batch in &observed.batches {
        for answer in &batch.answers {
            let is_refused_whole = answer.len() == 1
                && matches!(&answer[0], Some(it) if matches!(it.outcome, Outcome::Failed { .. }));
            if answer.len() != batch.parts && !is_refused_whole {
                let (has, parts) = (answer.len(), batch.parts);
                let message = format!("{} has {parts} parts, and {has} answers", batch.request);
                found.push(Violation::new(ORACLE.name, "parts", observed.end_us, message));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use tidelog_core::{Revision, Timestamp, message::Part};

    use super::*;
    use crate::{
        log::build::{answer_to, log, part_answer, request},
        observed::AfterHeal,
    };

    #[test]
    fn it_passes_incomplete_and_then_whole() {
        assert_eq!(
            signatures(&[&[Some(1), None], &[Some(1), Some(2)], &[Some(1), Some(2)]]),
            [""; 0]
        );
        assert_eq!(signatures(&[]), [""; 0]);
    }

    #[test]
    fn it_fails_what_is_forgotten_changed_made_up_or_never_whole() {
        assert_eq!(signatures(&[&[Some(1), None]]), ["batches/never-whole"]);
        let forgotten = signatures(&[&[Some(1), None], &[None, Some(2)], &[Some(1), Some(2)]]);
        assert_eq!(forgotten, ["batches/forgotten"]);
        let changed = signatures(&[&[Some(1), Some(2)], &[Some(2), Some(2)]]);
        assert_eq!(changed, ["batches/changed"]);
        assert_eq!(signatures(&[&[Some(1), Some(9)]]), ["batches/made-up"]);
        assert_eq!(signatures(&[&[Some(1), Some(2)], &[Some(1)]]), ["batches/parts"]);
    }

    fn signatures(responses: &[&[Option<u64>]]) -> Vec<String> {
        let updated = |revision| Outcome::Updated(Revision(revision));
        let part = |number| Part { number, of: 2 };
        let mut messages =
            vec![answer_to(1, part(1), updated(1)), answer_to(1, part(2), updated(2))];
        messages.extend(responses.iter().map(|parts| {
            let answer = |revision: &Option<u64>| revision.map(|it| part_answer(updated(it)));
            Message::CompleteResponse(CompleteResponse {
                request: request(1),
                parts: parts.iter().map(answer).collect(),
                time: Timestamp::from_millis(1_000),
            })
        }));
        let after_heal = Some(AfterHeal::default());
        let found = look(&Observed { log: log(messages), after_heal, ..Observed::default() });
        found.into_iter().map(|violation| violation.signature.into()).collect()
    }
}
