//! **Invariant.** No request says of another that it is over while its client waits for that one's answer
//! (RIFL's acknowledgements: Lee et al., SOSP 2015): services forget what is over, and refuse it.
//!
//! Whatever is in the log of a request was sent before that request was answered. So one that was
//! answered later was still waited for, and must not lie below the other's `first_incomplete`.

use std::collections::BTreeMap;

use tidelog_core::{
    Message, Topic,
    message::{EntityBatch, EntityPatch, Origin},
};

use super::Oracle;
use crate::{
    history::{History, Outcome},
    observed::Observed,
    violation::Violation,
};

pub(super) const ORACLE: Oracle = Oracle {
    name: "first-incomplete",
    holds: "No request says that one is over which its client still waits for.",
    check: look,
};

/// For each client, when its requests were answered that are known to be.
type Answered = BTreeMap<Box<str>, BTreeMap<u64, u64>>;

fn look(observed: &Observed) -> Vec<Violation> {
    let answered = answered(&observed.history);
    let origins = [Topic::EntityBatches, Topic::EntityPatches].into_iter().flat_map(|topic| {
        observed.log.messages(topic).filter_map(|(_, _, message)| origin_of(message))
    });
    origins.filter_map(|origin| too_early(origin, &answered)).collect()
}

/// The requests of which every part was answered for good.
fn answered(history: &History) -> Answered {
    let mut answered = Answered::new();
    for operation in &history.operations {
        let Some(name) = &operation.name else { continue };
        let end_us = match operation.outcome {
            Outcome::Done { .. } | Outcome::Refused { .. } => operation.end_us(),
            // Whether it was still waited for is not known.
            Outcome::NotDone(_) | Outcome::Unknown | Outcome::Incomplete => u64::MAX,
        };
        let of_client = answered.entry(name.client.clone()).or_default();
        let latest = of_client.entry(name.number).or_default();
        *latest = end_us.max(*latest);
    }
    for of_client in answered.values_mut() {
        of_client.retain(|_, end_us| *end_us < u64::MAX);
    }
    answered
}

fn origin_of(message: &Message) -> Option<&Origin> {
    let (Message::EntityBatch(EntityBatch { origin, .. })
    | Message::EntityPatch(EntityPatch { origin, .. })) = message
    else {
        return None;
    };
    Some(origin)
}

fn too_early(origin: &Origin, answered: &Answered) -> Option<Violation> {
    let client = origin.name.client.to_string();
    let of_client = answered.get(client.as_str())?;
    let end_us = *of_client.get(&origin.name.number)?;
    let waited_for = of_client.range(..origin.first_incomplete);
    let (number, later_us) = waited_for.clone().find(|(_, later_us)| **later_us > end_us)?;
    let message = format!(
        "request {} says that all before {} are over, and was answered; {client}:{number} was \
         answered later",
        origin.name, origin.first_incomplete
    );
    Some(Violation::new(ORACLE.name, "waited-for", *later_us, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        history::{Name, Operation, build},
        log::build::{append, log},
        model::{Action, Effect},
    };

    #[test]
    fn it_passes_requests_that_call_over_what_was_answered() {
        assert_eq!(signatures(&[(1, 10), (2, 20)], 1), [""; 0]);
        assert_eq!(signatures(&[(1, 10), (2, 20)], 2), [""; 0]);
        assert_eq!(signatures(&[(2, 20)], 2), [""; 0], "given up, or never heard of");
    }

    #[test]
    fn it_fails_requests_that_call_over_what_was_answered_later() {
        assert_eq!(signatures(&[(1, 30), (2, 20)], 2), ["first-incomplete/waited-for"]);
    }

    /// Of a client's requests, answered at these times, the second says that all before that number are over.
    fn signatures(answered: &[(u64, u64)], first_incomplete: u64) -> Vec<String> {
        let Message::EntityPatch(mut patch) = append(2, "a") else { panic!("it is a patch") };
        patch.origin.first_incomplete = first_incomplete;
        let client: Box<str> = patch.origin.name.client.to_string().into();
        let operation = |(number, end_us): &(u64, u64)| Operation {
            name: Some(Name { client: client.clone(), number: *number, part: 1 }),
            ..build::done((0, *end_us), Action::Read, Effect::Read, 1, None)
        };
        let found = look(&Observed {
            history: build::history(answered.iter().map(operation).collect()),
            log: log(vec![Message::EntityPatch(patch)]),
            ..Observed::default()
        });
        found.into_iter().map(|violation| violation.signature.into()).collect()
    }
}
