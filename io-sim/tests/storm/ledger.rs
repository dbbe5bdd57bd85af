//! What was appended, and what came of it.

use std::collections::BTreeMap;

use tidelog_core::{
    Layout, PartitionId, Topic,
    port::{Append, AppendOutcome, Record},
};

use super::{record, worker::INPUTS};

/// What is known of all records.
#[derive(Default)]
pub(crate) struct Ledger {
    /// By input, partition and number.
    records: BTreeMap<(PartitionId, Topic, u64), Known>,
    numbers: BTreeMap<(PartitionId, Topic), u64>,
    /// The last number that was copied of each input, and the last count of each key.
    last: BTreeMap<(PartitionId, Topic), u64>,
    counts: BTreeMap<(PartitionId, Vec<u8>), u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Known {
    outcome: Outcome,
    copies: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Outcome {
    #[default]
    Open,
    Appended,
    Rejected,
    Unknown,
}

impl Ledger {
    /// The next records to append.
    pub(crate) fn next(&mut self, round: u64, layout: Layout) -> Vec<Append> {
        let mut records = Vec::new();
        for n in 0..1 + round % 4 {
            let input = usize::from((round + n).is_multiple_of(2));
            let partition = (round / 2 + n) % u64::from(layout.partitions());
            let partition = PartitionId(u32::try_from(partition).expect("few partitions"));
            let number = self.numbers.entry((partition, INPUTS[input])).or_default();
            *number += 1;
            self.records.insert((partition, INPUTS[input], *number), Known::default());
            let key = u8::try_from(round % 5).expect("a small number");
            records.push(record(input, partition, key, format!("{input} {number}")));
        }
        records
    }

    /// What became of appends.
    pub(crate) fn told(&mut self, records: Vec<Append>, outcomes: Vec<AppendOutcome>) {
        for (record, outcome) in records.into_iter().zip(outcomes) {
            let (input, number, _) = parse(&record.payload);
            let known = self.records.get_mut(&(record.partition, INPUTS[input], number));
            known.expect("a record of the ledger").outcome = match outcome {
                AppendOutcome::Appended(_) => Outcome::Appended,
                AppendOutcome::Rejected(_) => Outcome::Rejected,
                AppendOutcome::Unknown(_) => Outcome::Unknown,
            };
        }
    }

    /// Takes a copy, and holds it against what is known.
    pub(crate) fn copied(&mut self, partition: PartitionId, copy: &Record) {
        let (input, number, count) = parse(&copy.payload);
        let place = (partition, INPUTS[input]);
        let at = copy.offset;
        let known = self.records.get_mut(&(partition, INPUTS[input], number));
        let known = known.expect("a copy of a record of the ledger");
        known.copies += 1;
        let name = format!("record {number} of {}/{partition}, copied at {at}", INPUTS[input]);
        assert_eq!(known.copies, 1, "{name}, was copied twice");
        assert_ne!(known.outcome, Outcome::Rejected, "{name}, was rejected");
        let last = self.last.insert(place, number).unwrap_or_default();
        assert!(last < number, "{name}, stands behind {last}");
        let counted = self.counts.entry((partition, copy.key.to_vec())).or_default();
        *counted += 1;
        assert_eq!(count, Some(*counted), "{name}, was not counted once");
    }

    /// A record that was to be copied, and was not.
    pub(crate) fn missing(&self, partition: PartitionId) -> Option<String> {
        let of_partition = self.records.iter().filter(|((of, ..), _)| *of == partition);
        let mut missing =
            of_partition.filter(|(_, it)| it.outcome == Outcome::Appended && it.copies == 0);
        missing.next().map(|((_, topic, number), _)| format!("{topic}/{partition}: {number}"))
    }
}

/// The input, the number, and in a copy how many of its key had been there.
fn parse(payload: &[u8]) -> (usize, u64, Option<u64>) {
    let text = std::str::from_utf8(payload).expect("a text");
    let mut parts = text.split(' ').map(|part| part.parse::<u64>().expect("a number"));
    let input = parts.next().expect("the input");
    let number = parts.next().expect("the number");
    (usize::try_from(input).expect("few inputs"), number, parts.next())
}
