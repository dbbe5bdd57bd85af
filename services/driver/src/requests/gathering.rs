//! Where the parts of a batch stand in the log.
//!
//! The answer to a batch comes from the response accumulator and does not say; the answers to its
//! parts do, and they pass by here too. They were in the log before, but come from another partition,
//! so that the last of them may be read after the answer to the whole.

use std::{collections::BTreeSet, time::Duration};

use tidelog_core::{
    Position, Timestamp, Topic,
    message::{Part, PartAnswer},
};

use crate::{answer::BatchAnswered, positions::Positions};

/// What has been seen of the parts of one batch.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    seen: BTreeSet<u32>,
    positions: Positions,
    held: Option<(BatchAnswered, Timestamp)>,
}

impl Gathering {
    /// Takes the position in the answer to a part.
    pub(super) fn add(&mut self, part: Part, position: Position) {
        self.seen.insert(part.number);
        // What was refused without being sent to its entity's task changed nothing.
        if position.topic == Topic::EntityPatches {
            self.positions.add(position);
        }
    }

    /// The positions of the parts, if they have been seen of all that have an answer.
    pub(super) fn positions(&self, parts: &[Option<PartAnswer>]) -> Option<Positions> {
        let answered = (1..).zip(parts).filter(|(_, answer)| answer.is_some());
        let are_seen = answered.map(|(number, _)| number).all(|number| self.seen.contains(&number));
        are_seen.then(|| self.positions.clone())
    }

    /// Keeps an answer back until the positions of its parts have been seen, for a while.
    pub(super) fn hold(&mut self, now: Timestamp, answer: BatchAnswered) {
        self.held.get_or_insert((answer, now.plus(HOLD)));
    }

    /// Until when an answer is kept back, if one is.
    pub(super) fn held_until(&self) -> Option<Timestamp> {
        self.held.as_ref().map(|(_, until)| *until)
    }

    /// The answer that is kept back, if the positions of its parts have been seen by now.
    pub(super) fn complete(&mut self) -> Option<BatchAnswered> {
        let (answer, _) = self.held.as_ref()?;
        let positions = self.positions(&answer.parts)?;
        let (answer, _) = self.held.take()?;
        Some(BatchAnswered { positions, ..answer })
    }

    /// The answer that is kept back, as it is.
    pub(super) fn give_up(&mut self) -> Option<BatchAnswered> {
        self.held.take().map(|(answer, _)| answer)
    }
}

/// How long an answer is kept back for the positions of its parts, which are in the log already.
const HOLD: Duration = Duration::from_secs(1);
