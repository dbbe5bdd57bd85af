//! Who committed what, and whether it was theirs: by what the broker has written down of its groups and
//! transactions.

use std::collections::{BTreeMap, BTreeSet};

use crate::member::PREFIX;

/// A partition of a service, as its group knows it.
type Place = (String, u32);

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// How many positions were committed.
    pub(crate) commits: usize,
    /// How often a partition went from one member to another: from whom.
    pub(crate) taken_from: BTreeMap<String, usize>,
}

#[derive(Default)]
struct Ledger {
    /// Producers by their numbers, under the names that are those of members, too.
    producers: BTreeMap<i64, String>,
    owners: BTreeMap<Place, String>,
    /// Positions in transactions that have not ended, by the producer.
    open: BTreeMap<Place, i64>,
    found: Found,
}

/// Every position was sent by the member that had the partition at that moment, with no other one's
/// transaction open on it: whoever had lost a partition, knowing it or not, has committed nothing of it.
pub(crate) fn check_ledger(lines: &[String]) -> Found {
    let mut ledger = Ledger::default();
    for line in lines {
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["producer", id, name] => ledger.producer(number(id), name),
            ["assigned", group, member, _, partition] if group.starts_with(PREFIX) => {
                ledger.assigned((group.into(), number(partition)), member);
            }
            ["offset", group, _, partition, _, id, _] if group.starts_with(PREFIX) => {
                ledger.offset((group.into(), number(partition)), number(id), line);
            }
            ["end", id, _, "COMMIT" | "ABORT"] => ledger.ended(number(id)),
            // Of the broker's own first group.
            ["assigned" | "offset", ..] => {}
            _ => panic!("what is {line:?}?"),
        }
    }
    let open: BTreeSet<_> = ledger.open.keys().collect();
    assert!(open.is_empty(), "these transactions have no end: {open:?}");
    ledger.found
}

impl Ledger {
    fn producer(&mut self, id: i64, name: &str) {
        let known = self.producers.entry(id).or_insert_with(|| name.into());
        assert_eq!(known, name, "producer {id} has two names");
    }

    fn assigned(&mut self, place: Place, member: &str) {
        let before = self.owners.insert(place, member.into());
        if let Some(before) = before.filter(|before| before != member) {
            *self.found.taken_from.entry(before).or_default() += 1;
        }
    }

    fn offset(&mut self, place: Place, id: i64, line: &str) {
        // The broker writes without a producer where it forgets.
        if id < 0 {
            return;
        }
        let producer = self.producers.get(&id).unwrap_or_else(|| panic!("who has sent {line:?}?"));
        let owner = self.owners.get(&place);
        assert_eq!(Some(producer), owner, "a position of another one's partition: {line:?}");
        let other = self.open.insert(place, id).filter(|other| *other != id);
        assert_eq!(other, None, "two transactions on one partition: {line:?}");
        self.found.commits += 1;
    }

    fn ended(&mut self, id: i64) {
        self.open.retain(|_, producer| *producer != id);
    }
}

fn number<N: std::str::FromStr>(word: &str) -> N {
    word.parse().unwrap_or_else(|_| panic!("{word:?} is no number"))
}

fn lines(more: &[&str]) -> Vec<String> {
    let first = [
        "producer 1 crash-s-one-0",
        "producer 2 crash-s-two-0",
        "assigned crash-s crash-s-one-0 crash-t 0",
        "offset crash-s crash-t 0 5 1 0",
    ];
    first.iter().chain(more).map(|line| (*line).to_owned()).collect()
}

#[test]
fn a_partition_that_is_handed_over_passes() {
    let found = check_ledger(&lines(&[
        "end 1 0 COMMIT",
        "assigned crash-s crash-s-two-0 crash-t 0",
        "offset crash-s crash-t 0 6 2 0",
        "end 2 0 COMMIT",
    ]));
    assert_eq!(found.commits, 2);
    assert_eq!(found.taken_from, [("crash-s-one-0".to_owned(), 1)].into());
}

#[test]
#[should_panic(expected = "a position of another one's partition")]
fn a_commit_of_an_owner_that_is_none_any_more_is_found() {
    check_ledger(&lines(&[
        "end 1 0 COMMIT",
        "assigned crash-s crash-s-two-0 crash-t 0",
        "offset crash-s crash-t 0 6 1 0",
        "end 1 0 COMMIT",
    ]));
}

#[test]
#[should_panic(expected = "two transactions on one partition")]
fn a_commit_beside_one_that_has_not_ended_is_found() {
    check_ledger(&lines(&[
        "assigned crash-s crash-s-two-0 crash-t 0",
        "offset crash-s crash-t 0 6 2 0",
    ]));
}

#[test]
#[should_panic(expected = "have no end")]
fn a_transaction_without_an_end_is_found() {
    check_ledger(&lines(&[]));
}
