//! **Invariant.** A batch is answered whole, or as incomplete and later whole: each complete response has
//! all parts in their order, what is answered once stays so, and every answer is the one that its part
//! was given. Once the system has caught up, the last answer to every batch that was asked is whole. What is known of a
//! batch is kept for a day from its first answer: of one that was answered over a longer time, only that
//! nothing is made up can be said.

use std::collections::{BTreeMap, BTreeSet};

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
    let long = over_days(observed);
    let mut last: BTreeMap<&RequestName, &CompleteResponse> = BTreeMap::new();
    let mut found = Vec::new();
    for (_, _, message) in observed.log.messages(Topic::CompleteResponses) {
        let Message::CompleteResponse(response) = message else { continue };
        let name = &response.request.name;
        let before = last.insert(name, response);
        let before = before.filter(|_| !long.contains(name));
        let wrong = parts(response, before).or_else(|| answers(response, given.get(name)));
        if let Some((kind, what)) = wrong {
            let message = format!("the batch {name}: {what}");
            found.push(Violation::new(ORACLE.name, kind, observed.end_us, message));
        }
    }
    if observed.after_heal.is_some() {
        let asked = asked(observed);
        let is_judged = |name: &RequestName| asked.contains(name) && !long.contains(name);
        let within_a_day = last.iter().filter(|(name, _)| is_judged(name));
        found.extend(within_a_day.filter(|(_, last)| !last.is_whole()).map(|(_, last)| {
            let known = last.parts.iter().flatten().count();
            let name = &last.request.name;
            let message = format!("the batch {name} was left at {known} of {}", last.parts.len());
            Violation::new(ORACLE.name, "never-whole", observed.end_us, message)
        }));
    }
    found.extend(clients(observed));
    found
}

/// The batches that somebody asked.
fn asked(observed: &Observed) -> BTreeSet<&RequestName> {
    let batches = observed.log.messages(Topic::EntityBatches);
    let names = batches.filter_map(|(_, _, message)| match message {
        Message::EntityBatch(batch) => Some(&batch.origin.name),
        _ => None,
    });
    names.collect()
}

/// How long what is known of a batch is kept.
const KEPT_FOR_MS: u64 = 24 * 3_600_000;

/// The batches that were answered over a longer time than what is known of them is kept.
fn over_days(observed: &Observed) -> BTreeSet<&RequestName> {
    let mut times: BTreeMap<&RequestName, (u64, u64)> = BTreeMap::new();
    for topic in [Topic::PartialResponses, Topic::CompleteResponses] {
        for (_, record, message) in observed.log.messages(topic) {
            let name = match message {
                Message::PartialResponse(response) => &response.request.name,
                Message::CompleteResponse(response) => &response.request.name,
                _ => continue,
            };
            let (first, last) = times.entry(name).or_insert((record.time_ms, record.time_ms));
            (*first, *last) = (record.time_ms.min(*first), record.time_ms.max(*last));
        }
    }
    let long = times.into_iter().filter(|(_, (first, last))| last - first > KEPT_FOR_MS);
    long.map(|(name, _)| name).collect()
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
    use std::time::Duration;

    use tidelog_core::{PartitionId, Revision, Timestamp, message::Part, port::Record};

    use super::*;
    use crate::{
        log::{
            LogView,
            build::{answer_to, batch, log, part_answer, record, request},
        },
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
        let nobody_asked = log(vec![answer_to(1, part(1), updated(1)), complete(&[Some(1), None])]);
        assert_eq!(signatures_of(nobody_asked), [""; 0]);
        let forgotten = signatures(&[&[Some(1), None], &[None, Some(2)], &[Some(1), Some(2)]]);
        assert_eq!(forgotten, ["batches/forgotten"]);
        let changed = signatures(&[&[Some(1), Some(2)], &[Some(2), Some(2)]]);
        assert_eq!(changed, ["batches/changed"]);
        assert_eq!(signatures(&[&[Some(1), Some(9)]]), ["batches/made-up"]);
        assert_eq!(signatures(&[&[Some(1), Some(2)], &[Some(1)]]), ["batches/parts"]);
    }

    #[test]
    fn of_a_batch_that_was_answered_over_days_it_says_only_what_is_made_up() {
        let later = |messages: Vec<Message>| {
            let mut log = log(vec![batch(1), answer_to(1, part(1), updated(1))]);
            for (offset, message) in (1..).zip(messages) {
                let record = record(offset, &message);
                let time = record.time.plus(Duration::from_secs(25 * 3_600));
                log.insert(message.topic(), PartitionId(0), [Record { time, ..record }]);
            }
            signatures_of(log)
        };
        let again = || answer_to(1, part(1), updated(3));
        assert_eq!(later(vec![again(), complete(&[Some(3), None])]), [""; 0]);
        assert_eq!(later(vec![again(), complete(&[Some(9), None])]), ["batches/made-up"]);
    }

    fn updated(revision: u64) -> Outcome {
        Outcome::Updated(Revision(revision))
    }

    fn part(number: u32) -> Part {
        Part { number, of: 2 }
    }

    fn complete(parts: &[Option<u64>]) -> Message {
        let answer = |revision: &Option<u64>| revision.map(|it| part_answer(updated(it)));
        Message::CompleteResponse(CompleteResponse {
            request: request(1),
            parts: parts.iter().map(answer).collect(),
            time: Timestamp::from_millis(1_000),
        })
    }

    fn signatures(responses: &[&[Option<u64>]]) -> Vec<String> {
        let mut messages =
            vec![batch(1), answer_to(1, part(1), updated(1)), answer_to(1, part(2), updated(2))];
        messages.extend(responses.iter().map(|parts| complete(parts)));
        signatures_of(log(messages))
    }

    fn signatures_of(log: LogView) -> Vec<String> {
        let after_heal = Some(AfterHeal::default());
        let found = look(&Observed { log, after_heal, ..Observed::default() });
        found.into_iter().map(|violation| violation.signature.into()).collect()
    }
}
