//! **Invariant.** The loop of learning settles: [`SETTLES_WITHIN`] of virtual time after the last write
//! nothing more is published of what was learned. And it never turns idly: of a collection's epoch the
//! numbers of what is published are 1, 2, 3 … without gaps, no two in a row say the same, and there are
//! not more of them than one for each pace that the run lasted, where clocks are right.

use std::{collections::BTreeMap, time::Duration};

use super::Oracle;
use crate::{
    log::published,
    observed::{Observed, Paces},
    violation::Violation,
};

pub(super) const ORACLE: Oracle = Oracle {
    name: "settles",
    holds: "After the last write nothing more is learned within 15 seconds of virtual time.",
    check: look,
};

/// How long learning may go on after the last write.
pub(crate) const SETTLES_WITHIN: Duration = Duration::from_secs(15);

/// How much more often than at its pace a collection's definition is published in an epoch: at its
/// beginning, and after clocks were set.
const MORE_THAN_PACE: u64 = 10;

fn look(observed: &Observed) -> Vec<Violation> {
    let mut found = Vec::new();
    let Some(settled) = &observed.settled else { return found };
    for (partition, end) in &settled.ends {
        let later = settled.later.get(partition).copied().unwrap_or_default();
        if later > *end {
            let message = format!(
                "schema-patches/{partition} ended at {end} when learning had to be over, and at {later} \
                 a while later"
            );
            found.push(Violation::new(ORACLE.name, "goes-on", settled.at_us, message));
        }
    }
    found.extend(idle(observed, settled.paces));
    found
}

/// What is published without need.
fn idle(observed: &Observed, paces: Option<Paces>) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut told = |kind, message: String| {
        found.push(Violation::new(ORACLE.name, kind, observed.end_us, message));
    };
    let mut last = BTreeMap::new();
    for (record, learned) in published(&observed.log) {
        let of = (learned.collection.as_str(), learned.epoch);
        let before = last.insert(of, (learned.number, &learned.definition));
        let at = format!("{} in epoch {}, at offset {}", of.0, of.1, record.offset);
        match before {
            None if learned.number == 1 => {}
            Some((number, _)) if learned.number != number + 1 => {
                told("gap", format!("{at}: number {} follows {number}", learned.number));
            }
            None => told("gap", format!("{at}: the first number is {}", learned.number)),
            Some((_, definition)) if *definition == learned.definition => {
                told("nothing-new", format!("{at}: it says what the one before says"));
            }
            Some(_) => {}
        }
    }
    let Some(paces) = paces else { return found };
    let pace_us = u64::try_from(paces.definition.as_micros()).unwrap_or(u64::MAX).max(1);
    let most = observed.end_us / pace_us + MORE_THAN_PACE;
    for ((collection, epoch), (number, _)) in last {
        if number > most {
            let message =
                format!("{collection} in epoch {epoch}: {number} definitions, and {most} at most");
            told("storm", message);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use tidelog_core::{Document, Message, Revision, Timestamp, message::LearnedDefinition};

    use super::*;
    use crate::{log::build::log, observed::Settled};

    #[test]
    fn it_passes_a_loop_that_settles_and_says_each_time_something_new() {
        let observed = seen(&[(1, "a"), (2, "b"), (3, "a")], &[(0, 3)], &[(0, 3)]);
        assert_eq!(signatures(&observed), [""; 0]);
    }

    #[test]
    fn it_fails_one_that_goes_on_and_one_that_turns_idly() {
        assert_eq!(signatures(&seen(&[(1, "a")], &[(0, 1)], &[(0, 2)])), ["settles/goes-on"]);
        assert_eq!(signatures(&seen(&[(1, "a"), (2, "a")], &[], &[])), ["settles/nothing-new"]);
        assert_eq!(signatures(&seen(&[(1, "a"), (1, "b")], &[], &[])), ["settles/gap"]);
        assert_eq!(signatures(&seen(&[(2, "a")], &[], &[])), ["settles/gap"]);
        let words: Vec<_> = (1..40).map(|it| (it, if it % 2 == 0 { "a" } else { "b" })).collect();
        assert_eq!(signatures(&seen(&words, &[], &[])), ["settles/storm"]);
    }

    fn seen(words: &[(u64, &str)], ends: &[(u32, u64)], later: &[(u32, u64)]) -> Observed {
        let learned = |(number, word): &(u64, &str)| {
            Message::LearnedDefinition(LearnedDefinition {
                collection: "shop/orders".parse().expect("a collection"),
                epoch: Revision(1),
                number: *number,
                definition: Document::from_value(&serde_json::json!({ "title": word }))
                    .expect("a document"),
                time: Timestamp::ZERO,
            })
        };
        let settled = Settled {
            at_us: 1,
            ends: ends.iter().copied().collect(),
            later: later.iter().copied().collect(),
            paces: Some(Paces {
                definition: Duration::from_secs(1),
                counts: Duration::from_secs(4),
                partitions: 1,
            }),
        };
        let log = log(words.iter().map(learned).collect());
        Observed { log, settled: Some(settled), end_us: 20_000_000, ..Observed::default() }
    }

    fn signatures(observed: &Observed) -> Vec<String> {
        look(observed).into_iter().map(|violation| violation.signature.into()).collect()
    }
}
