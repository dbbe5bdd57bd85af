//! What has been read ahead for a session, and whose turn it is.

use std::collections::{BTreeMap, VecDeque};

use tidelog_core::{
    Offset, PartitionId, Topic,
    port::{Event, Record, Records, SessionError},
};

use crate::client::{Fetched, Place, Read};

/// The inputs of the partitions that are read.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    inputs: BTreeMap<Place, Input>,
    /// The input that was read last, so that all get their turn.
    last: Option<Place>,
}

#[derive(Debug)]
struct Input {
    /// Tells this reading of the input from earlier ones, of which something may still come.
    reading: u64,
    /// The offset after the last record that was given to the task.
    told: Offset,
    /// How far the log has been fetched, markers and dropped transactions included.
    fetched: Offset,
    ahead: VecDeque<Ahead>,
    parked: bool,
}

#[derive(Debug)]
enum Ahead {
    Records { records: Vec<Record>, bytes: usize },
    Gone { start: Offset },
}

/// Something to be told, and how much room it makes.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) event: Event,
    pub(super) place: Place,
    pub(super) bytes: usize,
}

impl Inputs {
    /// Reads an input from `from` on, in place of whatever was read of it before.
    pub(super) fn read(&mut self, place: Place, reading: u64, from: Offset) {
        let ahead = VecDeque::new();
        let input = Input { reading, told: from, fetched: from, ahead, parked: false };
        self.inputs.insert(place, input);
    }

    /// Stops reading a partition.
    pub(super) fn forget(&mut self, partition: PartitionId) {
        self.inputs.retain(|(_, of), _| *of != partition);
    }

    /// Keeps what was read ahead of a partition to itself.
    pub(super) fn park(&mut self, partition: PartitionId) {
        let inputs = self.inputs.iter_mut().filter(|((_, of), _)| *of == partition);
        inputs.for_each(|(_, input)| input.parked = true);
    }

    /// Takes what was fetched, unless its input is not read any more, or is read from elsewhere.
    ///
    /// # Errors
    ///
    /// If the log is not the one that was read.
    pub(super) fn take(&mut self, fetched: Fetched) -> Result<(), SessionError> {
        let input = self.inputs.get_mut(&fetched.place);
        let Some(input) = input.filter(|input| input.reading == fetched.reading) else {
            return Ok(());
        };
        match fetched.read {
            Read::Records { records, bytes, next } => {
                input.fetched = next;
                if !records.is_empty() {
                    input.ahead.push_back(Ahead::Records { records, bytes });
                }
            }
            Read::Gone { start } => input.ahead.push_back(Ahead::Gone { start }),
            Read::Diverged { why } => {
                let (topic, partition) = fetched.place;
                let why = format!("{topic}/{partition} has lost what was read of it: {why}");
                return Err(SessionError::Fatal(why.into()));
            }
        }
        Ok(())
    }

    /// What is to be told next, of the input after the one of which something was told last.
    pub(super) fn next(&mut self) -> Option<Taken> {
        let has_news = |(_, input): &(&Place, &Input)| !input.parked && !input.ahead.is_empty();
        let place = {
            let after = |place: &Place| self.last.is_some_and(|last| *place > last);
            let mut later = self.inputs.iter().filter(|(place, _)| after(place));
            let found = later.find(has_news).or_else(|| self.inputs.iter().find(has_news));
            *found?.0
        };
        self.last = Some(place);
        let input = self.inputs.get_mut(&place)?;
        let (topic, partition) = place;
        match input.ahead.pop_front()? {
            Ahead::Records { records, bytes } => {
                input.told = records.last().map_or(input.told, |last| last.offset.next());
                let event = Event::Records(Records { topic, partition, records });
                Some(Taken { event, place, bytes })
            }
            Ahead::Gone { start } => {
                let position = input.told;
                self.park(partition);
                let event = Event::InputLost { partition, topic, position, start };
                Some(Taken { event, place, bytes: 0 })
            }
        }
    }

    /// The offset after the last record before `stable`, if everything up to there has been fetched;
    /// else how far its records are known.
    pub(super) fn end(&self, topic: Topic, partition: PartitionId, stable: Offset) -> End {
        let Some(input) = self.inputs.get(&(topic, partition)) else {
            return End::After(Offset(0));
        };
        let last = |ahead: &Ahead| match ahead {
            Ahead::Records { records, .. } => records.last().map(|last| last.offset.next()),
            Ahead::Gone { .. } => None,
        };
        let known = input.ahead.iter().rev().find_map(last).unwrap_or(input.told);
        if input.fetched >= stable { End::Known(known) } else { End::After(known) }
    }
}

/// What is known of the end of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It is there.
    Known(Offset),
    /// It is there or later.
    After(Offset),
}
